//! `serviceaccounts update`. The server replaces everything, so what would be
//! erased is shown first.

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::retry::MAX_ATTEMPTS;
use crate::nscale::accounts::AccountReply;
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::input::{InputArgs, WAYS};
use crate::nscale::commands::{AccountArgs, AccountRef, AccountSelector, ChangeArgs, OutputArgs, preview, resolve};
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
    output: OutputArgs,
}

/// Reads, compares, asks, replaces.
pub(super) async fn run(args: UpdateArgs, ctx: &mut Context) -> Result<()> {
    args.change.show_notes_if_asking(ctx);
    let rendering = args.output.prepare(ctx)?;
    let selector = args.account.check(ctx)?;
    let document = args.input.read(ctx).await?;
    let document = document.ok_or_else(|| Failure::usage("there is no document").hint(WAYS).hint(FORMAT))?;
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
    let groups = groups(&plan, &account, &api, ctx).await?;
    loop {
        let nothing_changes = plan.show_diff(&groups, ctx);
        if args.change.dry_run {
            let request = format!("PUT {}", api.account_url(&account.organization.id, &account.id));
            return preview(&request, &plan.message, rendering, ctx).await;
        }
        if let Some(current) = plan.current.take_if(|_| nothing_changes) {
            ctx.note("nothing to change: the server has all of it already");
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

/// The groups that there are, for checking and for showing.
async fn groups(plan: &Plan<'_>, account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<Groups> {
    let wanted = plan.document.group_ids.as_deref().unwrap_or_default();
    if !wanted.is_empty() {
        let groups = Groups::read(&account.organization.id, api, ctx).await?;
        groups.check(wanted)?;
        return Ok(groups);
    }
    let leaves_some = plan.document.group_ids.is_some()
        && plan.current.as_ref().is_some_and(|current| !current.account.spec.group_ids.is_empty());
    Ok(match leaves_some {
        // Only their names are needed, and only for people.
        true => api.groups(&account.organization.id).await.map_or(Groups::Unread, Groups::Known),
        false => Groups::Unread,
    })
}

/// Shows the account, in the groups that were asked for.
async fn show(
    reply: AccountReply,
    message: &AccountWrite,
    groups: &Groups,
    rendering: Output,
    ctx: &mut Context,
) -> Result<()> {
    let (wanted, answered) = (&message.spec.group_ids, &reply.account.spec.group_ids);
    if let Some(note) = groups.note(wanted, answered).filter(|_| !rendering.is_for_people()) {
        ctx.note(note);
    }
    let shown = groups.show_asked_for(wanted, answered);
    let details = view::details(&reply.account, &shown, ctx);
    let bytes = rendering.bytes(|| Ok(reply.json), || table::details(&ctx.stdout, &details)).await?;
    write_out(&bytes, ctx)
}

/// What is to be sent, and what it was made from.
struct Plan<'a> {
    document: &'a AccountDocument,
    merge: bool,
    /// The account as it was last seen; none where it may not be read.
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

    /// Reads the account, and makes the message to send.
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

    /// Reads the account again; whether it has changed.
    async fn refetch_changed(&mut self, account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<bool> {
        let Some(before) = self.current.take() else { return Ok(false) };
        self.fetch(account, api, ctx).await?;
        Ok(self.account().is_none_or(|now| !is_same(&before.account, now)))
    }

    /// Shows what will change, and above all what will be lost; whether nothing
    /// will.
    fn show_diff(&self, groups: &Groups, ctx: &mut Context) -> bool {
        let Some(current) = self.account() else { return false };
        let changes = Changes::between(current, &self.message, groups);
        if ctx.notes.are_deferred() {
            changes.erased.iter().for_each(|lost| ctx.warn(&format!("the update erases {lost}")));
            return changes.lines.is_empty();
        }
        if changes.lines.is_empty() {
            return true;
        }
        ctx.show(&format!("Changes to service account {}:", self.name()));
        for line in &changes.lines {
            ctx.show(&format!("  {}", line.replace('\n', " ")));
        }
        let (is, was) = (&self.message.metadata, &current.metadata);
        let description_left_out = self.document.description.is_none() && is.description.is_none();
        let tags_left_out = self.document.tags.is_none() && is.tags.is_none();
        if (description_left_out && was.description.is_some()) || (tags_left_out && !was.tags.is_empty()) {
            ctx.warn("the document replaces everything: what it leaves out is erased (--merge keeps it)");
        }
        false
    }

    /// Sends it. After a conflict what there is now is read again, and where
    /// nobody else set a field that this sets, it is sent again.
    async fn send(&mut self, account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<AccountReply> {
        let mut tries = 1;
        loop {
            let failure = match api.update(&account.organization.id, &account.id, &self.message, ctx).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => {
                    failure.hint_on(Kind::OutcomeUnknown, || "run it again: that can do no harm".to_owned())
                }
            };
            let is_conflict = failure.kind() == Kind::Conflict;
            let Some(before) = self.current.take_if(|_| is_conflict) else { return Err(failure) };
            if tries == MAX_ATTEMPTS || !api.pause(tries).await {
                return Err(failure.hint(IN_PART).hint("run it again: it looks at what there is first"));
            }
            tries += 1;
            let sent = self.message.clone();
            self.fetch(account, api, ctx).await?;
            let merged = self.merge.then_some(self.document);
            let Some(now) = self.account() else { return Err(failure) };
            let conflicting_fields = conflicting_fields(&before.account, now, &sent, merged);
            if !conflicting_fields.is_empty() {
                let fields: Vec<&str> = conflicting_fields.iter().map(|field| field.name()).collect();
                let what = format!("somebody else changed the account's {} at the same moment", fields.join(" and "));
                return Err(Failure::new(Kind::Conflict, what)
                    .http_status(409)
                    .hint(IN_PART)
                    .hint("look at it with --dry-run, which shows what would change now, then run it again"));
            }
            ctx.note("somebody else changed the account at the same moment, but nothing that this update sets: it was sent again");
        }
    }
}

/// What a conflict may leave behind: the server writes the account first, and
/// its groups one by one.
const IN_PART: &str = "the update may have been carried out in part";
