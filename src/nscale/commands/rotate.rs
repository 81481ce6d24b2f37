//! `serviceaccounts rotate`.

use clap::Args;

use crate::context::Context;
use crate::delivery::Purpose;
use crate::error::{Kind, Result};
use crate::nscale::accounts::JUST_CREATED;
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::check_token::check_token;
use crate::nscale::commands::deliver::{TokenFileArgs, deliver};
use crate::nscale::commands::{
    AccountArgs, ChangeArgs, JsonOutputArgs, TOKEN_END, describe, preview_without_payload, resolve,
};
use crate::verb::{CHANGE, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Nscale, Variables::Http, Variables::Delivery], exit_codes: CHANGE })]
#[command(after_help = "\
Examples:
  {program} serviceaccounts rotate --id \"$ID\" --yes
  {program} serviceaccounts rotate --id self --yes --token-file ci.token
  NEW=$({program} serviceaccounts rotate --id self --yes -q .status.accessToken)

The old token normally stops working at once. If it is in use at that moment, it may
keep working for up to an hour. A service account may always rotate itself
(--id self) while its own token is valid.

Neither a rotation nor a delete stops a leaked token at once if it is in use. Remove
the account from its groups first, which takes effect within about a minute:
  echo '{\"spec\":{\"groupIDs\":[]}}' | {program} sa update --id \"$ID\" --merge --yes
Then rotate it.")]
pub struct RotateArgs {
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    token_file: TokenFileArgs,
    #[command(flatten)]
    output: JsonOutputArgs,
}

pub(super) async fn run(args: RotateArgs, ctx: &mut Context) -> Result<()> {
    args.change.show_notes_if_asking(ctx);
    let rendering = args.output.prepare(ctx)?.of_secret();
    let selector = args.account.check(ctx)?;
    args.change.check(ctx)?;
    let delivery = args.token_file.prepare(false, Purpose::Rotate, ctx)?;
    let api = IdentityApi::connect(ctx)?;
    let account = resolve(selector, &api, ctx).await?;
    if args.change.dry_run || args.change.asks() {
        let who = describe(&account, &api, ctx).await?;
        if args.change.dry_run {
            let address = api.rotate_url(&account.organization.id, &account.id);
            return preview_without_payload("POST", &address, &who, Some(rendering), ctx).await;
        }
        ctx.show(&format!("{who}: its old token stops working, {TOKEN_END}."));
        args.change.confirm("Rotate the token?", ctx).await?;
    }
    let again =
        format!("`{} serviceaccounts rotate --org {} --id {} --yes`", ctx.program, account.organization, account.id);
    let lost = format!(
        "the old token may have stopped working: {again} makes another; if the account's own token is rejected now, use an administrator's credential"
    );
    ctx.interrupt.set_unknown_outcome_hint(&lost);
    let reply = match api.rotate(&account.organization.id, &account.id).await {
        Ok(reply) => reply,
        Err(failure) => {
            let failure = failure
                .hint_on(Kind::OutcomeUnknown, || lost)
                .hint_on(Kind::NotFound, || {
                    format!("`{} serviceaccounts list --org {}` shows the ids", ctx.program, account.organization)
                })
                .hint_on(Kind::NotFound, || JUST_CREATED.to_owned())
                .hint_on(Kind::Conflict, || format!("run it again: {again}"));
            return Err(account.organization.hint_on_mismatch(failure, &api).await);
        }
    };
    let undo = format!(
        "if the new token is lost, {again} makes another; if it was the account's own, use an administrator's credential"
    );
    let token = reply.account.status.access_token.clone();
    let groups = reply.account.spec.group_ids.clone();
    let is_for_people = rendering.is_for_people();
    let delivered = deliver(reply, &groups, undo, None, rendering, delivery, ctx).await;
    // The old token is gone: a lost one can only be replaced by another rotation.
    delivered.map_err(|undelivered| {
        if undelivered.is_lost {
            undelivered.failure.hint(format!("the account's token is lost: {again} makes another"))
        } else {
            undelivered.failure
        }
    })?;
    if is_for_people {
        ctx.note(&format!("the old token stops working, {TOKEN_END}: replace it wherever it is used"));
    }
    check_token(token, &api, ctx).await;
    Ok(())
}
