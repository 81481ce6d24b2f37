//! Errors of the protocol, of proxies, and of the way: which code, which
//! words, and how often the request was sent.

use crate::server::{answer, json};
use crate::world;
use insta::assert_snapshot;

/// The document's refusal with both details.
const DENIED: &str = r#"{"code":"permission_denied","message":"not allowed",
 "details":[
  {"type":"namespace.cloud.iam.v1beta.PermissionDeniedError",
   "value":"ChkKD3Rva2VuL3Jldm9rYWJsZRoGY3JlYXRl",
   "debug":{"missingAccessPermissions":[{"resourceType":"token/revokable","action":"create"}]}},
  {"type":"foundation.std.protocol.RequestID","value":"CglyZXFfMDFhYmM"}]}"#;

#[test]
fn a_refusal_with_details() {
    let two = DENIED.replace(
        "ChkKD3Rva2VuL3Jldm9rYWJsZRoGY3JlYXRl",
        "ChkKD3Rva2VuL3Jldm9rYWJsZRoGY3JlYXRlChYKCGluc3RhbmNlEgEqGgdkZXN0cm95",
    );
    let (world, server) = world([json(403, DENIED), json(403, &two), json(403, DENIED)]);
    let stderr = world.create("t", "").says(3);
    assert_snapshot!(stderr, @"
    error: not permitted: missing token/revokable:create
      request id: req_01abc
    hint: only workspace admins create tokens for the whole workspace; --user binds one to your own membership
    ");
    let stderr = world.create("t", "--user").says(3);
    assert_snapshot!(stderr, @"
    error: not permitted: missing token/revokable:create, instance:destroy on *
      request id: req_01abc
    ");
    assert!(!stderr.contains("--user"), "{stderr}");
    let stderr = world.create("t", "-o json").fails(3);
    assert_eq!(
        stderr,
        "{\"kind\":\"not_permitted\",\"message\":\"not permitted: missing token/revokable:create\",\"hints\":[\"only workspace admins \
         create tokens for the whole workspace; --user binds one to your own membership\"],\"http_status\":403,\"request_id\":\"req_01abc\"}\n"
    );
    server.requests(3);
}

#[test]
fn a_refusal_without_usable_details() {
    for (details, words) in [
        ("", "not permitted: not allowed\n"),
        (r#","details":[]"#, "not permitted: not allowed\n"),
        (
            r#","details":[{"type":"namespace.cloud.iam.v1beta.PermissionDeniedError","value":""}]"#,
            "not permitted: not allowed\n",
        ),
        (
            r#","details":[{"type":"namespace.cloud.iam.v1beta.PermissionDeniedError","value":"/////w"}]"#,
            "not permitted: not allowed\n",
        ),
        // What is no detail takes nothing from the rest.
        (r#","details":[{"type":"a","value":"***"}]"#, "not permitted: not allowed\n"),
        (r#","details":7"#, "not permitted: not allowed\n"),
    ] {
        let (world, _server) =
            world([json(403, &format!(r#"{{"code":"permission_denied","message":"not allowed"{details}}}"#))]);
        world.nsc("token list").fails_with(3, words);
    }
}

/// Every code, with what it means to a caller: the exit code, and whether a
/// listing is tried again.
#[test]
fn every_code_of_the_envelope() {
    for (status, code, exit, words) in [
        (499, "canceled", 1, "the server failed: words (canceled)"),
        (500, "unknown", 1, "the server failed: words (unknown)"),
        (400, "invalid_argument", 1, "the server refused: words (invalid_argument)"),
        (404, "not_found", 5, "not found: words"),
        (409, "already_exists", 6, "words (already_exists)"),
        (403, "permission_denied", 3, "not permitted: words"),
        (400, "failed_precondition", 6, "words (failed_precondition)"),
        (409, "aborted", 6, "words (aborted)"),
        (400, "out_of_range", 1, "words (out_of_range)"),
        (501, "unimplemented", 1, "words (unimplemented)"),
        (500, "internal", 1, "the server failed: words (internal)"),
        (500, "data_loss", 1, "the server failed: words (data_loss)"),
        (
            401,
            "unauthenticated",
            4,
            "the server rejected the credential from the file that NSC_TOKEN_FILE names: words",
        ),
        // The body is believed, not the status.
        (500, "not_found", 5, "not found: words"),
        (400, "CANCELLED", 1, "(canceled)"),
    ] {
        let (world, server) = world([json(status, &format!(r#"{{"code":"{code}","message":"words"}}"#))]);
        world.nsc("token list").fails_with(exit, words);
        server.requests(1);
    }
    let (world, _server) = world([json(401, r#"{"code":16,"message":"words","details":[]}"#)]);
    assert_snapshot!(world.nsc("token list").says(4), @"
    error: the server rejected the credential from the file that NSC_TOKEN_FILE names: words
    hint: it may have expired or been revoked; log in with the official `nsc login`, or use another token file
    ");
}

#[test]
fn what_is_no_envelope_is_no_verdict() {
    let html = |status| answer(status, "Content-Type: text/html\r\n", "<html>CANARY</html>");
    for status in [400, 401, 403, 404, 407, 500, 418] {
        for response in [
            html(status),
            json(status, "CANARY"),
            json(status, "[]"),
            json(status, ""),
            json(status, "{\"message\":7}"),
            json(status, "{\"message\":\"CANARY\"}"),
            json(status, "{\"code\":\"CANARY\"}"),
        ] {
            let (world, server) = world([response]);
            let words = format!("something other than the API answered: HTTP {status} from 127.0.0.1:");
            let stderr = world.nsc("token list").fails_with(1, &words);
            assert!(stderr.contains("hint: the address comes from NSC_IAM_ENDPOINT\n"), "{stderr}");
            assert!(!stderr.contains("CANARY"), "{stderr}");
            server.requests(1);
        }
    }
    for (response, words) in [
        (answer(200, "Content-Type: text/html\r\n", "{}"), "with an HTML page"),
        (answer(200, "", "{}"), "with a body without a content type"),
        (json(200, "CANARY"), "cannot be read"),
        (json(200, "[]"), "cannot be read"),
    ] {
        let (world, _server) = world([response]);
        let stderr = world.nsc("token list").fails_with(1, words);
        assert!(!stderr.contains("CANARY"), "{stderr}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let target = crate::server::Server::start([]);
        let (world, server) = world([answer(status, &format!("Location: {}/elsewhere?CANARY\r\n", target.url), "")]);
        let stderr = world.create("t", "").fails_with(1, "which is not followed");
        assert!(!stderr.contains("CANARY"));
        server.requests(1);
        target.requests(0);
    }
}

#[test]
fn a_redirect_does_not_say_what_became_of_an_earlier_attempt() {
    let (world, server) = world([String::new(), answer(307, "Location: /elsewhere\r\n", "")]);
    assert_snapshot!(world.nsc("token revoke --token_id tok_a").says(8), @"
    error: tok_a: the request was sent and its outcome is unknown: 127.0.0.1:PORT redirects to 127.0.0.1:PORT, which is not followed: the credential would go with it
    hint: run `nsc token revoke --token_id tok_a` again: that can do no harm
    ");
    server.requests(2);
}

/// What the retry table allows, by what the server saw.
#[test]
fn a_listing_is_tried_again_and_a_create_is_not() {
    let busy = |status: u16| answer(status, "Retry-After: 0\r\nContent-Type: text/plain\r\n", "busy");
    for status in [429, 502, 503, 504] {
        let (world, server) = world([busy(status), busy(status), json(200, "{}")]);
        world.nsc("token list -o json").ok();
        server.requests(3);
    }
    let (world, server) = world((0..9).map(|_| busy(503)));
    assert_snapshot!(world.nsc("token list").says(7), @"
    error: the server cannot answer now: HTTP 503 from 127.0.0.1:PORT with a body of type text/plain
    hint: run it again in a moment
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
    server.requests(4);
    for (status, exit, sent) in [(429, 7, 4), (502, 8, 1), (503, 8, 1), (504, 8, 1), (500, 8, 1)] {
        let (world, server) = crate::world((0..9).map(|_| busy(status)));
        world.create("t", "").fails(exit);
        server.requests(sent);
    }
}

#[test]
fn a_create_without_an_answer_is_outcome_unknown() {
    for (response, words) in [
        ("", "its outcome is unknown"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"bearerToken\":",
            "the secret in it is lost",
        ),
    ] {
        let (world, server) = world([response.to_owned()]);
        let stderr = world.create("ci", "").fails_with(8, words);
        assert!(stderr.contains("look for \"ci\" in `nsc token list`"), "{stderr}");
        server.requests(1);
    }
}

#[test]
fn a_revoke_that_may_have_landed_is_repeated_and_then_done() {
    let gone = json(404, r#"{"code":"not_found","message":"already revoked"}"#);
    let (world, server) = world([String::new(), gone.clone()]);
    world.nsc("token revoke --token_id tok_a").ok();
    server.requests(2);
    let (world, _server) = crate::world([gone]);
    assert_snapshot!(world.nsc("token revoke --token_id tok_a").says(5), @"
    error: tok_a: not found: already revoked
    hint: it may be revoked already: `nsc token list --include_revoked` shows all tokens
    ");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut world, _server) = world([]);
    world.set("NSC_IAM_ENDPOINT", format!("http://{}", listener.local_addr().unwrap()));
    assert_snapshot!(world.nsc("token list --timeout 50ms").says(7), @"
    error: no answer from 127.0.0.1:PORT within 50ms
    hint: allow more time with --timeout 2m
    ");
    assert_snapshot!(world.create("t", "--timeout 50ms").says(8), @r#"
    error: the request was sent and its outcome is unknown: no answer from 127.0.0.1:PORT within 50ms
    hint: allow more time with --timeout 2m
    hint: look for "t" in `nsc token list`; if it is there, its secret is lost: revoke it and create another
    "#);
}

#[test]
fn the_servers_words_cannot_steer_a_terminal_or_show_a_secret() {
    let body = r#"{"code":"invalid_argument","message":"a\u001b[31mb nsrt_CANARYCANARY \u202ec"}"#;
    let (world, _server) = world([json(400, body), json(400, body)]);
    let stderr = world.nsc("token list").says(1);
    assert_snapshot!(stderr, @"error: the server refused: a[31mb nsrt_[redacted] c (invalid_argument)");
    assert!(stderr.contains("a[31mb nsrt_[redacted] c") && !stderr.contains("CANARY"), "{stderr}");
    let stderr = world.nsc("token list -o json").says(1);
    assert_snapshot!(stderr, @r#"{"kind":"refused","message":"the server refused: a[31mb nsrt_[redacted] c (invalid_argument)","hints":[],"http_status":400,"request_id":null}"#);
    assert!(!stderr.contains("CANARY"), "{stderr}");
}

#[test]
fn an_interrupt_says_whether_something_was_on_its_way() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::process::Stdio;
    for (signal, create, exit, words) in [
        (Signal::TERM, false, 130, "interrupted\n"),
        (Signal::TERM, true, 8, "interrupted while waiting for the answer to a change; its outcome is unknown"),
    ] {
        let (server, heard) = crate::server::Server::silent();
        let (mut world, _) = world([]);
        world.set("NSC_IAM_ENDPOINT", &server.url);
        let before = world.files();
        let mut command = world.command("nsc");
        if create {
            command.args([
                "token",
                "create",
                "--name",
                "t",
                "--token_file",
                "t.json",
                "--grant",
                crate::support::GRANT,
            ]);
        } else {
            command.args(["token", "list"]);
        }
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        heard.recv().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(exit), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
        assert_eq!(world.files(), before, "nothing is left behind");
    }
}

#[test]
fn a_connection_that_does_not_come_about_is_safe_to_repeat() {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    // A listener with no room left: connections are neither taken nor refused.
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&listener, 0).unwrap();
    let address = std::net::SocketAddrV4::try_from(getsockname(&listener).unwrap()).unwrap();
    let _waiting: Vec<_> = (0..3)
        .map(|_| std::net::TcpStream::connect_timeout(&address.into(), std::time::Duration::from_millis(100)))
        .collect();
    let (mut world, _server) = world([]);
    world.set("NSC_IAM_ENDPOINT", format!("http://{address}"));
    for line in ["token list", "token revoke --token_id tok_a"] {
        world.nsc(&format!("{line} --timeout 1s")).fails_with(7, "no connection to 127.0.0.1:");
    }
    assert_snapshot!(world.create("t", "--timeout 1s").says(7), @"
    error: no connection to 127.0.0.1:PORT within 500ms
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
}

#[test]
fn what_a_gateway_says_of_a_change_is_not_taken_for_its_outcome() {
    let html = |status| answer(status, "Content-Type: text/html\r\n", "<html>");
    let unavailable = r#"{"code":"unavailable","message":"upstream"}"#;
    for response in [408, 429, 500, 502, 503, 504, 524].map(html).into_iter().chain([json(502, unavailable)]) {
        let (world, server) = world([response]);
        world.create("t", "").fails_with(8, "its outcome is unknown");
        server.requests(1);
    }
    // What the protocol says is believed, not the status that it came with.
    for status in [400, 503] {
        let (world, _server) = world([json(status, unavailable)]);
        world.create("t", "").fails_with(8, "its outcome is unknown: upstream (unavailable)");
    }
    let (world, _server) = world([json(500, r#"{"code":"invalid_argument"}"#)]);
    world.create("t", "").fails(1);
    // The first try may have landed, whatever the later ones say.
    let (world, _server) = crate::world([html(502), html(503), html(503), html(503)]);
    assert_snapshot!(world.nsc("token revoke --token_id tok_a").says(8), @"
    error: tok_a: the request was sent and its outcome is unknown: something other than the API answered: HTTP 503 from 127.0.0.1:PORT with an HTML page
    hint: the address comes from NSC_IAM_ENDPOINT
    hint: run `nsc token revoke --token_id tok_a` again: that can do no harm
    ");
}

#[test]
fn an_interrupt_begins_nothing_new() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::process::Stdio;
    let (server, heard, go) = crate::server::Server::gated([json(200, "{}"), json(200, "{}"), json(200, "{}")]);
    let (mut world, _server) = world([]);
    world.set("NSC_IAM_ENDPOINT", &server.url);
    let mut command = world.command("nsc");
    command.args(["token", "revoke", "--token_id", "tok_a", "--token_id", "tok_b", "--token_id", "tok_c"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    heard.recv().unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    drop(go);
    let output = child.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stdout.starts_with("Successfully revoked token tok_a\n"), "{stdout}");
    assert!(stderr.contains("tok_c: interrupted before it was revoked"), "{stderr}");
}
