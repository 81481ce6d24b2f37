//! The messages of Nscale's identity API. Fields that a server may leave out are optional,
//! unknown fields are ignored, and fields that are not set are not written. The sandbox
//! uses the same messages.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::http::json::or_default;
use crate::secret::Secret;
use crate::text::time::{parse, rfc3339};

/// The server's pattern for names.
pub const NAME_PATTERN: &str = "^[0-9A-Za-z](?:[0-9A-Za-z-_.]{0,61}[0-9A-Za-z])?$";

/// The longest name that matches [`NAME_PATTERN`].
pub const MAX_NAME_LEN: usize = 63;

/// Whether a name matches [`NAME_PATTERN`].
pub fn is_name(name: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = name.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    bytes.len() <= MAX_NAME_LEN
        && bytes.iter().copied().all(is_inside)
        && ends.is_some_and(|(first, last)| first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tag {
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

/// The metadata that a caller can set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteMetadata {
    /// Need not be unique.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountSpec {
    #[serde(rename = "groupIDs", deserialize_with = "or_default")]
    pub group_ids: Vec<String>,
}

/// The body of create and update. An update replaces all fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountWrite {
    pub metadata: WriteMetadata,
    pub spec: AccountSpec,
}

/// The metadata that the server returns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadMetadata {
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    #[serde(deserialize_with = "read_time", serialize_with = "write_time")]
    pub creation_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    #[serde(deserialize_with = "read_time", serialize_with = "write_time", skip_serializing_if = "Option::is_none")]
    pub modified_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_by: Option<String>,
    /// An open enumeration.
    #[serde(deserialize_with = "or_default")]
    pub provisioning_status: String,
    /// An open enumeration.
    #[serde(deserialize_with = "or_default")]
    pub health_status: String,
}

impl ReadMetadata {
    pub fn show(&self) -> String {
        format!("{} ({})", self.name, self.id)
    }
}

/// The token of a service account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccountStatus {
    #[serde(deserialize_with = "read_time", serialize_with = "write_time")]
    pub expiry: Option<Timestamp>,
    /// Only in the responses of create and rotate.
    #[serde(skip_serializing)]
    pub access_token: Option<Secret>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    #[serde(deserialize_with = "or_default")]
    pub metadata: ReadMetadata,
    /// In responses to create and update, these are the previous groups.
    #[serde(deserialize_with = "or_default")]
    pub spec: AccountSpec,
    #[serde(deserialize_with = "or_default")]
    pub status: AccountStatus,
}

/// The metadata of a group, an organization or another resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Resource {
    #[serde(deserialize_with = "or_default")]
    pub metadata: ReadMetadata,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Userinfo {
    #[serde(rename = "https://unikorn-cloud.org/authz", deserialize_with = "or_default")]
    pub authz: Authz,
    /// An email address, or the id of a service account.
    #[serde(deserialize_with = "or_default")]
    pub sub: String,
}

impl Userinfo {
    pub fn is_service_account(&self) -> bool {
        self.authz.acctype == "service"
    }
}

/// The kind of a caller, and its organizations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Authz {
    /// `service`, `user` or `system`: an open enumeration.
    #[serde(deserialize_with = "or_default")]
    pub acctype: String,
    /// The ids of the organizations.
    #[serde(rename = "orgIds", deserialize_with = "or_default")]
    pub org_ids: Vec<String>,
}

/// Reads RFC 3339. `None` if it cannot be parsed: the rest of the response can be used
/// without it.
fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(parse))
}

fn write_time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&rfc3339(*time)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        for name in ["a", "7", "ci-deployer", "A.b_c-9", longest.as_str()] {
            assert!(is_name(name), "{name}");
        }
        let longer = "a".repeat(64);
        for name in ["", "-a", "a-", ".a", "a b", "a/b", "é", "a\n", longer.as_str()] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn an_account_with_few_fields() {
        for json in [
            "{}",
            r#"{"metadata":null,"spec":null,"status":null}"#,
            r#"{"metadata":{"tags":null,"creationTime":7,"modifiedTime":"soon","name":null},"spec":{"groupIDs":null},"status":{"expiry":null,"new":[1]}}"#,
        ] {
            let account: Account = serde_json::from_str(json).unwrap();
            assert_eq!((account.metadata, account.spec), Default::default(), "{json}");
            assert!(account.status.expiry.is_none() && account.status.access_token.is_none());
        }
    }
}
