//! `serviceaccounts get`. The server has no such call: it lists and selects.

use clap::Args;
use uuid::Uuid;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::nscale::api::IdentityApi;
use crate::nscale::commands::{AccountSelector, OrganizationArgs, OutputArgs, resolve};
use crate::nscale::organization::{self, SELF};
use crate::nscale::view;
use crate::output::rendering::write_out;
use crate::output::table;
use crate::secret::looks_secret;

#[derive(Debug, Args)]
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
    pub(super) output: OutputArgs,
}

/// Finds the account among all and shows it.
pub(super) async fn run(args: GetArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let organization = organization::given(args.organization.org.as_deref(), ctx)?;
    // What is not an id is looked for too: it goes into no path.
    let selector = match args.id.trim() {
        SELF => AccountSelector::Caller,
        id if looks_secret(id) => return Err(Failure::usage("--id was given a secret; it takes an id")),
        "" => return Err(Failure::usage("--id is empty")),
        id => AccountSelector::Id(Uuid::parse_str(id).map_or_else(|_| id.to_owned(), |id| id.to_string())),
    };
    let api = IdentityApi::connect(ctx)?;
    let account = resolve((organization, selector), &api, ctx).await?;
    let found = account.organization.accounts(&api, ctx).await?.find(&account.id, ctx)?;
    let details = view::details(&found.account, &found.account.spec.group_ids, ctx);
    let bytes = rendering.bytes(|| Ok(found.json), || table::details(&ctx.stdout, &details)).await?;
    write_out(&bytes, ctx)
}
