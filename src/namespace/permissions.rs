//! The published resource types and their actions. They serve warnings only, since the
//! published pages disagree with each other.

use serde_json::{Value, json};

use crate::text::nearest::nearest;

pub const PUBLISHED: [(&str, &[&str]); 29] = [
    ("artifact", &["create", "expire", "list", "resolve"]),
    ("bazel/cache", &["ensure"]),
    ("builder", &["access", "ensure"]),
    ("cache/gradle", &["ensure", "read", "write"]),
    ("cache/httpcache", &["ensure", "read", "write"]),
    ("cache/turborepo", &["delete", "list", "read", "report", "write"]),
    ("containerregistry", &["configure"]),
    ("containerregistry/image", &["delete", "get", "list", "update"]),
    ("containerregistry/repository", &["delete", "list", "share", "unshare"]),
    ("containerregistry/tags", &["list"]),
    ("devbox", &["activate", "create", "expire", "fetch", "list", "update"]),
    ("devbox/image", &["expire", "fetch", "list", "wire"]),
    ("github/runner-profile", &["create", "delete", "get", "list", "update"]),
    ("ingress", &["access"]),
    (
        "instance",
        &[
            "create",
            "destroy",
            "dial_host",
            "exec",
            "get",
            "list",
            "refresh",
            "release",
            "resume",
            "ssh",
            "suspend",
            "wait",
        ],
    ),
    ("instance/ingress", &["list", "register"]),
    ("instance/notification", &["list"]),
    ("instance/o11y/logs", &["get"]),
    ("instance/o11y/metrics", &["get"]),
    ("instance/o11y/oom", &["list"]),
    ("network/fabric/segment", &["attach"]),
    ("tenant", &["get"]),
    ("tenant/policies", &["get"]),
    ("tenant/usage", &["get"]),
    ("testing/test/logs", &["stream"]),
    ("testing/test/result", &["list", "push"]),
    ("testing/test/run", &["complete", "create", "get", "list"]),
    (TOKENS, &["create", "list", "refresh", "revoke"]),
    ("volume/persistent", &["describe", "destroy", "list"]),
];

pub const TOKENS: &str = "token/revokable";

/// Types that are in use but not published.
pub const UNPUBLISHED: [(&str, &[&str]); 4] = [
    ("bazel/execution", &["ensure"]),
    ("bazel/storage", &["write"]),
    ("federation", &["issue_federation"]),
    ("vault/object", &[]),
];

/// The known actions of a type: `None` if the type is unknown, empty if only its actions
/// are.
pub fn actions_of(resource_type: &str) -> Option<&'static [&'static str]> {
    PUBLISHED.iter().chain(&UNPUBLISHED).find(|(known, _)| *known == resource_type).map(|(_, actions)| *actions)
}

pub fn nearest_type(resource_type: &str) -> Option<&'static str> {
    nearest(resource_type, PUBLISHED.iter().chain(&UNPUBLISHED).map(|(known, _)| *known))
}

/// A grant of the actions on all resources of a type, for `--grant`.
pub fn template(resource_type: &str, actions: &[&str]) -> Value {
    json!({ "resource_type": resource_type, "resource_id": "*", "actions": actions })
}
