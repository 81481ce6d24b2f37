//! `auth status`: which credential each cloud would use, where it comes from,
//! and whether it is good. Never its value.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use futures_util::future::join_all;

use crate::cloud::{CLOUDS, Cloud};
use crate::context::Context;
use crate::credential::report::{self, Report, Status};
use crate::error::{Failure, Result};
use crate::http::endpoint::Endpoint;
use crate::input::duration::lifetime;
use crate::output::rendering::{OutputArgs, write_out};
use crate::provider::{Demand, Provider};
use crate::{namespace, nscale};

const PROVIDERS: [&Provider; 2] = [&namespace::PROVIDER, &nscale::PROVIDER];

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
    #[arg(value_name = "CLOUD", value_parser = cloud_value())]
    clouds: Vec<&'static Cloud>,
    /// Demand that credentials live this long from now on, as in 7d.
    #[arg(long = "min-validity", alias = "min_validity", value_name = "DURATION", allow_hyphen_values = true)]
    min_validity: Option<String>,
    /// Ask no server: tell what can be seen from here.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn cloud_value() -> impl TypedValueParser<Value = &'static Cloud> {
    PossibleValuesParser::new(CLOUDS.iter().map(|cloud| PossibleValue::new(cloud.id).help(cloud.about)))
        .try_map(|id| Cloud::by_id(&id).ok_or("not a cloud"))
}

/// Looks at the credentials, shows what was seen, and fails where one that
/// matters is not good.
async fn run(args: StatusArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let min_validity = match args.min_validity.as_deref() {
        Some(text) => Some((lifetime("--min-validity", text)?, text)),
        None => None,
    };
    let demand = Demand { min_validity, is_offline: args.offline };
    let wanted = PROVIDERS.iter().filter(|provider| args.clouds.is_empty() || args.clouds.contains(&provider.cloud));
    // An address that cannot be used is told before anybody is asked.
    let wanted: Vec<(&Provider, Endpoint)> =
        wanted.map(|provider| Ok((*provider, (provider.endpoint)(&ctx.env)?))).collect::<Result<_>>()?;
    let reports = wanted.into_iter().map(|(provider, endpoint)| (provider.report)(endpoint, demand, ctx));
    let mut reports = join_all(reports).await;
    for report in &mut reports {
        report.warn_of_undelivered(ctx);
        if let Some((needed, asked)) = min_validity {
            report.require_validity(needed, asked, ctx.now());
        }
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
        "no server could be asked"
    } else if statuses.iter().any(is_open) {
        "no credential is known to be good"
    } else {
        "no credential is good"
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
        .filter_map(|report| Some((report.status, report.failure?.about(report.cloud.name))))
        .unzip();
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => Err(Failure::of_several(summary(&statuses), failures)),
    }
}
