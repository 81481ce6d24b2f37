//! Organizations, groups, projects and service accounts, the members of groups,
//! and each account's current token.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::nscale::messages::Tag;
use crate::sandbox::store::{Store, StoreResult, from_nanos, to_nanos};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// An organization, which belongs to itself.
    Organization,
    Group,
    Project,
    Account,
}

impl ResourceKind {
    fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Group => "group",
            Self::Project => "project",
            Self::Account => "account",
        }
    }
}

#[derive(Clone, Debug)]
pub struct StoredResource {
    pub id: String,
    /// The organization that it belongs to.
    pub organization_id: String,
    pub name: String,
    pub description: Option<String>,
    pub tags: Vec<Tag>,
    pub created_at: Timestamp,
    /// The id of an account.
    pub created_by: Option<String>,
    pub modified_at: Option<Timestamp>,
    /// The id of an account.
    pub modified_by: Option<String>,
    /// The API's `spec`, as JSON.
    pub spec: String,
}

#[derive(Clone, Debug)]
pub struct StoredAccount {
    pub resource: StoredResource,
    /// Of the token.
    pub expires_at: Timestamp,
    /// The groups that it is a member of.
    pub group_ids: Vec<String>,
}

/// The columns of a resource, in the order of [`read_resource`].
macro_rules! columns {
    () => {
        "id, organization_id, name, description, tags, created_at, created_by, modified_at, modified_by, spec"
    };
}

const COLUMNS: usize = 10;

impl Store {
    pub fn resource(&self, kind: ResourceKind, organization_id: &str, id: &str) -> StoreResult<Option<StoredResource>> {
        self.lock()
            .prepare_cached(concat!(
                "SELECT ",
                columns!(),
                " FROM resources WHERE noun = ? AND id = ? AND organization_id = ?"
            ))?
            .query_row([kind.name(), id, organization_id], read_resource)
            .optional()
    }

    /// Ordered by id.
    pub fn resources(&self, kind: ResourceKind, organization_id: &str) -> StoreResult<Vec<StoredResource>> {
        self.lock()
            .prepare_cached(concat!(
                "SELECT ",
                columns!(),
                " FROM resources WHERE noun = ? AND organization_id = ? ORDER BY id"
            ))?
            .query_map([kind.name(), organization_id], read_resource)?
            .collect()
    }

    /// Inserts a resource, or replaces the one with its id.
    pub fn put_resource(&self, kind: ResourceKind, resource: &StoredResource) -> StoreResult<()> {
        put(&self.lock(), kind, resource)
    }

    /// Inserts a group with its members, or replaces the one with its id.
    pub fn put_group(&self, group: &StoredResource, members: &[String]) -> StoreResult<()> {
        let mut connection = self.lock();
        let change = connection.savepoint()?;
        put(&change, ResourceKind::Group, group)?;
        change.execute("DELETE FROM members WHERE group_id = ?", [&group.id])?;
        for member in members {
            change.execute("INSERT OR IGNORE INTO members VALUES (?, ?)", [member, &group.id])?;
        }
        change.commit()
    }

    /// Inserts an account, or replaces the one with its id. It is then a member of these groups, as
    /// far as they exist. `token` is the hash and the expiry of a new token; without it the account
    /// keeps its token.
    pub fn put_account(
        &self,
        account: &StoredResource,
        group_ids: &[String],
        token: Option<(&[u8], Timestamp)>,
    ) -> StoreResult<()> {
        let mut connection = self.lock();
        let change = connection.savepoint()?;
        put(&change, ResourceKind::Account, account)?;
        if let Some(token) = token {
            put_token(&change, &account.id, token)?;
        }
        change.execute("DELETE FROM members WHERE account_id = ?", [&account.id])?;
        for group_id in group_ids {
            change
                .prepare_cached(
                    "INSERT OR IGNORE INTO members
                     SELECT ?, id FROM resources WHERE noun = 'group' AND id = ? AND organization_id = ?",
                )?
                .execute([&account.id, group_id, &account.organization_id])?;
        }
        change.commit()
    }

    /// Inserts many accounts in one transaction, each with the hash and the expiry of its token.
    pub fn put_accounts(
        &self,
        accounts: impl Iterator<Item = (StoredResource, Vec<u8>, Timestamp)>,
    ) -> StoreResult<()> {
        let mut connection = self.lock();
        let change = connection.savepoint()?;
        for (account, secret_hash, expires_at) in accounts {
            put(&change, ResourceKind::Account, &account)?;
            put_token(&change, &account.id, (&secret_hash, expires_at))?;
        }
        change.commit()
    }

    pub fn set_account_token(&self, id: &str, secret_hash: &[u8], expires_at: Timestamp) -> StoreResult<()> {
        put_token(&self.lock(), id, (secret_hash, expires_at))
    }

    /// The accounts of an organization, or the one with an id, ordered by id.
    pub fn accounts(&self, organization_id: &str, id: Option<&str>) -> StoreResult<Vec<StoredAccount>> {
        // Every id sorts before "~". With a range and a cross join, which fixes the order of the
        // loops, SQLite finds one account without reading all of them.
        let (first, last) = id.map_or(("", "~"), |id| (id, id));
        let connection = self.lock();
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        let mut members = connection.prepare_cached(
            "SELECT members.account_id, members.group_id FROM members
             CROSS JOIN resources ON noun = 'group' AND resources.id = members.group_id
             WHERE organization_id = ? AND members.account_id BETWEEN ? AND ? ORDER BY members.group_id",
        )?;
        for member in members.query_map([organization_id, first, last], |row| Ok((row.get(0)?, row.get(1)?)))? {
            let (account_id, group_id): (String, String) = member?;
            groups.entry(account_id).or_default().push(group_id);
        }
        connection
            .prepare_cached(concat!(
                "SELECT ",
                columns!(),
                ", expires_at FROM resources CROSS JOIN account_tokens ON account_id = id
                 WHERE noun = 'account' AND organization_id = ? AND id BETWEEN ? AND ? ORDER BY id"
            ))?
            .query_map([organization_id, first, last], |row| {
                let resource = read_resource(row)?;
                let group_ids = groups.remove(&resource.id).unwrap_or_default();
                Ok(StoredAccount { resource, expires_at: from_nanos(row.get(COLUMNS)?), group_ids })
            })?
            .collect()
    }

    pub fn account_by_secret(&self, secret_hash: &[u8]) -> StoreResult<Option<StoredAccount>> {
        let owner: Option<(String, String)> = self
            .lock()
            .prepare_cached(
                "SELECT organization_id, id FROM account_tokens
                 CROSS JOIN resources ON noun = 'account' AND id = account_id
                 WHERE secret_hash = ?",
            )?
            .query_row([secret_hash], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match owner {
            Some((organization_id, id)) => Ok(self.accounts(&organization_id, Some(&id))?.pop()),
            None => Ok(None),
        }
    }

    /// The ids of a group's members, in order.
    pub fn members(&self, group_id: &str) -> StoreResult<Vec<String>> {
        self.lock()
            .prepare_cached("SELECT account_id FROM members WHERE group_id = ? ORDER BY account_id")?
            .query_map([group_id], |row| row.get(0))?
            .collect()
    }

    /// Deletes a resource with its token and its memberships. Returns `false` if it does not exist.
    pub fn delete_resource(&self, kind: ResourceKind, organization_id: &str, id: &str) -> StoreResult<bool> {
        let mut connection = self.lock();
        let change = connection.savepoint()?;
        let deleted = change.execute(
            "DELETE FROM resources WHERE noun = ? AND id = ? AND organization_id = ?",
            [kind.name(), id, organization_id],
        )?;
        if deleted == 1 {
            change.execute("DELETE FROM members WHERE account_id = ?1 OR group_id = ?1", [id])?;
            change.execute("DELETE FROM account_tokens WHERE account_id = ?", [id])?;
        }
        change.commit()?;
        Ok(deleted == 1)
    }
}

fn put(connection: &Connection, kind: ResourceKind, resource: &StoredResource) -> StoreResult<()> {
    connection.prepare_cached("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            kind.name(),
            resource.id,
            resource.organization_id,
            resource.name,
            resource.description,
            serde_json::to_string(&resource.tags).unwrap_or_default(),
            to_nanos(resource.created_at),
            resource.created_by,
            resource.modified_at.map(to_nanos),
            resource.modified_by,
            resource.spec,
        ],
    )?;
    Ok(())
}

fn put_token(
    connection: &Connection,
    account_id: &str,
    (secret_hash, expires_at): (&[u8], Timestamp),
) -> StoreResult<()> {
    connection.prepare_cached("INSERT OR REPLACE INTO account_tokens VALUES (?, ?, ?)")?.execute(params![
        account_id,
        secret_hash,
        to_nanos(expires_at)
    ])?;
    Ok(())
}

/// Reads the columns by number. With many rows, reading them by name would take most of the time.
fn read_resource(row: &Row<'_>) -> StoreResult<StoredResource> {
    let tags: String = row.get(4)?;
    Ok(StoredResource {
        id: row.get(0)?,
        organization_id: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        tags: serde_json::from_str(&tags).unwrap_or_default(),
        created_at: from_nanos(row.get(5)?),
        created_by: row.get(6)?,
        modified_at: row.get::<_, Option<i64>>(7)?.map(from_nanos),
        modified_by: row.get(8)?,
        spec: row.get(9)?,
    })
}
