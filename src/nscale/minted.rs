//! Reads a response with a new token, which must not be lost because another field
//! cannot be read.

use crate::http::endpoint::Endpoint;
use crate::http::error::{BadResponse, Error};
use crate::http::json::{decode, salvage};
use crate::http::retry::Effect;
use crate::nscale::accounts::AccountReply;
use crate::nscale::messages::{Account, AccountStatus, ReadMetadata};
use crate::redactor::Redactor;
use crate::secret::Secret;

/// The names of the field, in this and other versions of the API.
const TOKEN_NAMES: [&str; 2] = ["accessToken", "access_token"];

/// Reads the response to a create or a rotate, and adds its token to the redactor.
///
/// # Errors
/// It contains no token.
pub fn read(body: Vec<u8>, endpoint: &Endpoint, redactor: &Redactor) -> Result<AccountReply, Error> {
    let mut account = match decode::<Account>(&body, Effect::Mint, endpoint) {
        Ok(account) => account,
        Err(error) => salvaged(&body).ok_or(error)?,
    };
    let token =
        match account.status.access_token.take().filter(|token| !token.expose().is_empty()) {
            Some(token) => token,
            // The token may be in another place of a valid message.
            None => Secret::new(salvage(&body, &TOKEN_NAMES).ok_or_else(|| {
                Error::bad_response(BadResponse::Missing("status.accessToken"), Effect::Mint, endpoint)
            })?),
        };
    redactor.add_secret(&token);
    account.status.access_token = Some(token);
    let json = String::from_utf8(body).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into());
    Ok(AccountReply { account, json })
}

fn salvaged(body: &[u8]) -> Option<Account> {
    let token = salvage(body, &TOKEN_NAMES)?;
    let id = salvage(body, &["id"]).unwrap_or_default();
    Some(Account {
        metadata: ReadMetadata { id, ..ReadMetadata::default() },
        status: AccountStatus { access_token: Some(Secret::new(token)), expiry: None },
        ..Account::default()
    })
}
