//! TokenService: requests to the byte, answers with and without what newer
//! servers add.

use insta::assert_snapshot;

use crate::server::{Request, json};
use crate::support::GRANT;
use crate::world;

const SERVICE: &str = "/namespace.cloud.iam.v1beta.TokenService";

#[track_caller]
fn check(request: &Request, method: &str, body: &str) {
    assert_eq!(request.line, format!("POST {SERVICE}/{method} HTTP/1.1"));
    assert_eq!(request.body, body);
    let mut headers = request.headers.clone();
    let host = headers.remove("host").unwrap();
    assert!(host.starts_with("127.0.0.1:"));
    let timeout = headers.remove("connect-timeout-ms").unwrap();
    assert!((1..=30_000).contains(&timeout.parse::<u32>().unwrap()), "{timeout}");
    let expected = [
        ("accept", "*/*"),
        ("accept-encoding", "identity"),
        ("authorization", "Bearer nsrt_wirewirewire"),
        ("connect-protocol-version", "1"),
        ("content-length", &request.body.len().to_string()),
        ("content-type", "application/json"),
        ("user-agent", concat!("nscred/", env!("CARGO_PKG_VERSION"))),
    ];
    assert!(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{headers:#?}");
}

/// The document's answer to a create, of a server that fills in everything.
const CREATED_NEW: &str = r#"{"bearerToken":"nsrt_EXAMPLE0001",
 "token":{"tokenId":"tok_example1","tenantId":"tenant_example","name":"ci-main","description":"main pipeline",
  "createdAt":"2026-11-22T10:00:00.123456Z","expiresAt":"2026-12-01T00:00:00Z","creatorActorId":"user_example",
  "scope":"TENANT_MEMBERSHIP_SCOPE",
  "permissions":[{"resourceType":"builder","resourceId":"*","actions":["ensure","access"]}],"state":"ACTIVE"}}"#;

/// The same of a server from before scope, permissions and state.
const CREATED_OLD: &str = r#"{"bearerToken":"nsrt_EXAMPLE0002","token":{"tokenId":"tok_example2",
 "tenantId":"tenant_example","name":"ci-main","createdAt":"2026-11-22T10:00:00Z","expiresAt":"2026-12-01T00:00:00Z",
 "creatorActorId":"user_example"}}"#;

#[test]
fn create_sends_what_the_document_says() {
    let (world, server) = world([json(200, CREATED_NEW), json(200, CREATED_NEW)]);
    let before = jiff::Timestamp::now().as_second();
    world.create("ci-main", "--description pipeline --expires_in 2d").ok();
    world.create("ci-user", "--user --no_expiry").ok();
    let after = jiff::Timestamp::now().as_second();
    let requests = server.requests(2);
    let expiry = requests[0].body.split("\"expiresAt\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(expiry.ends_with('Z'));
    let second = expiry.parse::<jiff::Timestamp>().unwrap().as_second() - 172_800;
    assert!((before..=after).contains(&second));
    check(
        &requests[0],
        "CreateRevokableToken",
        &format!(
            r#"{{"name":"ci-main","description":"pipeline","expiresAt":"{expiry}","access":{{"grants":[{{"resourceType":"builder","resourceId":"*","actions":["ensure","access"]}}]}}}}"#
        ),
    );
    check(
        &requests[1],
        "CreateRevokableToken",
        r#"{"name":"ci-user","access":{"grants":[{"resourceType":"builder","resourceId":"*","actions":["ensure","access"]}]},"scope":"TENANT_MEMBERSHIP_SCOPE"}"#,
    );
}

#[test]
fn create_shows_what_a_new_server_answers() {
    let (world, _server) = world([json(200, CREATED_NEW), json(200, CREATED_NEW)]);
    assert_eq!(
        world.create("ci-main", "").ok(),
        "Token ID:    tok_example1\n\
         Name:        ci-main\n\
         Description: main pipeline\n\
         Created At:  2026-11-22T10:00:00Z\n\
         Expires At:  2026-12-01T00:00:00Z\n\
         Scope:       user\n\
         Grants:      builder on *: ensure, access\n\
         \n\
         Bearer Token: nsrt_EXAMPLE0001\n"
    );
    assert_eq!(world.create("ci-main", "-o token").ok(), "nsrt_EXAMPLE0001\n");
}

#[test]
fn create_shows_what_an_old_server_answers() {
    let (world, _server) = world([json(200, CREATED_OLD), json(200, CREATED_OLD)]);
    assert_eq!(
        world.create("ci-main", "").ok(),
        "Token ID:    tok_example2\n\
         Name:        ci-main\n\
         Description:\n\
         Created At:  2026-11-22T10:00:00Z\n\
         Expires At:  2026-12-01T00:00:00Z\n\
         \n\
         Bearer Token: nsrt_EXAMPLE0002\n"
    );
    assert_eq!(
        world.create("ci-main", "-o json").ok(),
        r#"{
  "bearer_token": "nsrt_EXAMPLE0002",
  "token": {
    "token_id": "tok_example2",
    "tenant_id": "tenant_example",
    "name": "ci-main",
    "created_at": "2026-11-22T10:00:00Z",
    "expires_at": "2026-12-01T00:00:00Z",
    "creator_actor_id": "user_example"
  }
}
"#
    );
}

#[test]
fn a_server_that_writes_snake_case_and_fields_of_the_future() {
    let answer = r#"{"token":{"unheard_of":{"innerThing":[1.50,"x"]},"token_id":"tok_3","name":"n","scope":7,"state":"PAUSED",
        "created_at":"2026-11-22T12:00:00+02:00","expires_at":null,"permissions":null},"bearer_token":"nsrt_3","futureField":true}"#;
    let (world, _server) = world([json(200, answer), json(200, answer)]);
    let table = world.create("n", "").ok();
    assert!(table.starts_with(
        "Token ID:    tok_3\nName:        n\nDescription:\nCreated At:  2026-11-22T10:00:00Z\nExpires At:  unknown\nScope:       7\n\n"
    ));
    let filtered = world.create("n", "-q .bearer_token -q .token.unheard_of -q .future_field -q .token.scope").ok();
    assert_eq!(filtered, "nsrt_3\n{\"inner_thing\":[1.50,\"x\"]}\ntrue\n7\n");
}

#[test]
fn the_file_is_what_every_sdk_reads() {
    let (world, _server) = world([json(200, CREATED_NEW)]);
    world.create("ci-main", "--token_file t.json").ok();
    assert_eq!(
        world.read("t.json"),
        "{\n  \"bearer_token\": \"nsrt_EXAMPLE0001\",\n  \"token_id\": \"tok_example1\",\n  \"name\": \"ci-main\",\n  \"expires_at\": \"2026-12-01T00:00:00Z\"\n}\n"
    );
}

#[test]
fn a_success_without_a_usable_secret_is_told_as_lost() {
    for body in [
        "",
        "{}",
        "[]",
        "{\"token\":{}}",
        "{\"bearerToken\":\"\"}",
        "{\"bearerToken\":7}",
        "{\"bearerToken\":\"nsrt_CANARYCANARY",
    ] {
        let (world, server) = world([json(200, body)]);
        let stderr = world.create("ci-main", "").fails_with(8, "reported success, but its answer cannot be read");
        assert!(stderr.contains("look for \"ci-main\" in `nsc token list`") && !stderr.contains("CANARY"), "{stderr}");
        server.requests(1);
    }
}

#[test]
fn list_follows_the_cursor_and_sends_it_back() {
    let (world, server) = world([
        json(
            200,
            r#"{"tokens":[{"tokenId":"tok_b","name":"b","createdAt":"2026-02-01T00:00:00Z"}],"paginationCursor":"+/8="}"#,
        ),
        json(200, r#"{"tokens":[],"paginationCursor":"AAE"}"#),
        json(
            200,
            r#"{"tokens":[{"tokenId":"tok_a","name":"a","createdAt":"2026-01-01T00:00:00Z","expiresAt":"2026-01-02T00:00:00Z"}],"paginationCursor":""}"#,
        ),
    ]);
    assert_eq!(
        world.nsc("token list --include_revoked").ok(),
        "TOKEN ID  NAME  DESCRIPTION  CREATED               EXPIRES               STATUS   SCOPE\n\
         tok_a     a                  2026-01-01T00:00:00Z  2026-01-02T00:00:00Z  Expired\n\
         tok_b     b                  2026-02-01T00:00:00Z  never                 Active\n"
    );
    let requests = server.requests(3);
    check(&requests[0], "ListRevokableTokens", r#"{"includeRevoked":true}"#);
    check(&requests[1], "ListRevokableTokens", r#"{"paginationCursor":"+/8=","includeRevoked":true}"#);
    check(&requests[2], "ListRevokableTokens", r#"{"paginationCursor":"AAE=","includeRevoked":true}"#);
}

#[test]
fn list_of_new_and_old_tokens() {
    let tokens = r#"{"tokens":[
        {"tokenId":"tok_1","name":"new","createdAt":"2026-01-01T00:00:00Z","scope":"TENANT_SCOPE","state":"EXPIRED","expiresAt":"2099-01-01T00:00:00Z"},
        {"tokenId":"tok_2","name":"number","createdAt":"2026-01-02T00:00:00Z","scope":2,"state":1},
        {"tokenId":"tok_3","name":"old","createdAt":"2026-01-03T00:00:00Z","revokedAt":"2026-01-04T00:00:00Z","revokedByActorId":"user_x"}]}"#;
    let (world, server) = world([json(200, tokens), json(200, tokens)]);
    assert_eq!(
        world.nsc("token list").ok(),
        "TOKEN ID  NAME    DESCRIPTION  CREATED               EXPIRES               STATUS   SCOPE\n\
         tok_1     new                  2026-01-01T00:00:00Z  2099-01-01T00:00:00Z  Expired  workspace\n\
         tok_2     number               2026-01-02T00:00:00Z  never                 Active   user\n\
         tok_3     old                  2026-01-03T00:00:00Z  never                 Revoked\n"
    );
    assert_eq!(
        world.nsc("token list -q .[2]").ok(),
        "{\"token_id\":\"tok_3\",\"name\":\"old\",\"created_at\":\"2026-01-03T00:00:00Z\",\"revoked_at\":\"2026-01-04T00:00:00Z\",\"revoked_by_actor_id\":\"user_x\"}\n"
    );
    check(&server.requests(2)[0], "ListRevokableTokens", "{}");
}

#[test]
fn an_endless_list_is_noticed() {
    let page = json(200, r#"{"tokens":[{"tokenId":"tok_1"}],"paginationCursor":"AA=="}"#);
    let (world, server) = world([page.clone(), page.clone(), page]);
    assert_snapshot!(world.nsc("token list").says(1), @"error: the server sent the same page of the list twice");
    server.requests(2);
}

#[test]
fn revoke_sends_one_request_for_each_id() {
    let (world, server) = world([json(200, "{}"), json(200, " {\"a\":1}")]);
    world.nsc("token revoke --token_id tok_example1 --token_id tok_example2").ok();
    let requests = server.requests(2);
    check(&requests[0], "RevokeRevokableToken", r#"{"tokenId":"tok_example1"}"#);
    check(&requests[1], "RevokeRevokableToken", r#"{"tokenId":"tok_example2"}"#);
}

#[test]
fn refresh_sends_the_minimum_as_protobuf_writes_it() {
    let answer = r#"{"token":{"tokenId":"tok_example1","name":"ci","createdAt":"2026-01-01T00:00:00Z","expiresAt":"2027-01-01T00:00:00Z"}}"#;
    let (world, server) = world([json(200, answer), json(200, answer), json(200, "{}")]);
    let shown = world.nsc("token refresh --token_id tok_example1 --minimum_duration 30d").ok();
    assert!(shown.starts_with("Token tok_example1 refreshed.\n\nToken ID:    tok_example1\n"), "{shown}");
    let json = world.nsc("token refresh --token_id tok_example1 --minimum_duration 1.5s -o json").ok();
    assert_eq!(json.lines().nth(2), Some("    \"token_id\": \"tok_example1\","));
    assert_eq!(world.nsc("token refresh --token_id tok_example1").ok(), "Token tok_example1 refreshed.\n");
    let requests = server.requests(3);
    check(&requests[0], "RefreshRevokableToken", r#"{"tokenId":"tok_example1","minimumDuration":"2592000s"}"#);
    check(&requests[1], "RefreshRevokableToken", r#"{"tokenId":"tok_example1","minimumDuration":"1.500s"}"#);
    check(&requests[2], "RefreshRevokableToken", r#"{"tokenId":"tok_example1","minimumDuration":"86400s"}"#);
}

#[test]
fn a_bad_line_sends_nothing() {
    let (world, server) = world([]);
    for line in ["--expires_in 0", "-o yaml", "-q .[", "--no_expiry", "--token_file missing/t"] {
        world.create("t", line).fails(2);
    }
    world.run("nsc", ["token", "create", "--name", "t", "--grant", GRANT, "--grant", "{}"]).fails(2);
    world.nsc("token revoke --token_id nsrt_wirewirewire").fails(2);
    world.nsc("token refresh --token_id tok_a --minimum_duration 0").fails(2);
    server.requests(0);
}

#[test]
fn a_secret_is_not_lost_for_a_field_that_does_not_fit() {
    for (status, headers, body, id) in [
        (200, "Content-Type: application/json\r\n", r#"{"bearerToken":"nsrt_S","token":null}"#, ""),
        (
            200,
            "Content-Type: application/json\r\n",
            r#"{"bearerToken":"nsrt_S","token":{"tokenId":"tok_1","createdAt":"soon"}}"#,
            "tok_1",
        ),
        (
            200,
            "Content-Type: application/json\r\n",
            r#"{"bearerToken":"nsrt_S","token":{"token_id":"tok_1","scope":[]}}"#,
            "tok_1",
        ),
        (
            200,
            "Content-Type: application/json\r\n",
            r#"{"bearerToken":"nsrt_S","bearer_token":"nsrt_S","token":7}"#,
            "",
        ),
        (200, "Content-Type: text/plain\r\n", r#"{"bearerToken":"nsrt_S","token":{"tokenId":"tok_1"}}"#, "tok_1"),
        (201, "", r#"{"bearerToken":"nsrt_S","token":{"tokenId":"tok_1"}}"#, "tok_1"),
    ] {
        let answers = || crate::server::answer(status, headers, body);
        let (world, _server) = world([answers(), answers()]);
        assert_eq!(world.create("ci", "-o token").ok(), "nsrt_S\n", "{body}");
        assert!(world.create("ci", "").ok().starts_with(format!("Token ID:    {id}").trim_end()), "{body}");
    }
}

#[test]
fn an_answer_that_does_not_keep_to_what_was_asked_is_told() {
    let (world, _server) = world([
        json(200, r#"{"bearerToken":"nsrt_S","token":{"tokenId":"tok_1","scope":1}}"#),
        json(200, r#"{"bearerToken":"nsrt_x\n\u001b[31m"}"#),
        json(200, r#"{"token":{"tokenId":"tok_other"}}"#),
        json(200, "[]"),
        json(200, "{\"a\":"),
    ]);
    let run = world.create("a", "");
    assert_snapshot!(run.scrubbed(), @"
    warning: the server did not say that the token expires, and may have made one that never does; TIME was asked for
    note: the server did not return the permissions of the token
    note: store the bearer token now: it is shown only once
    ");
    assert!(run.stdout.contains("Expires At:  unknown"), "{run:#?}");
    assert_snapshot!(world.create("b", "-o token").says(1), @r#"
    warning: the server did not say that the token expires, and may have made one that never does; TIME was asked for
    note: the server did not return the permissions of the token
    error: the secret contains characters that no token has
    hint: token b is kept in DIRECTORY/home/.local/state/nscred/undelivered/secret.json
    hint: if you do not want it, look for "b" in `nsc token list` and revoke it
    "#);
    assert_snapshot!(world.nsc("token refresh --token_id tok_1").says(8), @"
    error: tok_1: the server's answer is about another token, so it is unknown whether this one was refreshed
    hint: check its expiry with `nsc token list`
    ");
    assert_snapshot!(world.nsc("token revoke --token_id tok_1").says(8), @"
    error: tok_1: 127.0.0.1:PORT reported success, but its answer cannot be read: not a JSON object
    hint: run `nsc token revoke --token_id tok_1` again: that can do no harm
    ");
    assert_snapshot!(world.nsc("token revoke --token_id tok_1").says(8), @"
    error: tok_1: 127.0.0.1:PORT reported success, but its answer cannot be read: unexpected JSON at line 1, column 5
    hint: run `nsc token revoke --token_id tok_1` again: that can do no harm
    ");
}

#[test]
fn without_a_home_the_rescue_file_is_in_a_directory_of_its_own() {
    let (mut world, _server) = world([json(200, r#"{"bearerToken":"nsrt_S","token":{"tokenId":"tok_1"}}"#)]);
    world.set("HOME", "");
    world.sh(&format!("nsc token create --name ci --grant '{GRANT}' -o token > /dev/full")).fails_with(1, "is kept in");
    let directory = std::fs::read_dir(world.path("home/tmp")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(crate::support::mode(&directory), 0o700);
    assert!(std::fs::read_to_string(directory.join("tok_1.json")).unwrap().contains("nsrt_S"));
}

#[test]
fn rescued_secrets_do_not_replace_each_other() {
    let answers = ["nsrt_1", "nsrt_2", "nsrt_3"].map(|secret| json(200, &format!(r#"{{"bearerToken":"{secret}"}}"#)));
    let (world, _server) = world(answers);
    for _ in 0..3 {
        let script = format!("nsc token create --name ci --grant '{GRANT}' -o token > /dev/full");
        let stderr = world.sh(&script).fails(1);
        assert!(stderr.contains("look for \"ci\" in `nsc token list` and revoke it"), "{stderr}");
    }
    for (name, secret) in [("secret", 1), ("secret-2", 2), ("secret-3", 3)] {
        let file = format!("home/.local/state/nscred/undelivered/{name}.json");
        assert_eq!(world.read(&file), format!("{{\n  \"bearer_token\": \"nsrt_{secret}\"\n}}\n"));
    }
}

#[test]
fn an_id_of_the_server_cannot_steer_a_terminal_or_a_shell() {
    let body = r#"{"bearerToken":"nsrt_S","token":{"tokenId":"tok_\u001b[31m; rm -rf ~\u202e"}}"#;
    let (world, _server) = world([json(200, body), json(200, body)]);
    let run = world.create("ci", "--token_file t.json");
    assert!(!run.stderr.contains('\u{1b}') && !run.stderr.contains('\u{202e}'), "{run:?}");
    run.ok();
    let script = format!("nsc token create --name ci --grant '{GRANT}' -o token > /dev/full");
    let stderr = world.sh(&script).fails(1);
    assert!(!stderr.contains("token_id tok_") && !stderr.contains('\u{1b}'), "{stderr}");
}
