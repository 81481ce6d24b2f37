//! `token create`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::input::duration::lifetime;
use crate::namespace::api::{Reply, TokensApi};
use crate::namespace::commands::QueryArgs;
use crate::namespace::message::{AccessPolicy, CreateRequest, CreateResponse, Scope};
use crate::namespace::proto::Time;
use crate::namespace::{grant, view};
use crate::output::deliver::{Minted, deliver};
use crate::output::json::pretty;
use crate::output::private_file::PrivateFile;
use crate::output::query::Query;
use crate::output::table;

/// What the document promises where `--expires_in` is not given.
const DEFAULT_LIFETIME: &str = "24h";

/// Flags of `token create`.
#[derive(Debug, Args)]
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
    /// How long the token lives: units h, d, w and y (365 days), at most 1y [default: 24h].
    #[arg(long = "expires_in", alias = "expires-in", value_name = "DURATION", allow_hyphen_values = true)]
    expires_in: Option<String>,
    /// Let the token live until it is revoked. Needs --user.
    #[arg(long = "no_expiry", alias = "no-expiry", requires = "user", conflicts_with = "expires_in")]
    no_expiry: bool,
    /// Bind the token to your own membership of the workspace; no admin rights needed.
    #[arg(long)]
    user: bool,
    /// Write the token to this file (JSON, mode 0600), ready for NSC_TOKEN_FILE.
    #[arg(long = "token_file", alias = "token-file", value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Output format.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
    #[command(flatten)]
    query: QueryArgs,
}

/// What `token create` can print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The token's details for people.
    Table,
    /// The whole answer as JSON, with the documented field names.
    Json,
    /// The secret alone, for scripts.
    Token,
}

impl CreateArgs {
    pub(super) fn wants_json(&self) -> bool {
        self.output == Format::Json || self.query.is_given()
    }
}

/// Checks everything that can be checked here, mints, and delivers.
pub(super) async fn run(args: CreateArgs, ctx: &mut Context) -> Result<()> {
    if args.name.trim().is_empty() {
        return Err(Failure::usage("--name is empty").hint("give the token a name that says what it is for"));
    }
    if args.output == Format::Token && args.query.is_given() {
        return Err(Failure::usage("-q filters JSON and cannot go with --output token")
            .hint("use one of the two; -q .bearer_token prints the secret too"));
    }
    let grants = grant::read_all(&args.grant)?;
    let life = match (args.no_expiry, &args.expires_in) {
        (true, _) => None,
        (false, text) => Some(lifetime("--expires_in", text.as_deref().unwrap_or(DEFAULT_LIFETIME))?),
    };
    let query = args.query.compile()?;
    for doubt in grant::doubts(&grants) {
        ctx.warn(&doubt);
    }
    let file = args.token_file.as_deref().map(|path| PrivateFile::prepare("--token_file", path)).transpose()?;
    let api = TokensApi::connect(ctx).await?;
    let expires_at = life
        .map(|life| ctx.now().checked_add(life).map(Time))
        .transpose()
        .map_err(|error| Failure::unexpected("the clock of this machine is out of range").source(error))?;
    let request = CreateRequest {
        name: args.name.clone(),
        description: args.description.unwrap_or_default(),
        expires_at,
        access: AccessPolicy { grants },
        scope: if args.user { Scope::Membership } else { Scope::Unknown },
    };
    let program = ctx.program;
    let reply = api.create(&request).await.map_err(|failure| {
        let failure = if args.user {
            failure
        } else {
            failure.hint_on(Kind::NotPermitted, || {
                "only workspace admins create tokens for the whole workspace; --user binds one to your own membership".to_owned()
            })
        };
        failure.hint_on(Kind::OutcomeUnknown, || {
            format!("look for \"{}\" in `{program} token list`; if it is there, its secret is lost: revoke it and create another", args.name)
        })
    })?;

    let secret = &reply.message.bearer_token;
    let id = reply.message.token.token_id.as_str();
    let minted = Minted {
        what: format!("token {id}"),
        id,
        file_content: format!("{}\n", json!({ "bearer_token": secret.expose() })),
        undo: format!("{program} token revoke --token_id {id}"),
    };
    let in_file = file.is_some();
    deliver(ctx, &minted, file, |ctx| show(ctx, &reply, args.output, query.as_ref(), in_file))?;
    if args.output == Format::Table && query.is_none() && !in_file {
        ctx.note("store the bearer token now: it is shown only once");
    }
    Ok(())
}

fn show(
    ctx: &mut Context,
    reply: &Reply<CreateResponse>,
    format: Format,
    query: Option<&Query>,
    in_file: bool,
) -> Result<()> {
    let secret = &reply.message.bearer_token;
    let mut shown = Vec::new();
    match (query, format) {
        (Some(query), _) => {
            query.run(reply.json()?.to_string().as_bytes(), &mut shown)?;
            let has_secret = shown.windows(secret.expose().len()).any(|part| part == secret.expose().as_bytes());
            if !has_secret && !in_file {
                ctx.warn("the output does not contain the secret, which cannot be shown again");
            }
        }
        (None, Format::Json) => shown.extend(format!("{}\n", pretty(&reply.json()?)).bytes()),
        (None, Format::Token) => shown.extend(format!("{}\n", secret.expose()).bytes()),
        (None, Format::Table) => {
            let details = view::details(&reply.message.token, ctx);
            table::details(&mut ctx.stdout, &details).map_err(unwritable)?;
            if !in_file {
                shown.extend(format!("\nBearer Token: {}\n", secret.expose()).bytes());
            }
        }
    }
    ctx.stdout.write_all(&shown).map_err(unwritable)
}

fn unwritable(error: std::io::Error) -> Failure {
    Failure::unexpected("standard output cannot be written").source(error)
}
