//! Ids on the command line, and the organization where none is given.

use uuid::Uuid;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::input::prompt::{can_ask, choose};
use crate::nscale::api::IdentityApi;
use crate::secret::looks_secret;

/// The variable that holds the organization's id.
pub const ORGANIZATION_VARIABLE: &str = "NSCALE_ORGANIZATION_ID";

/// Stands for the account that the credential belongs to.
pub const SELF: &str = "self";

/// An id in its canonical form.
///
/// # Errors
/// Usage: it is none, with `hint` for where to find one. A secret in its
/// place is not shown.
pub fn canonical_id(flag: &str, given: &str, hint: &str) -> Result<String> {
    let id = given.trim();
    if looks_secret(id) {
        return Err(Failure::usage(format!("{flag} was given a secret; it takes an id"))
            .hint(hint)
            .hint("a secret on a command line can be read by others: rotate it if anyone else uses this machine"));
    }
    match Uuid::parse_str(id) {
        Ok(id) => Ok(id.to_string()),
        Err(_) if id.is_empty() => Err(Failure::usage(format!("{flag} is empty")).hint(hint)),
        Err(_) => {
            Err(Failure::usage(format!("{flag} is \"{id}\"; an id looks like a1b2c3d4-1111-4222-8333-444455556666"))
                .hint(hint))
        }
    }
}

/// What `--org` or the variable says, checked before anything is sent.
///
/// # Errors
/// Usage: it is no id.
pub fn given(flag: Option<&str>, ctx: &Context) -> Result<Option<String>> {
    let hint =
        format!("`{} serviceaccounts list` without an organization uses the only one, or lists them", ctx.program);
    if let Some(id) = flag {
        return canonical_id("--org", id, &hint).map(Some);
    }
    let Some(value) = ctx.env.var_os(ORGANIZATION_VARIABLE) else { return Ok(None) };
    let value = value.into_string().map_err(|_| Failure::usage(format!("{ORGANIZATION_VARIABLE} is not text")))?;
    canonical_id(ORGANIZATION_VARIABLE, &value, "correct it, or give --org").map(Some)
}

/// The organization: the one that was given, else the only one that the
/// caller can see, else the one that it chooses.
///
/// # Errors
/// Usage: there are several and nobody to ask. Not found: there is none.
pub async fn resolve(given: Option<String>, api: &IdentityApi, ctx: &mut Context) -> Result<String> {
    if let Some(id) = given {
        return Ok(id);
    }
    let visible = api.organizations().await?;
    // An id of the server's goes into paths: it is looked at as a given one.
    let id = |index: usize| {
        let id = visible.get(index).map(|organization| organization.id.as_str()).unwrap_or_default();
        Uuid::parse_str(id)
            .map(|id| id.to_string())
            .map_err(|error| Failure::unexpected("the server lists an organization without a usable id").source(error))
    };
    let named: Vec<String> =
        visible.iter().map(|organization| format!("{} ({})", organization.name, organization.id)).collect();
    match visible.len() {
        0 => Err(Failure::new(Kind::NotFound, "the credential belongs to no organization")
            .hint("give the organization's id with --org, if you know it")),
        1 => id(0),
        _ if can_ask(ctx) => id(choose(ctx, "Organization", &named).await?),
        count => Err(Failure::usage(format!("there are {count} organizations to choose from: {}", named.join(", ")))
            .hint(format!("choose one with --org ID, or with {ORGANIZATION_VARIABLE}"))),
    }
}
