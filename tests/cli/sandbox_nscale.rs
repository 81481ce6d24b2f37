//! Nscale's API in the sandbox, by requests written by hand: service accounts
//! and their tokens, as the reference describes them.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, text};
use crate::support::World;

/// An organization and a resource that do not exist.
pub const UNKNOWN_ORGANIZATION: &str = "d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90";
pub const UNKNOWN_ID: &str = "a1b2c3d4-1111-4222-8333-444455556666";

/// Sends a request with further header lines: status, headers, body.
pub fn send(sandbox: &Sandbox, line: &str, headers: &str, body: &str) -> (u16, String, Value) {
    let length = body.len();
    let (status, head, body) = sandbox.raw(&format!(
        "{line} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    ));
    (status, head, if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() })
}

/// The response as it was sent, which may have no Content-Length.
pub fn raw_response(sandbox: &Sandbox, line: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(&sandbox.address).unwrap();
    write!(stream, "{line} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Sends a request with a bearer token, and with a body unless it is null.
pub fn request(sandbox: &Sandbox, line: &str, bearer: Option<&str>, body: Value) -> (u16, String, Value) {
    let mut headers = bearer.map(|bearer| format!("Authorization: Bearer {bearer}\r\n")).unwrap_or_default();
    if body.is_null() {
        return send(sandbox, line, &headers, "");
    }
    headers.push_str("Content-Type: application/json\r\n");
    send(sandbox, line, &headers, &body.to_string())
}

/// A request to the organization, as in `GET /groups`: status and body.
pub fn call(sandbox: &Sandbox, bearer: &str, line: &str, body: Value) -> (u16, Value) {
    let (method, path) = line.split_once(' ').unwrap();
    let (status, _, body) =
        request(sandbox, &format!("{method} {}{path}", organization_path(sandbox)), Some(bearer), body);
    (status, body)
}

/// As [`call`], by the administrator.
pub fn call_as_admin(sandbox: &Sandbox, line: &str, body: Value) -> (u16, Value) {
    call(sandbox, sandbox.get("NSCALE_SERVICE_TOKEN"), line, body)
}

pub fn organization_path(sandbox: &Sandbox) -> String {
    format!("/api/v1/organizations/{}", sandbox.get("NSCALE_ORGANIZATION_ID"))
}

pub fn account_body(name: &str, groups: &[&str]) -> Value {
    json!({"metadata": {"name": name}, "spec": {"groupIDs": groups}})
}

/// Creates an account and returns its id and its token.
pub fn account(sandbox: &Sandbox, name: &str, groups: &[&str]) -> (String, String) {
    let (status, made) = call_as_admin(sandbox, "POST /serviceaccounts", account_body(name, groups));
    assert_eq!(status, 201, "{made}");
    (text(&made["metadata"]["id"]), text(&made["status"]["accessToken"]))
}

pub fn group_body(name: &str, roles: &[&str], accounts: &[&str]) -> Value {
    json!({"metadata": {"name": name}, "spec": {"roleIDs": roles, "serviceAccountIDs": accounts}})
}

/// The id of a group by its name.
pub fn group(sandbox: &Sandbox, name: &str) -> String {
    let (_, groups) = call_as_admin(sandbox, "GET /groups", Value::Null);
    let named = groups.as_array().unwrap().iter().find(|group| group["metadata"]["name"] == name).unwrap();
    text(&named["metadata"]["id"])
}

pub fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| text(&item["metadata"]["id"])).collect()
}

/// An account as the list shows it.
pub fn listed(sandbox: &Sandbox, id: &str) -> Value {
    let (_, list) = call_as_admin(sandbox, "GET /serviceaccounts", Value::Null);
    list.as_array().unwrap().iter().find(|item| item["metadata"]["id"] == id).unwrap().clone()
}

pub fn whoami(sandbox: &Sandbox, bearer: &str) -> (u16, Value) {
    let (status, _, body) = request(sandbox, "GET /oauth2/v2/userinfo", Some(bearer), Value::Null);
    (status, body)
}

#[track_caller]
pub fn assert_error((status, body): (u16, Value), expected: u16, error: &str, description: &str) {
    assert_eq!((status, &body["error"]), (expected, &json!(error)), "{body}");
    assert_eq!(body["error_description"], description);
    let trace = text(&body["trace_id"]);
    assert!(trace.len() == 32 && trace.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{trace}");
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
}

/// Seconds of a time, which must be whole and in UTC.
#[track_caller]
fn seconds(time: &Value) -> i64 {
    let time = text(time);
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
    time.parse::<jiff::Timestamp>().unwrap().as_second()
}

#[test]
fn from_create_to_delete() {
    let sandbox = Sandbox::start();
    let token = sandbox.get("NSCALE_SERVICE_TOKEN");
    let base = format!("{}/serviceaccounts", organization_path(&sandbox));
    let (_, me) = whoami(&sandbox, token);
    let call = |line: &str, body: Value| {
        let (status, head, body) = request(&sandbox, line, Some(token), body);
        let has = |line: &str| head.lines().any(|header| header == line);
        assert!(has("access-control-allow-origin: *"), "{head}");
        if body.is_null() {
            assert!(has("content-length: 0") && !head.contains("content-type"), "{head}");
        } else {
            assert!(has("content-type: application/json") && has("cache-control: no-cache"), "{head}");
        }
        for absent in ["etag:", "location:", "retry-after:"] {
            assert!(!head.contains(absent), "{head}");
        }
        (status, body)
    };
    let mut body = account_body("ci-deployer", &[]);
    body["metadata"]["description"] = json!("pipeline bot");
    body["metadata"]["tags"] = json!([{"name": "team", "value": "infra"}, {"name": "team", "value": ""}]);
    body["unknown"] = json!({"is": ["ignored"]});
    let (status, made) = call(&format!("POST {base}"), body.clone());
    let id = text(&made["metadata"]["id"]);
    let mut expected = json!({
        "metadata": {
            "id": id, "name": "ci-deployer", "description": "pipeline bot", "tags": body["metadata"]["tags"],
            "organizationId": sandbox.get("NSCALE_ORGANIZATION_ID"), "createdBy": me["sub"],
            "creationTime": made["metadata"]["creationTime"],
            "provisioningStatus": "provisioned", "healthStatus": "healthy",
        },
        "spec": {"groupIDs": []},
        "status": {"expiry": made["status"]["expiry"], "accessToken": made["status"]["accessToken"]},
    });
    assert_eq!((status, &made), (201, &expected));

    let (status, rotated) = call(&format!("POST {base}/{id}/rotate"), Value::Null);
    assert_ne!(rotated["status"]["accessToken"], made["status"]["accessToken"]);
    expected["status"] =
        json!({"expiry": rotated["status"]["expiry"], "accessToken": rotated["status"]["accessToken"]});
    assert_eq!((status, &rotated), (200, &expected));

    expected["status"].as_object_mut().unwrap().remove("accessToken");
    let (status, list) = call(&format!("GET {base}?limit=1&tag=a%3Db"), Value::Null);
    assert_eq!((status, list.as_array().unwrap().len()), (200, 2));
    assert_eq!(listed(&sandbox, &id), expected);

    let (status, updated) = call(&format!("PUT {base}/{id}"), body);
    expected["metadata"]["modifiedBy"] = me["sub"].clone();
    expected["metadata"]["modifiedTime"] = updated["metadata"]["modifiedTime"].clone();
    assert!(seconds(&updated["metadata"]["modifiedTime"]) >= seconds(&updated["metadata"]["creationTime"]));
    assert_eq!((status, &updated), (200, &expected));

    assert_eq!(call(&format!("DELETE {base}/{id}"), Value::Null), (200, Value::Null));
    assert_eq!(ids(&call(&format!("GET {base}"), Value::Null).1), [text(&me["sub"])]);
    assert_error(call(&format!("DELETE {base}/{id}"), Value::Null), 404, "not_found", "resource not found");
}

#[test]
fn unknown_routes_and_methods_are_not_found() {
    let sandbox = Sandbox::start();
    let token = sandbox.get("NSCALE_SERVICE_TOKEN");
    let (base, accounts) = (organization_path(&sandbox), format!("{}/serviceaccounts", organization_path(&sandbox)));
    let id = text(&whoami(&sandbox, token).1["sub"]);
    for line in [
        format!("GET {accounts}/{id}"),
        format!("GET {accounts}/{UNKNOWN_ID}"),
        format!("GET {accounts}/no-uuid"),
        format!("GET /api/v1/organizations/no-uuid/serviceaccounts/{id}"),
        format!("GET {accounts}/"),
        format!("GET {accounts}/{id}/"),
        format!("PATCH {accounts}/{id}"),
        format!("POST {accounts}/{id}"),
        format!("PUT {accounts}"),
        format!("DELETE {accounts}"),
        format!("GET {accounts}/{id}/rotate"),
        format!("PUT {accounts}/{id}/rotate"),
        format!("POST {accounts}/{id}/rotate/"),
        format!("POST {accounts}/{id}/revoke"),
        format!("GET {base}/serviceAccounts"),
        format!("GET {base}/"),
        format!("GET {base}/nothing"),
        format!("PATCH {base}/groups/{id}"),
        format!("PUT {base}/groups"),
        format!("POST {base}/roles"),
        format!("PUT {base}/acl"),
        format!("GET {base}/roles/"),
        "GET /api/v1/organizations/".to_owned(),
        "GET /api/v1/nothing".to_owned(),
        "GET /api/v2/organizations".to_owned(),
        "POST /api/version".to_owned(),
        "PUT /oauth2/v2/userinfo".to_owned(),
    ] {
        for bearer in [None, Some("wrong"), Some(token)] {
            let (status, head, body) = request(&sandbox, &line, bearer, Value::Null);
            assert!(!head.contains("www-authenticate"), "{line}: {head}");
            assert_eq!((status, &body["error"]), (404, &json!("not_found")), "{line}: {body}");
            assert_error((status, body), 404, "not_found", "resource not found");
        }
    }
    let answer = raw_response(&sandbox, &format!("HEAD {accounts}"), &format!("Authorization: Bearer {token}\r\n"));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

#[test]
fn ids_begin_with_a_letter_and_sort_the_list() {
    let sandbox = Sandbox::with(World::new(), &["--accounts", "40"]);
    for name in ["same", "same"] {
        account(&sandbox, name, &[]);
    }
    let (_, list) = call_as_admin(&sandbox, "GET /serviceaccounts", Value::Null);
    let same = list.as_array().unwrap().iter().filter(|item| item["metadata"]["name"] == "same").count();
    assert_eq!(same, 2, "names may be shared");
    let ids = ids(&list);
    assert_eq!(ids.len(), 43);
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    for id in ids {
        let parsed = uuid::Uuid::parse_str(&id).unwrap();
        assert_eq!((parsed.get_version_num(), parsed.to_string()), (4, id.clone()));
        assert!(id.starts_with(|first: char| ('a'..='f').contains(&first)), "{id}");
    }
}

#[test]
fn a_token_has_five_segments_and_is_compared_exactly() {
    let sandbox = Sandbox::start();
    let (id, token) = account(&sandbox, "a", &[]);
    let segments: Vec<&str> = token.split('.').collect();
    assert_eq!(segments.len(), 5);
    let decoded: Vec<Vec<u8>> = segments.iter().map(|segment| URL_SAFE_NO_PAD.decode(segment).unwrap()).collect();
    let header: Value = serde_json::from_slice(&decoded[0]).unwrap();
    assert_eq!((&header["alg"], &header["enc"]), (&json!("A256GCMKW"), &json!("A256GCM")));
    assert_eq!((&header["typ"], &header["cty"]), (&json!("at+jwt"), &json!("JWT")));
    assert!(["kid", "iv", "tag"].iter().all(|name| header[name].is_string()), "{header}");
    assert_eq!(whoami(&sandbox, &token).1["sub"], id);
    for index in 0..token.len() {
        let last = if token.as_bytes()[index] == b'A' { "B" } else { "A" };
        // A lenient decoder might ignore a difference in the last bits.
        let near = match token.as_bytes()[index] {
            b'.' => "_".to_owned(),
            byte => char::from(if byte % 2 == 0 { byte + 1 } else { byte - 1 }).to_string(),
        };
        for other in [last, &near] {
            let changed = format!("{}{other}{}", &token[..index], &token[index + 1..]);
            assert_eq!(whoami(&sandbox, &changed).0, 401, "{index}: {changed}");
        }
    }
    for changed in [&token[..token.len() - 1], &format!("{token}A"), &format!("{token}="), &format!("{token}.")] {
        assert_eq!(whoami(&sandbox, changed).0, 401, "{changed}");
    }
}

#[test]
fn a_token_expires_after_ninety_days_or_token_life() {
    for (flags, life) in [(vec![], 90 * 86_400), (vec!["--token-life", "36h"], 36 * 3600)] {
        let sandbox = Sandbox::with(World::new(), &flags);
        let (status, made) = call_as_admin(&sandbox, "POST /serviceaccounts", account_body("a", &[]));
        assert_eq!(status, 201);
        assert_eq!(seconds(&made["status"]["expiry"]), seconds(&made["metadata"]["creationTime"]) + life);
        let before = jiff::Timestamp::now().as_second();
        let id = text(&made["metadata"]["id"]);
        let (_, rotated) = call_as_admin(&sandbox, &format!("POST /serviceaccounts/{id}/rotate"), Value::Null);
        let issued = seconds(&rotated["status"]["expiry"]) - life;
        assert!((before..=jiff::Timestamp::now().as_second()).contains(&issued), "{rotated}");
        assert_eq!(listed(&sandbox, &id)["status"]["expiry"], rotated["status"]["expiry"]);
    }
}

#[test]
fn an_expired_token_can_only_be_rotated_by_another_account() {
    let mut sandbox = Sandbox::with(World::new(), &["--data", "box.db", "--token-life", "10h"]);
    let (id, token) = account(&sandbox, "a", &[]);
    let rotate = format!("POST /serviceaccounts/{id}/rotate");
    sandbox = Sandbox::with(sandbox.kill(), &["--data", "box.db", "--clock-ahead", "9h"]);
    assert_eq!(whoami(&sandbox, &token).0, 200);
    sandbox = Sandbox::with(sandbox.kill(), &["--data", "box.db", "--clock-ahead", "11h"]);
    assert_error(whoami(&sandbox, &token), 401, "access_denied", "token validation failed");
    let itself = call(&sandbox, &token, &rotate, Value::Null);
    assert_error(itself, 401, "access_denied", "token validation failed");
    let (status, rotated) = call_as_admin(&sandbox, &rotate, Value::Null);
    assert_eq!(status, 200, "the sandbox hands out a token that works: {rotated}");
    assert_eq!(whoami(&sandbox, &text(&rotated["status"]["accessToken"])).0, 200);
    assert_error(whoami(&sandbox, &token), 401, "access_denied", "token validation failed");
}

#[test]
fn rotated_and_deleted_tokens_are_refused_at_once() {
    let sandbox = Sandbox::start();
    let (id, first) = account(&sandbox, "a", &[]);
    let rotate = format!("POST /serviceaccounts/{id}/rotate");
    assert_eq!(whoami(&sandbox, &first).0, 200);
    let (status, rotated) = call_as_admin(&sandbox, &rotate, json!({"a": "body", "is": "ignored"}));
    assert_eq!(status, 200);
    let second = text(&rotated["status"]["accessToken"]);
    assert_error(whoami(&sandbox, &first), 401, "access_denied", "token validation failed");
    assert_error(call(&sandbox, &first, &rotate, Value::Null), 401, "access_denied", "token validation failed");
    let (status, rotated) = call(&sandbox, &second, &rotate, Value::Null);
    assert_eq!(status, 200, "itself, without any role: {rotated}");
    let third = text(&rotated["status"]["accessToken"]);
    assert_error(whoami(&sandbox, &second), 401, "access_denied", "token validation failed");
    let updated = call_as_admin(&sandbox, &format!("PUT /serviceaccounts/{id}"), account_body("b", &[]));
    assert_eq!((updated.0, whoami(&sandbox, &third).0), (200, 200), "an update leaves the token");
    assert_eq!(call_as_admin(&sandbox, &format!("DELETE /serviceaccounts/{id}"), Value::Null).0, 200);
    assert_error(whoami(&sandbox, &third), 401, "access_denied", "token validation failed");
    assert_error(
        call(&sandbox, &third, "GET /serviceaccounts", Value::Null),
        401,
        "access_denied",
        "token validation failed",
    );
    for line in [format!("PUT /serviceaccounts/{id}"), rotate] {
        assert_error(call_as_admin(&sandbox, &line, account_body("b", &[])), 404, "not_found", "resource not found");
    }
}
