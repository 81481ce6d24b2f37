//! The exchange of a session for a tenant token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insta::assert_snapshot;

use crate::server::{Server, json};
use crate::support::World;

fn token(prefix: &str, claims: &str) -> String {
    format!("{prefix}{}.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(claims))
}

fn in_seconds(seconds: i64) -> i64 {
    jiff::Timestamp::now().as_second() + seconds
}

/// A world with a token file of this content, and a server.
fn world(content: &str, answers: impl IntoIterator<Item = String>) -> (World, Server) {
    let server = Server::start(answers);
    let mut world = World::new();
    let path = world.write("ns/token.json", content);
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", &server.url);
    (world, server)
}

#[test]
fn a_session_is_exchanged_and_the_token_used() {
    let session = token("st_", &format!(r#"{{"exp":{},"tenant_id":"tenant_a"}}"#, in_seconds(86_400)));
    let tenant = token("nsct_", &format!(r#"{{"exp":{},"tenant_id":"tenant_a"}}"#, in_seconds(600)));
    let (world, server) = world(
        &format!(r#"{{"session_token":"{session}"}}"#),
        [json(200, &format!(r#"{{"tenantToken":"{tenant}"}}"#)), json(200, "{}"), json(200, "{}")],
    );
    world.nsc("token list -o json").ok();
    world.nsc("token list -o json").ok();
    let requests = server.requests(3);
    assert_eq!(
        requests[0].line,
        "POST /namespace.private.sessions.v1beta.UserSessionsService/IssueTenantTokenFromSession HTTP/1.1"
    );
    assert_eq!(requests[0].body, r#"{"tokenDuration":"600s"}"#);
    assert_eq!(requests[0].headers["authorization"], format!("Bearer {session}"));
    for request in &requests[1..] {
        assert_eq!(request.headers["authorization"], format!("Bearer {tenant}"));
    }
    assert_eq!(world.read("ns/token.cache"), tenant, "the token alone, without a line end");
}

#[test]
fn a_cached_token_must_be_the_same_workspaces_and_live_five_minutes() {
    let session = token("st_", &format!(r#"{{"exp":{},"tenant_id":"tenant_a"}}"#, in_seconds(86_400)));
    let fresh = token("nsct_", &format!(r#"{{"exp":{},"tenant_id":"tenant_a"}}"#, in_seconds(3_600)));
    for (claims, used) in [
        (format!(r#"{{"exp":{},"tenant_id":"tenant_a"}}"#, in_seconds(330)), true),
        (format!(r#"{{"exp":{},"tenant_id":"tenant_a"}}"#, in_seconds(290)), false),
        (format!(r#"{{"exp":{},"tenant_id":"tenant_b"}}"#, in_seconds(3_600)), false),
        (format!(r#"{{"exp":{}}}"#, in_seconds(3_600)), false),
        (r#"{"tenant_id":"tenant_a"}"#.to_owned(), false),
    ] {
        let cached = token("nsct_", &claims);
        let issue = json(200, &format!(r#"{{"tenant_token":"{fresh}"}}"#));
        let answers = if used { vec![json(200, "{}")] } else { vec![issue, json(200, "{}")] };
        let (world, server) = world(&format!(r#"{{"session_token":"{session}"}}"#), answers);
        world.write("ns/token.cache", &cached);
        world.nsc("token list -o json").ok();
        let requests = server.requests(if used { 1 } else { 2 });
        let expected = if used { &cached } else { &fresh };
        assert_eq!(requests.last().unwrap().headers["authorization"], format!("Bearer {expected}"), "{claims}");
    }
}

#[test]
fn a_bearer_that_lives_on_is_used_before_the_session() {
    let session = token("st_", &format!(r#"{{"exp":{},"tenant_id":"t"}}"#, in_seconds(86_400)));
    for (bearer, exchanged) in [
        ("nsrt_opaqueopaque".to_owned(), false),
        (token("nsct_", &format!(r#"{{"exp":{}}}"#, in_seconds(3_600))), false),
        (token("nsct_", &format!(r#"{{"exp":{}}}"#, in_seconds(60))), true),
    ] {
        let answers = if exchanged {
            vec![json(200, r#"{"tenantToken":"nsct_new"}"#), json(200, "{}")]
        } else {
            vec![json(200, "{}")]
        };
        let (world, server) = world(&format!(r#"{{"session_token":"{session}","bearer_token":"{bearer}"}}"#), answers);
        world.nsc("token list -o json").ok();
        server.requests(if exchanged { 2 } else { 1 });
    }
}

#[test]
fn a_rejected_session_says_so() {
    let session = token("st_", &format!(r#"{{"exp":{}}}"#, in_seconds(86_400)));
    let content = format!(r#"{{"session_token":"{session}"}}"#);
    for body in [
        r#"{"code":"unauthenticated","message":"session ended"}"#,
        r#"{"code":16,"message":"session ended","details":[]}"#,
    ] {
        let (world, server) = world(&content, [json(401, body)]);
        let stderr = world
            .nsc("token list")
            .fails_with(4, "the session in the file that NSC_TOKEN_FILE names was rejected: session ended");
        assert!(stderr.contains("`nsc login`"), "{stderr}");
        server.requests(1);
        assert!(!world.path("ns/token.cache").exists());
    }
    let (world, _server) = world(&content, [json(200, "{}")]);
    assert_snapshot!(world.nsc("token list").says(1), @"error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 2");
}

/// A world with a good session and a cached token of its workspace, and both.
fn cached(answers: impl IntoIterator<Item = String>) -> (World, Server, String, String) {
    let claims = format!(r#"{{"exp":{},"tenant_id":"tenant_a"}}"#, in_seconds(86_400));
    let (session, cache) = (token("st_", &claims), token("nsct_", &claims));
    let (world, server) = world(&format!(r#"{{"session_token":"{session}"}}"#), answers);
    world.write("ns/token.cache", &cache);
    (world, server, session, cache)
}

#[test]
fn a_cached_token_that_is_refused_is_exchanged_once_more() {
    let refused = || json(401, r#"{"code":"unauthenticated","message":"invalid token"}"#);
    let fresh = token("nsct_", &format!(r#"{{"exp":{},"tenant_id":"tenant_a","new":1}}"#, in_seconds(600)));
    let issued = || json(200, &format!(r#"{{"tenantToken":"{fresh}"}}"#));
    let made = json(200, r#"{"bearerToken":"nsrt_NEWNEWNEW","token":{"tokenId":"tok_a"}}"#);
    for (line, answer) in [
        ("token list -o json", json(200, "{}")),
        ("token revoke --token_id tok_a", json(200, "{}")),
        ("token refresh --token_id tok_a -o json", json(200, r#"{"token":{"tokenId":"tok_a"}}"#)),
        ("token create --name t --grant a:b:c", made),
        ("auth status namespace", json(200, "{}")),
    ] {
        let (world, server, session, cache) = cached([refused(), issued(), answer]);
        let grant = crate::support::GRANT;
        let words = line.split(' ').map(|word| if word == "a:b:c" { grant } else { word });
        world.run("nscred", words).ok();
        let requests = server.requests(3);
        let sent = |index: usize| requests[index].headers["authorization"].clone();
        assert_eq!(sent(0), format!("Bearer {cache}"), "{line}");
        assert!(requests[1].line.contains("/IssueTenantTokenFromSession "), "{line}");
        assert_eq!(sent(1), format!("Bearer {session}"));
        assert_eq!((sent(2), &requests[2].body), (format!("Bearer {fresh}"), &requests[0].body), "{line}");
        assert_eq!(world.read("ns/token.cache"), fresh);
    }
    // What is refused fresh is refused.
    let (world, server, ..) = cached([refused(), issued(), refused()]);
    assert_snapshot!(world.nsc("token list").says(4), @"
    error: the server rejected the credential from the file that NSC_TOKEN_FILE names: invalid token
    hint: it may have expired or been revoked; log in with the official `nsc login`, or use another token file
    ");
    server.requests(3);
    let (world, server, ..) = cached([refused(), json(401, r#"{"code":"unauthenticated","message":"session ended"}"#)]);
    assert_snapshot!(world
        .nsc("token list").says(4), @"
    error: the session in the file that NSC_TOKEN_FILE names was rejected: session ended
    hint: log in again with the official `nsc login`
    ");
    server.requests(2);
    assert!(!world.path("ns/token.cache").exists());
    // Another refusal, or another's, says nothing of the token.
    let html = crate::server::answer(401, "Content-Type: text/html\r\n", "<html>");
    for answer in [json(403, r#"{"code":"permission_denied"}"#), html] {
        let (world, server, _, cache) = cached([answer]);
        assert_ne!(world.nsc("token list").code, 0);
        server.requests(1);
        assert_eq!(world.read("ns/token.cache"), cache);
    }
}
