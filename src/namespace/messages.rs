//! The messages of `namespace.cloud.iam.v1beta.TokenService` and of the
//! session exchange, in protobuf's JSON: field names are written in camelCase and read in
//! camelCase or snake_case, default values are not written, and unknown fields are
//! ignored. The sandbox uses the same messages.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::http::json::or_default;
use crate::namespace::proto::{
    Bytes, ProtoEnum, Span, Time, is_default, read_enum, read_int64, read_time, write_enum, write_int64,
};
use crate::secret::Secret;

pub const TOKEN_SERVICE: &str = "namespace.cloud.iam.v1beta.TokenService";

/// Exchanges sessions.
pub const SESSIONS_SERVICE: &str = "namespace.private.sessions.v1beta.UserSessionsService";

/// A grant of actions on a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Permission {
    /// Such as `token/revokable`.
    #[serde(alias = "resource_type", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub resource_type: String,
    /// One resource, or `*` for all.
    #[serde(alias = "resource_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub resource_id: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessPolicy {
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Permission>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    Unknown,
    Tenant,
    Membership,
    Other(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TokenState {
    #[default]
    Unknown,
    Active,
    Revoked,
    Expired,
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

impl ProtoEnum for TokenState {
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

/// A revokable token, without its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevokableToken {
    /// `tok_…`
    #[serde(alias = "token_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub token_id: String,
    #[serde(alias = "tenant_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub tenant_id: String,
    /// Unique within the workspace.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(alias = "created_at", deserialize_with = "read_time", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// Absent if it never expires.
    #[serde(alias = "expires_at", deserialize_with = "read_time", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    #[serde(alias = "revoked_at", deserialize_with = "read_time", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
    #[serde(alias = "revoked_by_actor_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub revoked_by_actor_id: String,
    #[serde(alias = "creator_actor_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub creator_actor_id: String,
    /// Absent on older servers.
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub scope: Scope,
    /// Absent on older servers.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
    /// Absent on older servers.
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub state: TokenState,
}

impl RevokableToken {
    /// The state. If the server did not return one, it is derived from the times; it is
    /// unknown if they cannot be read.
    pub fn state_at(&self, now: Timestamp) -> TokenState {
        match &self.state {
            TokenState::Unknown if self.revoked_at.is_some() => TokenState::Revoked,
            TokenState::Unknown if self.expires_at == Some(Time::UNREADABLE) => TokenState::Unknown,
            TokenState::Unknown if self.expires_at.is_some_and(|time| time.0 <= now) => TokenState::Expired,
            TokenState::Unknown => TokenState::Active,
            state => state.clone(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateRequest {
    /// Unique within the workspace.
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Absent for a token that never expires, which requires membership scope.
    #[serde(alias = "expires_at", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub access: AccessPolicy,
    /// Unknown means the workspace.
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub scope: Scope,
}

/// Not `Serialize`, since a [`Secret`] is not: the sandbox writes it by hand.
#[derive(Debug, Deserialize)]
pub struct CreateResponse {
    /// Returned only here.
    #[serde(rename = "bearerToken", alias = "bearer_token", default = "no_secret")]
    pub bearer_token: Secret,
    #[serde(default, deserialize_with = "or_default")]
    pub token: RevokableToken,
}

fn no_secret() -> Secret {
    Secret::new("")
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListRequest {
    /// That of the previous response.
    #[serde(alias = "pagination_cursor", deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub pagination_cursor: Bytes,
    /// The size of a page; 0 means the default of the server.
    #[serde(
        alias = "max_entries",
        deserialize_with = "read_int64",
        serialize_with = "write_int64",
        skip_serializing_if = "is_default"
    )]
    pub max_entries: i64,
    #[serde(alias = "include_revoked", deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub include_revoked: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListResponse {
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<RevokableToken>,
    /// Empty on the last page.
    #[serde(alias = "pagination_cursor", deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub pagination_cursor: Bytes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevokeRequest {
    #[serde(alias = "token_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub token_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RefreshRequest {
    #[serde(alias = "token_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub token_id: String,
    /// Above zero and at most a year.
    #[serde(alias = "minimum_duration", skip_serializing_if = "Option::is_none")]
    pub minimum_duration: Option<Span>,
}

/// The secret stays the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RefreshResponse {
    /// The token with its new expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<RevokableToken>,
}

/// At least one filter is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchRevokeRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Time>,
    #[serde(alias = "created_by_actor_id", deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub created_by_actor_id: String,
    #[serde(deserialize_with = "read_enum", serialize_with = "write_enum", skip_serializing_if = "is_default")]
    pub scope: Scope,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchRevokeResponse {
    #[serde(alias = "revoked_token_ids", deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub revoked_token_ids: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IssueTenantTokenRequest {
    #[serde(alias = "token_duration", skip_serializing_if = "Option::is_none")]
    pub token_duration: Option<Span>,
}

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
    fn both_spellings_nulls_and_unknown_fields_are_read() {
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
        assert_eq!(camel.state, TokenState::Other("A_NEW_STATE".into()));
        assert_eq!(RevokableToken { state: TokenState::Unknown, ..camel.clone() }, snake);
        assert_eq!(
            json!(snake).to_string(),
            r#"{"tokenId":"tok_1","createdAt":"2026-11-22T10:00:00.500Z","scope":"TENANT_MEMBERSHIP_SCOPE"}"#
        );
    }

    #[test]
    fn an_invalid_field_does_not_affect_the_others() {
        for (text, state, scope) in [
            (r#"{"state":9,"scope":7}"#, TokenState::Other("9".into()), Scope::Other("7".into())),
            (r#"{"state":1.0,"scope":"1"}"#, TokenState::Active, Scope::Other("1".into())),
            (r#"{"state":"","scope":0}"#, TokenState::Unknown, Scope::Unknown),
            (r#"{"state":null,"scope":[true]}"#, TokenState::Unknown, Scope::Other("[true]".into())),
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
    fn a_missing_state_is_derived() {
        let now = Timestamp::UNIX_EPOCH;
        let mut token = RevokableToken::default();
        assert_eq!(token.state_at(now), TokenState::Active);
        token.expires_at = Some(Time(now));
        assert_eq!(token.state_at(now), TokenState::Expired);
        token.revoked_at = Some(Time(now));
        assert_eq!(token.state_at(now), TokenState::Revoked);
        token.state = TokenState::Active;
        assert_eq!(token.state_at(now), TokenState::Active);
        token = RevokableToken { expires_at: Some(Time::UNREADABLE), ..RevokableToken::default() };
        assert_eq!(token.state_at(now), TokenState::Unknown);
    }
}
