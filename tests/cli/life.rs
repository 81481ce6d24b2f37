//! The whole life of a token, through nothing but the command line.

use crate::sandbox::Sandbox;
use crate::support::mode;

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
    sandbox.create("more", "").fails_with(3, "missing token/revokable:create");
    sandbox.set("NSC_TOKEN_FILE", "./builder.json");
    sandbox.nsc("token list").fails_with(3, "missing token/revokable:list");

    // Refreshed, by itself; the secret stays good.
    sandbox.set("NSC_TOKEN_FILE", "./token.json");
    sandbox.nsc(&format!("token refresh --token_id {id} --minimum_duration 7d")).ok();
    sandbox.nsc("token list").ok();

    // Revoked by the admin: rejected from then on.
    sandbox.set("NSC_TOKEN_FILE", &admin);
    sandbox.nsc(&format!("token revoke --token_id {id}")).ok();
    sandbox.set("NSC_TOKEN_FILE", "./token.json");
    let stderr = sandbox
        .nsc("token list")
        .fails_with(4, "the server rejected the credential from the file that NSC_TOKEN_FILE names");
    assert!(stderr.contains("token revoked") && !stderr.contains("nsrt_"), "{stderr}");
    sandbox.set("NSC_TOKEN_FILE", &admin);
    sandbox.nsc(&format!("token revoke --token_id {id}")).fails_with(5, "not found");
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
    sandbox.create("more", "").fails_with(3, "missing builder:access on *");
}
