//! `serviceaccounts delete`.

use clap::Args;

use crate::context::Context;
use crate::error::{Kind, Result};
use crate::nscale::accounts::JUST_CREATED;
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::{AccountArgs, ChangeArgs, TOKEN_END, describe, preview_without_payload, resolve};
use crate::output::rendering::write_out;
use crate::verb::{CHANGE, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Nscale, Variables::Http], exit_codes: CHANGE })]
#[command(after_help = "\
Examples:
  {program} serviceaccounts delete --id \"$ID\"
  {program} serviceaccounts delete --id \"$ID\" --yes

The account's token normally stops working at once. If it is in use at that moment,
it may keep working for up to an hour, with its permissions. After a leak, remove
the account from its groups first, which takes effect within about a minute:
  echo '{\"spec\":{\"groupIDs\":[]}}' | {program} sa update --id \"$ID\" --merge --yes")]
pub struct DeleteArgs {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(args: DeleteArgs, ctx: &mut Context) -> Result<()> {
    let selector = args.account.check(ctx)?;
    args.change.check(ctx)?;
    let api = IdentityApi::connect(ctx)?;
    let account = resolve(selector, &api, ctx).await?;
    if args.change.dry_run || args.change.asks() {
        let who = describe(&account, &api, ctx).await?;
        if args.change.dry_run {
            let address = api.account_url(&account.organization.id, &account.id);
            return preview_without_payload("DELETE", &address, &who, None, ctx).await;
        }
        ctx.show(&format!("{who}: its token stops working, {TOKEN_END}."));
        args.change.confirm("Delete the account?", ctx).await?;
    }
    let program = ctx.program;
    if let Err(failure) = api.delete(&account.organization.id, &account.id).await {
        let failure = failure
            .hint_on(Kind::NotFound, || {
                let organization = &account.organization;
                format!("it may be deleted already: `{program} serviceaccounts list --org {organization}` shows all")
            })
            .hint_on(Kind::NotFound, || JUST_CREATED.to_owned())
            .hint_on(Kind::OutcomeUnknown, || "run it again: that can do no harm".to_owned());
        return Err(account.organization.hint_on_mismatch(failure, &api).await);
    }
    write_out(format!("Successfully deleted service account {}\n", account.id).as_bytes(), ctx)
}
