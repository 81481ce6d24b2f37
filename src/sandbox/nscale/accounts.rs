//! Service accounts: list, create, update, rotate, delete. There is no way to
//! get one by its id.

use axum::http::StatusCode;
use jiff::Timestamp;

use crate::nscale::message::AccountWrite;
use crate::sandbox::keys::hash;
use crate::sandbox::nscale::acl::ACCOUNTS;
use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult};
use crate::sandbox::nscale::{Nscale, seed, token, view};
use crate::sandbox::store::{ResourceKind, StoredAccount};

impl Nscale {
    /// All accounts, or the caller alone where it may not read them.
    pub(super) fn list_accounts(&self, caller: &Caller, organization_id: &str) -> RestResult<RestReply> {
        let may_read = caller.acl.require(organization_id, ACCOUNTS, "read").is_ok();
        self.organization(organization_id)?;
        let only = (!may_read).then(|| caller.id());
        let accounts = self.store.accounts(organization_id, only)?;
        let accounts: Vec<_> = accounts.iter().map(view::account).collect();
        Ok(RestReply::json(StatusCode::OK, &accounts))
    }

    /// Makes an account. Nobody looks whether the caller holds the rights of
    /// its groups, and groups that do not exist are passed over.
    pub(super) fn create_account(
        &self,
        caller: &Caller,
        organization_id: &str,
        request: AccountWrite,
    ) -> RestResult<RestReply> {
        caller.acl.require(organization_id, ACCOUNTS, "create")?;
        self.organization(organization_id)?;
        let resource = self.create_resource(caller, organization_id, request.metadata);
        let token = token::mint(&self.keys);
        let expires_at = self.token_end();
        self.store.put_account(&resource, &request.spec.group_ids, Some((&hash(&token), expires_at)))?;
        let mut account = StoredAccount { resource, expires_at, group_ids: Vec::new() };
        if !self.options.stale_groups {
            account = self.account(organization_id, &account.resource.id)?;
        }
        Ok(RestReply::json(StatusCode::CREATED, &view::account_with_token(&account, &token)))
    }

    /// Replaces everything that a caller may say of an account.
    pub(super) fn put_account(
        &self,
        caller: &Caller,
        organization_id: &str,
        id: &str,
        request: AccountWrite,
    ) -> RestResult<RestReply> {
        caller.acl.require(organization_id, ACCOUNTS, "update")?;
        self.organization(organization_id)?;
        let before = self.account(organization_id, id)?;
        let resource = self.update_resource(caller, before.resource, request.metadata);
        self.store.put_account(&resource, &request.spec.group_ids, None)?;
        let mut account = StoredAccount { resource, ..before };
        if !self.options.stale_groups {
            account = self.account(organization_id, id)?;
        }
        Ok(RestReply::json(StatusCode::OK, &view::account(&account)))
    }

    /// Gives an account another token in place of its current one. Its own it
    /// may always replace.
    pub(super) fn rotate_account(&self, caller: &Caller, organization_id: &str, id: &str) -> RestResult<RestReply> {
        if caller.id() != id {
            caller.acl.require(organization_id, ACCOUNTS, "update")?;
        }
        self.organization(organization_id)?;
        let account = self.account(organization_id, id)?;
        let token = token::mint(&self.keys);
        let account = StoredAccount { expires_at: self.token_end(), ..account };
        self.store.set_account_token(id, &hash(&token), account.expires_at)?;
        if id == self.administrator.id {
            // The next start hands this one out.
            self.store.set_meta(seed::ADMINISTRATOR_TOKEN, token.as_bytes())?;
        }
        Ok(RestReply::json(StatusCode::OK, &view::account_with_token(&account, &token)))
    }

    /// Deletes an account for good.
    pub(super) fn delete_account(&self, caller: &Caller, organization_id: &str, id: &str) -> RestResult<RestReply> {
        caller.acl.require(organization_id, ACCOUNTS, "delete")?;
        self.organization(organization_id)?;
        self.delete_resource(ResourceKind::Account, organization_id, id)
    }

    fn account(&self, organization_id: &str, id: &str) -> RestResult<StoredAccount> {
        self.store.accounts(organization_id, Some(id))?.pop().ok_or_else(RestFailure::not_found)
    }

    /// When a token that is minted now ends.
    fn token_end(&self) -> Timestamp {
        seed::token_end(self.clock.now(), self.options)
    }
}
