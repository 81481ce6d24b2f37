//! `auth status`: which credential is used for each cloud, where it comes from, and
//! whether it is valid. Its value is never shown.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use futures_util::future::LocalBoxFuture;

use crate::cloud::{CLOUDS, Cloud};
use crate::context::Context;
use crate::credential::report::{self, Report, Status};
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::input::duration::lifetime;
use crate::output::rendering::{OutputArgs, write_out};
use crate::provider::{Provider, ReportFuture, StatusOptions};
use crate::verb::{Variables, Verb};
use crate::{namespace, nscale};

const PROVIDERS: [&Provider; 2] = [&namespace::PROVIDER, &nscale::PROVIDER];

#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Show the credential of each cloud: its source, owner and expiry, and whether it works.
    Status(StatusArgs),
}

impl AuthCommand {
    /// # Errors
    /// Not authenticated: a required credential is missing, rejected or expires too
    /// soon. Not found: a variable names another organization. Temporary: a server
    /// could not be reached. Usage: a flag cannot be used.
    pub async fn run(self, ctx: &mut Context) -> Result<()> {
        let Self::Status(args) = self;
        run(args, ctx).await
    }
}

const EXIT_CODES: &[Kind] =
    &[Kind::Unexpected, Kind::Usage, Kind::NotAuthenticated, Kind::NotFound, Kind::Temporary, Kind::Interrupted];

#[derive(Debug, Args)]
#[command(add = Verb { variables: &[Variables::Namespace, Variables::Nscale, Variables::Http], exit_codes: EXIT_CODES })]
#[command(after_help = "\
Examples:
  {program} auth status
  {program} auth status nscale --min-validity 7d
  {program} auth status -q .namespace.expires_at

Each server is asked whether it accepts the credential, by a call that changes
nothing. If a server cannot be reached, the exit code is 7. It is 4 if a credential
is missing, rejected, expired, or not known to be valid for as long as
--min-validity requires, and 5 if NSCALE_ORGANIZATION_ID names an organization that
the service account does not belong to. The report is printed in any case.

As JSON the report has an object for each cloud: status (valid, not_checked, missing,
unusable, expired, expiring, expiry_unknown, rejected, wrong_organization, unreachable
or unclear), credential, source, path, overrides, identity, expires_at, endpoint,
warnings and message.

The expiry of a service token is known if the server returns it. The expiry of a
revokable token (nsrt_…) cannot be read from the token: `token list` shows it, and
`token refresh` extends it.")]
pub struct StatusArgs {
    /// The clouds whose credential must be valid. Default: those that have one.
    #[arg(value_name = "CLOUD", value_parser = cloud_value())]
    clouds: Vec<&'static Cloud>,
    /// Require credentials to stay valid for this long from now, such as 7d.
    #[arg(long = "min-validity", value_name = "DURATION", allow_hyphen_values = true)]
    min_validity: Option<String>,
    /// Contact no server: report only what can be read locally.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: OutputArgs,
}

fn cloud_value() -> impl TypedValueParser<Value = &'static Cloud> {
    PossibleValuesParser::new(CLOUDS.iter().map(|cloud| PossibleValue::new(cloud.id).help(cloud.about)))
        .try_map(|id| Cloud::by_id(&id).ok_or("not a cloud"))
}

/// Examines the credentials, shows a report on each, and fails if a required one is not
/// valid.
async fn run(args: StatusArgs, ctx: &mut Context) -> Result<()> {
    let rendering = args.output.prepare(ctx)?;
    let min_validity = match args.min_validity.as_deref() {
        Some(text) => Some((lifetime("--min-validity", text)?, text)),
        None => None,
    };
    let options = StatusOptions { min_validity, is_offline: args.offline };
    let selected = PROVIDERS.iter().filter(|provider| args.clouds.is_empty() || args.clouds.contains(&provider.cloud));
    // An unusable address is reported before any server is called.
    let selected: Vec<(&Provider, Endpoint)> =
        selected.map(|provider| Ok((*provider, (provider.endpoint)(&ctx.env)?))).collect::<Result<_>>()?;
    let reports = selected.into_iter().map(|(provider, endpoint)| (provider.report)(endpoint, options, ctx));
    let mut reports = all_at_once(reports).await;
    for report in &mut reports {
        report.warn_of_undelivered(ctx);
        if let Some((min_validity, text)) = min_validity {
            report.require_validity(min_validity, text, ctx.now());
        }
        report.warnings.iter().for_each(|warning| ctx.warn(warning));
    }
    let bytes = rendering.bytes(|| Ok(report::json(&reports)), || report::text(&reports, ctx)).await;
    let shown = bytes.and_then(|bytes| write_out(&bytes, ctx));
    // The failure of a credential is reported even if the output was not read.
    check(reports, !args.clouds.is_empty()).and(shown)
}

async fn all_at_once<'a>(reports: impl Iterator<Item = ReportFuture<'a>>) -> Vec<Report> {
    let mut all: LocalBoxFuture<'a, Vec<Report>> = Box::pin(async { Vec::new() });
    for report in reports {
        all = Box::pin(async {
            let (mut reports, report) = tokio::join!(all, report);
            reports.push(report);
            reports
        });
    }
    all.await
}

fn summary(statuses: &[Status]) -> &'static str {
    let is_undetermined =
        |status: &Status| matches!(status, Status::Unreachable | Status::Unclear | Status::ExpiryUnknown);
    if statuses.iter().all(|status| *status == Status::Unreachable) {
        "no server could be reached"
    } else if statuses.iter().any(is_undetermined) {
        "no credential is known to be valid"
    } else {
        "no credential is valid"
    }
}

/// Fails if a required credential is not valid. If clouds were named, theirs are
/// required, else those that exist.
fn check(reports: Vec<Report>, has_named_clouds: bool) -> Result<()> {
    let has_any = reports.iter().any(|report| report.status != Status::Missing);
    let is_required = |report: &Report| has_named_clouds || !has_any || report.status != Status::Missing;
    let (statuses, mut failures): (Vec<Status>, Vec<Failure>) = reports
        .into_iter()
        .filter(is_required)
        .filter_map(|report| Some((report.status, report.failure?.about(report.cloud.name))))
        .unzip();
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0)),
        _ => Err(Failure::of_several(summary(&statuses), failures)),
    }
}
