//! Which credential is used, what is said where none can be, and how a
//! session becomes a token.

use insta::assert_snapshot;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::sandbox::Sandbox;
use crate::support::{World, mode};

#[test]
fn each_unusable_file_has_its_own_sentence_and_shows_nothing() {
    let mut world = World::new();
    world.set("NSC_IAM_ENDPOINT", "http://127.0.0.1:9");
    world.write("empty", "");
    world.write("broken.json", r#"{"bearer_token":"CANARY"#);
    world.write("keyless.json", r#"{"token":"CANARY"}"#);
    world.write("wrong.json", r#"{"bearer_token":["CANARY"]}"#);
    world.write("id", "tok_CANARY");
    world.write("binary", [0xff, 0xfe, b'C', b'A', b'N', b'A', b'R', b'Y']);
    world.write("words", "CANARY CANARY");
    world.write("array", "[\"CANARY\"]");
    world.write("huge", "CANARY".repeat(200_000));
    let expired = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjEwMDAwMDAwMDB9.c2ln";
    world.write("expired", format!("nsct_{expired}"));
    world.write("over.json", json!({"session_token": format!("st_{expired}")}).to_string());

    for (value, words) in [
        ("missing-CANARY.json", "the file that NSC_TOKEN_FILE names does not exist"),
        ("empty/CANARY", "the file that NSC_TOKEN_FILE names does not exist"),
        ("home", "the file that NSC_TOKEN_FILE names is a directory, not a file"),
        ("nsrt_CANARYCANARY", "NSC_TOKEN_FILE holds a token, not the path of a file that holds one"),
        (r#"{"bearer_token":"CANARY"}"#, "NSC_TOKEN_FILE holds a token, not the path"),
        ("empty", "is malformed: it is empty"),
        ("broken.json", "is malformed: unexpected JSON at line 1, column 23"),
        ("keyless.json", "is malformed: it has no bearer_token and no session_token"),
        ("wrong.json", "is malformed: unexpected JSON at line"),
        ("id", "is malformed: it holds a token's id (tok_…), not its secret"),
        ("binary", "is not text"),
        ("words", "is malformed: it has white space inside, which no token has"),
        ("array", "is malformed: it holds JSON instead of the token"),
        ("huge", "is over 1 MiB"),
        ("expired", "the token in the file that NSC_TOKEN_FILE names expired at 2001-09-09T01:46:40Z"),
        ("over.json", "the session in the file that NSC_TOKEN_FILE names expired at 2001-09-09T01:46:40Z"),
    ] {
        world.set("NSC_TOKEN_FILE", value);
        let stderr = world.nsc("token list").fails_with(4, words);
        assert!(!stderr.contains("CANARY"), "{value}: {stderr}");
    }
}

#[test]
fn an_unreadable_file_has_its_own_sentence() {
    let mut world = World::new();
    let path = world.write("secret.json", r#"{"bearer_token":"nsrt_CANARYCANARY"}"#);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        // The superuser reads everything but what no one can.
        world.set("NSC_TOKEN_FILE", "/proc/self/mem");
    } else {
        world.set("NSC_TOKEN_FILE", path);
    }
    assert_snapshot!(world.nsc("token list").says(4), @r#"
    error: the file that NSC_TOKEN_FILE names cannot be read
      cause: Input/output error (os error 5)
    hint: look at it with `ls -ld "$NSC_TOKEN_FILE"`
    "#);
}

#[test]
fn without_any_credential_it_says_what_to_do() {
    let world = World::new();
    assert_snapshot!(world.nsc("token list").says(4), @"
    error: there is no credential: NSC_TOKEN_FILE is not set, and nobody is logged in
    hint: log in with the official `nsc login`, or point NSC_TOKEN_FILE at a token file
    ");
}

#[test]
fn the_official_login_is_used_where_nothing_else_is_named() {
    let mut sandbox = Sandbox::start();
    let token = std::fs::read_to_string(sandbox.get("NSC_TOKEN_FILE")).unwrap();
    let directory = if cfg!(target_os = "macos") { "home/Library/Application Support" } else { "home/.config" };
    sandbox.write(&format!("{directory}/ns/token.json"), token);
    sandbox.set("NSC_TOKEN_FILE", "");
    sandbox.nsc("token list").ok();
}

#[test]
fn the_shapes_of_a_token_file() {
    let mut sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    for content in [
        json!({"bearer_token": bearer}).to_string(),
        json!({"tenant_token": bearer, "bearer_token": "nsct_other"}).to_string(),
        json!({"bearer_token": bearer, "session_token": "st_unused", "more": [1]}).to_string(),
        bearer.clone(),
        format!("\u{feff}  {bearer}\r\n"),
    ] {
        let path = sandbox.write("shape", &content);
        sandbox.set("NSC_TOKEN_FILE", path);
        sandbox.nsc("token list").ok();
    }
}

#[test]
fn a_session_is_exchanged_once_and_cached() {
    let mut sandbox = Sandbox::start();
    sandbox.become_user("session");
    let session = sandbox.bearer();
    let path = sandbox.write("login/token.json", json!({ "session_token": session }).to_string());
    sandbox.set("NSC_TOKEN_FILE", path);
    let exchanges = |log: &str| log.matches("> POST").count() - log.matches("ListRevokableTokens").count();

    let run = sandbox.nsc("token list --verbose");
    assert_eq!(exchanges(&run.stderr), 1, "{}", run.stderr);
    run.ok();
    let cached = sandbox.read("login/token.cache");
    assert!(cached.starts_with("nsct_") && cached == cached.trim());
    assert_eq!(mode(sandbox.path("login/token.cache")), 0o600);
    let run = sandbox.nsc("token list --verbose");
    assert_eq!(exchanges(&run.stderr), 0, "{}", run.stderr);
    run.ok();

    // A cache that is no cache is made anew: damaged, another's, or a stray
    // line end, which is taken off.
    for (content, expected) in [("garbage", 1), ("nsct_a.b.c", 1), (cached.as_str(), 0), (&format!("{cached}\n"), 0)] {
        sandbox.write("login/token.cache", content);
        let run = sandbox.nsc("token list --verbose");
        assert_eq!(exchanges(&run.stderr), expected, "{content}");
        run.ok();
    }
    let other = std::fs::read_to_string(format!("{}/member.json", sandbox.get("NSCRED_SANDBOX"))).unwrap();
    let other: serde_json::Value = serde_json::from_str(&other).unwrap();
    sandbox.write("login/token.cache", other["bearer_token"].as_str().unwrap());
    let run = sandbox.nsc("token list --verbose");
    assert_eq!(exchanges(&run.stderr), 1, "another user's token in the shared cache is not used");
    run.ok();
}

#[test]
fn a_session_is_not_overwritten_by_its_cache() {
    let mut sandbox = Sandbox::start();
    sandbox.become_user("session");
    let session = sandbox.bearer();
    let path = sandbox.write("token.cache", &session);
    sandbox.set("NSC_TOKEN_FILE", path);
    sandbox.nsc("token list").ok();
    assert_eq!(sandbox.read("token.cache"), session);
    // What comes through a pipe has no place beside it.
    sandbox.sh("NSC_TOKEN_FILE=/dev/fd/3 nsc token list 3<<EOF\n$(cat token.cache)\nEOF").ok();
}

#[test]
fn a_session_that_was_ended_is_rejected() {
    let mut sandbox = Sandbox::start();
    sandbox.become_user("session");
    let session = sandbox.bearer();
    let service = "/namespace.private.sessions.v1beta.UserSessionsService";
    let (status, _) = sandbox.post(&format!("{service}/InvalidateAllSessions"), Some(&session), "{}");
    assert_eq!(status, 200);
    assert_snapshot!(sandbox.nsc("token list").says(4), @"
    error: the session in the file that NSC_TOKEN_FILE names was rejected: session ended
    hint: log in again with the official `nsc login`
    ");
}

#[test]
fn a_bad_endpoint_is_refused_before_anything_is_sent() {
    let mut world = World::new();
    let path = world.write("t", "nsrt_abcdefgh");
    world.set("NSC_TOKEN_FILE", path);
    for (value, words) in [
        ("http://iam.example.com", "plain http to another host"),
        ("https://user:CANARY@iam.example.com", "must not contain a user name"),
        ("https://iam.example.com/CANARY", "must be a host without a path"),
        ("ftp://127.0.0.1", "must be an https:// address"),
        ("://", "is not an address"),
    ] {
        for name in ["NSC_IAM_ENDPOINT", "NSC_GLOBAL_ENDPOINT"] {
            world.set("NSC_IAM_ENDPOINT", "").set("NSC_GLOBAL_ENDPOINT", "").set(name, value);
            let stderr = world.nsc("token list").fails_with(2, words);
            assert!(stderr.contains(name) && !stderr.contains("CANARY"), "{stderr}");
        }
    }
}
