//! Service accounts. The API has no call that gets one by its id.

use axum::http::StatusCode;
use jiff::Timestamp;

use crate::sandbox::keys::hash;
use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult};
use crate::sandbox::nscale::roles::ACCOUNTS;
use crate::sandbox::nscale::route::Request;
use crate::sandbox::nscale::{Nscale, schema, seed, token, view};
use crate::sandbox::store::{ResourceKind, StoredAccount};

impl Nscale {
    /// All accounts, or only the caller if it may not read accounts.
    pub(super) fn list_accounts(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, .. } = request;
        let may_read = caller.acl.require(organization_id, ACCOUNTS, "read").is_ok();
        self.organization(organization_id)?;
        let only = (!may_read).then(|| caller.id());
        let accounts = self.store.accounts(organization_id, only)?;
        let accounts: Vec<_> = accounts.iter().map(view::account).collect();
        Ok(RestReply::json(StatusCode::OK, &accounts))
    }

    /// The caller need not hold the roles of the groups, and unknown groups are ignored.
    pub(super) fn create_account(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, .. } = request;
        let body = schema::account(request)?;
        caller.acl.require(organization_id, ACCOUNTS, "create")?;
        self.organization(organization_id)?;
        let resource = self.create_resource(caller, organization_id, body.metadata);
        let token = token::mint(&self.keys);
        let expires_at = self.token_expiry();
        self.store.put_account(&resource, &body.spec.group_ids, Some((&hash(&token), expires_at)))?;
        let mut account = StoredAccount { resource, expires_at, group_ids: Vec::new() };
        if !self.options.has_stale_groups {
            account = self.account(organization_id, &account.resource.id)?;
        }
        Ok(RestReply::json(StatusCode::CREATED, &view::account_with_token(&account, &token)))
    }

    pub(super) fn update_account(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, id, .. } = request;
        let body = schema::account(request)?;
        caller.acl.require(organization_id, ACCOUNTS, "update")?;
        self.organization(organization_id)?;
        let before = self.account(organization_id, id)?;
        let resource = self.update_resource(caller, before.resource, body.metadata);
        self.store.put_account(&resource, &body.spec.group_ids, None)?;
        let mut account = StoredAccount { resource, ..before };
        if !self.options.has_stale_groups {
            account = self.account(organization_id, id)?;
        }
        Ok(RestReply::json(StatusCode::OK, &view::account(&account)))
    }

    /// Replaces an account's token. An account may always rotate its own.
    pub(super) fn rotate_account(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, id, .. } = request;
        if caller.id() != id {
            caller.acl.require(organization_id, ACCOUNTS, "update")?;
        }
        self.organization(organization_id)?;
        let account = self.account(organization_id, id)?;
        let token = token::mint(&self.keys);
        let account = StoredAccount { expires_at: self.token_expiry(), ..account };
        self.store.set_account_token(id, &hash(&token), account.expires_at)?;
        if *id == self.administrator.id {
            // The next start of the sandbox uses this token.
            self.store.set_meta(seed::ADMINISTRATOR_TOKEN, token.as_bytes())?;
        }
        Ok(RestReply::json(StatusCode::OK, &view::account_with_token(&account, &token)))
    }

    pub(super) fn delete_account(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, id, .. } = request;
        caller.acl.require(organization_id, ACCOUNTS, "delete")?;
        self.organization(organization_id)?;
        self.delete_resource(ResourceKind::Account, organization_id, id)
    }

    fn account(&self, organization_id: &str, id: &str) -> RestResult<StoredAccount> {
        self.store.accounts(organization_id, Some(id))?.pop().ok_or_else(RestFailure::not_found)
    }

    /// The expiry of a token that is minted now.
    fn token_expiry(&self) -> Timestamp {
        seed::token_expiry(self.clock.now(), self.options)
    }
}
