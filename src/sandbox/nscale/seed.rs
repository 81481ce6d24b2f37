//! Seeds a new store with an organization, three groups, a project and an
//! administrator.

use jiff::Timestamp;
use serde_json::json;

use crate::sandbox::clock::{ServerClock, later};
use crate::sandbox::keys::{Keys, hash};
use crate::sandbox::nscale::groups::stored_spec;
use crate::sandbox::nscale::roles::role_id;
use crate::sandbox::nscale::schema::GroupSpec;
use crate::sandbox::nscale::{DEFAULT_TOKEN_LIFETIME, NscaleOptions, token};
use crate::sandbox::store::{ResourceKind, Store, StoreResult, StoredResource};

/// The account whose token is in NSCALE_SERVICE_TOKEN.
pub struct Administrator {
    pub id: String,
    pub organization_id: String,
    pub token: String,
}

/// The store's key for the administrator's token.
pub const ADMINISTRATOR_TOKEN: &str = "administrator_token";

/// Name, role and description.
const GROUPS: [(&str, &str, &str); 3] = [
    ("administrators", "administrator", "May do everything in the organization"),
    ("auditors", "auditor", "May read everything in the organization"),
    ("developers", "user", "Work in the projects of the organization"),
];

/// Seeds a new store, and in every store repairs the administrator: it exists, is in its group, and
/// has a valid token.
pub fn seed(store: &Store, keys: &Keys, clock: ServerClock, options: NscaleOptions) -> StoreResult<Administrator> {
    let now = clock.now();
    let organization_id = utf8(store.meta("organization_id", || keys.resource_id().into_bytes())?);
    if store.resource(ResourceKind::Organization, &organization_id, &organization_id)?.is_none() {
        create_organization(store, keys, now, &organization_id)?;
        create_accounts(store, keys, now, &organization_id, options)?;
    }
    let id = utf8(store.meta("administrator_id", || keys.resource_id().into_bytes())?);
    let stored_token = utf8(store.meta(ADMINISTRATOR_TOKEN, Vec::new)?);
    let owner = store.account_by_secret(&hash(&stored_token))?.filter(|account| account.expires_at > now);
    let token = if owner.is_some() { stored_token } else { token::mint(keys) };
    let existing = store.accounts(&organization_id, Some(&id))?.pop();
    let mut groups = existing.as_ref().map(|account| account.group_ids.clone()).unwrap_or_default();
    let administrators = administrator_group(store, keys, now, &organization_id)?;
    if existing.is_none() || owner.is_none() || !groups.contains(&administrators) {
        groups.push(administrators);
        let account = existing.map(|account| account.resource).unwrap_or_else(|| StoredResource {
            id: id.clone(),
            name: "sandbox-administrator".into(),
            description: Some("The account that the sandbox begins with".into()),
            ..resource(keys, &organization_id, now)
        });
        // `--token-life` does not apply to this token.
        let expires_at = whole_seconds(later(now, DEFAULT_TOKEN_LIFETIME));
        let secret_hash = hash(&token);
        store.put_account(&account, &groups, owner.is_none().then_some((&secret_hash[..], expires_at)))?;
        store.set_meta(ADMINISTRATOR_TOKEN, token.as_bytes())?;
    }
    Ok(Administrator { id, organization_id, token })
}

/// The id of the administrators' group, which is created if it was deleted or lost its role.
fn administrator_group(store: &Store, keys: &Keys, now: Timestamp, organization_id: &str) -> StoreResult<String> {
    let (name, role, _) = GROUPS[0];
    let role = role_id(role);
    let groups = store.resources(ResourceKind::Group, organization_id)?;
    if let Some(group) = groups.into_iter().find(|group| group.name == name && group.spec.contains(&role)) {
        return Ok(group.id);
    }
    create_group(store, keys, now, organization_id, GROUPS[0])
}

/// Creates a group without members and returns its id.
fn create_group(
    store: &Store,
    keys: &Keys,
    now: Timestamp,
    organization_id: &str,
    (name, role, description): (&str, &str, &str),
) -> StoreResult<String> {
    let group_spec = GroupSpec {
        role_ids: vec![role_id(role)],
        account_ids: Vec::new(),
        user_ids: Vec::new(),
        subjects: Vec::new(),
    };
    let group = StoredResource {
        name: name.into(),
        description: Some(description.into()),
        spec: stored_spec(&group_spec),
        ..resource(keys, organization_id, now)
    };
    store.put_group(&group, &[])?;
    Ok(group.id)
}

fn create_organization(store: &Store, keys: &Keys, now: Timestamp, id: &str) -> StoreResult<()> {
    let organization = StoredResource {
        id: id.to_owned(),
        name: "sandbox".into(),
        spec: json!({ "organizationType": "adhoc" }).to_string(),
        ..resource(keys, id, now)
    };
    store.put_resource(ResourceKind::Organization, &organization)?;
    let mut project_groups = Vec::new();
    for group in GROUPS {
        let group_id = create_group(store, keys, now, id, group)?;
        if group.1 == "user" {
            project_groups.push(group_id);
        }
    }
    let project = StoredResource {
        name: "playground".into(),
        spec: json!({ "groupIDs": project_groups }).to_string(),
        ..resource(keys, id, now)
    };
    store.put_resource(ResourceKind::Project, &project)
}

/// Creates accounts whose tokens are random hashes, which no token matches.
fn create_accounts(
    store: &Store,
    keys: &Keys,
    now: Timestamp,
    organization_id: &str,
    options: NscaleOptions,
) -> StoreResult<()> {
    let expires_at = token_expiry(now, options);
    store.put_accounts((1..=options.accounts).map(|number| {
        let account = StoredResource {
            name: format!("account-{number}"),
            description: Some(format!("One of many, number {number}")),
            ..resource(keys, organization_id, now)
        };
        (account, keys.random::<32>().to_vec(), expires_at)
    }))
}

/// A resource with a new id and no metadata.
pub fn resource(keys: &Keys, organization_id: &str, now: Timestamp) -> StoredResource {
    StoredResource {
        id: keys.resource_id(),
        organization_id: organization_id.to_owned(),
        name: String::new(),
        description: None,
        tags: Vec::new(),
        created_at: now,
        created_by: None,
        modified_at: None,
        modified_by: None,
        spec: "{}".into(),
    }
}

/// The expiry of a token that is minted now, in whole seconds.
pub fn token_expiry(now: Timestamp, options: NscaleOptions) -> Timestamp {
    whole_seconds(later(now, options.token_lifetime))
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}
