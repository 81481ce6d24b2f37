//! The identity API when it does not say yes: each status in words and in
//! the exit code, races, and answers that never come.

use std::process::Stdio;

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::accounts::{CREATED, GROUP, GROUPS, ID, LIST, MINTED, ORG, TOKEN};
use crate::nscale_world;
use crate::server::{Server, answer, json};
use crate::support::{Run, World};

/// An error as the server words it.
pub fn error(status: u16, code: &str, description: &str) -> String {
    let trace = "0af7651916cd43dd8448eb211c80319c";
    json(status, &format!(r#"{{"error":"{code}","error_description":"{description}","trace_id":"{trace}"}}"#))
}

pub fn conflict() -> String {
    error(409, "conflict", "the requested resource already exists")
}

pub fn sa(world: &World, verb: &str, line: &str) -> Run {
    world.sa(&format!("{verb} --org {ORG} {line}"))
}

/// A document without groups, in a file.
pub fn document(world: &World) -> String {
    world.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#)
}

#[test]
fn each_status_has_its_exit_code() {
    for (status, read, change) in
        [(400, 1, 1), (401, 4, 4), (403, 3, 3), (404, 5, 5), (413, 1, 1), (500, 1, 8), (501, 1, 1)]
    {
        // Whether it is the wrong organization is asked after some.
        let count = if matches!(status, 403 | 404) { 7 } else { 4 };
        let (world, server) = nscale_world(std::iter::repeat_n(error(status, "whatever", "because"), count));
        let path = document(&world);
        for (run, code) in [
            (sa(&world, "list", ""), read),
            (sa(&world, "create", &format!("--file {path} --yes")), change),
            (sa(&world, "rotate", &format!("--id {ID} --yes")), change),
            (sa(&world, "delete", &format!("--id {ID} --yes")), change),
        ] {
            let stderr = run.fails(code);
            assert!(stderr.contains("because") && stderr.contains("0af7651916cd43dd8448eb211c80319c"), "{stderr}");
        }
        server.requests(count);
    }
}

#[test]
fn an_error_is_one_line_of_json_where_json_is_read() {
    let (world, _server) = nscale_world([error(403, "forbidden", "operation is not allowed by rbac")]);
    let run = sa(&world, "list", "--json");
    let stderr = run.fails(3);
    let value: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1);
    assert_eq!(value["kind"], "not_permitted");
    assert_eq!(value["http_status"], 403);
    assert_eq!(value["request_id"], "0af7651916cd43dd8448eb211c80319c");
}

#[test]
fn a_rejected_token_says_what_it_may_be_and_where_it_came_from() {
    let (mut world, _server) =
        nscale_world(std::iter::repeat_n(error(401, "access_denied", "token validation failed"), 2));
    let path = world.write("token", format!("{TOKEN}\n"));
    world.set("NSCALE_SERVICE_TOKEN_FILE", path);
    let stderr = sa(&world, "list", "").fails(4);
    for words in [
        "the token from NSCALE_SERVICE_TOKEN:",
        "expired, been rotated, or its account deleted",
        "minted a moment ago, try again in a second",
        "FILE is set too",
    ] {
        assert!(stderr.contains(words), "no {words:?} in {stderr}");
    }
    world.set("NSCALE_SERVICE_TOKEN", "");
    assert_snapshot!(sa(&world, "list", "").says(4), @"
    error: the server rejected the token from the file that NSCALE_SERVICE_TOKEN_FILE names: token validation failed
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: it may have expired, been rotated, or its account deleted: the server does not say which
    hint: if it was minted a moment ago, try again in a second
    hint: with another credential `nscale serviceaccounts list` shows which accounts there are, and when their tokens expire
    ");
}

#[test]
fn errors_without_the_servers_body() {
    for body in [
        answer(403, "Content-Type: text/html\r\n", "<html>CANARY</html>"),
        json(403, "[\"CANARY\"]"),
        json(403, "{\"message\":\"CANARY\"}"),
        json(403, ""),
        json(403, "{\"error\":7}"),
    ] {
        let (world, _server) = nscale_world([body]);
        let stderr =
            sa(&world, "list", "").fails_with(1, "something other than the API answered: HTTP 403 from 127.0.0.1:");
        assert!(stderr.contains("NSCALE_IDENTITY_SERVICE_API_ENDPOINT") && !stderr.contains("CANARY"), "{stderr}");
    }
}

#[test]
fn a_long_description_is_cut_and_cannot_steer_the_terminal() {
    let long = format!("\\u001b[31mx{}", "y".repeat(10_000));
    let (world, _server) = nscale_world([error(400, "invalid_request", &long)]);
    let stderr = sa(&world, "list", "").says(1);
    assert_snapshot!(stderr, @"
    error: the server refused: [31mxyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
      request id: 0af7651916cd43dd8448eb211c80319c
    ");
    assert!(stderr.len() < 1_000 && !stderr.contains('\u{1b}'), "{stderr}");
}

#[test]
fn answers_that_do_not_fit() {
    let mut said = String::new();
    for body in ["{}", "7", "[7]", "[{\"metadata\":7}]", "\"\"", "[", ""] {
        let (world, _server) = nscale_world([json(200, body)]);
        said += &sa(&world, "list", "").says(1);
    }
    assert_snapshot!(said, @"
    error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 2
    error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 1
    error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 2
    error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 14
    error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 2
    error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 1
    error: the answer of 127.0.0.1:PORT cannot be read: unexpected JSON at line 1, column 0
    ");
    let (world, _server) = nscale_world([answer(200, "Content-Type: text/html\r\n", "<html>")]);
    assert_snapshot!(sa(&world, "list", "").says(1), @"
    error: something other than the API answered: HTTP 200 from 127.0.0.1:PORT with an HTML page
    hint: a proxy, a web filter or a gateway may have answered in its place: that says nothing about the credential, its rights or what was asked for
    hint: the address comes from NSCALE_IDENTITY_SERVICE_API_ENDPOINT
    ");
    let mut said = String::new();
    for body in ["{}", "[]", "null", "", r#"{"status":{"accessToken":""}}"#, r#"{"status":{"accessToken":null}}"#] {
        let (world, _server) = nscale_world([json(200, body)]);
        said += &sa(&world, "rotate", &format!("--id {ID} --yes")).says(8);
    }
    assert_snapshot!(said, @"
    error: 127.0.0.1:PORT reported success, but its answer cannot be read (it has no status.accessToken): the secret in it is lost
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    error: 127.0.0.1:PORT reported success, but its answer cannot be read (not a JSON object): the secret in it is lost
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    error: 127.0.0.1:PORT reported success, but its answer cannot be read (not a JSON object): the secret in it is lost
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    error: 127.0.0.1:PORT reported success, but its answer cannot be read (not a JSON object): the secret in it is lost
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    error: 127.0.0.1:PORT reported success, but its answer cannot be read (it has no status.accessToken): the secret in it is lost
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    error: 127.0.0.1:PORT reported success, but its answer cannot be read (it has no status.accessToken): the secret in it is lost
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    ");
}

#[test]
fn a_mint_is_sent_once_whatever_happens() {
    let path = |world: &World| document(world);
    for trouble in [
        answer(502, "", ""),
        answer(503, "", ""),
        answer(504, "", ""),
        answer(429, "", ""),
        answer(429, "Retry-After: soon\r\n", ""),
        error(429, "too_many_requests", "x"),
        error(503, "unavailable", "x"),
        error(500, "server_error", "x"),
        "HTTP/1.1 200 Whatever\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{".into(),
        String::new(),
    ] {
        for verb in ["create", "rotate"] {
            let (world, server) = nscale_world([trouble.clone()]);
            let flags = if verb == "create" { format!("--file {}", path(&world)) } else { format!("--id {ID}") };
            let stderr = sa(&world, verb, &format!("{flags} --yes")).fails(8);
            assert!(stderr.contains("hint: "), "{stderr}");
            assert_eq!(server.changes(), 1);
        }
    }
}

#[test]
fn reads_and_what_can_be_repeated_is() {
    let (world, server) =
        nscale_world([answer(503, "Retry-After: 0\r\n", ""), answer(429, "Retry-After: 0\r\n", ""), json(200, LIST)]);
    sa(&world, "list", "").ok();
    server.requests(3);
    // The first delete did it, though nobody said so.
    let gone = error(404, "not_found", "resource not found");
    let (world, server) = nscale_world([answer(502, "Retry-After: 0\r\n", ""), gone.clone()]);
    sa(&world, "delete", &format!("--id {ID} --yes")).ok();
    server.requests(2);
    let (world, _server) = nscale_world([gone]);
    assert_snapshot!(sa(&world, "delete", &format!("--id {ID} --yes")).says(5), @"
    error: not found: resource not found
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: it may be deleted already: `nscale serviceaccounts list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90` shows all
    hint: an account that was created a moment ago may not be found yet: try again in a second
    ");
    let (world, server) = nscale_world([answer(429, "Retry-After: 0\r\n", ""), json(200, CREATED)]);
    assert_eq!(sa(&world, "rotate", &format!("--id {ID} --yes -q .status.accessToken")).ok(), format!("{MINTED}\n"));
    server.requests(2);
}

#[test]
fn groups_are_refused_when_unknown_and_noted_when_unreadable() {
    let path = |world: &World| {
        world.write("sa.json", format!(r#"{{"metadata":{{"name":"ci"}},"spec":{{"groupIDs":["{GROUP}"]}}}}"#))
    };
    for groups in ["[]", "null", &GROUPS.replace("b3b1c0de", "c3b1c0de")] {
        let (world, server) = nscale_world([json(200, groups)]);
        let flags = format!("--file {} --yes", path(&world));
        sa(&world, "create", &flags).fails_with(2, &format!("there is no group with the id {GROUP}"));
        server.requests(1);
    }
    let (world, server) = nscale_world([error(403, "forbidden", "rbac"), json(201, CREATED)]);
    let run = sa(&world, "create", &format!("--file {} --yes", path(&world)));
    assert_snapshot!(run.scrubbed(), @"
    note: this credential may not read groups, so the ids were not checked: the server silently ignores unknown ids
    note: store the access token now: it is shown only once
    ");
    run.ok();
    server.requests(2);
    let (world, server) = nscale_world([error(401, "access_denied", "token validation failed")]);
    sa(&world, "create", &format!("--file {} --yes", path(&world))).fails(4);
    server.requests(1);
}

#[test]
fn an_update_without_the_right_to_read_says_that_it_is_blind() {
    let one = LIST.trim_start_matches('[').trim_end_matches(']');
    let forbidden = || error(403, "forbidden", "rbac");
    let (world, server) = nscale_world([forbidden(), json(200, one), forbidden()]);
    let path = document(&world);
    let run = sa(&world, "update", &format!("--id {ID} --file {path} --yes"));
    assert_snapshot!(run.scrubbed(), @"warning: cannot show what this update removes: the credential may not read service accounts");
    run.ok();
    sa(&world, "update", &format!("--id {ID} --file {path} --yes --merge")).fails(3);
    server.requests(3);
}

#[test]
fn nothing_leaves_for_a_server_that_is_not_there() {
    let mut world = World::new();
    world.set("NSCALE_SERVICE_TOKEN", TOKEN).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", "http://127.0.0.1:1");
    assert_snapshot!(sa(&world, "rotate", &format!("--id {ID} --yes --timeout 500ms")).says(7), @"
    error: 127.0.0.1:1 refused the connection
    hint: the address comes from NSCALE_IDENTITY_SERVICE_API_ENDPOINT
    ");
    world.set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", "http://identity.example.com");
    assert_snapshot!(sa(&world, "list", "").says(2), @"
    error: NSCALE_IDENTITY_SERVICE_API_ENDPOINT is plain http to another host, which would show the credential to the network
    hint: write NSCALE_IDENTITY_SERVICE_API_ENDPOINT as https://host or https://host:port
    ");
}

#[test]
fn an_answer_that_never_comes_is_told_from_one_that_was_not_needed() {
    let (server, _news) = Server::silent();
    let mut world = World::new();
    world.set("NSCALE_SERVICE_TOKEN", TOKEN).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url);
    assert_snapshot!(sa(&world, "list", "--timeout 300ms").says(7), @"
    error: no answer from 127.0.0.1:PORT within 300ms
    hint: allow more time with --timeout 2m
    ");
    assert_snapshot!(sa(&world, "rotate", &format!("--id {ID} --yes --timeout 300ms")).says(8), @"
    error: the request was sent and its outcome is unknown: no answer from 127.0.0.1:PORT within 300ms
    hint: allow more time with --timeout 2m
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    ");
}

#[test]
fn a_token_of_no_known_shape_that_is_echoed_is_not_shown() {
    let (mut world, _server) = nscale_world([error(401, "access_denied", "bad token CANARY-opaque-0123 here")]);
    world.set("NSCALE_SERVICE_TOKEN", "CANARY-opaque-0123");
    let stderr = sa(&world, "list", "-v").says(4);
    assert_snapshot!(stderr, @"
    > GET http://127.0.0.1:PORT/api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/serviceaccounts (attempt 1)
    < 401 in N ms; content-type: application/json; content-length: 127
    < trace id 0af7651916cd43dd8448eb211c80319c
    error: the server rejected the token from NSCALE_SERVICE_TOKEN: bad token [redacted] here
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: it may have expired, been rotated, or its account deleted: the server does not say which
    hint: if it was minted a moment ago, try again in a second
    hint: with another credential `nscale serviceaccounts list` shows which accounts there are, and when their tokens expire
    ");
    assert!(stderr.contains("bad token [redacted] here") && !stderr.contains("CANARY"), "{stderr}");
}

#[test]
fn the_token_is_in_no_log_and_no_error() {
    let (world, _server) = nscale_world([json(200, CREATED), error(403, "forbidden", TOKEN), json(200, LIST)]);
    let run = sa(&world, "rotate", &format!("--id {ID} --yes -q .metadata.name -v"));
    assert!(!run.stderr.contains("NEWtext") && !run.stderr.contains("CANARY"), "{run:#?}");
    let stderr = sa(&world, "list", "-v").says(3);
    assert_snapshot!(stderr, @"
    > GET http://127.0.0.1:PORT/api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/serviceaccounts (attempt 1)
    < 403 in N ms; content-type: application/json; content-length: 177
    < trace id 0af7651916cd43dd8448eb211c80319c
    error: not permitted: [redacted]
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: rights come from groups: ask an administrator to add the account to one whose roles allow this
    ");
    assert!(!stderr.contains("CANARY"), "{stderr}");
    sa(&world, "get", &format!("--id {TOKEN}")).fails(2);
    for flag in ["--id", "--org"] {
        let stderr = world.sa(&format!("rotate {flag} {TOKEN} --id {TOKEN} --yes")).fails(2);
        assert!(!stderr.contains("CANARY"), "{stderr}");
    }
}

/// Rotates while somebody interrupts: the request is on its way by then, and
/// is answered after that, or never.
fn interrupted(is_answered: bool) -> (i32, serde_json::Value, World) {
    let (server, heard, gate) = Server::gated([json(200, CREATED)]);
    let mut world = World::new();
    world.set("NSCALE_SERVICE_TOKEN", TOKEN).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url);
    let mut command = world.command("nscale");
    command.args(["sa", "rotate", "--org", ORG, "--id", ID, "--yes", "-q", "def f: f; f"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    heard.recv().unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let gate = (!is_answered).then_some(gate);
    let output = child.wait_with_output().unwrap();
    drop(gate);
    (output.status.code().unwrap(), serde_json::from_slice(&output.stderr).unwrap(), world)
}

#[test]
fn an_interrupted_rotation_says_what_became_of_it() {
    let (code, error, _world) = interrupted(false);
    assert_eq!((code, &error["kind"]), (8, &"outcome_unknown".into()));
    assert!(error["hints"][0].as_str().unwrap().contains("serviceaccounts rotate"), "{error}");
    // The answer came, and what never ends is the filter.
    let (code, error, world) = interrupted(true);
    assert_eq!((code, &error["kind"]), (130, &"interrupted".into()));
    let file = world.path(&format!("home/.local/state/nscred/undelivered/{ID}.token"));
    assert!(error["hints"][0].as_str().unwrap().ends_with(&format!("is kept in {}", file.display())), "{error}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{MINTED}\n"));
}

#[test]
fn a_rotation_whose_token_could_be_kept_nowhere_is_not_begun() {
    let (world, server) = nscale_world([json(200, CREATED)]);
    let run = world.sh(&format!("ulimit -f 0; nscale sa rotate --org {ORG} --id {ID} --yes -q .metadata.id"));
    assert_snapshot!(run.says(2), @r#"{"kind":"usage","message":"the new secret needs a rescue file, which cannot be created; nothing was sent: the limit on file sizes (ulimit -f) is too low for a secret","hints":["set TMPDIR to a directory that you can write to, with 64 KiB of free space"],"http_status":null,"request_id":null}"#);
    server.requests(0);
}

#[test]
fn an_answer_without_measure_is_not_read() {
    let huge =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300000000\r\nConnection: close\r\n\r\n[";
    let (world, server) = nscale_world([huge.to_owned()]);
    assert_snapshot!(sa(&world, "list", "").says(1), @"error: the answer of 127.0.0.1:PORT is over 256 MiB");
    server.requests(1);
    let (world, _server) = nscale_world([huge.to_owned()]);
    assert_snapshot!(sa(&world, "rotate", &format!("--id {ID} --yes")).says(8), @"
    error: 127.0.0.1:PORT reported success, but its answer cannot be read (not a JSON object): the secret in it is lost
    hint: the old token may have stopped working: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes` makes another; if the account's own token is rejected now, use an administrator's credential
    ");
}

#[test]
fn no_credential_is_among_the_arguments_that_others_can_read() {
    let (server, heard) = Server::silent();
    let mut world = World::new();
    world.set("NSCALE_SERVICE_TOKEN", TOKEN).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url);
    let mut command = world.command("nscale");
    command.args(["sa", "rotate", "--org", ORG, "--id", ID, "--yes"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    heard.recv().unwrap();
    // Where the system has such a file.
    if let Ok(arguments) = std::fs::read_to_string(format!("/proc/{}/cmdline", child.id())) {
        assert!(arguments.contains("rotate") && !arguments.contains("CANARY"), "{arguments}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
