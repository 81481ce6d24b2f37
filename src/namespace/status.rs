//! What can be told of Namespace's credential.

use crate::cloud::NAMESPACE;
use crate::context::Context;
use crate::credential::report::{Report, Status};
use crate::http::endpoint::Endpoint;
use crate::namespace::api::TokensApi;
use crate::namespace::credential::{self, LOG_IN};
use crate::namespace::jwt::{Claims, TokenKind};
use crate::provider::Demand;
use crate::secret::Secret;

/// Looks at the credential from here and, where that is wanted, asks the
/// server.
pub async fn report(endpoint: Endpoint, demand: Demand<'_>, ctx: &Context) -> Report {
    let (sources, found) = (credential::sources(&ctx.env), credential::find(&ctx.env));
    let (mut report, found) = Report::begin(&NAMESPACE, &endpoint, sources, found);
    let Some(found) = found else { return report };
    report.warnings.extend(found.warning());
    // A session outlives what it is exchanged for, unless it is over.
    let lives = |token: &&Secret| found.check_not_expired(token, ctx.now()).is_ok();
    let (session, bearer) = (found.token.session.as_ref(), found.token.bearer.as_ref());
    if let Some(token) = session.filter(lives).or(bearer).or(session) {
        report.describe(token);
        if let Err(failure) = found.check_not_expired(token, ctx.now()) {
            return report.failed(Status::Expired, failure);
        }
    }
    report.renewal = renewal(&report, demand, ctx);
    if demand.is_offline {
        return report;
    }
    let answer = match TokensApi::with(endpoint, found, ctx).await {
        Ok(api) => api.check().await,
        Err(failure) => Err(failure),
    };
    report.answered(answer)
}

fn renewal(report: &Report, demand: Demand<'_>, ctx: &Context) -> String {
    let (program, asked) = (ctx.program, demand.min_validity.map_or("24h", |(_, asked)| asked));
    match report.kind {
        Some(("session" | "tenant", _)) => LOG_IN.to_owned(),
        _ => format!(
            "`{program} token list` shows when tokens end; `{program} token refresh --token_id ID --minimum_duration {asked}` extends one"
        ),
    }
}

impl Report {
    /// The kind of credential, and what it tells of itself.
    fn describe(&mut self, token: &Secret) {
        self.kind = Some(match TokenKind::of_secret(token) {
            TokenKind::Session => ("session", "login session"),
            TokenKind::Tenant => ("tenant", "tenant token"),
            TokenKind::Workload => ("workload", "workload token"),
            TokenKind::Revokable => ("revokable", "revokable token"),
            TokenKind::Id | TokenKind::Other => ("unknown", "token of an unknown kind"),
        });
        let Some(claims) = Claims::of(token) else { return };
        self.expires_at = claims.expiry();
        self.identity.extend(claims.tenant_id.map(|id| ("workspace", id)));
        self.identity.extend(claims.actor_id.map(|id| ("actor", id)));
    }
}
