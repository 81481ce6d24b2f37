//! Request bodies, checked as the server checks them: against the schema
//! first, and the first failure is told.

use axum::http::header;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::json::is_json;
use crate::nscale::message::{AccountWrite, NAME_PATTERN, WriteMetadata, is_name};
use crate::sandbox::nscale::reply::{RestFailure, RestResult};
use crate::sandbox::nscale::route::Request;

/// The body of a group's create and update.
#[derive(Debug, Deserialize)]
pub struct GroupWrite {
    /// Name, description and tags.
    pub metadata: WriteMetadata,
    /// The roles and the members.
    pub spec: GroupSpec,
}

/// What a group holds.
#[derive(Clone, Debug, Deserialize)]
pub struct GroupSpec {
    /// Its roles.
    #[serde(rename = "roleIDs")]
    pub role_ids: Vec<String>,
    /// Its service accounts.
    #[serde(rename = "serviceAccountIDs")]
    pub account_ids: Vec<String>,
    /// Its users.
    #[serde(rename = "userIDs", default)]
    pub user_ids: Vec<String>,
    /// Its users by where they come from.
    #[serde(default)]
    pub subjects: Vec<Value>,
}

/// The body of an organization's update.
#[derive(Debug, Deserialize)]
pub struct OrganizationWrite {
    /// Name, description and tags.
    pub metadata: WriteMetadata,
}

/// Reads the body of a service account.
///
/// # Errors
/// Invalid, in the server's words.
pub fn account(request: &Request<'_>) -> RestResult<AccountWrite> {
    const SPEC: Schema = Schema::Object(&[("groupIDs", true, STRINGS)]);
    read(request, &Schema::Object(&[("metadata", true, METADATA), ("spec", true, SPEC)]))
}

/// Reads the body of a group.
///
/// # Errors
/// Invalid, in the server's words.
pub fn group(request: &Request<'_>) -> RestResult<GroupWrite> {
    const SUBJECT: Schema =
        Schema::Object(&[("email", false, Schema::Text), ("id", true, Schema::Text), ("issuer", true, Schema::Text)]);
    const SPEC: Schema = Schema::Object(&[
        ("roleIDs", true, STRINGS),
        ("serviceAccountIDs", true, STRINGS),
        ("subjects", false, Schema::Array(&SUBJECT)),
        ("userIDs", false, STRINGS),
    ]);
    let group: GroupWrite = read(request, &Schema::Object(&[("metadata", true, METADATA), ("spec", true, SPEC)]))?;
    if !group.spec.user_ids.is_empty() && !group.spec.subjects.is_empty() {
        return Err(RestFailure::invalid("userIDs and subjects are mutually exclusive"));
    }
    Ok(group)
}

/// Reads the body of an organization.
///
/// # Errors
/// Invalid, in the server's words.
pub fn organization(request: &Request<'_>) -> RestResult<OrganizationWrite> {
    read(request, &Schema::Object(&[("metadata", true, METADATA)]))
}

/// What a value must be.
enum Schema {
    Text,
    Name,
    Array(&'static Schema),
    /// Members with their names in order, and whether they must be there.
    Object(&'static [(&'static str, bool, Schema)]),
    /// As an object, but anything else passes too, and fails later.
    LooseObject(&'static [(&'static str, bool, Schema)]),
}

const STRINGS: Schema = Schema::Array(&Schema::Text);

const TAG: Schema = Schema::Object(&[("name", true, Schema::Text), ("value", true, Schema::Text)]);

const METADATA: Schema = Schema::LooseObject(&[
    ("description", false, Schema::Text),
    ("name", true, Schema::Name),
    ("tags", false, Schema::Array(&TAG)),
]);

fn read<T: DeserializeOwned>(request: &Request<'_>, schema: &Schema) -> RestResult<T> {
    const INVALID: &str = "the request body is not valid";
    if request.body.is_empty() {
        return Err(RestFailure::invalid(INVALID));
    }
    if !is_json(request.headers) {
        let given = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let detail = format!("{INVALID}: header Content-Type has unexpected value \"{given}\"");
        return Err(RestFailure::invalid(detail));
    }
    let value: Value = serde_json::from_slice(request.body)
        .map_err(|_| RestFailure::invalid(format!("{INVALID}: failed to decode request body")))?;
    check(&value, schema, "").map_err(|detail| RestFailure::invalid(format!("{INVALID}: {detail}")))?;
    serde_json::from_value(value).map_err(|_| RestFailure::invalid("the request body is missing or malformed"))
}

/// The first failure, members before what is missing.
fn check(value: &Value, schema: &Schema, path: &str) -> Result<(), String> {
    let fail = |what: &str| Err(format!("\"{path}\" {what}"));
    match (schema, value) {
        (Schema::LooseObject(_), Value::Null) => Ok(()),
        (_, Value::Null) => fail("Value is not nullable"),
        (Schema::Text, Value::String(_)) => Ok(()),
        (Schema::Name, Value::String(name)) if is_name(name) => Ok(()),
        (Schema::Name, Value::String(_)) => {
            fail(&format!("string doesn't match the regular expression \"{NAME_PATTERN}\""))
        }
        (Schema::Text | Schema::Name, _) => fail("value must be a string"),
        (Schema::Array(item), Value::Array(values)) => {
            values.iter().enumerate().try_for_each(|(index, value)| check(value, item, &format!("{path}/{index}")))
        }
        (Schema::Array(_), _) => fail("value must be an array"),
        (Schema::Object(members) | Schema::LooseObject(members), Value::Object(object)) => {
            for (name, _, schema) in *members {
                if let Some(value) = object.get(*name) {
                    check(value, schema, &format!("{path}/{name}"))?;
                }
            }
            match members.iter().find(|(name, required, _)| *required && !object.contains_key(*name)) {
                Some((name, ..)) => Err(format!("\"{path}/{name}\" property \"{name}\" is missing")),
                None => Ok(()),
            }
        }
        (Schema::LooseObject(_), _) => Ok(()),
        (Schema::Object(_), _) => fail("value must be an object"),
    }
}
