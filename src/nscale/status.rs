//! The report of `auth status` on the credential for Nscale.

use crate::cloud::NSCALE;
use crate::context::Context;
use crate::credential::report::{Report, Status};
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::nscale::api::IdentityApi;
use crate::nscale::credential;
use crate::nscale::messages::Userinfo;
use crate::nscale::organization::{self, ORGANIZATION_VARIABLE, canonical_id};
use crate::provider::StatusOptions;

/// Examines the credential locally and, unless offline, asks the server whom it belongs
/// to. A service account may always read itself, including the expiry of its token.
pub async fn report(endpoint: Endpoint, options: StatusOptions<'_>, ctx: &Context) -> Report {
    let (sources, credential) = (credential::sources(&ctx.env), credential::find(&ctx.env));
    let (mut report, credential) = Report::begin(&NSCALE, &endpoint, sources, credential);
    let Some(credential) = credential else { return report };
    report.kind = Some(("service", "service token"));
    report.renewal = if options.is_offline {
        "without --offline the server is asked when it expires".to_owned()
    } else {
        let program = ctx.program;
        format!("`{program} serviceaccounts rotate --id self` gives the account another token in place of this one")
    };
    if options.is_offline {
        return report;
    }
    let result = match IdentityApi::with(endpoint, credential, ctx) {
        Ok(api) => report.describe_caller(&api, ctx).await,
        Err(failure) => Err(failure),
    };
    match result {
        Ok(caller) => report.with_call_result(Ok(())).check_organization(&caller, ctx),
        Err(failure) => report.with_call_result(Err(failure)),
    }
}

impl Report {
    /// Checks that the caller belongs to the organization that the variable names.
    fn check_organization(mut self, caller: &Userinfo, ctx: &Context) -> Self {
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

    /// Adds the identity and the expiry that the server returns.
    async fn describe_caller(&mut self, api: &IdentityApi, ctx: &Context) -> Result<Userinfo> {
        let caller = api.userinfo().await?;
        if caller.sub.is_empty() || caller.authz.acctype.is_empty() {
            return Err(Failure::unexpected("the server did not return an identity: is it Nscale's?"));
        }
        if !caller.is_service_account() {
            self.kind = Some(("user", "token of a user"));
            self.identity.push(("user", caller.sub.clone()));
            return Ok(caller);
        }
        self.identity.push(("service_account", caller.sub.clone()));
        self.identity.push(("organization", caller.authz.org_ids.join(", ")));
        for organization in &caller.authz.org_ids {
            // The id from the server becomes part of a path.
            let Ok(id) = canonical_id("the organization", organization, "") else { continue };
            match api.accounts(&id).await.and_then(|accounts| accounts.find(&caller.sub, ctx)) {
                Ok(reply) => {
                    self.identity.push(("name", reply.account.metadata.name));
                    self.expires_at = reply.account.status.expiry;
                    break;
                }
                // The identity is known, even if the account cannot be read.
                Err(failure) if matches!(failure.kind(), Kind::NotFound | Kind::NotPermitted) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(caller)
    }
}
