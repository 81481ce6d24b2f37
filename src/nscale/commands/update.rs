//! `serviceaccounts update`. The server replaces everything, so what would be
//! erased is told before.

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::retry::MOST_TRIES;
use crate::nscale::accounts::Reply;
use crate::nscale::api::{IdentityApi, account_path};
use crate::nscale::commands::input::{InputArgs, WAYS};
use crate::nscale::commands::{AccountArgs, ChangeArgs, Named, OutputArgs, Place, locate, preview};
use crate::nscale::document::{AccountDocument, FORMAT};
use crate::nscale::groups::Groups;
use crate::nscale::message::{Account, AccountWrite};
use crate::nscale::plan::{Changes, conflicting_fields, is_same, message};
use crate::nscale::view;
use crate::output::rendering::{Output, write_out};
use crate::output::table;

/// Flags of `serviceaccounts update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  {program} serviceaccounts update --id \"$ID\" --file serviceaccount.json
  {program} sa update --id \"$ID\" --file serviceaccount.json --dry-run
  echo '{\"metadata\":{\"description\":\"nightly\"}}' |
    {program} sa update --id \"$ID\" --merge --yes

The document replaces all that there is: a description or tags that it leaves
out are erased, unless --merge is given. The token stays as it is. Of two
updates at the same time the last one wins, as the server knows no versions.")]
pub struct UpdateArgs {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    input: InputArgs,
    /// Keep what the document leaves out.
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Reads, compares, asks, replaces.
pub(super) async fn run(args: UpdateArgs, ctx: &mut Context) -> Result<()> {
    args.change.speak_up(ctx);
    let rendering = args.output.prepare(ctx)?;
    let named = args.account.check(ctx)?;
    let document = args.input.read(ctx).await?;
    let document = document.ok_or_else(|| Failure::usage("there is no document").hint(WAYS).hint(FORMAT))?;
    let document = AccountDocument::read(&document, args.merge, ctx)?;
    if let (_, Named::Id(id)) = &named {
        document.check_id(id)?;
    }
    args.change.check(ctx)?;
    let api = IdentityApi::connect(ctx)?;
    let place = locate(named, &api, ctx).await?;
    document.check_id(&place.id)?;
    let mut plan = Plan { document: &document, merge: args.merge, current: None, message: AccountWrite::default() };
    plan.look(&place, &api, ctx).await?;
    let groups = groups(&plan, &place, &api, ctx).await?;
    loop {
        let nothing_changes = plan.announce(&groups, ctx);
        if args.change.dry_run {
            let request = format!("PUT {}", api.address(&account_path(&place.organization.id, &place.id)));
            return preview(&request, &plan.message, rendering, ctx).await;
        }
        if let Some(current) = plan.current.take_if(|_| nothing_changes) {
            ctx.note("nothing to change: the server has all of it already");
            return show(current, &plan.message, &groups, rendering, ctx).await;
        }
        args.change.confirm(&format!("Update service account {}?", plan.name()), ctx).await?;
        // What was agreed to must be what happens.
        if !args.change.asks() || !plan.look_again(&place, &api, ctx).await? {
            break;
        }
        ctx.warn("somebody else changed the account while the question stood; look again");
    }
    let reply = plan.send(&place, &api, ctx).await?;
    show(reply, &plan.message, &groups, rendering, ctx).await
}

/// The groups that there are, for checking and for showing.
async fn groups(plan: &Plan<'_>, place: &Place, api: &IdentityApi, ctx: &mut Context) -> Result<Groups> {
    let wanted = plan.document.group_ids.as_deref().unwrap_or_default();
    if !wanted.is_empty() {
        let groups = Groups::read(&place.organization.id, api, ctx).await?;
        groups.check(wanted)?;
        return Ok(groups);
    }
    let leaves_some = plan.document.group_ids.is_some()
        && plan.current.as_ref().is_some_and(|current| !current.account.spec.group_ids.is_empty());
    Ok(match leaves_some {
        // Only their names are wanted: without them it goes on too.
        true => api.groups(&place.organization.id).await.map_or(Groups::Unread, Groups::Known),
        false => Groups::Unread,
    })
}

/// Shows the account, in the groups that were asked for.
async fn show(
    reply: Reply,
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
    current: Option<Reply>,
    message: AccountWrite,
}

impl Plan<'_> {
    fn account(&self) -> Option<&Account> {
        self.current.as_ref().map(|current| &current.account)
    }

    fn name(&self) -> &str {
        self.account().map_or(&self.message.metadata.name, |account| &account.metadata.name)
    }

    /// Reads the account, and settles the message to send.
    async fn look(&mut self, place: &Place, api: &IdentityApi, ctx: &mut Context) -> Result<()> {
        self.current = match place.organization.accounts(api, ctx).await {
            Ok(accounts) => Some(accounts.find(&place.id, ctx)?),
            Err(failure) if failure.kind() == Kind::NotPermitted && !self.merge => {
                ctx.warn("this credential may not read service accounts, so it is not known what the document erases");
                None
            }
            Err(failure) => return Err(failure),
        };
        self.message = message(self.document, self.account(), self.merge);
        Ok(())
    }

    /// Reads the account again, and says whether it is another than before.
    async fn look_again(&mut self, place: &Place, api: &IdentityApi, ctx: &mut Context) -> Result<bool> {
        let Some(before) = self.current.take() else { return Ok(false) };
        self.look(place, api, ctx).await?;
        Ok(self.account().is_none_or(|now| !is_same(&before.account, now)))
    }

    /// Tells what will change, and above all what will be lost. Gives back
    /// whether nothing will.
    fn announce(&self, groups: &Groups, ctx: &mut Context) -> bool {
        let Some(current) = self.account() else { return false };
        let changes = Changes::between(current, &self.message, groups);
        if ctx.held.is_some() {
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
    async fn send(&mut self, place: &Place, api: &IdentityApi, ctx: &mut Context) -> Result<Reply> {
        let mut tries = 1;
        loop {
            let failure = match api.update(&place.organization.id, &place.id, &self.message, ctx).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => {
                    failure.hint_on(Kind::OutcomeUnknown, || "run it again: that can do no harm".to_owned())
                }
            };
            let is_conflict = failure.kind() == Kind::Conflict;
            let Some(before) = self.current.take_if(|_| is_conflict) else { return Err(failure) };
            if tries == MOST_TRIES || !api.pause(tries).await {
                return Err(failure.hint(IN_PART).hint("run it again: it looks at what there is first"));
            }
            tries += 1;
            let sent = self.message.clone();
            self.look(place, api, ctx).await?;
            let merged = self.merge.then_some(self.document);
            let Some(now) = self.account() else { return Err(failure) };
            let conflicting_fields = conflicting_fields(&before.account, now, &sent, merged);
            if !conflicting_fields.is_empty() {
                let fields: Vec<&str> = conflicting_fields.iter().map(|field| field.name()).collect();
                let what =
                    format!("somebody else changed it at the same moment, and with it its {}", fields.join(" and "));
                return Err(Failure::new(Kind::Conflict, what)
                    .http_status(409)
                    .hint(IN_PART)
                    .hint("look at it with --dry-run, which shows what would change now, then run it again"));
            }
            ctx.note("somebody else changed the account or its groups at the same moment, but nothing that this sets: sent again");
        }
    }
}

/// What a conflict may leave behind: the server writes the account first, and
/// its groups one by one.
const IN_PART: &str = "a part of the update may have been made";
