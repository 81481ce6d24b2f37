//! `serviceaccounts get`. The server has no such call, so this lists all accounts.

use clap::Args;
use uuid::Uuid;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::{AccountSelector, JsonOutputArgs, OrganizationArgs, resolve};
use crate::nscale::organization::{self, SELF};
use crate::nscale::view;
use crate::output::rendering::write_out;
use crate::output::table;
use crate::secret::looks_secret;
use crate::verb::{READ, Variables, Verb};

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Nscale, Variables::Http], exit_codes: READ })]
#[command(after_help = "\
Examples:
  {program} serviceaccounts get --id \"$ID\"
  {program} serviceaccounts get --id self -q .status.expiry")]
pub struct GetArgs {
    /// Service account ID, or `self` for the one that the credential belongs to.
    #[arg(long, value_name = "ID")]
    id: String,
    #[command(flatten)]
    organization: OrganizationArgs,
    #[command(flatten)]
    output: JsonOutputArgs,
}

pub(super) async fn run(args: GetArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let organization = organization::from_flag_or_env(args.organization.org.as_deref(), ctx)?;
    // A value that is not a UUID is allowed, since it does not become part of a path.
    let selector = match args.id.trim() {
        SELF => AccountSelector::Caller,
        id if looks_secret(id) => return Err(Failure::usage("--id was given a secret; it takes an id")),
        "" => return Err(Failure::usage("--id is empty")),
        id => AccountSelector::Id(Uuid::parse_str(id).map_or_else(|_| id.to_owned(), |id| id.to_string())),
    };
    let api = IdentityApi::connect(ctx)?;
    let account = resolve((organization, selector), &api, ctx).await?;
    let reply = account.organization.accounts(&api, ctx).await?.find(&account.id, ctx)?;
    let details = view::details(&reply.account, &reply.account.spec.group_ids, ctx);
    let bytes = rendering.bytes(|| Ok(reply.json), || table::details(&ctx.stdout, &details)).await?;
    write_out(&bytes, ctx)
}
