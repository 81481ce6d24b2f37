//! The command `serviceaccounts`.

mod check_token;
mod create;
mod delete;
mod deliver;
mod get;
mod input;
mod interactive;
mod list;
mod rotate;
mod update;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::json;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::input::prompt::{can_ask, confirm};
use crate::nscale::api::IdentityApi;
use crate::nscale::messages::AccountWrite;
use crate::nscale::organization::{self, Organization, SELF, canonical_id};
use crate::output::query::QueryArgs;
use crate::output::rendering::{Output, write_out};

#[derive(Debug, Subcommand)]
pub enum ServiceAccountsCommand {
    /// List service accounts in an organization.
    List(list::ListArgs),
    /// Get service account details.
    Get(get::GetArgs),
    /// Create a new service account. Supports interactive mode or JSON input.
    Create(create::CreateArgs),
    /// Update an existing service account.
    Update(update::UpdateArgs),
    /// Rotate a service account token. The old token is invalidated and a new one is returned.
    Rotate(rotate::RotateArgs),
    /// Delete an existing service account.
    Delete(delete::DeleteArgs),
}

impl ServiceAccountsCommand {
    /// # Errors
    /// Those of the verb.
    pub async fn run(self, ctx: &mut Context) -> Result<()> {
        match self {
            Self::List(args) => list::run(args, ctx).await,
            Self::Get(args) => get::run(args, ctx).await,
            Self::Create(args) => create::run(args, ctx).await,
            Self::Update(args) => update::run(args, ctx).await,
            Self::Rotate(args) => rotate::run(args, ctx).await,
            Self::Delete(args) => delete::run(args, ctx).await,
        }
    }
}

#[derive(Debug, Args)]
struct OrganizationArgs {
    /// Organization ID. Default: NSCALE_ORGANIZATION_ID, else the only one that the credential can access.
    #[arg(long, value_name = "ID")]
    org: Option<String>,
}

#[derive(Debug, Args)]
struct AccountArgs {
    /// Service account ID, or `self` for the one that the credential belongs to.
    #[arg(long, value_name = "ID")]
    id: String,
    #[command(flatten)]
    organization: OrganizationArgs,
}

/// When a token stops working after a rotation or a delete: the server caches its checks of
/// tokens.
const TOKEN_END: &str = "normally at once; up to an hour later where it is in use at that moment";

struct AccountRef {
    organization: Organization,
    id: String,
}

/// How the flags select an account.
enum AccountSelector {
    Id(String),
    Caller,
}

impl AccountArgs {
    /// Checks the ids before anything is sent. Returns the organization, if one is set, and
    /// the account.
    fn check(&self, ctx: &Context) -> Result<(Option<Organization>, AccountSelector)> {
        let org = self.organization.org.as_ref().map(|org| format!(" --org {org}")).unwrap_or_default();
        let hint = format!("`{} serviceaccounts list{org}` shows the ids", ctx.program);
        let selector = match self.id.trim() {
            SELF => AccountSelector::Caller,
            id => AccountSelector::Id(canonical_id("--id", id, &hint)?),
        };
        Ok((organization::from_flag_or_env(self.organization.org.as_deref(), ctx)?, selector))
    }
}

/// Asks the server for the ids that the flags do not set.
async fn resolve(
    (mut organization, selector): (Option<Organization>, AccountSelector),
    api: &IdentityApi,
    ctx: &mut Context,
) -> Result<AccountRef> {
    let id = match selector {
        AccountSelector::Id(id) => id,
        AccountSelector::Caller => {
            let caller = api.userinfo().await?;
            if let (None, [only]) = (&organization, caller.authz.org_ids.as_slice()) {
                let id =
                    canonical_id("the caller's organization", only, "the server returned an invalid id; pass --org")?;
                organization = Some(Organization::from_server(id));
            }
            if !caller.is_service_account() {
                return Err(Failure::usage("the credential belongs to no service account, so --id self names none")
                    .hint(format!("`{} serviceaccounts list` shows the ids", ctx.program)));
            }
            if let Some(organization) = &organization {
                organization.check(&caller)?;
            }
            canonical_id("the caller's id", &caller.sub, "the server returned an invalid id; pass --id")?
        }
    };
    let organization = organization::resolve(organization, api, ctx).await?;
    Ok(AccountRef { organization, id })
}

#[derive(Debug, Args)]
struct JsonOutputArgs {
    /// Emit the full JSON payload (mutually exclusive with -q).
    #[arg(long, conflicts_with = "filters")]
    json: bool,
    #[command(flatten)]
    query: QueryArgs,
}

impl JsonOutputArgs {
    fn prepare(&self, ctx: &Context) -> Result<Output> {
        Output::prepare(self.json, &self.query, "--json", ctx)
    }
}

#[derive(Debug, Args)]
struct ChangeArgs {
    /// Preview the request payload without persisting.
    #[arg(long = "dry-run")]
    dry_run: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    yes: bool,
}

impl ChangeArgs {
    /// Fails if a confirmation is required and cannot be asked for.
    fn check(&self, ctx: &Context) -> Result<()> {
        if self.dry_run || self.yes || can_ask(ctx) {
            return Ok(());
        }
        let message = if ctx.stdin.is_terminal() {
            "standard error is not a terminal, cannot ask for confirmation"
        } else {
            "standard input is not a terminal, cannot ask for confirmation"
        };
        Err(Failure::usage(message).hint("confirm with --yes, or look first with --dry-run"))
    }

    /// Shows notes immediately if a question will be asked, so that they come before it.
    fn show_notes_if_asking(&self, ctx: &mut Context) {
        if self.asks() {
            ctx.show_notes_now();
        }
    }

    /// Whether the question will be asked.
    fn asks(&self) -> bool {
        !self.dry_run && !self.yes
    }

    /// Asks unless --yes or --dry-run was given. The question must fit on one line.
    async fn confirm(&self, question: &str, ctx: &mut Context) -> Result<()> {
        if !self.asks() || confirm(ctx, question).await? {
            return Ok(());
        }
        Err(Failure::new(Kind::Interrupted, "declined; nothing was changed"))
    }
}

/// Shows the payload that would be sent.
async fn preview(request: &str, message: &AccountWrite, rendering: Output, ctx: &mut Context) -> Result<()> {
    let payload = to_json(message)?;
    // The payload is JSON, with and without --json.
    let bytes = rendering.as_json().bytes(|| Ok(payload), String::new).await?;
    write_out(&bytes, ctx)?;
    ctx.note(&format!("dry run: nothing was changed; this is the payload of {request}"));
    Ok(())
}

fn to_json(message: &impl Serialize) -> Result<String> {
    serde_json::to_string(message).map_err(|error| Failure::unexpected("the request cannot be written").source(error))
}

/// Shows the request that would be sent, which has no payload.
async fn preview_without_payload(
    method: &str,
    address: &str,
    who: &str,
    rendering: Option<Output>,
    ctx: &mut Context,
) -> Result<()> {
    let line = format!("{method} {address}\n");
    let bytes = match rendering {
        Some(rendering) => {
            let payload = to_json(&json!({ "method": method, "url": address }))?;
            rendering.bytes(|| Ok(payload), || line).await?
        }
        None => line.into_bytes(),
    };
    write_out(&bytes, ctx)?;
    ctx.note(&format!("dry run: nothing was changed; the request has no payload. {who}"));
    Ok(())
}

/// The account for a question: its name and id, or only the id if the credential may not
/// read accounts.
async fn describe(account: &AccountRef, api: &IdentityApi, ctx: &mut Context) -> Result<String> {
    match account.organization.accounts(api, ctx).await {
        Ok(accounts) => {
            let reply = accounts.find(&account.id, ctx)?;
            Ok(format!("Service account {} ({})", reply.account.metadata.name, account.id))
        }
        Err(failure) if failure.kind() == Kind::NotPermitted => Ok(format!("Service account {}", account.id)),
        Err(failure) => Err(failure),
    }
}
