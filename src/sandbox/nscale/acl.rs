//! The access control list of a caller, which follows from the roles of its groups.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::sandbox::nscale::reply::{RestFailure, RestResult};
use crate::sandbox::nscale::roles::{Grant, OPERATIONS, PROTECTED, Role, operations, role, role_id};

/// Operations by endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(BTreeMap<&'static str, Vec<&'static str>>);

#[derive(Serialize)]
struct AclEndpoint {
    name: &'static str,
    operations: Vec<&'static str>,
}

impl Grants {
    fn add(&mut self, grants: &'static [Grant]) {
        for (endpoint, operations) in grants {
            let granted = self.0.entry(endpoint).or_default();
            let new = operations.iter().filter(|operation| !granted.contains(operation)).copied();
            granted.extend(new.collect::<Vec<_>>());
        }
    }

    fn holds(&self, endpoint: &str, operation: &str) -> bool {
        self.0.get(endpoint).is_some_and(|granted| granted.contains(&operation))
    }

    fn to_json(&self) -> Value {
        let endpoints = self.0.iter().map(|(name, granted)| AclEndpoint {
            name,
            operations: OPERATIONS.into_iter().filter(|operation| granted.contains(operation)).collect(),
        });
        json!(endpoints.collect::<Vec<_>>())
    }
}

/// The union of the grants of a caller's groups.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    /// The caller's only organization.
    pub organization_id: String,
    organization: Grants,
    /// By the id of the project.
    projects: BTreeMap<String, Grants>,
}

impl Acl {
    /// The list of a member of groups, each of which has the ids of its roles and of its projects.
    pub fn new(organization_id: &str, groups: &[(Vec<String>, Vec<String>)]) -> Self {
        let mut acl = Self { organization_id: organization_id.to_owned(), ..Self::default() };
        for (role_ids, project_ids) in groups {
            for role in role_ids.iter().filter_map(|id| role(id)) {
                acl.organization.add(role.organization);
                for project_id in project_ids.iter().filter(|_| !role.project.is_empty()) {
                    acl.projects.entry(project_id.clone()).or_default().add(role.project);
                }
            }
        }
        acl
    }

    /// Forbidden, with the real server's message, unless the operation is allowed in the organization.
    pub fn require(&self, organization_id: &str, endpoint: &str, operation: &str) -> RestResult<()> {
        let why = if self.organization.0.is_empty() && self.projects.is_empty() {
            "— this principal has no organization-scope permissions"
        } else if organization_id != self.organization_id {
            "— organization is not in this principal's accessible set"
        } else if self.organization.0.is_empty() {
            "— no endpoints are granted at organization scope"
        } else if !self.organization.holds(endpoint, operation) {
            "is not permitted"
        } else {
            return Ok(());
        };
        Err(forbidden(endpoint, operation, why))
    }

    /// Forbidden, with the real server's message, unless the operation is allowed in the organization or
    /// in the project.
    pub fn require_in_project(
        &self,
        organization_id: &str,
        project_id: &str,
        endpoint: &str,
        operation: &str,
    ) -> RestResult<()> {
        let in_organization = self.require(organization_id, endpoint, operation);
        match self.projects.get(project_id) {
            _ if in_organization.is_ok() || organization_id != self.organization_id => in_organization,
            Some(grants) if grants.holds(endpoint, operation) => Ok(()),
            Some(_) => Err(forbidden(endpoint, operation, "is not permitted")),
            None => Err(forbidden(endpoint, operation, "— project is not in this principal's accessible set")),
        }
    }

    /// Whether the caller has every grant of a role, and so may give the role to a group.
    pub fn may_grant(&self, role: &Role) -> bool {
        let in_projects = |endpoint: &str, operation: &str| {
            self.organization.holds(endpoint, operation)
                || self.projects.values().any(|grants| grants.holds(endpoint, operation))
        };
        operations(role.organization).all(|(endpoint, operation)| self.organization.holds(endpoint, operation))
            && operations(role.project).all(|(endpoint, operation)| in_projects(endpoint, operation))
    }

    /// Checks that roles exist, are not protected, and have no grant that the caller lacks.
    pub fn check_roles(&self, role_ids: &[String]) -> RestResult<()> {
        for id in role_ids {
            if PROTECTED.iter().any(|name| role_id(name) == *id) {
                return Err(RestFailure::forbidden("requested role is protected"));
            }
            match role(id) {
                None => return Err(RestFailure::invalid(format!("role ID {id} does not exist"))),
                Some(role) if !self.may_grant(role) => {
                    return Err(RestFailure::forbidden("requested role cannot be granted"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The API's JSON for all organizations, or for one.
    pub fn to_json(&self, organization_id: Option<&str>) -> Value {
        if self.organization.0.is_empty() && self.projects.is_empty() {
            return json!({});
        }
        let projects: Vec<Value> =
            self.projects.iter().map(|(id, grants)| json!({ "id": id, "endpoints": grants.to_json() })).collect();
        let mut organization = json!({ "id": self.organization_id });
        if !self.organization.0.is_empty() {
            organization["endpoints"] = self.organization.to_json();
        }
        if !projects.is_empty() {
            organization["projects"] = json!(projects);
        }
        let mut acl = json!({ "organizations": [organization] });
        if organization_id.is_none_or(|id| id == self.organization_id) {
            acl["organization"] = organization;
            if !projects.is_empty() {
                acl["projects"] = json!(projects);
            }
        }
        acl
    }
}

fn forbidden(endpoint: &str, operation: &str, why: &str) -> RestFailure {
    RestFailure::forbidden(format!(
        "operation is not allowed by rbac: operation '{operation}' on endpoint '{endpoint}' {why}"
    ))
}
