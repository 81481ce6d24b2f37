//! Groups, which give roles to their members.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::nscale::caller::Caller;
use crate::sandbox::nscale::reply::{RestFailure, RestReply, RestResult};
use crate::sandbox::nscale::roles::GROUPS;
use crate::sandbox::nscale::route::Request;
use crate::sandbox::nscale::schema::GroupSpec;
use crate::sandbox::nscale::{Nscale, schema, view};
use crate::sandbox::store::{ResourceKind, StoredResource};

impl Nscale {
    pub(super) fn list_groups(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, .. } = request;
        caller.acl.require(organization_id, GROUPS, "read")?;
        self.organization(organization_id)?;
        let groups = self.store.resources(ResourceKind::Group, organization_id)?;
        let groups: Vec<Value> = groups.iter().map(|group| self.view_group(group)).collect::<RestResult<_>>()?;
        Ok(RestReply::json(StatusCode::OK, &groups))
    }

    pub(super) fn get_group(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, id, .. } = request;
        caller.acl.require(organization_id, GROUPS, "read")?;
        self.organization(organization_id)?;
        let group = self.group(organization_id, id)?;
        Ok(RestReply::json(StatusCode::OK, &self.view_group(&group)?))
    }

    pub(super) fn create_group(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, .. } = request;
        let body = schema::group(request)?;
        caller.acl.require(organization_id, GROUPS, "create")?;
        self.organization(organization_id)?;
        let group = self.create_resource(caller, organization_id, body.metadata);
        let group = self.store_group(caller, group, body.spec)?;
        Ok(RestReply::json(StatusCode::CREATED, &self.view_group(&group)?))
    }

    pub(super) fn update_group(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, id, .. } = request;
        let body = schema::group(request)?;
        caller.acl.require(organization_id, GROUPS, "update")?;
        self.organization(organization_id)?;
        let group = self.update_resource(caller, self.group(organization_id, id)?, body.metadata);
        self.store_group(caller, group, body.spec)?;
        Ok(RestReply::empty(StatusCode::OK))
    }

    pub(super) fn delete_group(&self, caller: &Caller, request: &Request<'_>) -> RestResult<RestReply> {
        let Request { organization_id, id, .. } = request;
        caller.acl.require(organization_id, GROUPS, "delete")?;
        self.organization(organization_id)?;
        self.delete_resource(ResourceKind::Group, organization_id, id)
    }

    /// Stores a group with the spec of a request. The roles are checked even if they have not
    /// changed; the members are not checked.
    fn store_group(&self, caller: &Caller, group: StoredResource, spec: GroupSpec) -> RestResult<StoredResource> {
        caller.acl.check_roles(&spec.role_ids)?;
        let group = StoredResource { spec: stored_spec(&spec), ..group };
        self.store.put_group(&group, &spec.account_ids)?;
        Ok(group)
    }

    fn group(&self, organization_id: &str, id: &str) -> RestResult<StoredResource> {
        self.store.resource(ResourceKind::Group, organization_id, id)?.ok_or_else(RestFailure::not_found)
    }

    fn view_group(&self, group: &StoredResource) -> RestResult<Value> {
        Ok(view::group(group, &self.store.members(&group.id)?))
    }

    pub(super) fn delete_resource(&self, kind: ResourceKind, organization_id: &str, id: &str) -> RestResult<RestReply> {
        if self.store.delete_resource(kind, organization_id, id)? {
            Ok(RestReply::empty(StatusCode::OK))
        } else {
            Err(RestFailure::not_found())
        }
    }
}

/// A group's spec for the store, without its members, which have a table of their own.
pub fn stored_spec(spec: &GroupSpec) -> String {
    json!({ "roleIDs": spec.role_ids, "serviceAccountIDs": [], "subjects": spec.subjects, "userIDs": spec.user_ids })
        .to_string()
}
