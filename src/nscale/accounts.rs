//! The accounts that a server lists, and finding one of them.

use serde_json::value::RawValue;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::http::json::{decode, decode_each, decode_list};
use crate::http::retry::Effect;
use crate::nscale::messages::{Account, Resource};
use crate::text::sanitize::shortened;

/// What the server reads lags a moment behind what it wrote.
pub const JUST_CREATED: &str = "an account that was created a moment ago may not be found yet: try again in a second";

/// An account, decoded and as it came.
pub struct AccountReply {
    pub account: Account,
    pub json: String,
}

/// The accounts of an organization, as they came.
pub struct Accounts {
    pub json: String,
    organization: String,
    endpoint: Endpoint,
}

impl Accounts {
    pub fn new(json: String, organization: &str, endpoint: &Endpoint) -> Self {
        Self { json, organization: organization.to_owned(), endpoint: endpoint.clone() }
    }

    pub fn is_empty(&self) -> bool {
        let json = self.json.trim();
        let inside = json.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        json == "null" || inside.is_some_and(|inside| inside.trim().is_empty())
    }

    /// Visits each, decoded.
    ///
    /// # Errors
    /// Unexpected: one does not fit. Those before it have been visited.
    pub fn each(&self, visit: impl FnMut(Account)) -> Result<()> {
        Ok(decode_each(&self.json, Effect::Read, &self.endpoint, visit)?)
    }

    /// Finds an account by its id, in either case.
    ///
    /// # Errors
    /// Not found; unexpected: the response does not fit.
    pub fn find(&self, id: &str, ctx: &Context) -> Result<AccountReply> {
        let all: Vec<&RawValue> = decode_list(self.json.as_bytes(), Effect::Read, &self.endpoint)?;
        for json in all.iter().map(|account| account.get()) {
            let Resource { metadata } = decode(json.as_bytes(), Effect::Read, &self.endpoint)?;
            if metadata.id.eq_ignore_ascii_case(id) {
                let account = decode(json.as_bytes(), Effect::Read, &self.endpoint)?;
                return Ok(AccountReply { account, json: json.to_owned() });
            }
        }
        let list = format!("`{} serviceaccounts list --org {}` shows the ids", ctx.program, self.organization);
        let named = self.ids_of_name(id)?;
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

    fn ids_of_name(&self, name: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        self.each(|account| ids.extend((account.metadata.name == name).then_some(account.metadata.id)))?;
        Ok(ids)
    }
}
