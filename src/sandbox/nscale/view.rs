//! The API's JSON for resources.

use serde::Serialize;
use serde_json::{Value, json};

use crate::nscale::messages::{self, AccountSpec, AccountStatus, ReadMetadata};
use crate::sandbox::store::{ResourceKind, StoredAccount, StoredResource};

pub fn metadata(kind: ResourceKind, resource: &StoredResource) -> ReadMetadata {
    ReadMetadata {
        id: resource.id.clone(),
        name: resource.name.clone(),
        description: resource.description.clone(),
        tags: resource.tags.clone(),
        organization_id: (kind != ResourceKind::Organization).then(|| resource.organization_id.clone()),
        creation_time: Some(resource.created_at),
        created_by: resource.created_by.clone(),
        modified_time: resource.modified_at,
        modified_by: resource.modified_by.clone(),
        provisioning_status: "provisioned".into(),
        health_status: "healthy".into(),
    }
}

/// A resource with its spec from the store.
pub fn resource(kind: ResourceKind, stored: &StoredResource) -> Value {
    let spec: Value = serde_json::from_str(&stored.spec).unwrap_or_default();
    json!({ "metadata": metadata(kind, stored), "spec": spec })
}

pub fn group(stored: &StoredResource, members: &[String]) -> Value {
    let mut group = resource(ResourceKind::Group, stored);
    group["spec"]["serviceAccountIDs"] = json!(members);
    group
}

pub fn account(stored: &StoredAccount) -> messages::Account {
    messages::Account {
        metadata: metadata(ResourceKind::Account, &stored.resource),
        spec: AccountSpec { group_ids: stored.group_ids.clone() },
        status: AccountStatus { expiry: Some(stored.expires_at), access_token: None },
    }
}

pub fn account_with_token(stored: &StoredAccount, token: &str) -> impl Serialize {
    let mut account = json!(account(stored));
    account["status"]["accessToken"] = token.into();
    account
}
