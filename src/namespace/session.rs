//! From what a token file holds to a token that can be sent: a session is
//! exchanged for a tenant token, which is cached beside the file.

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

/// How long a token must still live to be used, as the official clients ask.
const MIN_VALIDITY: Duration = Duration::from_secs(5 * 60);

/// How long a tenant token is asked to live: twice the minimum.
const REQUESTED_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A token that can be sent.
#[derive(Clone)]
pub struct Bearer {
    pub token: Secret,
    /// The session that it was exchanged for, where it comes from the cache:
    /// the server may reject it while the session is still good.
    pub cached_from: Option<Secret>,
}

/// Makes a token that can be sent from the credential.
///
/// # Errors
/// Not authenticated: it has expired, or the session was rejected. Else as the
/// exchange fails.
pub async fn bearer(
    credential: &Credential<Tokens>,
    client: &Client,
    endpoint: &Endpoint,
    now: Timestamp,
) -> Result<Bearer> {
    let as_it_is = |token: &Secret| Bearer { token: token.clone(), cached_from: None };
    match (&credential.token.bearer, &credential.token.session) {
        (Some(bearer), None) => {
            credential.check_not_expired(bearer, now)?;
            Ok(as_it_is(bearer))
        }
        (Some(bearer), Some(_)) if is_fresh(bearer, now) => Ok(as_it_is(bearer)),
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

/// Replaces a cached token that the server rejected, out of its session.
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
        // What cannot be removed is written over, or rejected again.
        let _ = fs::remove_file(cache);
    }
    exchange(credential, session, client, endpoint).await
}

/// Whether a token lives long enough to be used. One that does not tell is taken
/// at its word.
fn is_fresh(token: &Secret, now: Timestamp) -> bool {
    TokenKind::of(token.expose()) == TokenKind::Revokable
        || Claims::of(token).and_then(|claims| claims.expiry()).is_none_or(|expiry| is_late_enough(expiry, now))
}

fn is_late_enough(expiry: Timestamp, now: Timestamp) -> bool {
    now.checked_add(MIN_VALIDITY).is_ok_and(|needed| expiry > needed)
}

/// The cache beside a token file; none beside what is no file, such as a pipe,
/// and none that would replace the token file itself.
fn cache_file(credential: &Credential<Tokens>) -> Option<PathBuf> {
    let path = credential.path.as_ref()?;
    let cache = path.with_file_name("token.cache");
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    (is_file && cache != *path).then_some(cache)
}

/// The cached tenant token, where it is the same user's and still fresh. A cache
/// that cannot be read is no cache.
fn cached(credential: &Credential<Tokens>, session: &Secret, now: Timestamp) -> Option<Secret> {
    let text = String::from_utf8(read_limited(&cache_file(credential)?).ok()??).ok()?;
    let token = Secret::new(text.trim());
    let (claims, owner) = (Claims::of(&token)?, Claims::of(session)?);
    // Every token file in a directory shares the cache: the workspace must
    // agree, and the user too where both say who it is.
    let same_tenant = claims.tenant_id.is_some() && claims.tenant_id == owner.tenant_id;
    let same_actor = claims.actor_id.is_none() || owner.actor_id.is_none() || claims.actor_id == owner.actor_id;
    let is_tenant_token = TokenKind::of_secret(&token) == TokenKind::Tenant && is_usable(&token);
    (is_tenant_token && same_tenant && same_actor && is_late_enough(claims.expiry()?, now)).then_some(token)
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
    match is_usable(&response.tenant_token) {
        true => Ok(response.tenant_token),
        false => Err(Error::bad_response(BadResponse::UnusableToken, effect, endpoint).into()),
    }
}
