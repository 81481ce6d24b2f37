//! `serviceaccounts list`.

use clap::Args;

use crate::context::Context;
use crate::error::Result;
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::{JsonOutputArgs, OrganizationArgs};
use crate::nscale::{organization, view};
use crate::output::rendering::write_out;
use crate::output::table;
use crate::verb::{READ, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Nscale, Variables::Http], exit_codes: READ })]
#[command(after_help = "\
Examples:
  {program} serviceaccounts list
  {program} serviceaccounts list --json
  {program} serviceaccounts list -q '.[] | [.metadata.id, .metadata.name, .status.expiry] | @tsv'")]
pub struct ListArgs {
    #[command(flatten)]
    organization: OrganizationArgs,
    #[command(flatten)]
    output: JsonOutputArgs,
}

pub(super) async fn run(args: ListArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let organization = organization::from_flag_or_env(args.organization.org.as_deref(), ctx)?;
    let api = IdentityApi::connect(ctx)?;
    let organization = organization::resolve(organization, &api, ctx).await?;
    let accounts = organization.accounts(&api, ctx).await?;
    if !rendering.is_for_people() {
        let bytes = rendering.bytes(|| Ok(accounts.json), String::new).await?;
        return write_out(&bytes, ctx);
    }
    let mut listing = view::listing();
    accounts.each(|account| listing.rows.push(view::row(account, ctx)))?;
    if listing.rows.is_empty() {
        ctx.note("no service accounts found");
        return Ok(());
    }
    let listing = table::listing(&ctx.stdout, listing);
    write_out(listing.as_bytes(), ctx)
}
