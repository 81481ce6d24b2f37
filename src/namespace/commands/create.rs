//! `token create`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::context::Context;
use crate::delivery::{Delivery, Minted, Purpose, UNDO_TIMEOUT, Undelivered, is_shell_safe};
use crate::error::{Failure, Kind, Result};
use crate::input::duration::lifetime;
use crate::namespace::api::{Reply, TokensApi};
use crate::namespace::messages::{AccessPolicy, CreateRequest, CreateResponse, Permission, RevokeRequest, Scope};
use crate::namespace::proto::Time;
use crate::namespace::{grant, granted, token_file, view};
use crate::output::query::QueryArgs;
use crate::output::rendering::{JSON_FLAG, Output};
use crate::output::table;
use crate::secret::looks_secret;
use crate::verb::{CHANGE, Variables, Verb};

/// The documented default.
const DEFAULT_LIFETIME: &str = "24h";

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Namespace, Variables::Http, Variables::Delivery], exit_codes: CHANGE })]
#[command(after_help = "\
Examples:
  {program} token create --name ci \\
    --grant '{\"resource_type\":\"builder\",\"resource_id\":\"*\",\"actions\":[\"ensure\",\"access\"]}'
  {program} token create --name ci --grant @grants.json --expires_in 7d --token_file token.json
  TOKEN=$({program} token create --name ci --grant @grants.json --output token)")]
pub struct CreateArgs {
    /// A unique name for the token within the workspace.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// A permission as a JSON object, or @FILE with one or an array of them. Repeatable.
    #[arg(long, value_name = "JSON", required = true)]
    grant: Vec<String>,
    /// What the token is for.
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Lifetime of the token, such as 30m, 24h, 7d or 2w, at most 1y (365 days). Default: 24h.
    #[arg(long = "expires_in", value_name = "DURATION", allow_hyphen_values = true)]
    expires_in: Option<String>,
    /// Create a token that never expires. Requires --user.
    #[arg(long = "no_expiry", requires = "user", conflicts_with = "expires_in")]
    no_expiry: bool,
    /// Bind the token to your own membership of the workspace, which requires no admin rights.
    #[arg(long)]
    user: bool,
    /// Write the token to this file (JSON, mode 0600), ready for NSC_TOKEN_FILE.
    #[arg(long = "token_file", value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Fail with exit code 6 if --token_file exists, instead of replacing it.
    #[arg(long = "no_clobber", requires = "token_file")]
    no_clobber: bool,
    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: CreateFormat,
    #[command(flatten)]
    query: QueryArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CreateFormat {
    /// The token's details for people.
    Table,
    /// The whole answer as JSON, with the documented field names.
    Json,
    /// Only the secret, for scripts.
    Token,
}

pub(super) async fn run(args: CreateArgs, ctx: &mut Context) -> Result<()> {
    if args.name.trim().is_empty() {
        return Err(Failure::usage("--name is empty").hint("give the token a name that says what it is for"));
    }
    if looks_secret(&args.name) {
        return Err(Failure::usage("--name was given a secret; names are shown to everyone in the workspace"));
    }
    if args.output == CreateFormat::Token && args.query.is_given() {
        return Err(Failure::usage("-q filters JSON and cannot go with --output token")
            .hint("use one of the two; -q .bearer_token prints the secret too"));
    }
    let grants = grant::read_all(&args.grant)?;
    let life = match (args.no_expiry, &args.expires_in) {
        (true, _) => None,
        (false, text) => Some(lifetime("--expires_in", text.as_deref().unwrap_or(DEFAULT_LIFETIME))?),
    };
    let rendering = Output::prepare(args.output == CreateFormat::Json, &args.query, JSON_FLAG, ctx)?.of_secret();
    let delivery =
        Delivery::prepare("--token_file", args.token_file.as_deref(), args.no_clobber, Purpose::Create, ctx)?;
    grant::lint(&grants).iter().for_each(|warning| ctx.warn(warning));
    let request = request(&args, grants, life, ctx)?;
    let api = TokensApi::connect(ctx).await?;
    let reply = mint(&args, &request, &api, ctx).await?;
    if granted::is_too_wide(&request, &reply.message.token) {
        let failure = Failure::new(
            Kind::Refused,
            "the server made a token for the whole workspace, though --user asked for one that is bound to your own membership",
        );
        return Err(revoke_undelivered(failure, &args, &reply, &api, ctx).await);
    }
    // Also if the delivery fails.
    warn_of_differences(&request, &reply, &api, ctx);
    match deliver(&args, &reply, rendering, delivery, ctx).await {
        Err(undelivered) if undelivered.is_lost => {
            Err(revoke_undelivered(undelivered.failure, &args, &reply, &api, ctx).await)
        }
        result => result.map_err(|undelivered| undelivered.failure),
    }
}

fn warn_of_differences(request: &CreateRequest, reply: &Reply<CreateResponse>, api: &TokensApi, ctx: &mut Context) {
    if !reply.is_whole {
        ctx.warn(&format!(
            "only the secret of the server's answer could be read: `{} token list` shows the token's scope and expiry",
            ctx.program
        ));
        return;
    }
    let differences = granted::compare(request, &reply.message.token, api.clocks());
    differences.mismatches.iter().for_each(|difference| ctx.warn(difference));
    if !differences.unreported.is_empty() {
        ctx.note(&format!("the server did not return {}", differences.unreported.join(" or ")));
    }
}

/// Revokes a token whose secret could not be delivered. The call has its own timeout, since
/// that of the command may be used up.
async fn revoke_undelivered(
    failure: Failure,
    args: &CreateArgs,
    reply: &Reply<CreateResponse>,
    api: &TokensApi,
    ctx: &Context,
) -> Failure {
    let id = &reply.message.token.token_id;
    let program = ctx.program;
    if id.is_empty() {
        return failure.hint(format!(
            "it is still valid but its secret is lost: look for \"{}\" in `{program} token list` and revoke it",
            args.name
        ));
    }
    api.set_remaining(UNDO_TIMEOUT);
    match api.revoke(&RevokeRequest { token_id: id.clone() }).await {
        Ok(()) => failure.hint(format!("revoked token {id}, because its secret could not be delivered")),
        Err(_) if id.chars().all(is_shell_safe) => failure.hint(format!(
            "token {id} is still valid but its secret is lost; revoke it with `{program} token revoke --token_id {id}`"
        )),
        Err(_) => failure.hint(format!(
            "token {id} is still valid but its secret is lost; find it with `{program} token list` and revoke it"
        )),
    }
}

fn request(args: &CreateArgs, grants: Vec<Permission>, life: Option<Duration>, ctx: &Context) -> Result<CreateRequest> {
    let expires_at = life
        .map(|life| ctx.now().checked_add(life).map(Time))
        .transpose()
        .map_err(|error| Failure::unexpected("the clock of this machine is out of range").source(error))?;
    Ok(CreateRequest {
        name: args.name.clone(),
        description: args.description.clone().unwrap_or_default(),
        expires_at,
        access: AccessPolicy { grants },
        scope: if args.user { Scope::Membership } else { Scope::Unknown },
    })
}

async fn mint(
    args: &CreateArgs,
    request: &CreateRequest,
    api: &TokensApi,
    ctx: &Context,
) -> Result<Reply<CreateResponse>> {
    let lost = format!(
        "look for \"{}\" in `{} token list`; if it is there, its secret is lost: revoke it and create another",
        args.name, ctx.program
    );
    ctx.interrupt.set_unknown_outcome_hint(&lost);
    api.create(request).await.map_err(|failure| {
        let failure = if args.user {
            failure
        } else {
            failure.hint_on(Kind::NotPermitted, || {
                "only workspace admins create tokens for the whole workspace; --user binds one to your own membership"
                    .to_owned()
            })
        };
        failure.hint_on(Kind::OutcomeUnknown, || lost).hint_on(Kind::Conflict, || {
            format!("choose another --name, or revoke the token that has it: `{} token list` shows its id", ctx.program)
        })
    })
}

/// Delivers the secret by file, by standard output, or both.
async fn deliver(
    args: &CreateArgs,
    reply: &Reply<CreateResponse>,
    rendering: Output,
    delivery: Delivery,
    ctx: &mut Context,
) -> std::result::Result<(), Undelivered> {
    let secret = reply.message.bearer_token.expose();
    let id = reply.message.token.token_id.as_str();
    let program = ctx.program;
    let shown_path = args.token_file.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    let replaced = token_file::replaced(delivery.previous(), &shown_path, program);
    let minted = Minted {
        what: format!("token {}", if id.is_empty() { &args.name } else { id }),
        id: id.to_owned(),
        extension: "json",
        file_content: token_file::content(&reply.message),
        // The id comes from the server, and a hint must be safe to paste.
        undo: if !id.is_empty() && id.chars().all(is_shell_safe) {
            format!("if you do not want it, undo it with `{program} token revoke --token_id {id}`")
        } else {
            format!("if you do not want it, look for \"{}\" in `{program} token list` and revoke it", args.name)
        },
        replaced,
        secret: reply.message.bearer_token.clone(),
    };
    let in_file = delivery.has_file();
    let table = view::details(&reply.message.token, ctx);
    let table = table::details(&ctx.stdout, &table);
    let warns_once = args.output == CreateFormat::Table && rendering.is_for_people() && !in_file;
    let shown = async {
        if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::unexpected("the secret contains characters that no token has"));
        }
        let view = || match args.output {
            CreateFormat::Token => format!("{secret}\n"),
            _ if in_file => table,
            _ => format!("{table}\nBearer Token: {secret}\n"),
        };
        rendering.bytes(|| reply.json(), view).await
    };
    let is_kept = delivery.deliver(ctx, &minted, shown).await?;
    if warns_once && !is_kept {
        ctx.note("store the bearer token now: it is shown only once");
    }
    Ok(())
}
