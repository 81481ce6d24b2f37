//! `token refresh`.

use crate::sandbox::{Sandbox, text};
use crate::support::World;
use insta::assert_snapshot;

fn second(value: &serde_json::Value) -> i64 {
    text(value).parse::<jiff::Timestamp>().unwrap().as_second()
}

#[test]
fn the_default_is_one_that_the_server_accepts() {
    let sandbox = Sandbox::start();
    let (id, secret) = sandbox.mint("a", "--expires_in 1h");
    let shown = sandbox.nsc(&format!("token refresh --token_id {id}")).ok();
    assert!(shown.starts_with(&format!("Token {id} refreshed.\n\nToken ID:    {id}\n")), "{shown}");
    assert!(!shown.contains(&secret));
    let token = sandbox.nsc("token list -q .[0]").json();
    let life = second(&token["expires_at"]) - second(&token["created_at"]);
    assert!((86_400..86_460).contains(&life), "{life}");
}

#[test]
fn it_lengthens_and_never_shortens() {
    let sandbox = Sandbox::start();
    let (id, _) = sandbox.mint("a", "--expires_in 10d");
    let expiry = |flags: &str| {
        second(&sandbox.nsc(&format!("token refresh --token_id {id} -o json {flags}")).json()["token"]["expires_at"])
    };
    let first = expiry("--minimum_duration 1h");
    let longer = expiry("--minimum-duration 1y");
    assert!((355 * 86_400 - 5..355 * 86_400 + 60).contains(&(longer - first)), "{}", longer - first);
    assert_eq!(expiry(""), longer);
}

#[test]
fn without_expiry_it_stays_so() {
    let sandbox = Sandbox::start();
    let (id, _) = sandbox.mint("a", "--user --no_expiry");
    let token = sandbox.nsc(&format!("token refresh --token_id {id} -q .token")).json();
    assert!(token.get("expires_at").is_none());
}

#[test]
fn what_cannot_be_refreshed() {
    let sandbox = Sandbox::start();
    assert_snapshot!(sandbox.nsc("token refresh --token_id tok_missing").says(5), @"
    error: tok_missing: not found: the token does not exist or is already revoked
      request id: req_ID
    hint: a revoked token cannot be refreshed: `nsc token list --include_revoked` shows all tokens
    ");
    let (id, _) = sandbox.mint("a", "");
    for (duration, words) in [("0", "more than zero"), ("-1h", "negative"), ("2y", "365 days"), ("7", "missing unit")] {
        let line = format!("token refresh --token_id {id} --minimum_duration {duration}");
        sandbox.nsc(&line).fails_with(2, words);
    }
    assert_snapshot!(sandbox.nsc(&format!("token refresh --token_id {id} -q .a|")).says(2), @r#"{"kind":"usage","message":"the filter `.a|` does not compile: expected term","hints":[],"http_status":null,"request_id":null}"#);
    assert_snapshot!(sandbox.nsc(&format!("token refresh --token_id {id} -o token")).says(2), @"
    error: invalid value 'token' for '--output <FORMAT>'
      [possible values: table, json]

    For more information, try '--help'.
    ");
    sandbox.nsc(&format!("token revoke --token_id {id}")).ok();
    assert_snapshot!(sandbox.nsc(&format!("token refresh --token_id {id}")).says(5), @"
    error: tok_ID: not found: the token does not exist or is already revoked
      request id: req_ID
    hint: a revoked token cannot be refreshed: `nsc token list --include_revoked` shows all tokens
    ");
}

#[test]
fn an_expired_one_is_a_conflict() {
    let mut sandbox = Sandbox::with(World::new(), &["--data", "box.db"]);
    let (id, _) = sandbox.mint("a", "--expires_in 1h");
    sandbox = Sandbox::with(sandbox.kill(), &["--data", "box.db", "--clock-ahead", "61m"]);
    assert_snapshot!(sandbox.nsc(&format!("token refresh --token_id {id}")).says(6), @"
    error: tok_ID: its state does not allow it: the token has expired (failed_precondition)
      request id: req_ID
    hint: an expired token cannot be refreshed: make another with `nsc token create`
    ");
}
