//! `serviceaccounts update`. The server replaces everything, so what would be
//! erased is told before.

use clap::Args;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::nscale::api::{IdentityApi, MOST_TRIES, Reply, account_path};
use crate::nscale::commands::input::{InputArgs, WAYS};
use crate::nscale::commands::{AccountArgs, ChangeArgs, OutputArgs, Place, Rendering, locate, preview, write_out};
use crate::nscale::document::{AccountDocument, FORMAT};
use crate::nscale::groups::Groups;
use crate::nscale::message::{Account, AccountWrite};
use crate::nscale::plan::{Changes, message, touched};
use crate::nscale::view;
use crate::output::table;

/// Flags of `serviceaccounts update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  {program} serviceaccounts update --id a1b2c3d4-1111-4222-8333-444455556666 --file serviceaccount.json
  {program} serviceaccounts update --id a1b2c3d4-1111-4222-8333-444455556666 --file serviceaccount.json --dry-run
  echo '{\"metadata\":{\"description\":\"nightly\"}}' |
    {program} serviceaccounts update --id a1b2c3d4-1111-4222-8333-444455556666 --merge --yes

The document replaces all that there is: a description or tags that it leaves
out are erased, unless --merge is given. The token stays as it is.")]
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
    let rendering = Rendering::prepare(&args.output, ctx)?;
    let named = args.account.check(ctx)?;
    let document = args.input.read(ctx).await?;
    let document = document.ok_or_else(|| Failure::usage("there is no document").hint(WAYS).hint(FORMAT))?;
    let document = AccountDocument::read(&document, args.merge, ctx)?;
    args.change.check(ctx)?;
    let api = IdentityApi::connect(ctx)?;
    let place = locate(named, &api, ctx).await?;
    document.check_id(&place.id)?;
    let current = current(&args, &place, &api, ctx).await?;
    let message = message(&document, current.as_ref(), args.merge);
    let wanted = &message.spec.group_ids;
    let mut shown: Vec<String> = current.iter().flat_map(|account| account.spec.group_ids.clone()).collect();
    shown.extend_from_slice(wanted);
    let groups = Groups::read(&shown, &place.organization, &api, ctx).await?;
    if document.group_ids.is_some() {
        groups.check(wanted)?;
    }
    if let Some(current) = &current {
        announce(&Changes::between(current, &message, &groups), current, ctx);
    }
    if args.change.dry_run {
        let request = format!("PUT {}", api.address(&account_path(&place.organization, &place.id)));
        return preview(&request, &message, rendering, ctx).await;
    }
    let name = current.as_ref().map_or(message.metadata.name.as_str(), |account| account.metadata.name.as_str());
    args.change.confirm(&format!("Update service account {name}?"), ctx).await?;
    let plan = Plan { document: &document, merge: args.merge, current, message };
    let (reply, message) = put(plan, &place, &api, ctx).await?;
    let wanted: Vec<String> = message.spec.group_ids.iter().map(|id| groups.show(id)).collect();
    let is_stale = reply.account.spec.group_ids.len() != wanted.len()
        || reply.account.spec.group_ids.iter().any(|id| !message.spec.group_ids.contains(id));
    if is_stale && !rendering.is_for_people() {
        ctx.note("the server answers with the groups from before; the ones asked for were set all the same");
    }
    let details = view::details(&reply.account, &wanted, ctx);
    let bytes = rendering.bytes(reply.json, || table::details(&ctx.stdout, &details)).await?;
    write_out(&bytes, ctx)
}

/// The account as it is; none where the caller may not read it and needs not.
async fn current(args: &UpdateArgs, place: &Place, api: &IdentityApi, ctx: &mut Context) -> Result<Option<Account>> {
    match api.accounts(&place.organization).await {
        Ok(accounts) => Ok(Some(accounts.find(&place.id, ctx)?.account)),
        Err(failure) if failure.kind() == Kind::NotPermitted && !args.merge => {
            ctx.warn("this credential may not read service accounts, so it is not known what the document erases");
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Tells what will change, and above all what will be lost.
fn announce(changes: &Changes, current: &Account, ctx: &mut Context) {
    if ctx.held.is_some() {
        changes.erased.iter().for_each(|lost| ctx.warn(&format!("the update erases {lost}")));
        return;
    }
    let name = &current.metadata.name;
    if changes.lines.is_empty() {
        ctx.show(&format!("Service account {name} is like that already: nothing changes."));
        return;
    }
    ctx.show(&format!("Changes to service account {name}:"));
    for line in &changes.lines {
        ctx.show(&format!("  {}", line.replace('\n', " ")));
    }
    if !changes.erased.is_empty() {
        ctx.warn("the document replaces everything: what it leaves out is erased (--merge keeps it)");
    }
}

/// What is to be sent, and what it was made from.
struct Plan<'a> {
    document: &'a AccountDocument,
    merge: bool,
    current: Option<Account>,
    message: AccountWrite,
}

/// Sends it. After a conflict what there is now is read again, and where
/// nobody else set a field that this sets, it is sent again.
async fn put(mut plan: Plan<'_>, place: &Place, api: &IdentityApi, ctx: &mut Context) -> Result<(Reply, AccountWrite)> {
    let mut tries = 1;
    loop {
        let failure = match api.update(&place.organization, &place.id, &plan.message).await {
            Ok(reply) => return Ok((reply, plan.message)),
            Err(failure) => failure.hint_on(Kind::OutcomeUnknown, || "run it again: that can do no harm".to_owned()),
        };
        let Some(before) = plan.current.as_ref().filter(|_| failure.kind() == Kind::Conflict) else {
            return Err(failure);
        };
        if tries == MOST_TRIES || !api.pause(tries).await {
            return Err(failure.hint("run it again: it looks at what there is first"));
        }
        tries += 1;
        let now = api.accounts(&place.organization).await?.find(&place.id, ctx)?.account;
        let merged = plan.merge.then_some(plan.document);
        let touched = touched(before, &now, &plan.message, merged);
        if !touched.is_empty() {
            let fields: Vec<&str> = touched.iter().map(|field| field.name()).collect();
            let what = format!("somebody else changed it at the same moment, and with it its {}", fields.join(" and "));
            return Err(Failure::new(Kind::Conflict, what)
                .http_status(409)
                .hint("look at it with --dry-run, which shows what would change now, then run it again"));
        }
        ctx.note("somebody else changed the account or its groups at the same moment, but nothing that this sets: sent again");
        plan.message = message(plan.document, Some(&now), plan.merge);
    }
}
