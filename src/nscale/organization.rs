//! Ids on the command line, and the choice of an organization.

use std::fmt;

use uuid::Uuid;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::input::prompt::{can_ask, choose};
use crate::nscale::accounts::Accounts;
use crate::nscale::api::IdentityApi;
use crate::nscale::messages::{ReadMetadata, Userinfo};
use crate::secret::looks_secret;
use crate::text::sanitize::shortened;

/// The variable that holds the organization's id.
pub const ORGANIZATION_VARIABLE: &str = "NSCALE_ORGANIZATION_ID";

/// Selects the account that the credential belongs to.
pub const SELF: &str = "self";

/// The organization that a command works on.
pub struct Organization {
    /// A canonical UUID.
    pub id: String,
    /// The flag or the variable that it comes from; `None` if it comes from the server.
    source: Option<&'static str>,
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl Organization {
    pub fn from_server(id: String) -> Self {
        Self { id, source: None }
    }

    /// Its service accounts that the caller can see.
    ///
    /// # Errors
    /// Not found: there is no such organization, or the caller is a service account of
    /// another.
    pub async fn accounts(&self, api: &IdentityApi, ctx: &mut Context) -> Result<Accounts> {
        let accounts = api.accounts(&self.id).await.map_err(|failure| match self.source {
            Some(source) => failure.hint_on(Kind::NotFound, || format!("the id comes from {source}")),
            None => failure,
        })?;
        // A service account always sees itself in its own organization.
        if accounts.is_empty()
            && let Some(caller) = api.userinfo_once().await
        {
            self.check(&caller)?;
            if caller.is_service_account() {
                ctx.warn(
                    "the server does not even list the account that the credential belongs to: try again in a second",
                );
            }
        }
        Ok(accounts)
    }

    /// Checks that a caller belongs to it. A user always passes.
    ///
    /// # Errors
    /// Not found, with the right id and the source of the wrong one.
    pub fn check(&self, caller: &Userinfo) -> Result<()> {
        match self.mismatch(caller) {
            Some((what, hint)) => Err(Failure::new(Kind::NotFound, what).hint(hint)),
            None => Ok(()),
        }
    }

    /// Adds the result of that check as hints to a failure that a wrong organization may have
    /// caused.
    pub async fn hint_on_mismatch(&self, failure: Failure, api: &IdentityApi) -> Failure {
        if !matches!(failure.kind(), Kind::NotFound | Kind::NotPermitted) {
            return failure;
        }
        match api.userinfo_once().await.and_then(|caller| self.mismatch(&caller)) {
            Some((what, hint)) => failure.hint(what).hint(hint),
            None => failure,
        }
    }

    /// The organizations of the caller, if they are known and this is not one of them.
    pub fn other_organizations(&self, caller: &Userinfo) -> Option<String> {
        let own: Vec<String> =
            caller.authz.org_ids.iter().filter_map(|id| Some(Uuid::parse_str(id).ok()?.to_string())).collect();
        (!own.is_empty() && !own.contains(&self.id)).then(|| own.join(", "))
    }

    /// The message and the hint if the caller is a service account of another organization.
    /// A user may have rights in other organizations.
    fn mismatch(&self, caller: &Userinfo) -> Option<(String, String)> {
        let own = self.other_organizations(caller).filter(|_| caller.is_service_account())?;
        let id = &self.id;
        let what =
            format!("the credential belongs to service account {} in organization {own}, not in {id}", caller.sub);
        let hint = match self.source {
            Some(ORGANIZATION_VARIABLE) => {
                format!("{ORGANIZATION_VARIABLE} holds the other id: set it to {own}, or unset it")
            }
            Some(flag) => format!("{flag} gives the other id: give {own}, or leave {flag} out"),
            None => format!("the other id came from the server: pass --org {own}"),
        };
        Some((what, hint))
    }
}

/// The canonical form of an id.
///
/// # Errors
/// Usage: it is not a UUID; `hint` says where to find one. A secret in its place is not
/// shown.
pub fn canonical_id(flag: &str, value: &str, hint: &str) -> Result<String> {
    let id = value.trim();
    if looks_secret(id) {
        return Err(Failure::usage(format!("{flag} was given a secret; it takes an id"))
            .hint(hint)
            .hint("a secret on a command line can be read by others: rotate it if anyone else uses this machine"));
    }
    match Uuid::parse_str(id) {
        Ok(id) => Ok(id.to_string()),
        Err(_) if id.is_empty() => Err(Failure::usage(format!("{flag} is empty")).hint(hint)),
        Err(_) => Err(Failure::usage(format!(
            "{flag} is \"{}\"; an id looks like a1b2c3d4-1111-4222-8333-444455556666",
            shortened(id)
        ))
        .hint(hint)),
    }
}

/// The organization of `--org` or of the variable, if one is set.
///
/// # Errors
/// Usage: it is not a UUID.
pub fn from_flag_or_env(flag: Option<&str>, ctx: &Context) -> Result<Option<Organization>> {
    let hint = format!(
        "`{} serviceaccounts list` without --org uses the only organization, or lists those to choose from",
        ctx.program
    );
    if let Some(id) = flag {
        let id = canonical_id("--org", id, &hint)?;
        return Ok(Some(Organization { id, source: Some("--org") }));
    }
    let Some(value) = ctx.env.var_os(ORGANIZATION_VARIABLE) else { return Ok(None) };
    let value =
        value.into_string().map_err(|_| Failure::usage(format!("{ORGANIZATION_VARIABLE} is not valid UTF-8")))?;
    let id = canonical_id(ORGANIZATION_VARIABLE, &value, "correct it, or give --org")?;
    Ok(Some(Organization { id, source: Some(ORGANIZATION_VARIABLE) }))
}

/// Completes the organization: if none is set, it is the only one that the caller can see,
/// else the one that the user chooses.
///
/// # Errors
/// Usage: there are several, and the user cannot be asked. Not found: there is none.
pub async fn resolve(organization: Option<Organization>, api: &IdentityApi, ctx: &mut Context) -> Result<Organization> {
    if let Some(organization) = organization {
        return Ok(organization);
    }
    let visible = api.organizations().await?;
    // An id from the server becomes part of paths, so it is checked too.
    let id = |index: usize| {
        let id = visible.get(index).map(|organization| organization.id.as_str()).unwrap_or_default();
        Uuid::parse_str(id).map(|id| Organization::from_server(id.to_string())).map_err(|error| {
            Failure::unexpected("the server lists an organization with an invalid id")
                .source(error)
                .hint("pass the organization's id with --org")
        })
    };
    let names: Vec<String> = visible.iter().map(ReadMetadata::show).collect();
    match visible.len() {
        0 => Err(Failure::new(Kind::NotFound, "the credential belongs to no organization")
            .hint("give the organization's id with --org, if you know it")),
        1 => id(0),
        _ if can_ask(ctx) => id(choose(ctx, "Organization", &names).await?),
        count => Err(Failure::usage(format!("there are {count} organizations to choose from: {}", names.join(", ")))
            .hint(format!("choose one with --org ID, or with {ORGANIZATION_VARIABLE}"))),
    }
}
