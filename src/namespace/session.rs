//! Turns the content of a token file into a token that can be sent. A session is
//! exchanged for a tenant token, which is cached next to the file.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::credential::Credential;
use crate::error::{Failure, Result};
use crate::http::client::Client;
use crate::http::connect::{RpcCall, RpcError, call};
use crate::http::endpoint::Endpoint;
use crate::http::error::{BadResponse, CallError, Error};
use crate::http::json::{decode, encode};
use crate::http::retry::Effect;
use crate::input::document::read_limited;
use crate::namespace::explain::explain_exchange;
use crate::namespace::jwt::{Claims, TokenKind};
use crate::namespace::messages::{IssueTenantTokenRequest, IssueTenantTokenResponse, SESSIONS_SERVICE};
use crate::namespace::proto::Span;
use crate::namespace::token_file::{Tokens, is_usable};
use crate::output::private_file;
use crate::secret::Secret;

/// How long a token must still be valid to be used, as in the official clients.
const MIN_VALIDITY: Duration = Duration::from_secs(5 * 60);

/// The lifetime that is requested for a tenant token: twice the minimum.
const REQUESTED_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A token that can be sent.
#[derive(Clone)]
pub struct Bearer {
    pub token: Secret,
    /// The session that belongs to a token from the cache: the server may reject the token
    /// while the session is still valid.
    pub cached_from: Option<Secret>,
}

/// The token to send for a credential.
///
/// # Errors
/// Not authenticated: it has expired, or the session was rejected. Else the failure of
/// the exchange.
pub async fn bearer(
    credential: &Credential<Tokens>,
    client: &Client,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Bearer> {
    let uncached = |token: &Secret| Bearer { token: token.clone(), cached_from: None };
    match (&credential.token.bearer, &credential.token.session) {
        (Some(bearer), None) => {
            credential.check_not_expired(bearer, now)?;
            Ok(uncached(bearer))
        }
        (Some(bearer), Some(_)) if is_fresh(bearer, now) => Ok(uncached(bearer)),
        (_, Some(session)) => {
            credential.check_not_expired(session, now)?;
            match cached(credential, session, now) {
                Some(token) => Ok(Bearer { token, cached_from: Some(session.clone()) }),
                None => exchange(credential, session, client, endpoint).await,
            }
        }
        (None, None) => Err(Failure::unexpected("the token file was read, but holds no token")),
    }
}

/// Replaces a cached token that the server rejected, by exchanging its session again.
///
/// # Errors
/// As [`bearer`].
pub async fn renew(
    credential: &Credential<Tokens>,
    session: &Secret,
    client: &Client,
    endpoint: &Endpoint,
) -> Result<Bearer> {
    if let Some(cache) = cache_file(credential) {
        // If it cannot be removed, it is overwritten, or rejected again.
        let _ = fs::remove_file(cache);
    }
    exchange(credential, session, client, endpoint).await
}

/// Whether a token is valid for long enough to be used. A token of unknown expiry is.
fn is_fresh(token: &Secret, now: Timestamp) -> bool {
    TokenKind::of(token.expose()) == TokenKind::Revokable
        || Claims::of(token).and_then(|claims| claims.expiry()).is_none_or(|expiry| is_late_enough(expiry, now))
}

fn is_late_enough(expiry: Timestamp, now: Timestamp) -> bool {
    now.checked_add(MIN_VALIDITY).is_ok_and(|needed| expiry > needed)
}

/// The cache next to a token file. `None` if the credential comes from something else, such
/// as a pipe, or if the cache would replace the token file.
fn cache_file(credential: &Credential<Tokens>) -> Option<PathBuf> {
    let path = credential.path.as_ref()?;
    let cache = path.with_file_name("token.cache");
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    (is_file && cache != *path).then_some(cache)
}

/// The cached tenant token, if it belongs to the same user and is still fresh. An
/// unreadable cache is ignored.
fn cached(credential: &Credential<Tokens>, session: &Secret, now: Timestamp) -> Option<Secret> {
    let text = String::from_utf8(read_limited(&cache_file(credential)?).ok()??).ok()?;
    let token = Secret::new(text.trim());
    let (claims, owner) = (Claims::of(&token)?, Claims::of(session)?);
    // All token files in a directory share the cache: the workspace must be the same, and
    // the user too, if both tokens name one.
    let is_same_tenant = claims.tenant_id.is_some() && claims.tenant_id == owner.tenant_id;
    let is_same_actor = claims.actor_id.is_none() || owner.actor_id.is_none() || claims.actor_id == owner.actor_id;
    let is_tenant_token = TokenKind::of_secret(&token) == TokenKind::Tenant && is_usable(&token);
    (is_tenant_token && is_same_tenant && is_same_actor && is_late_enough(claims.expiry()?, now)).then_some(token)
}

async fn exchange(
    credential: &Credential<Tokens>,
    session: &Secret,
    client: &Client,
    endpoint: &Endpoint,
) -> Result<Bearer> {
    let token = issue_tenant_token(session, client, endpoint)
        .await
        .map_err(|error| explain_exchange(error, &credential.source))?;
    // A cache that cannot be written costs the next call a round trip.
    if let Some(cache) = cache_file(credential) {
        let _ = private_file::replace(&cache, token.expose().as_bytes());
    }
    Ok(Bearer { token, cached_from: None })
}

async fn issue_tenant_token(
    session: &Secret,
    client: &Client,
    endpoint: &Endpoint,
) -> std::result::Result<Secret, CallError<RpcError>> {
    // A second tenant token does no harm: it is short-lived.
    let effect = Effect::Read;
    let request = IssueTenantTokenRequest { token_duration: Some(Span::from(REQUESTED_LIFETIME)) };
    let method = format!("{SESSIONS_SERVICE}/IssueTenantTokenFromSession");
    let message = encode(&request, effect, endpoint)?;
    let body = call(client, RpcCall { endpoint, method: &method, bearer: session, message, effect }).await?;
    let response: IssueTenantTokenResponse = decode(&body, effect, endpoint)?;
    if is_usable(&response.tenant_token) {
        Ok(response.tenant_token)
    } else {
        Err(Error::bad_response(BadResponse::UnusableToken, effect, endpoint).into())
    }
}
