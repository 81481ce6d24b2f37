//! The roles that groups may have, and the grants of each.

use ring::digest;

use crate::sandbox::keys::hex;

/// In the order in which the API lists them.
pub const OPERATIONS: [&str; 4] = ["create", "read", "update", "delete"];

const ALL: &[&str] = &OPERATIONS;
const READ: &[&str] = &["read"];

pub const ACCOUNTS: &str = "identity:serviceaccounts";
pub const GROUPS: &str = "identity:groups";
pub const ROLES_ENDPOINT: &str = "identity:roles";
pub const PROJECTS: &str = "identity:projects";
pub const ORGANIZATIONS: &str = "identity:organizations";

/// An endpoint, which is the API's name for a kind of resource, and operations on it.
pub type Grant = (&'static str, &'static [&'static str]);

pub struct Role {
    pub name: &'static str,
    pub description: &'static str,
    /// Grants in the whole organization.
    pub organization: &'static [Grant],
    /// Grants in the projects of the group that has the role.
    pub project: &'static [Grant],
}

/// In the order of their names.
pub const ROLES: [Role; 4] = [
    Role {
        name: "administrator",
        description: "Organization administrator",
        organization: &[
            (GROUPS, ALL),
            (ORGANIZATIONS, &["read", "update"]),
            (PROJECTS, ALL),
            ("identity:quotas", READ),
            (ROLES_ENDPOINT, ALL),
            (ACCOUNTS, ALL),
            ("identity:users", ALL),
        ],
        project: &[],
    },
    Role {
        name: "auditor",
        description: "Organization auditor",
        organization: &[
            (GROUPS, READ),
            (ORGANIZATIONS, READ),
            (PROJECTS, READ),
            ("identity:quotas", READ),
            (ROLES_ENDPOINT, READ),
            (ACCOUNTS, READ),
            ("identity:users", READ),
        ],
        project: &[],
    },
    Role {
        name: "reader",
        description: "Project reader",
        organization: &[("identity:quotas", READ)],
        project: &[(PROJECTS, READ)],
    },
    Role {
        name: "user",
        description: "Project user",
        organization: &[("identity:quotas", READ)],
        project: &[(PROJECTS, READ)],
    },
];

/// Roles that no group may have and that are not listed.
pub const PROTECTED: [&str; 2] = ["platform-administrator", "platform-reader"];

/// The id of a role, which the real server derives from its name.
pub fn role_id(name: &str) -> String {
    let digest = hex(digest::digest(&digest::SHA256, name.as_bytes()).as_ref());
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("f{}-{}-4{}-8{}-{}", part(1, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

pub fn role(id: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role_id(role.name) == id)
}

/// Pairs of an endpoint and an operation on it.
pub fn operations(grants: &'static [Grant]) -> impl Iterator<Item = (&'static str, &'static str)> {
    grants.iter().flat_map(|(endpoint, operations)| operations.iter().map(move |operation| (*endpoint, *operation)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_ids_are_those_of_the_reference() {
        for (name, id) in [
            ("administrator", "f194d170-6ed1-4408-85e0-2d672777019f"),
            ("auditor", "f5a62ce3-fa7f-4d86-8f00-09389ccd8152"),
            ("user", "f4f8996d-a763-47a9-89b1-028ee3007569"),
            ("reader", "fd094196-4aa3-4bdc-800c-cef58b1bb399"),
        ] {
            assert_eq!(role_id(name), id, "{name}");
        }
    }
}
