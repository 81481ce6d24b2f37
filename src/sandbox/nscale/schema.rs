//! Request bodies. They are validated against the API's schema like on the real
//! server: the first mistake is reported, with the same message.

use axum::http::header;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::json::is_json;
use crate::nscale::messages::{AccountWrite, NAME_PATTERN, WriteMetadata, is_name};
use crate::sandbox::nscale::reply::{RestFailure, RestResult};
use crate::sandbox::nscale::route::Request;

#[derive(Debug, Deserialize)]
pub struct GroupWrite {
    pub metadata: WriteMetadata,
    pub spec: GroupSpec,
}

#[derive(Clone, Debug, Deserialize)]
pub struct GroupSpec {
    #[serde(rename = "roleIDs")]
    pub role_ids: Vec<String>,
    #[serde(rename = "serviceAccountIDs")]
    pub account_ids: Vec<String>,
    #[serde(rename = "userIDs", default)]
    pub user_ids: Vec<String>,
    /// Users of other issuers, which exclude `userIDs`.
    #[serde(default)]
    pub subjects: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub struct OrganizationWrite {
    pub metadata: WriteMetadata,
}

pub fn account(request: &Request<'_>) -> RestResult<AccountWrite> {
    const SPEC: Schema = Schema::Object(&[("groupIDs", true, STRINGS)]);
    read(request, &Schema::Object(&[("metadata", true, METADATA), ("spec", true, SPEC)]))
}

pub fn group(request: &Request<'_>) -> RestResult<GroupWrite> {
    const SUBJECT: Schema = Schema::Object(&[
        ("email", false, Schema::String),
        ("id", true, Schema::String),
        ("issuer", true, Schema::String),
    ]);
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

pub fn organization(request: &Request<'_>) -> RestResult<OrganizationWrite> {
    read(request, &Schema::Object(&[("metadata", true, METADATA)]))
}

enum Schema {
    String,
    Name,
    Array(&'static Schema),
    /// Members in the order in which they are checked: name, whether it is required, schema.
    Object(&'static [(&'static str, bool, Schema)]),
    /// As `Object`, but any other type passes here too, and fails when it is decoded.
    LooseObject(&'static [(&'static str, bool, Schema)]),
}

const STRINGS: Schema = Schema::Array(&Schema::String);

const TAG: Schema = Schema::Object(&[("name", true, Schema::String), ("value", true, Schema::String)]);

const METADATA: Schema = Schema::LooseObject(&[
    ("description", false, Schema::String),
    ("name", true, Schema::Name),
    ("tags", false, Schema::Array(&TAG)),
]);

fn read<T: DeserializeOwned>(request: &Request<'_>, schema: &Schema) -> RestResult<T> {
    const INVALID: &str = "the request body is not valid";
    if request.body.is_empty() {
        return Err(RestFailure::invalid(INVALID));
    }
    if !is_json(request.headers) {
        let content_type =
            request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let detail = format!("{INVALID}: header Content-Type has unexpected value \"{content_type}\"");
        return Err(RestFailure::invalid(detail));
    }
    let value: Value = serde_json::from_slice(request.body)
        .map_err(|_| RestFailure::invalid(format!("{INVALID}: failed to decode request body")))?;
    validate(&value, schema, "").map_err(|detail| RestFailure::invalid(format!("{INVALID}: {detail}")))?;
    serde_json::from_value(value).map_err(|_| RestFailure::invalid("the request body is missing or malformed"))
}

/// Reports the first mistake. Mistakes in members come before missing members.
fn validate(value: &Value, schema: &Schema, path: &str) -> Result<(), String> {
    let fail = |what: &str| Err(format!("\"{path}\" {what}"));
    match (schema, value) {
        (Schema::LooseObject(_), Value::Null) => Ok(()),
        (_, Value::Null) => fail("Value is not nullable"),
        (Schema::String, Value::String(_)) => Ok(()),
        (Schema::Name, Value::String(name)) if is_name(name) => Ok(()),
        (Schema::Name, Value::String(_)) => {
            fail(&format!("string doesn't match the regular expression \"{NAME_PATTERN}\""))
        }
        (Schema::String | Schema::Name, _) => fail("value must be a string"),
        (Schema::Array(item), Value::Array(values)) => {
            values.iter().enumerate().try_for_each(|(index, value)| validate(value, item, &format!("{path}/{index}")))
        }
        (Schema::Array(_), _) => fail("value must be an array"),
        (Schema::Object(members) | Schema::LooseObject(members), Value::Object(object)) => {
            for (name, _, schema) in *members {
                if let Some(value) = object.get(*name) {
                    validate(value, schema, &format!("{path}/{name}"))?;
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
