//! `serviceaccounts create`.

use clap::Args;

use crate::context::Context;
use crate::delivery::{Purpose, UNDO_TIMEOUT, is_shell_safe};
use crate::error::{Failure, Kind, Result};
use crate::input::prompt::can_ask;
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::check_token::check_token;
use crate::nscale::commands::deliver::{TokenFileArgs, deliver};
use crate::nscale::commands::input::{INPUT_HINT, InputArgs};
use crate::nscale::commands::{ChangeArgs, JsonOutputArgs, OrganizationArgs, interactive, preview};
use crate::nscale::document::{AccountDocument, FORMAT};
use crate::nscale::groups::Groups;
use crate::nscale::messages::{Account, AccountWrite};
use crate::nscale::organization::{self, Organization, canonical_id};
use crate::nscale::plan::show_tags;
use crate::text::sanitize::shortened;
use crate::verb::{CHANGE, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Nscale, Variables::Http, Variables::Delivery], exit_codes: CHANGE })]
#[command(after_help = "\
Examples:
  {program} serviceaccounts create --file serviceaccount.json
  {program} serviceaccounts create --stdin < serviceaccount.json
  {program} serviceaccounts create                    # asks for each field
  {program} serviceaccounts create --file serviceaccount.json --yes --token-file ci.token
  TOKEN=$({program} sa create --file serviceaccount.json --yes -q .status.accessToken)

The document, in which description and tags are optional:
  {\"metadata\":{\"name\":\"ci\",\"description\":\"…\",
               \"tags\":[{\"name\":\"team\",\"value\":\"infra\"}]},
   \"spec\":{\"groupIDs\":[]}}")]
pub struct CreateArgs {
    #[command(flatten)]
    organization: OrganizationArgs,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    token_file: TokenFileArgs,
    /// Fail with exit code 6 if --token-file exists, instead of replacing it.
    #[arg(long = "no-clobber", requires = "token_file")]
    no_clobber: bool,
    #[command(flatten)]
    output: JsonOutputArgs,
}

pub(super) async fn run(args: CreateArgs, ctx: &mut Context) -> Result<()> {
    args.change.show_notes_if_asking(ctx);
    let rendering = args.output.prepare(ctx)?.of_secret();
    let organization = organization::from_flag_or_env(args.organization.org.as_deref(), ctx)?;
    let message = match args.input.read(ctx).await? {
        Some(document) => Some(AccountDocument::read(&document, false, ctx)?.into_message()),
        None if ctx.stdin.is_terminal() && can_ask(ctx) => None,
        None => {
            return Err(Failure::usage("no document was given, and there is no terminal to ask for one")
                .hint(INPUT_HINT)
                .hint(FORMAT));
        }
    };
    args.change.check(ctx)?;
    let delivery = args.token_file.prepare(args.no_clobber, Purpose::Create, ctx)?;
    let api = IdentityApi::connect(ctx)?;
    let organization = organization::resolve(organization, &api, ctx).await?;
    let (message, groups) = match message {
        Some(message) => {
            let groups = match message.spec.group_ids.as_slice() {
                [] => Groups::Unread,
                ids => {
                    let groups = Groups::read(&organization.id, &api, ctx).await?;
                    groups.check(ids)?;
                    groups
                }
            };
            (message, groups)
        }
        None => {
            ctx.show_notes_now();
            interactive::ask(&organization.id, &api, ctx).await?
        }
    };
    if args.change.dry_run {
        let request = format!("POST {}", api.accounts_url(&organization.id));
        return preview(&request, &message, rendering, ctx).await;
    }
    let requested = &message.spec.group_ids;
    if args.change.asks() {
        ctx.show(&summary(&organization, &message, &groups));
    }
    args.change.confirm(&format!("Create service account {}?", message.metadata.name), ctx).await?;
    let program = ctx.program;
    let name = &message.metadata.name;
    let find_it = || format!("look for \"{name}\" in `{program} serviceaccounts list --org {organization}`");
    let lost = format!("{}; if it is there, its token is lost: rotate it to get another, or delete it", find_it());
    ctx.interrupt.set_unknown_outcome_hint(&lost);
    let reply = match api.create(&organization.id, &message).await {
        Ok(reply) => reply,
        Err(failure) => {
            let failure = failure.hint_on(Kind::OutcomeUnknown, || lost).hint_on(Kind::Conflict, || {
                format!(
                    "the account may have been created, in any of its groups, and then its token is lost; {}, and delete it before you run this again",
                    find_it()
                )
            });
            return Err(organization.hint_on_mismatch(failure, &api).await);
        }
    };
    let returned = &reply.account.spec.group_ids;
    if let Some(note) = groups.note(requested, returned).filter(|_| !rendering.is_for_people()) {
        ctx.note(note);
    }
    let groups = groups.show_requested(requested, returned);
    let undo = undo_hint(&reply.account, &organization, &find_it(), ctx);
    let id = reply.account.metadata.id.clone();
    let replaced = args.token_file.replaced(&delivery);
    let token = reply.account.status.access_token.clone();
    match deliver(reply, &groups, undo, replaced, rendering, delivery, ctx).await {
        Err(undelivered) if undelivered.is_lost => {
            return Err(delete_undelivered(undelivered.failure, &organization.id, &id, &api, ctx).await);
        }
        result => result.map_err(|undelivered| undelivered.failure)?,
    }
    check_token(token, &api, ctx).await;
    Ok(())
}

/// Deletes an account whose token could not be delivered. The call has its own timeout,
/// since that of the command may be used up.
async fn delete_undelivered(
    failure: Failure,
    organization: &str,
    id: &str,
    api: &IdentityApi,
    ctx: &Context,
) -> Failure {
    let program = ctx.program;
    let Ok(id) = canonical_id("the new account's id", id, "") else {
        return failure.hint(format!(
            "the new account still exists, but its token is lost: look for it in `{program} serviceaccounts list --org {organization}` and delete it"
        ));
    };
    api.set_remaining(UNDO_TIMEOUT);
    match api.delete(organization, &id).await {
        Ok(()) => failure.hint(format!("deleted service account {id}, because its token could not be delivered")),
        Err(_) => failure.hint(format!(
            "service account {id} still exists, but its token is lost; delete it with `{program} serviceaccounts delete --org {organization} --id {id} --yes`"
        )),
    }
}

/// The hint on how to delete the account. The id comes from the server, and a hint must be
/// safe to paste.
fn undo_hint(account: &Account, organization: &Organization, find_it: &str, ctx: &Context) -> String {
    let id = &account.metadata.id;
    if id.is_empty() || !id.chars().all(is_shell_safe) {
        return format!("if you do not want it, {find_it} and delete it");
    }
    format!(
        "if you do not want it, undo it with `{} serviceaccounts delete --org {organization} --id {id} --yes`",
        ctx.program
    )
}

/// The account to be created, shown before the question.
fn summary(organization: &Organization, message: &AccountWrite, groups: &Groups) -> String {
    let metadata = &message.metadata;
    let groups: Vec<String> = message.spec.group_ids.iter().map(|id| groups.show(id)).collect();
    let groups = if groups.is_empty() { "none".to_owned() } else { groups.join(", ") };
    let mut lines = format!("Organization: {organization}\nName:         {}\n", metadata.name);
    if let Some(description) = &metadata.description {
        lines.push_str(&format!("Description:  {}\n", shortened(description).replace('\n', " ")));
    }
    if let Some(tags) = metadata.tags.as_deref().filter(|tags| !tags.is_empty()) {
        lines.push_str(&format!("Tags:         {}\n", shortened(&show_tags(tags)).replace('\n', " ")));
    }
    lines.push_str(&format!("Groups:       {groups}\n"));
    lines
}
