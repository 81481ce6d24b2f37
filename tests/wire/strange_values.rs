//! What the documents let a server send though no client knows it: times beyond
//! the calendar, names and numbers of a newer server. One of them spoils nothing,
//! and is taken for nothing else.

use serde_json::{Value, json};

use crate::accounts::{ID, ORG};
use crate::server::json as answer;

/// The one cell under a head of a table with one row.
fn cell(table: &str, head: &str) -> String {
    let mut lines = table.lines();
    let at = lines.next().unwrap().find(head).unwrap();
    lines.next().unwrap()[at..].split("  ").next().unwrap().trim().to_owned()
}

fn list(token: &Value) -> String {
    json!({ "tokens": [token, {"tokenId": "tok_z", "name": "z", "state": "ACTIVE", "createdAt": "2026-01-01T00:00:00Z"}] })
        .to_string()
}

#[test]
fn a_time_that_no_calendar_here_holds_is_later_than_all() {
    for time in ["9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59Z", "9999-12-31T00:00:00.000Z"] {
        let token = json!({"tokenId": "tok_a", "name": "a", "createdAt": "2025-01-01T00:00:00Z", "expiresAt": time});
        let (world, _server) = crate::world([answer(200, &list(&token)), answer(200, &list(&token))]);
        let table = world.nsc("token list").ok();
        assert_eq!(cell(&table, "EXPIRES"), "9999-12-31T23:59:59Z", "{table}");
        assert_eq!(cell(&table, "STATUS"), "Active", "{table}");
        assert!(table.contains("tok_z"), "{table}");
        assert_eq!(world.nsc("token list -q .[0].expires_at").ok().trim(), time, "as it came");
        let account = format!(
            r#"[{{"metadata":{{"id":"{ID}","name":"a","creationTime":"2025-01-01T00:00:00Z"}},"status":{{"expiry":"{time}"}}}}]"#
        );
        let (world, _server) = crate::nscale_world([answer(200, &account)]);
        let table = world.sa(&format!("list --org {ORG}")).ok();
        assert_eq!(cell(&table, "EXPIRES"), "9999-12-31T23:59:59Z", "{table}");
        assert_eq!(cell(&table, "STATUS"), "Active", "{table}");
    }
    // As protobuf's calendar begins.
    let token = json!({"tokenId": "tok_a", "name": "a", "createdAt": "0001-01-01T00:00:00Z", "expiresAt": "0001-01-01T00:00:00Z"});
    let (world, _server) = crate::world([answer(200, &list(&token))]);
    let table = world.nsc("token list").ok();
    assert_eq!((cell(&table, "EXPIRES"), cell(&table, "STATUS")), ("0001-01-01T00:00:00Z".into(), "Expired".into()));
}

#[test]
fn a_time_that_is_none_spoils_no_list() {
    for time in [json!("soon"), json!(""), json!(1_800_000_000), json!({}), json!("2026-13-01T00:00:00Z")] {
        let token = json!({"tokenId": "tok_a", "name": "a", "createdAt": time, "expiresAt": time});
        let (world, _server) = crate::world([answer(200, &list(&token)), answer(200, &list(&token))]);
        let table = world.nsc("token list").ok();
        assert_eq!(cell(&table, "EXPIRES"), "unreadable", "{table}");
        assert_eq!(cell(&table, "STATUS"), "Unknown", "neither active nor expired: {table}");
        let whole: Value = serde_json::from_str(&world.nsc("token list -o json").ok()).unwrap();
        assert_eq!(whole[0]["expires_at"], time, "as it came");
    }
    // The secret in such an answer is delivered all the same.
    let made =
        r#"{"bearerToken":"nsrt_NEWNEWNEW","token":{"tokenId":"tok_a","name":"t","expiresAt":"soon","scope":9}}"#;
    let (world, _server) = crate::world([answer(200, made)]);
    assert_eq!(world.create("t", "-o token").ok(), "nsrt_NEWNEWNEW\n");
}

#[test]
fn an_unknown_state_or_scope_is_shown_as_it_came() {
    for (said, shown) in [
        (json!("SUSPENDED"), "SUSPENDED"),
        (json!(9), "9"),
        (json!(-1), "-1"),
        (json!("sus\u{1b}[31mpended"), "sus[31mpended"),
        (json!("active"), "active"),
        (json!(true), "true"),
    ] {
        let token = json!({"tokenId": "tok_a", "name": "a", "createdAt": "2025-01-01T00:00:00Z", "expiresAt": "2025-01-02T00:00:00Z",
            "revokedAt": "2025-01-02T00:00:00Z", "state": said, "scope": said});
        let (world, _server) = crate::world([answer(200, &list(&token)), answer(200, &list(&token))]);
        let table = world.nsc("token list").ok();
        assert_eq!((cell(&table, "STATUS").as_str(), cell(&table, "SCOPE").as_str()), (shown, shown), "{table}");
        let whole: Value = serde_json::from_str(&world.nsc("token list -o json").ok()).unwrap();
        assert_eq!(whole[0]["state"], said, "as it came");
    }
    // A number stands for the name at its place, however it is written.
    for said in [json!(2), json!(2.0), json!("REVOKED")] {
        let token = json!({"tokenId": "tok_a", "createdAt": "2025-01-01T00:00:00Z", "state": said});
        let (world, _server) = crate::world([answer(200, &list(&token))]);
        assert_eq!(cell(&world.nsc("token list").ok(), "STATUS"), "Revoked");
    }
}

#[test]
fn an_unknown_status_of_an_account_is_shown_as_it_came() {
    for (provisioning, health, shown) in [
        ("hibernated", "healthy", "hibernated"),
        ("provisioned", "quarantined", "quarantined"),
        ("provisioned", "healthy", "Active"),
        ("unknown", "unknown", "Active"),
        ("", "", "Active"),
        ("error", "quarantined", "Error"),
    ] {
        let account = format!(
            r#"[{{"metadata":{{"id":"{ID}","name":"a","provisioningStatus":"{provisioning}","healthStatus":"{health}"}},"status":{{"expiry":"2126-01-01T00:00:00Z"}}}}]"#
        );
        let (world, _server) = crate::nscale_world([answer(200, &account)]);
        let table = world.sa(&format!("list --org {ORG}")).ok();
        assert_eq!(cell(&table, "STATUS"), shown, "{table}");
    }
}
