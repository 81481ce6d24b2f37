//! `token refresh`.

use crate::sandbox::{Sandbox, text};
use crate::support::World;

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
    sandbox.nsc("token refresh --token_id tok_missing").fails_with(5, "tok_missing: not found");
    let (id, _) = sandbox.mint("a", "");
    for (duration, words) in [("0", "more than zero"), ("-1h", "negative"), ("2y", "365 days"), ("7", "missing unit")] {
        let line = format!("token refresh --token_id {id} --minimum_duration {duration}");
        sandbox.nsc(&line).fails_with(2, words);
    }
    sandbox.nsc(&format!("token refresh --token_id {id} -q .a|")).fails_with(2, "does not compile");
    sandbox.nsc(&format!("token refresh --token_id {id} -o token")).fails_with(2, "invalid value 'token'");
    sandbox.nsc(&format!("token revoke --token_id {id}")).ok();
    sandbox.nsc(&format!("token refresh --token_id {id}")).fails_with(5, "a revoked token cannot be refreshed");
}

#[test]
fn an_expired_one_is_a_conflict() {
    let mut sandbox = Sandbox::with(World::new(), &["--data", "box.db"]);
    let (id, _) = sandbox.mint("a", "--expires_in 1h");
    sandbox = Sandbox::with(sandbox.kill(), &["--data", "box.db", "--clock-ahead", "61m"]);
    sandbox.nsc(&format!("token refresh --token_id {id}")).fails_with(6, "the token has expired (failed_precondition)");
}
