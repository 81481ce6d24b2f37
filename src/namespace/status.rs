//! The report of `auth status` on the credential for Namespace.

use crate::cloud::NAMESPACE;
use crate::context::Context;
use crate::credential::report::{Report, Status};
use crate::http::endpoint::Endpoint;
use crate::namespace::api::TokensApi;
use crate::namespace::credential::{self, LOG_IN};
use crate::namespace::jwt::{Claims, TokenKind};
use crate::provider::StatusOptions;
use crate::secret::Secret;

/// Examines the credential locally and, unless offline, asks the server whether it
/// accepts it.
pub async fn report(endpoint: Endpoint, options: StatusOptions<'_>, ctx: &Context) -> Report {
    let (sources, credential) = (credential::sources(&ctx.env), credential::find(&ctx.env));
    let (mut report, credential) = Report::begin(&NAMESPACE, &endpoint, sources, credential);
    let Some(credential) = credential else { return report };
    report.warnings.extend(credential.warning());
    // A session that has not expired is valid for longer than the token it is exchanged for.
    let is_current = |token: &&Secret| credential.check_not_expired(token, ctx.now()).is_ok();
    let (session, bearer) = (credential.token.session.as_ref(), credential.token.bearer.as_ref());
    if let Some(token) = session.filter(is_current).or(bearer).or(session) {
        report.describe_token(token);
        if let Err(failure) = credential.check_not_expired(token, ctx.now()) {
            return report.failed(Status::Expired, failure);
        }
    }
    report.renewal = renewal(&report, options, ctx);
    if options.is_offline {
        return report;
    }
    let result = match TokensApi::with(endpoint, credential, ctx).await {
        Ok(api) => api.check().await,
        Err(failure) => Err(failure),
    };
    report.with_call_result(result)
}

fn renewal(report: &Report, options: StatusOptions<'_>, ctx: &Context) -> String {
    let (program, duration) = (ctx.program, options.min_validity.map_or("24h", |(_, text)| text));
    match report.kind {
        Some(("session" | "tenant", _)) => LOG_IN.to_owned(),
        _ => format!(
            "`{program} token list` shows when tokens expire; `{program} token refresh --token_id ID --minimum_duration {duration}` extends one"
        ),
    }
}

impl Report {
    /// Adds the kind of the token, and its claims.
    fn describe_token(&mut self, token: &Secret) {
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
