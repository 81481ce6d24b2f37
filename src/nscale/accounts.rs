//! The list of accounts that a server returns.

use serde_json::value::RawValue;

use crate::context::Context;
use crate::error::{Failure, Kind, Result};
use crate::http::endpoint::Endpoint;
use crate::http::json::{decode, decode_each, decode_list};
use crate::http::retry::Effect;
use crate::nscale::messages::{Account, Resource};
use crate::text::sanitize::shortened;

/// The reads of the server lag a moment behind its writes.
pub const JUST_CREATED: &str = "an account that was created a moment ago may not be found yet: try again in a second";

/// An account: decoded, and its JSON in the response.
pub struct AccountReply {
    pub account: Account,
    pub json: String,
}

/// The accounts of an organization, not decoded yet.
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

    /// Decodes the accounts one at a time.
    ///
    /// # Errors
    /// Unexpected: an account cannot be read. Those before it have been visited.
    pub fn each(&self, visit: impl FnMut(Account)) -> Result<()> {
        Ok(decode_each(&self.json, Effect::Read, &self.endpoint, visit)?)
    }

    /// Finds an account by its id. Case is ignored.
    ///
    /// # Errors
    /// Not found: no account has the id. Unexpected: the response cannot be read.
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
        let ids = self.ids_of_name(id)?;
        let id = shortened(id);
        let failure = Failure::new(Kind::NotFound, format!("there is no service account {id} in the organization"));
        Err(match ids.as_slice() {
            [] if all.len() <= 1 => failure
                .hint(format!("{list}; an account without the right to read others sees only itself"))
                .hint(JUST_CREATED),
            [] => failure.hint(list).hint(JUST_CREATED),
            ids => ids.iter().fold(failure, |failure, known| {
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
