//! `serviceaccounts update`. The server replaces all fields, so those that are erased are
//! shown first.

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::retry::MAX_ATTEMPTS;
use crate::nscale::accounts::AccountReply;
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::input::{INPUT_HINT, InputArgs};
use crate::nscale::commands::{AccountArgs, AccountRef, AccountSelector, ChangeArgs, JsonOutputArgs, preview, resolve};
use crate::nscale::document::{AccountDocument, FORMAT};
use crate::nscale::groups::Groups;
use crate::nscale::messages::{Account, AccountWrite};
use crate::nscale::plan::{Changes, conflicting_fields, is_same, message};
use crate::nscale::view;
use crate::output::rendering::{Output, write_out};
use crate::output::table;
use crate::verb::{CHANGE, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Nscale, Variables::Http], exit_codes: CHANGE })]
#[command(after_help = "\
Examples:
  {program} serviceaccounts update --id \"$ID\" --file serviceaccount.json
  {program} sa update --id \"$ID\" --file serviceaccount.json --dry-run
  echo '{\"metadata\":{\"description\":\"nightly\"}}' |
    {program} sa update --id \"$ID\" --merge --yes

The document replaces the whole account: a description or tags that it leaves out
are erased, unless --merge is given. The token stays the same. If two updates run
at the same time the last one wins, since the server has no versions.")]
pub struct UpdateArgs {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    input: InputArgs,
    /// Keep the fields that the document leaves out.
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    output: JsonOutputArgs,
}

pub(super) async fn run(args: UpdateArgs, ctx: &mut Context) -> Result<()> {
    args.change.show_notes_if_asking(ctx);
    let rendering = args.output.prepare(ctx)?;
    let selector = args.account.check(ctx)?;
    let document = args.input.read(ctx).await?;
    let document = document.ok_or_else(|| Failure::usage("no document was given").hint(INPUT_HINT).hint(FORMAT))?;
    let document = AccountDocument::read(&document, args.merge, ctx)?;
    if let (_, AccountSelector::Id(id)) = &selector {
        document.check_id(id)?;
    }
    args.change.check(ctx)?;
    let api = IdentityApi::connect(ctx)?;
    let account = resolve(selector, &api, ctx).await?;
    document.check_id(&account.id)?;
    let mut plan = Plan { document: &document, merge: args.merge, current: None, message: AccountWrite::default() };
    plan.fetch(&account, &api, ctx).await?;
    let groups = read_groups(&plan, &account, &api, ctx).await?;
    loop {
        let is_unchanged = plan.show_diff(&groups, ctx);
        if args.change.dry_run {
            let request = format!("PUT {}", api.account_url(&account.organization.id, &account.id));
            return preview(&request, &plan.message, rendering, ctx).await;
        }
        if let Some(current) = plan.current.take_if(|_| is_unchanged) {
            ctx.note("nothing to change: the account already matches the document");
            return show(current, &plan.message, &groups, rendering, ctx).await;
        }
        args.change.confirm(&format!("Update service account {}?", plan.name()), ctx).await?;
        // Only what was confirmed may be sent.
        if !args.change.asks() || !plan.refetch_changed(&account, &api, ctx).await? {
            break;
        }
        ctx.warn("the account changed while you were being asked; here is the new diff");
    }
    let reply = plan.send(&account, &api, ctx).await?;
    show(reply, &plan.message, &groups, rendering, ctx).await
}

/// Reads and checks the groups, if the update needs them.
async fn read_groups(plan: &Plan<'_>, account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<Groups> {
    let requested = plan.document.group_ids.as_deref().unwrap_or_default();
    if !requested.is_empty() {
        let groups = Groups::read(&account.organization.id, api, ctx).await?;
        groups.check(requested)?;
        return Ok(groups);
    }
    let leaves_some = plan.document.group_ids.is_some()
        && plan.current.as_ref().is_some_and(|current| !current.account.spec.group_ids.is_empty());
    if !leaves_some {
        return Ok(Groups::Unread);
    }
    // Only the names are needed, and only for people.
    Ok(api.groups(&account.organization.id).await.map_or(Groups::Unread, Groups::Known))
}

/// Shows the account with the requested groups.
async fn show(
    reply: AccountReply,
    message: &AccountWrite,
    groups: &Groups,
    rendering: Output,
    ctx: &mut Context,
) -> Result<()> {
    let (requested, returned) = (&message.spec.group_ids, &reply.account.spec.group_ids);
    if let Some(note) = groups.note(requested, returned).filter(|_| !rendering.is_for_people()) {
        ctx.note(note);
    }
    let shown = groups.show_requested(requested, returned);
    let details = view::details(&reply.account, &shown, ctx);
    let bytes = rendering.bytes(|| Ok(reply.json), || table::details(&ctx.stdout, &details)).await?;
    write_out(&bytes, ctx)
}

/// The request of the update, and what it is made from.
struct Plan<'a> {
    document: &'a AccountDocument,
    merge: bool,
    /// The account when it was last read; `None` if the credential may not read it.
    current: Option<AccountReply>,
    message: AccountWrite,
}

impl Plan<'_> {
    fn account(&self) -> Option<&Account> {
        self.current.as_ref().map(|current| &current.account)
    }

    fn name(&self) -> &str {
        self.account().map_or(&self.message.metadata.name, |account| &account.metadata.name)
    }

    /// Reads the account, and makes the request.
    async fn fetch(&mut self, account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<()> {
        self.current = match account.organization.accounts(api, ctx).await {
            Ok(accounts) => Some(accounts.find(&account.id, ctx)?),
            Err(failure) if failure.kind() == Kind::NotPermitted && !self.merge => {
                ctx.warn("cannot show what this update removes: the credential may not read service accounts");
                None
            }
            Err(failure) => return Err(failure),
        };
        self.message = message(self.document, self.account(), self.merge);
        Ok(())
    }

    /// Reads the account again. Returns whether it has changed.
    async fn refetch_changed(&mut self, account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<bool> {
        let Some(before) = self.current.take() else { return Ok(false) };
        self.fetch(account, api, ctx).await?;
        Ok(self.account().is_none_or(|now| !is_same(&before.account, now)))
    }

    /// Shows the changes, and warns of erased values. Returns whether nothing changes.
    fn show_diff(&self, groups: &Groups, ctx: &mut Context) -> bool {
        let Some(current) = self.account() else { return false };
        let changes = Changes::between(current, &self.message, groups);
        if ctx.notes.are_deferred() {
            changes.erased.iter().for_each(|value| ctx.warn(&format!("the update erases {value}")));
            return changes.lines.is_empty();
        }
        if changes.lines.is_empty() {
            return true;
        }
        ctx.show(&format!("Changes to service account {}:", self.name()));
        for line in &changes.lines {
            ctx.show(&format!("  {}", line.replace('\n', " ")));
        }
        let (after, before) = (&self.message.metadata, &current.metadata);
        let omits_description = self.document.description.is_none() && after.description.is_none();
        let omits_tags = self.document.tags.is_none() && after.tags.is_none();
        if (omits_description && before.description.is_some()) || (omits_tags && !before.tags.is_empty()) {
            ctx.warn("the document replaces everything: what it leaves out is erased (--merge keeps it)");
        }
        false
    }

    /// Sends the request. After a conflict the account is read again; unless someone else has
    /// changed a field that this update sets, the request is sent again.
    async fn send(&mut self, account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<AccountReply> {
        let mut attempts = 1;
        loop {
            let failure = match api.update(&account.organization.id, &account.id, &self.message, ctx).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => {
                    failure.hint_on(Kind::OutcomeUnknown, || "run it again: that can do no harm".to_owned())
                }
            };
            let is_conflict = failure.kind() == Kind::Conflict;
            let Some(before) = self.current.take_if(|_| is_conflict) else { return Err(failure) };
            if attempts == MAX_ATTEMPTS || !api.pause(attempts).await {
                return Err(failure.hint(IN_PART).hint("run it again: it reads the account first"));
            }
            attempts += 1;
            let sent = self.message.clone();
            self.fetch(account, api, ctx).await?;
            let merged = self.merge.then_some(self.document);
            let Some(now) = self.account() else { return Err(failure) };
            let conflicting_fields = conflicting_fields(&before.account, now, &sent, merged);
            if !conflicting_fields.is_empty() {
                let fields: Vec<&str> = conflicting_fields.iter().map(|field| field.name()).collect();
                let what = format!("someone else changed the account's {} at the same time", fields.join(" and "));
                return Err(Failure::new(Kind::Conflict, what)
                    .http_status(409)
                    .hint(IN_PART)
                    .hint("look at it with --dry-run, which shows what would change now, then run it again"));
            }
            ctx.note("someone else changed the account at the same time, but nothing that this update sets: it was sent again");
        }
    }
}

/// After a conflict. The server writes the account first, then its groups one by one.
const IN_PART: &str = "the update may have been carried out in part";
