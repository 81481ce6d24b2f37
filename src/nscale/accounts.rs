//! The accounts that a server lists, and the one that is looked for.

use serde_json::value::RawValue;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::http::json::{decode, decode_each, decode_list};
use crate::http::retry::Effect;
use crate::nscale::message::{Account, Named};
use crate::text::sanitize::shortened;

/// What the server reads lags a moment behind what it wrote.
pub const JUST_CREATED: &str = "an account that was created a moment ago may not be found yet: try again in a second";

/// An account as it was answered: what is understood of it, and all of it.
pub struct Reply {
    /// What is understood.
    pub account: Account,
    /// All of it, as JSON text.
    pub json: String,
}

/// The accounts of an organization, as they were answered.
pub struct Accounts {
    /// All of them, as JSON text.
    pub json: String,
    organization: String,
    endpoint: Endpoint,
}

impl Accounts {
    /// As a server answered.
    pub fn new(json: String, organization: &str, endpoint: &Endpoint) -> Self {
        Self { json, organization: organization.to_owned(), endpoint: endpoint.clone() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        let json = self.json.trim();
        let inside = json.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        json == "null" || inside.is_some_and(|inside| inside.trim().is_empty())
    }

    /// Hands on what is understood of each.
    ///
    /// # Errors
    /// Unexpected: the answer does not fit, be it behind some that do.
    pub fn each(&self, visit: impl FnMut(Account)) -> Result<()> {
        Ok(decode_each(&self.json, Effect::Read, &self.endpoint, visit)?)
    }

    /// The account with an id, in whatever case that is written.
    ///
    /// # Errors
    /// Not found; unexpected: the answer does not fit.
    pub fn find(&self, id: &str, ctx: &Context) -> Result<Reply> {
        let all: Vec<&RawValue> = decode_list(self.json.as_bytes(), Effect::Read, &self.endpoint)?;
        for json in all.iter().map(|account| account.get()) {
            let Named { metadata } = decode(json.as_bytes(), Effect::Read, &self.endpoint)?;
            if metadata.id.eq_ignore_ascii_case(id) {
                let account = decode(json.as_bytes(), Effect::Read, &self.endpoint)?;
                return Ok(Reply { account, json: json.to_owned() });
            }
        }
        let list = format!("`{} serviceaccounts list --org {}` shows the ids", ctx.program, self.organization);
        let named = self.named(id)?;
        let id = shortened(id);
        let failure = Failure::new(Kind::NotFound, format!("there is no service account {id} in the organization"));
        Err(match named.as_slice() {
            [] if all.len() <= 1 => failure
                .hint(format!("{list}; an account without the right to read others sees itself alone"))
                .hint(JUST_CREATED),
            [] => failure.hint(list).hint(JUST_CREATED),
            named => named.iter().fold(failure, |failure, known| {
                failure.hint(format!("\"{id}\" is the name of the account with the id {known}"))
            }),
        })
    }

    /// The ids of the accounts with a name.
    fn named(&self, name: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        self.each(|account| ids.extend((account.metadata.name == name).then_some(account.metadata.id)))?;
        Ok(ids)
    }
}
