//! What can be told of Namespace's credential.

use crate::auth::report::{Report, Status};
use crate::auth::{Cloud, Demand};
use crate::context::Context;
use crate::namespace::api::{self, TokensApi};
use crate::namespace::credential::{self, Found};
use crate::namespace::jwt::{Claims, TokenKind};
use crate::namespace::message::ListRequest;

/// Looks at the credential from here and, where that is wanted, asks the
/// server for a single token, which it gives or not to whoever it knows.
pub async fn look(demand: Demand<'_>, ctx: &Context) -> Report {
    let mut report = Report::new(Cloud::Namespace);
    let mut places = credential::places(&ctx.env).into_iter();
    let Some(place) = places.next() else {
        return match credential::find(&ctx.env) {
            Err(failure) => report.failed(Status::Missing, failure),
            Ok(_) => report,
        };
    };
    report.endpoint = api::endpoint(&ctx.env).ok().map(|endpoint| endpoint.authority());
    report.source = Some(place.name());
    report.overrides = places.map(|place| place.name()).collect();
    let found = match credential::find(&ctx.env) {
        Ok(found) => found,
        Err(failure) => return report.failed(Status::Unusable, failure),
    };
    report.path = Some(found.path.clone());
    report.warn_of_readers(&found.path);
    report.describe(&found);
    if let Some(token) = found.session.as_ref().or(found.bearer.as_ref())
        && let Err(failure) = found.check_not_expired(token, ctx.now())
    {
        return report.failed(Status::Expired, failure);
    }
    if demand.offline {
        return report;
    }
    let request = ListRequest { max_entries: 1, ..ListRequest::default() };
    let answer = match TokensApi::with(found, ctx).await {
        Ok(api) => api.list(&request).await.map(|_| ()),
        Err(failure) => Err(failure),
    };
    report.answered(answer)
}

impl Report {
    /// The kind of credential, and what it tells of itself.
    fn describe(&mut self, found: &Found) {
        let Some(token) = found.session.as_ref().or(found.bearer.as_ref()) else { return };
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
