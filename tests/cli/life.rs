//! The whole life of a token, through nothing but the command line.

use crate::sandbox::Sandbox;
use crate::support::mode;
use insta::assert_snapshot;

#[test]
fn from_creation_to_rejection() {
    let mut sandbox = Sandbox::start();
    let admin = sandbox.get("NSC_TOKEN_FILE").to_owned();
    let grant = r#"{"resource_type":"token/revokable","resource_id":"*","actions":["list","refresh"]}"#;
    let create = ["token", "create", "--name", "lister", "--grant", grant, "--token_file", "token.json"];
    sandbox.run("nsc", create).ok();
    sandbox.create("builder", "--token_file builder.json").ok();
    assert_eq!(mode(sandbox.path("token.json")), 0o600);

    // Allowed, and refused, by the grants of the token in the file.
    sandbox.set("NSC_TOKEN_FILE", "./token.json");
    let id = sandbox.nsc("token list -q .[0].token_id").ok().trim().to_owned();
    assert_eq!(sandbox.nsc("token list -q .[].name").ok(), "lister\nbuilder\n");
    sandbox
        .nsc(&format!("token revoke --token_id {id}"))
        .fails_with(3, &format!("missing token/revokable:revoke on {id}"));
    assert_snapshot!(sandbox.create("more", "").says(3), @"
    error: not permitted: missing token/revokable:create
      request id: req_ID
    hint: only workspace admins create tokens for the whole workspace; --user binds one to your own membership
    ");
    sandbox.set("NSC_TOKEN_FILE", "./builder.json");
    assert_snapshot!(sandbox.nsc("token list").says(3), @"
    error: not permitted: missing token/revokable:list
      request id: req_ID
    ");

    // Refreshed, by itself; the secret stays good.
    sandbox.set("NSC_TOKEN_FILE", "./token.json");
    sandbox.nsc(&format!("token refresh --token_id {id} --minimum_duration 7d")).ok();
    sandbox.nsc("token list").ok();

    // Revoked by the admin: rejected from then on.
    sandbox.set("NSC_TOKEN_FILE", &admin);
    sandbox.nsc(&format!("token revoke --token_id {id}")).ok();
    sandbox.set("NSC_TOKEN_FILE", "./token.json");
    let stderr = sandbox.nsc("token list").says(4);
    assert_snapshot!(stderr, @"
    error: the server rejected the credential from the file that NSC_TOKEN_FILE names: token revoked
      request id: req_ID
    hint: it may have expired or been revoked; log in with the official `nsc login`, or use another token file
    ");
    assert!(stderr.contains("token revoked") && !stderr.contains("nsrt_"), "{stderr}");
    sandbox.set("NSC_TOKEN_FILE", &admin);
    assert_snapshot!(sandbox.nsc(&format!("token revoke --token_id {id}")).says(5), @"
    error: tok_ID: not found: the token does not exist or is already revoked
      request id: req_ID
    hint: it may be revoked already: `nsc token list --include_revoked` shows all tokens
    ");
}

#[test]
fn a_token_cannot_grant_more_than_it_has() {
    let mut sandbox = Sandbox::start();
    let minter = r#"{"resource_type":"token/revokable","actions":["create"]}"#;
    let builder = r#"{"resource_type":"builder","resource_id":"*","actions":["ensure"]}"#;
    let args = ["token", "create", "--name", "minter", "--grant", minter, "--grant", builder, "--output", "token"];
    let secret = sandbox.run("nsc", args).ok();
    sandbox.use_token(secret.trim());
    sandbox.run("nsc", ["token", "create", "--name", "less", "--grant", builder]).ok();
    assert_snapshot!(sandbox.create("more", "").says(3), @"
    error: not permitted: missing builder:access on *
      request id: req_ID
    hint: only workspace admins create tokens for the whole workspace; --user binds one to your own membership
    ");
}
