//! What can be told of Nscale's credential.

use crate::cloud::NSCALE;
use crate::context::Context;
use crate::credential::report::{Report, Status};
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::nscale::api::IdentityApi;
use crate::nscale::credential;
use crate::nscale::messages::Userinfo;
use crate::nscale::organization::{self, ORGANIZATION_VARIABLE, canonical_id};
use crate::provider::Demand;

/// Looks at the credential from here and, where that is wanted, asks the
/// server whose it is. A service account may always see itself, and with that
/// when its token ends.
pub async fn report(endpoint: Endpoint, demand: Demand<'_>, ctx: &Context) -> Report {
    let (sources, found) = (credential::sources(&ctx.env), credential::find(&ctx.env));
    let (mut report, found) = Report::begin(&NSCALE, &endpoint, sources, found);
    let Some(found) = found else { return report };
    report.kind = Some(("service", "service token"));
    report.renewal = if demand.is_offline {
        "without --offline the server tells when it ends".to_owned()
    } else {
        let program = ctx.program;
        format!("`{program} serviceaccounts rotate --id self` gives the account another token in place of this one")
    };
    if demand.is_offline {
        return report;
    }
    let answer = match IdentityApi::with(endpoint, found, ctx) {
        Ok(api) => report.ask(&api, ctx).await,
        Err(failure) => Err(failure),
    };
    match answer {
        Ok(caller) => report.answered(Ok(())).compare_organization(&caller, ctx),
        Err(failure) => report.answered(Err(failure)),
    }
}

impl Report {
    /// Holds the variable that names an organization to what the server said of
    /// the caller's.
    fn compare_organization(mut self, caller: &Userinfo, ctx: &Context) -> Self {
        let organization = match organization::given(None, ctx) {
            Ok(Some(organization)) => organization,
            Ok(None) => return self,
            Err(failure) => {
                self.warnings.push(failure.message());
                return self;
            }
        };
        if let Err(failure) = organization.check(caller) {
            return self.failed(Status::WrongOrganization, failure);
        }
        if let Some(own) = organization.other_organizations(caller) {
            self.warnings.push(format!("{ORGANIZATION_VARIABLE} is {organization}; the user belongs to {own}"));
        }
        self
    }

    async fn ask(&mut self, api: &IdentityApi, ctx: &Context) -> Result<Userinfo> {
        let caller = api.userinfo().await?;
        if caller.sub.is_empty() || caller.authz.acctype.is_empty() {
            return Err(Failure::unexpected("the server does not say whose the credential is: is it Nscale's?"));
        }
        if !caller.is_service_account() {
            self.kind = Some(("user", "token of a user"));
            self.identity.push(("user", caller.sub.clone()));
            return Ok(caller);
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
                    break;
                }
                // Who it is stands, whatever may be seen of it.
                Err(failure) if matches!(failure.kind(), Kind::NotFound | Kind::NotPermitted) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(caller)
    }
}
