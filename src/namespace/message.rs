//! The messages of `namespace.cloud.iam.v1beta.TokenService` and of the
//! session exchange, in protobuf's JSON: written in camelCase without default
//! values, read in either spelling with unknown fields ignored.
//!
//! The client sends and reads them; the sandbox does the same from the other
//! side.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::http::json::or_default;
use crate::namespace::proto::{
    Bytes, ProtoEnum, Span, Time, is_default, read_enum, read_int64, read_time, write_enum, write_int64,
};
use crate::secret::Secret;

/// The full name of the service.
pub const TOKEN_SERVICE: &str = "namespace.cloud.iam.v1beta.TokenService";

/// The full name of the service that exchanges sessions.
pub const SESSIONS_SERVICE: &str = "namespace.private.sessions.v1beta.UserSessionsService";

/// One grant: these actions on this resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    /// The kind of resource, as in `token/revokable`.
    #[serde(alias = "resource_type", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub resource_type: String,
    /// One resource, or `*` for all.
    #[serde(alias = "resource_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub resource_id: String,
    /// The verbs.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

/// The grants of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessPolicy {
    /// The grants.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Permission>,
}

/// What a token is bound to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Not said.
    #[default]
    Unknown,
    /// The workspace.
    Tenant,
    /// One user's membership of it.
    Membership,
    /// Something that is not known here, as it came.
    Other(String),
}

/// The state of a token as the server sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not said.
    #[default]
    Unknown,
    /// In use.
    Active,
    /// Revoked.
    Revoked,
    /// Past its expiry.
    Expired,
    /// Something that is not known here, as it came.
    Other(String),
}

impl ProtoEnum for Scope {
    const VALUES: &'static [(Self, &'static str)] = &[
        (Self::Unknown, "SCOPE_UNKNOWN"),
        (Self::Tenant, "TENANT_SCOPE"),
        (Self::Membership, "TENANT_MEMBERSHIP_SCOPE"),
    ];

    fn other(text: String) -> Self {
        Self::Other(text)
    }

    fn as_other(&self) -> Option<&str> {
        if let Self::Other(text) = self { Some(text) } else { None }
    }
}

impl ProtoEnum for State {
    const VALUES: &'static [(Self, &'static str)] = &[
        (Self::Unknown, "STATE_UNKNOWN"),
        (Self::Active, "ACTIVE"),
        (Self::Revoked, "REVOKED"),
        (Self::Expired, "EXPIRED"),
    ];

    fn other(text: String) -> Self {
        Self::Other(text)
    }

    fn as_other(&self) -> Option<&str> {
        if let Self::Other(text) = self { Some(text) } else { None }
    }
}

/// A revokable token as the server lists it. The secret is never in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevokableToken {
    /// `tok_…`, the handle for revoke and refresh.
    #[serde(alias = "token_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub token_id: String,
    /// The workspace.
    #[serde(alias = "tenant_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub tenant_id: String,
    /// Unique within the workspace.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Free text.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it was made.
    #[serde(alias = "created_at", deserialize_with = "read_time", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When it ends; absent where it does not.
    #[serde(alias = "expires_at", deserialize_with = "read_time", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was revoked.
    #[serde(alias = "revoked_at", deserialize_with = "read_time", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
    /// By whom.
    #[serde(alias = "revoked_by_actor_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub revoked_by_actor_id: String,
    /// Who made it.
    #[serde(alias = "creator_actor_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub creator_actor_id: String,
    /// What it is bound to. Absent on older servers.
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub scope: Scope,
    /// Its grants. Absent on older servers.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
    /// Its state. Absent on older servers.
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub state: State,
}

impl RevokableToken {
    /// The state, derived where the server did not say; unknown where it can
    /// not be.
    pub fn state_at(&self, now: Timestamp) -> State {
        match &self.state {
            State::Unknown if self.revoked_at.is_some() => State::Revoked,
            State::Unknown if self.expires_at == Some(Time::UNREADABLE) => State::Unknown,
            State::Unknown if self.expires_at.is_some_and(|time| time.0 <= now) => State::Expired,
            State::Unknown => State::Active,
            said => said.clone(),
        }
    }
}

/// Request of `CreateRevokableToken`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateRequest {
    /// Unique within the workspace.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Free text.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Absent for no expiry, which only membership scope may ask for.
    #[serde(alias = "expires_at", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The grants.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub access: AccessPolicy,
    /// What it is to be bound to; unknown means the workspace.
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub scope: Scope,
}

/// Response of `CreateRevokableToken`. The server writes it by hand, since a
/// [`Secret`] cannot be serialised.
#[derive(Debug, Deserialize)]
pub struct CreateResponse {
    /// The secret, given once.
    #[serde(rename = "bearerToken", alias = "bearer_token", default = "no_secret")]
    pub bearer_token: Secret,
    /// The token.
    #[serde(default, deserialize_with = "or_default")]
    pub token: RevokableToken,
}

fn no_secret() -> Secret {
    Secret::new("")
}

/// Request of `ListRevokableTokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListRequest {
    /// From the response before.
    #[serde(alias = "pagination_cursor", deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub pagination_cursor: Bytes,
    /// The most entries in a page; 0 leaves it to the server.
    #[serde(
        alias = "max_entries",
        deserialize_with = "read_int64",
        serialize_with = "write_int64",
        skip_serializing_if = "is_default"
    )]
    pub max_entries: i64,
    /// Whether revoked tokens are listed too.
    #[serde(alias = "include_revoked", deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub include_revoked: bool,
}

/// Response of `ListRevokableTokens`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListResponse {
    /// A page of tokens.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<RevokableToken>,
    /// Not empty where there are more.
    #[serde(alias = "pagination_cursor", deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub pagination_cursor: Bytes,
}

/// Request of `RevokeRevokableToken`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevokeRequest {
    /// Which.
    #[serde(alias = "token_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub token_id: String,
}

/// Request of `RefreshRevokableToken`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RefreshRequest {
    /// Which.
    #[serde(alias = "token_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub token_id: String,
    /// How long it must live at least, above zero and at most a year.
    #[serde(alias = "minimum_duration", skip_serializing_if = "Option::is_none")]
    pub minimum_duration: Option<Span>,
}

/// Response of `RefreshRevokableToken`. The secret stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefreshResponse {
    /// The token with its new expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<RevokableToken>,
}

/// Request of `BatchRevokeRevokableToken`: at least one filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchRevokeRequest {
    /// Made before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Time>,
    /// Made by this user.
    #[serde(alias = "created_by_actor_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub created_by_actor_id: String,
    /// Bound like this.
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub scope: Scope,
}

/// Response of `BatchRevokeRevokableToken`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchRevokeResponse {
    /// The tokens that were revoked.
    #[serde(alias = "revoked_token_ids", deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub revoked_token_ids: Vec<String>,
}

/// Request of `IssueTenantTokenFromSession`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IssueTenantTokenRequest {
    /// How long the tenant token is to live.
    #[serde(alias = "token_duration", skip_serializing_if = "Option::is_none")]
    pub token_duration: Option<Span>,
}

/// Response of `IssueTenantTokenFromSession`.
#[derive(Debug, Deserialize)]
pub struct IssueTenantTokenResponse {
    /// `nsct_…`.
    #[serde(rename = "tenantToken", alias = "tenant_token")]
    pub tenant_token: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_nulls_and_strangers_are_read() {
        let camel: RevokableToken = serde_json::from_value(json!({
            "tokenId": "tok_1", "createdAt": "2026-11-22T12:00:00.5+02:00", "scope": 2, "state": "A_NEW_STATE",
            "permissions": null, "unheardOf": {"x": 1}
        }))
        .unwrap_or_default();
        let snake: RevokableToken = serde_json::from_value(json!({
            "token_id": "tok_1", "created_at": "2026-11-22T10:00:00.500Z", "scope": "TENANT_MEMBERSHIP_SCOPE", "name": null
        }))
        .unwrap_or_default();
        assert_eq!(camel.token_id, "tok_1");
        assert_eq!(camel.scope, Scope::Membership);
        assert_eq!(camel.state, State::Other("A_NEW_STATE".into()));
        assert_eq!(RevokableToken { state: State::Unknown, ..camel.clone() }, snake);
        assert_eq!(
            json!(snake).to_string(),
            r#"{"tokenId":"tok_1","createdAt":"2026-11-22T10:00:00.500Z","scope":"TENANT_MEMBERSHIP_SCOPE"}"#
        );
    }

    #[test]
    fn one_bad_field_spoils_nothing() {
        for (text, state, scope) in [
            (r#"{"state":9,"scope":7}"#, State::Other("9".into()), Scope::Other("7".into())),
            (r#"{"state":1.0,"scope":"1"}"#, State::Active, Scope::Other("1".into())),
            (r#"{"state":"","scope":0}"#, State::Unknown, Scope::Unknown),
            (r#"{"state":null,"scope":[true]}"#, State::Unknown, Scope::Other("[true]".into())),
        ] {
            let token: RevokableToken = serde_json::from_str(text).unwrap();
            assert_eq!((token.state, token.scope), (state, scope), "{text}");
        }
        for text in [r#""soon""#, "7", "{}", r#""""#, r#""2026-13-01T00:00:00Z""#] {
            let token = format!(r#"{{"createdAt":{text},"expiresAt":{text},"revokedAt":null}}"#);
            let token: RevokableToken = serde_json::from_str(&token).unwrap();
            assert_eq!(token.expires_at, Some(Time::UNREADABLE), "{text}");
            assert_eq!(token.revoked_at, None);
        }
    }

    #[test]
    fn the_state_is_derived_where_the_server_does_not_say() {
        let now = Timestamp::UNIX_EPOCH;
        let mut token = RevokableToken::default();
        assert_eq!(token.state_at(now), State::Active);
        token.expires_at = Some(Time(now));
        assert_eq!(token.state_at(now), State::Expired);
        token.revoked_at = Some(Time(now));
        assert_eq!(token.state_at(now), State::Revoked);
        token.state = State::Active;
        assert_eq!(token.state_at(now), State::Active);
        token = RevokableToken { expires_at: Some(Time::UNREADABLE), ..RevokableToken::default() };
        assert_eq!(token.state_at(now), State::Unknown);
    }
}
