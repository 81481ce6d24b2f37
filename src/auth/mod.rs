//! `auth status`: which credential each cloud would use, where it comes from,
//! and whether it is good. Never its value.

mod namespace;
mod nscale;
mod report;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::auth::report::{Report, Status};
use crate::context::Context;
use crate::error::{Failure, Result};
use crate::input::duration::lifetime;
use crate::output::rendering::{OutputArgs, write_out};

/// The verbs of `auth`.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Show the credential of each cloud: its source, owner and expiry, and whether it works.
    Status(StatusArgs),
}

impl AuthCommand {
    /// Whether the caller reads output by machine, and so errors too.
    pub fn wants_json(&self) -> bool {
        let Self::Status(args) = self;
        args.output.wants_json()
    }

    /// Runs it.
    ///
    /// # Errors
    /// Not authenticated: a credential that matters is missing, rejected or
    /// ends too soon. Not found: a variable names another organization.
    /// Temporary: a server could not be asked. Usage: a flag cannot be used. Else
    /// as a server says.
    pub async fn run(self, ctx: &mut Context) -> Result<()> {
        let Self::Status(args) = self;
        run(args, ctx).await
    }
}

/// Flags of `auth status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  {program} auth status
  {program} auth status nscale --min-validity 7d
  {program} auth status -q .namespace.expires_at

It asks each server whether it takes the credential, by a call that changes
nothing; a server that cannot be reached says nothing about the credential (exit
code 7). The exit code is 4 where a credential is missing, rejected, expired, or
not known to live as long as --min-validity asks, and 5 where NSCALE_ORGANIZATION_ID
names an organization that a service account does not belong to. The report is
printed in any case. As JSON it has an object for each cloud: status (valid,
not_checked, missing, unusable, expired, expiring, expiry_unknown, rejected,
wrong_organization, unreachable or unclear), credential, source, path, overrides,
identity, expires_at, endpoint, warnings and message.

The expiry of a service token is known where the server tells it; that of a
revokable token (nsrt_…) cannot be told from the token: `token list` shows it, and
`token refresh` makes sure that the token lives on.")]
pub struct StatusArgs {
    /// The clouds whose credential must be good; else those that have any.
    #[arg(value_name = "CLOUD")]
    clouds: Vec<Cloud>,
    /// Demand that credentials live this long from now on, as in 7d.
    #[arg(long = "min-validity", alias = "min_validity", value_name = "DURATION", allow_hyphen_values = true)]
    min_validity: Option<String>,
    /// Ask no server: tell what can be seen from here.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// A cloud that credentials are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cloud {
    /// Namespace, of the token commands.
    Namespace,
    /// Nscale, of the serviceaccounts commands.
    Nscale,
}

impl Cloud {
    fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Nscale => "Nscale",
        }
    }
}

/// What is asked of a credential.
#[derive(Clone, Copy)]
struct Demand<'a> {
    /// How long it must live from now on, and how that was written.
    min_validity: Option<(Duration, &'a str)>,
    /// Whether no server is to be asked.
    offline: bool,
}

/// Looks at the credentials, shows what was seen, and fails where one that
/// matters is not good.
async fn run(args: StatusArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let min_validity = match args.min_validity.as_deref() {
        Some(text) => Some((lifetime("--min-validity", text)?, text)),
        None => None,
    };
    let demand = Demand { min_validity, offline: args.offline };
    let wanted = |cloud: Cloud| args.clouds.is_empty() || args.clouds.contains(&cloud);
    // An address that cannot be used is told before anybody is asked.
    let namespace = wanted(Cloud::Namespace).then(|| crate::namespace::api::endpoint(&ctx.env)).transpose()?;
    let nscale = wanted(Cloud::Nscale).then(|| crate::nscale::api::endpoint(&ctx.env)).transpose()?;
    let (namespace, nscale) = tokio::join!(async { Some(namespace::look(namespace?, demand, ctx).await) }, async {
        Some(nscale::look(nscale?, demand, ctx).await)
    },);
    let mut reports: Vec<Report> = namespace.into_iter().chain(nscale).collect();
    for report in &mut reports {
        report.warn_of_undelivered(ctx);
        report.hold_to(demand, ctx);
        report.warnings.iter().for_each(|warning| ctx.warn(warning));
    }
    let bytes = rendering.bytes(|| Ok(report::json(&reports)), || report::text(&reports, ctx)).await;
    let shown = bytes.and_then(|bytes| write_out(&bytes, ctx));
    // A reader that went away does not make a credential good.
    verdict(reports, !args.clouds.is_empty()).and(shown)
}

/// What several have in common.
fn summary(statuses: &[Status]) -> &'static str {
    let is_open = |status: &Status| matches!(status, Status::Unreachable | Status::Unclear | Status::ExpiryUnknown);
    if statuses.iter().all(|status| *status == Status::Unreachable) {
        "neither server could be asked"
    } else if statuses.iter().any(is_open) {
        "neither credential is known to be good"
    } else {
        "neither credential is good"
    }
}

/// The failure of the credentials that matter: of those that were named, else
/// of those that there are.
fn verdict(reports: Vec<Report>, is_named: bool) -> Result<()> {
    let has_any = reports.iter().any(|report| report.status != Status::Missing);
    let matters = |report: &Report| is_named || !has_any || report.status != Status::Missing;
    let (statuses, mut failures): (Vec<Status>, Vec<Failure>) = reports
        .into_iter()
        .filter(matters)
        .filter_map(|report| Some((report.status, report.failure?.about(report.cloud.name()))))
        .unzip();
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => Err(Failure::of_several(summary(&statuses), failures)),
    }
}
