//! `serviceaccounts` and its verbs.

mod create;
mod delete;
mod get;
mod input;
mod interactive;
mod list;
mod minted;
mod rotate;
mod trial;
mod update;

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::input::prompt::{can_ask, confirm};
use crate::nscale::api::IdentityApi;
use crate::nscale::message::AccountWrite;
use crate::nscale::organization::{self, Organization, SELF, canonical_id};
use crate::output::query::QueryArgs;
use crate::output::rendering::{Output, write_out};

/// The verbs of `serviceaccounts`.
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
    /// Whether the caller reads output by machine, and so errors too.
    pub fn wants_json(&self) -> bool {
        match self {
            Self::List(args) => args.output.wants_json(),
            Self::Get(args) => args.output.wants_json(),
            Self::Create(args) => args.output.wants_json(),
            Self::Update(args) => args.output.wants_json(),
            Self::Rotate(args) => args.output.wants_json(),
            Self::Delete(_) => false,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// As the verb says.
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

/// `--org`.
#[derive(Debug, Args)]
struct OrganizationArgs {
    /// Organization ID; else NSCALE_ORGANIZATION_ID, else the only one that the credential can see.
    #[arg(long, value_name = "ID")]
    org: Option<String>,
}

/// `--org` and `--id`.
#[derive(Debug, Args)]
struct AccountArgs {
    /// Service account ID, or `self` for the one that the credential belongs to.
    #[arg(long, value_name = "ID")]
    id: String,
    #[command(flatten)]
    organization: OrganizationArgs,
}

/// When the token that a rotation or a delete ends stops working: the server
/// remembers for a while that it checked one.
const ITS_END: &str = "normally at once; up to an hour later where it is in use at that moment";

/// An account on the server, by its ids.
struct Place {
    organization: Organization,
    id: String,
}

/// An account as the flags name it, before anything is sent.
enum Named {
    Id(String),
    Oneself,
}

impl AccountArgs {
    /// Looks at the ids before anything is sent. Gives the organization, if it
    /// is given, and the account.
    fn check(&self, ctx: &Context) -> Result<(Option<Organization>, Named)> {
        let org = self.organization.org.as_ref().map(|org| format!(" --org {org}")).unwrap_or_default();
        let hint = format!("`{} serviceaccounts list{org}` shows the ids", ctx.program);
        let named = match self.id.trim() {
            SELF => Named::Oneself,
            id => Named::Id(canonical_id("--id", id, &hint)?),
        };
        Ok((organization::given(self.organization.org.as_deref(), ctx)?, named))
    }
}

/// Finds out what the flags left open.
async fn locate(
    (mut organization, named): (Option<Organization>, Named),
    api: &IdentityApi,
    ctx: &mut Context,
) -> Result<Place> {
    let id = match named {
        Named::Id(id) => id,
        Named::Oneself => {
            let caller = api.userinfo().await?;
            if let (None, [only]) = (&organization, caller.authz.org_ids.as_slice()) {
                let id = canonical_id("the caller's organization", only, "the server told it; give --org instead")?;
                organization = Some(Organization::told(id));
            }
            if !caller.is_service_account() {
                return Err(Failure::usage("the credential belongs to no service account, so --id self means nothing")
                    .hint(format!("`{} serviceaccounts list` shows the ids", ctx.program)));
            }
            if let Some(organization) = &organization {
                organization.check(&caller)?;
            }
            canonical_id("the caller's id", &caller.sub, "the server told it; give --id instead")?
        }
    };
    let organization = organization::resolve(organization, api, ctx).await?;
    Ok(Place { organization, id })
}

/// `--json` and `-q`.
#[derive(Debug, Args)]
struct OutputArgs {
    /// Emit the full JSON payload (mutually exclusive with -q).
    #[arg(long, conflicts_with = "filters")]
    json: bool,
    #[command(flatten)]
    query: QueryArgs,
}

impl OutputArgs {
    fn wants_json(&self) -> bool {
        self.json || self.query.is_given()
    }

    fn prepare(&self, ctx: &Context) -> Result<Output> {
        Output::prepare(self.json, &self.query, "--json", ctx)
    }
}

/// `--dry-run` and `--yes`.
#[derive(Debug, Args)]
struct ChangeArgs {
    /// Preview the request payload without persisting.
    #[arg(long = "dry-run", alias = "dry_run")]
    dry_run: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    yes: bool,
}

impl ChangeArgs {
    /// Refuses at once where somebody would have to be asked and nobody is
    /// there.
    fn check(&self, ctx: &Context) -> Result<()> {
        if self.dry_run || self.yes || can_ask(ctx) {
            return Ok(());
        }
        let why = if std::io::stdin().is_terminal() {
            "standard error leads elsewhere, so that nobody can be asked for confirmation"
        } else {
            "there is no terminal to ask for confirmation at"
        };
        Err(Failure::usage(why).hint("confirm with --yes, or look first with --dry-run"))
    }

    /// Lets nothing wait until the end where somebody will be asked: they
    /// must know it before.
    fn speak_up(&self, ctx: &mut Context) {
        if self.asks() {
            ctx.held = None;
        }
    }

    /// Whether the question will be asked.
    fn asks(&self) -> bool {
        !self.dry_run && !self.yes
    }

    /// Asks, unless the answer was given beforehand. The question is short, so
    /// that it stands on one line.
    async fn confirm(&self, question: &str, ctx: &mut Context) -> Result<()> {
        if !self.asks() || confirm(ctx, question).await? {
            return Ok(());
        }
        Err(Failure::new(Kind::Interrupted, "declined; nothing was changed"))
    }
}

/// Shows the payload that would be sent.
async fn preview(request: &str, message: &AccountWrite, rendering: Output, ctx: &mut Context) -> Result<()> {
    let payload = serde_json::to_string(message)
        .map_err(|error| Failure::unexpected("the request cannot be written").source(error))?;
    // It is JSON, whether or not that was asked for.
    let bytes = rendering.as_json().bytes(|| Ok(payload), String::new).await?;
    write_out(&bytes, ctx)?;
    ctx.note(&format!("dry run: nothing was changed; this is the payload of {request}"));
    Ok(())
}

/// Shows the request that would be sent, which has no payload.
async fn preview_bare(
    method: &str,
    address: &str,
    who: &str,
    rendering: Option<Output>,
    ctx: &mut Context,
) -> Result<()> {
    let line = format!("{method} {address}\n");
    let bytes = match rendering {
        Some(rendering) => {
            let payload = json!({ "method": method, "url": address }).to_string();
            rendering.bytes(|| Ok(payload), || line).await?
        }
        None => line.into_bytes(),
    };
    write_out(&bytes, ctx)?;
    ctx.note(&format!("dry run: nothing was changed; the request has no payload. {who}"));
    Ok(())
}

/// Looks an account up, and names it as a question does. One that may not be
/// read goes by its id.
async fn look(place: &Place, api: &IdentityApi, ctx: &mut Context) -> Result<String> {
    match place.organization.accounts(api, ctx).await {
        Ok(accounts) => {
            let found = accounts.find(&place.id, ctx)?;
            Ok(format!("Service account {} ({})", found.account.metadata.name, place.id))
        }
        Err(failure) if failure.kind() == Kind::NotPermitted => Ok(format!("Service account {}", place.id)),
        Err(failure) => Err(failure),
    }
}
