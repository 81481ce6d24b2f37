//! From what a token file holds to a token that can be sent: a session is
//! exchanged for a tenant token, which is cached beside the file.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{Failure, Kind, Result};
use crate::http::client::Client;
use crate::http::connect::{Call, CallError, Code, unary};
use crate::http::endpoint::Endpoint;
use crate::http::json::{decode, unreadable};
use crate::http::retry::Effect;
use crate::input::document::read_limited;
use crate::namespace::credential::Found;
use crate::namespace::explain::{explain, server_words};
use crate::namespace::jwt::{Claims, TokenKind};
use crate::namespace::message::{IssueTenantTokenRequest, IssueTenantTokenResponse, SESSIONS_SERVICE};
use crate::namespace::proto::Span;
use crate::namespace::token_file::is_usable;
use crate::output::private_file;
use crate::secret::Secret;

/// How long a token must still live to be used, as the official clients ask.
const MINIMUM_VALIDITY: Duration = Duration::from_secs(5 * 60);

/// How long a tenant token is asked to live: twice the minimum.
const ASKED_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// A token that can be sent.
#[derive(Clone)]
pub struct Bearer {
    /// The token.
    pub token: Secret,
    /// Whether it comes from the cache: where the server refuses it, that may
    /// be out of date, and the session still good.
    pub is_cached: bool,
}

/// A token that can be sent, out of what was found.
///
/// # Errors
/// Not authenticated: it has expired, or the session was rejected. Else what
/// the exchange came to.
pub async fn bearer(found: &Found, client: &Client, endpoint: &Endpoint, now: Timestamp) -> Result<Bearer> {
    let as_it_is = |token: &Secret| Bearer { token: token.clone(), is_cached: false };
    match (&found.bearer, &found.session) {
        (Some(bearer), None) => {
            found.check_not_expired(bearer, now)?;
            Ok(as_it_is(bearer))
        }
        (Some(bearer), Some(_)) if lives_on(bearer, now) => Ok(as_it_is(bearer)),
        (_, Some(session)) => {
            found.check_not_expired(session, now)?;
            match cached(found, session, now) {
                Some(token) => Ok(Bearer { token, is_cached: true }),
                None => exchange(found, session, client, endpoint).await,
            }
        }
        (None, None) => Err(Failure::unexpected("a token file was read that holds no token")),
    }
}

/// Another token in place of a cached one that the server refused, out of the
/// session that it was exchanged for.
///
/// # Errors
/// As [`bearer`].
pub async fn renew(found: &Found, client: &Client, endpoint: &Endpoint) -> Result<Bearer> {
    if let Some(cache) = cache_file(found) {
        // What cannot be removed is written over, or refused again.
        let _ = fs::remove_file(cache);
    }
    match &found.session {
        Some(session) => exchange(found, session, client, endpoint).await,
        None => Err(Failure::unexpected("a token was cached without a session")),
    }
}

/// Whether a token has enough life left. One that cannot be looked into is
/// taken at its word.
fn lives_on(token: &Secret, now: Timestamp) -> bool {
    TokenKind::of(token.expose()) == TokenKind::Revokable
        || Claims::of(token).and_then(|claims| claims.expiry()).is_none_or(|expiry| outlasts(expiry, now))
}

fn outlasts(expiry: Timestamp, now: Timestamp) -> bool {
    now.checked_add(MINIMUM_VALIDITY).is_ok_and(|needed| expiry > needed)
}

/// The cache beside a token file; none beside what is no file, such as a
/// pipe, and none in place of the token file itself.
fn cache_file(found: &Found) -> Option<PathBuf> {
    let cache = found.path.with_file_name("token.cache");
    let is_file = fs::metadata(&found.path).is_ok_and(|metadata| metadata.is_file());
    (is_file && cache != found.path).then_some(cache)
}

/// The cached tenant token, where it is the same user's and lives on. A cache
/// that cannot be read is no cache.
fn cached(found: &Found, session: &Secret, now: Timestamp) -> Option<Secret> {
    let text = String::from_utf8(read_limited(&cache_file(found)?).ok()??).ok()?;
    let token = Secret::new(text.trim());
    let (claims, owner) = (Claims::of(&token)?, Claims::of(session)?);
    // Every token file in a directory shares the cache: the workspace must
    // agree, and the user too where both say who it is.
    let same_tenant = claims.tenant_id.is_some() && claims.tenant_id == owner.tenant_id;
    let same_actor = claims.actor_id.is_none() || owner.actor_id.is_none() || claims.actor_id == owner.actor_id;
    let fits = TokenKind::of_secret(&token) == TokenKind::Tenant && is_usable(&token);
    (fits && same_tenant && same_actor && outlasts(claims.expiry()?, now)).then_some(token)
}

async fn exchange(found: &Found, session: &Secret, client: &Client, endpoint: &Endpoint) -> Result<Bearer> {
    let request = IssueTenantTokenRequest { token_duration: Some(Span::from(ASKED_LIFETIME)) };
    let call = Call {
        endpoint,
        method: &format!("{SESSIONS_SERVICE}/IssueTenantTokenFromSession"),
        bearer: session,
        message: serde_json::to_vec(&request).unwrap_or_default(),
        effect: Effect::Read,
    };
    let body = unary(client, call).await.map_err(|error| match error {
        CallError::Rpc(error) if error.code == Code::Unauthenticated => {
            let words = server_words(&error);
            Failure::new(Kind::NotAuthenticated, format!("the session in {} was rejected{words}", found.source.name()))
                .hint("log in again with the official `nsc login`")
                .http_status(error.http_status)
        }
        CallError::Rpc(error) => explain(&error, Effect::Read, &found.source),
        CallError::Failed(failure) => failure,
    })?;
    let response: IssueTenantTokenResponse = decode(&body, Effect::Read, endpoint)?;
    let token = response.tenant_token;
    if !is_usable(&token) {
        return Err(unreadable(Effect::Read, &endpoint.authority(), "it holds no token that can be used"));
    }
    // A cache that cannot be written costs the next call a round trip.
    if let Some(cache) = cache_file(found) {
        let _ = private_file::replace(&cache, token.expose().as_bytes());
    }
    Ok(Bearer { token, is_cached: false })
}
