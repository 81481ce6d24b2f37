//! Reads a response with a new secret, which must not be lost because another field
//! cannot be read.

use crate::http::endpoint::Endpoint;
use crate::http::error::{BadResponse, Error};
use crate::http::json::{decode, salvage};
use crate::http::retry::Effect;
use crate::namespace::messages::{CreateResponse, RevokableToken, Scope};
use crate::redactor::Redactor;
use crate::secret::Secret;

/// The names of the field, in both forms of protobuf's JSON.
const SECRET_NAMES: [&str; 2] = ["bearerToken", "bearer_token"];

/// Reads the response to a create, and adds its secret to the redactor. Also returns
/// whether the whole response could be read.
///
/// # Errors
/// It contains no secret.
pub fn read(body: &[u8], endpoint: &Endpoint, redactor: &Redactor) -> Result<(CreateResponse, bool), Error> {
    let (mut message, is_whole) = match decode::<CreateResponse>(body, Effect::Mint, endpoint) {
        Ok(message) => (message, true),
        Err(error) => (salvaged(body).ok_or(error)?, false),
    };
    if message.bearer_token.expose().is_empty() {
        // The secret may be in another place of a valid message.
        let secret = salvage(body, &SECRET_NAMES)
            .ok_or_else(|| Error::bad_response(BadResponse::Missing("bearerToken"), Effect::Mint, endpoint))?;
        message.bearer_token = Secret::new(secret);
    }
    redactor.add_secret(&message.bearer_token);
    Ok((message, is_whole))
}

fn salvaged(body: &[u8]) -> Option<CreateResponse> {
    let secret = salvage(body, &SECRET_NAMES)?;
    // With several ids it is unknown which one is the token's.
    let text = String::from_utf8_lossy(body);
    let ids = text.matches("\"tokenId\"").count() + text.matches("\"token_id\"").count();
    let token_id = salvage(body, &["tokenId", "token_id"]).filter(|_| ids == 1).unwrap_or_default();
    let is_tenant_scope = salvage(body, &["scope"]).is_some_and(|scope| scope == "TENANT_SCOPE");
    let scope = if is_tenant_scope { Scope::Tenant } else { Scope::Unknown };
    let token = RevokableToken { token_id, scope, ..RevokableToken::default() };
    Some(CreateResponse { bearer_token: Secret::new(secret), token })
}
