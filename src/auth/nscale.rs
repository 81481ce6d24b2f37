//! What can be told of Nscale's credential.

use crate::auth::report::Report;
use crate::auth::{Cloud, Demand};
use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::nscale::api::IdentityApi;
use crate::nscale::credential;
use crate::nscale::organization::canonical_id;

/// Looks at the credential from here and, where that is wanted, asks the
/// server whose it is. A service account may always see itself, and with that
/// when its token ends.
pub async fn look(endpoint: Endpoint, demand: Demand<'_>, ctx: &Context) -> Report {
    let env = &ctx.env;
    let places = credential::places(env).into_iter().map(str::to_owned).collect();
    let (mut report, found) = Report::begin(Cloud::Nscale, &endpoint, places, credential::find(env));
    let Some(found) = found else { return report };
    if let Some(path) = &found.path {
        report.warn_of_readers(path);
        report.path = Some(path.clone());
    }
    report.kind = Some(("service", "service token"));
    if demand.offline {
        return report;
    }
    let answer = match IdentityApi::with(endpoint, found, ctx) {
        Ok(api) => report.ask(&api, ctx).await,
        Err(failure) => Err(failure),
    };
    report.answered(answer)
}

impl Report {
    async fn ask(&mut self, api: &IdentityApi, ctx: &Context) -> Result<()> {
        let caller = api.userinfo().await?;
        if caller.sub.is_empty() || caller.authz.acctype.is_empty() {
            return Err(Failure::unexpected("the server does not say whose the credential is: is it Nscale's?"));
        }
        if caller.authz.acctype != "service" {
            self.kind = Some(("user", "token of a user"));
            self.identity.push(("user", caller.sub));
            return Ok(());
        }
        self.identity.push(("service_account", caller.sub.clone()));
        self.identity.push(("organization", caller.authz.org_ids.join(", ")));
        for organization in &caller.authz.org_ids {
            // The server's text goes into a path.
            let Ok(id) = canonical_id("the organization", organization, "") else { continue };
            match api.accounts(&id).await.and_then(|accounts| accounts.find(&caller.sub, ctx)) {
                Ok(found) => {
                    self.identity.push(("name", found.account.metadata.name));
                    self.expires_at = found.account.status.expiry;
                    return Ok(());
                }
                // Who it is stands, whatever may be seen of it.
                Err(failure) if matches!(failure.kind(), Kind::NotFound | Kind::NotPermitted) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }
}
