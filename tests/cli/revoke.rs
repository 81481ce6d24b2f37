//! `token revoke`.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

#[test]
fn one_and_several() {
    let sandbox = Sandbox::start();
    let ids: Vec<String> = ["a", "b", "c"].iter().map(|name| sandbox.mint(name, "").0).collect();
    assert_eq!(
        sandbox.nsc(&format!("token revoke --token_id {}", ids[0])).ok(),
        format!("Successfully revoked token {}\n", ids[0])
    );
    let line = format!("token revoke --token_id {0} --token-id {1} --token_id {0} -o json", ids[1], ids[2]);
    assert_eq!(sandbox.nsc(&line).json(), json!({"revoked_token_ids": [ids[1], ids[2]]}));
    assert_eq!(sandbox.nsc("token list -o json").ok(), "[]\n");
}

#[test]
fn one_that_fails_does_not_spare_the_others() {
    let sandbox = Sandbox::start();
    let (id, _) = sandbox.mint("a", "");
    let run = sandbox.nsc(&format!("token revoke --token_id tok_missing --token_id {id}"));
    assert_eq!(run.code, 5);
    assert_eq!(run.stdout, format!("Successfully revoked token {id}\n"));
    let told = format!("1 of 2 tokens could not be revoked (revoked: {id}); tok_missing: not found");
    assert!(run.stderr.contains(&told), "{}", run.stderr);

    let run = sandbox.nsc(&format!("token revoke -o json --token_id tok_missing --token_id {id}"));
    let stderr = run.fails(5);
    let error: Value = serde_json::from_str(stderr.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!(error["kind"], "not_found");
    assert!(error["message"].as_str().unwrap().contains("2 of 2 tokens could not be revoked (revoked: none)"));
}

#[test]
fn a_secret_is_refused_and_not_shown() {
    let sandbox = Sandbox::start();
    let (_, secret) = sandbox.mint("a", "");
    for line in [
        format!("token revoke --token_id {secret}"),
        format!("token revoke --token_id={secret}"),
        format!("token revoke {secret}"),
        format!("token refresh --token_id {secret}"),
        format!("token {secret}"),
        format!("token revoke --token_id {secret} -o json"),
        format!("token list -o{secret}"),
        format!("token list --{secret}"),
    ] {
        let stderr = sandbox.nsc(&line).fails(2);
        assert!(!stderr.contains(&secret[5..]), "{stderr}");
    }
    assert_eq!(sandbox.nsc("token list -q length").ok(), "1\n");
}

#[test]
fn an_empty_id_is_refused() {
    let sandbox = Sandbox::start();
    for verb in ["revoke", "refresh"] {
        sandbox.run("nsc", ["token", verb, "--token_id", " "]).fails_with(2, "--token_id is empty");
        sandbox.nsc(&format!("token {verb}")).fails_with(2, "--token_id <ID>");
    }
}
