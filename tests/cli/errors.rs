//! What failures look like: words and codes for people, one line of JSON for
//! scripts, and help that is no answer to a mistake.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::support::{GRANT, World};

#[test]
fn the_exit_codes_are_documented() {
    let world = World::new();
    let help = world.run("nscred", ["--help"]).ok();
    let table = help.split("Exit codes:\n").nth(1).unwrap();
    let codes: Vec<&str> = table.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(
        codes,
        [
            "  0    done (an empty list is done)",
            "  1    the server refused, or something unexpected",
            "  2    bad usage or invalid input; nothing was sent",
            "  3    not permitted",
            "  4    not authenticated: no credential, or a rejected one",
            "  5    not found",
            "  6    conflict or failed precondition",
            "  7    temporary: unreachable, timed out, rate limited; nothing was changed; safe to run again",
            "  8    outcome unknown: a change may have been carried out; look before running again",
            "  130  interrupted, or the question was declined",
        ]
    );
}

#[test]
fn a_mistyped_subcommand_is_an_error_and_not_help() {
    let world = World::new();
    for line in ["token creat", "token lst", "token nosuch", "token", "nosuch", ""] {
        let run = world.run("nscred", line.split_whitespace());
        let stderr = run.fails(2);
        assert!(!stderr.is_empty(), "{line}");
    }
    assert_snapshot!(world.run("nscred", ["token", "creat"]).says(2), @"
    error: unrecognized subcommand 'creat'

      tip: a similar subcommand exists: 'create'

    Usage: nscred token [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(world.run("nsc", ["token", "creat"]).says(2), @"
    error: unrecognized subcommand 'creat'

      tip: a similar subcommand exists: 'create'

    Usage: nsc token [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(world.run("nsc", ["tokn", "list"]).says(2), @"
    error: nscred has no command `tokn`, and no official nsc was found after it on the PATH
    hint: did you mean `nsc token`?
    hint: `nsc --help` lists what nscred has; install the official nsc for the rest
    ");
}

#[test]
fn help_and_version_need_nothing() {
    let world = World::new();
    for line in ["--help", "-h", "token --help", "token create --help", "help token list", "sandbox --help"] {
        for program in ["nscred", "nsc", "nscale"] {
            let help = world.run(program, line.split(' ')).ok();
            assert!(help.contains(&format!("Usage: {program}")), "{help}");
        }
    }
    assert_eq!(world.run("nscred", ["-V"]).ok(), format!("nscred {}\n", env!("CARGO_PKG_VERSION")));
    for line in ["--version", "-V", "token list --version"] {
        let version = world.run("nsc", line.split(' ')).ok();
        assert!(version.ends_with(&format!(" {} (nscred)\n", env!("CARGO_PKG_VERSION"))), "{version}");
    }
}

#[test]
fn where_json_is_asked_for_an_error_is_one_line_of_it() {
    let mut world = World::new();
    let error = |world: &World, args: &[&str], code: i32| -> Value {
        let stderr = world.run("nsc", args).fails(code);
        let line = stderr.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{stderr}");
        let error: Value = serde_json::from_str(line).unwrap();
        let names: Vec<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["kind", "message", "hints", "http_status", "request_id"]);
        error
    };
    let missing = error(&world, &["token", "list", "-o", "json"], 4);
    assert_eq!(missing["kind"], "not_authenticated");
    assert_eq!(missing["http_status"], Value::Null);
    for args in [
        &["token", "list", "--nosuch", "-q", "."][..],
        &["token", "create", "--output=json"],
        &["token", "create", "--name", "t", "--grant", "{", "--output", "json"],
        &["token", "list", "-q", ".["],
    ] {
        assert_eq!(error(&world, args, 2)["kind"], "usage", "{args:?}");
    }
    let path = world.write("t", "nsrt_abcdefgh");
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", "http://127.0.0.1:9");
    let refused = error(&world, &["token", "list", "-o", "json"], 7);
    assert_eq!(refused["message"], "127.0.0.1:9 refused the connection");

    let mut sandbox = Sandbox::start();
    sandbox.become_user("member");
    let denied = error(&sandbox, &["token", "create", "--name", "t", "--grant", GRANT, "-o", "json"], 3);
    assert_eq!(denied["kind"], "not_permitted");
    assert_eq!(denied["message"], "not permitted: missing token/revokable:create");
    assert_eq!(denied["http_status"], 403);
    assert!(denied["request_id"].as_str().unwrap().starts_with("req_"));
    let hint = "only workspace admins create tokens for the whole workspace; --user binds one to your own membership";
    assert_eq!(denied["hints"], json!([hint]));
}

#[test]
fn a_server_that_is_not_there_is_temporary() {
    let mut world = World::new();
    let path = world.write("t", "nsrt_abcdefgh");
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", "http://127.0.0.1:9");
    for line in ["token list", "token revoke --token_id tok_a", "token refresh --token_id tok_a"] {
        world.nsc(line).fails_with(7, "127.0.0.1:9 refused the connection");
    }
    assert_snapshot!(world.create("t", "").says(7), @"
    error: 127.0.0.1:9 refused the connection
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
    world
        .set("HTTP_PROXY", "http://127.0.0.1:1")
        .set("ALL_PROXY", "http://127.0.0.1:1")
        .set("http_proxy", "http://127.0.0.1:1");
    assert_snapshot!(world.nsc("token list").says(7), @"
    error: 127.0.0.1:9 refused the connection
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
}

#[test]
fn the_verbose_log_shows_no_secret_and_no_body() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let run = sandbox.create("quiet-name", "--verbose --output token");
    let log = run.stderr.clone();
    let secret = run.ok();
    let mut lines = log.lines();
    let request = lines.next().unwrap();
    assert!(request.starts_with("> POST http://127.0.0.1:") && request.ends_with("CreateRevokableToken (attempt 1)"));
    assert!(lines.next().unwrap().starts_with("< 200 in "), "{log}");
    for hidden in [bearer.as_str(), secret.trim(), "quiet-name", "Bearer"] {
        assert!(!log.contains(hidden), "{log}");
    }
}

#[test]
fn certificates_that_cannot_be_used_are_refused() {
    let mut world = World::new();
    let path = world.write("t", "nsrt_abcdefgh");
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", "https://127.0.0.1:9");
    world.write("empty.pem", "");
    assert_snapshot!(world.nsc("token list --ca-file missing.pem").says(2), @"
    error: --ca-file missing.pem: no certificate in it can be used
      cause: No such file or directory (os error 2)
    ");
    assert_snapshot!(world.nsc("token list --ca-file empty.pem").says(2), @"
    error: --ca-file empty.pem: no certificate in it can be used
    hint: it holds no PEM certificate (-----BEGIN CERTIFICATE-----)
    ");
    world.set("SSL_CERT_FILE", "empty.pem");
    assert_snapshot!(world.nsc("token list").says(2), @"
    error: SSL_CERT_FILE empty.pem: no certificate in it can be used
    hint: it holds no PEM certificate (-----BEGIN CERTIFICATE-----)
    ");
}

#[test]
fn the_verbose_log_names_the_attempt_the_status_and_the_trace() {
    let sandbox = Sandbox::with(World::new(), &["--fault", "sa.list=503:0x1"]);
    let run = sandbox.sa("list --org a1b2c3d4-1111-4222-8333-444455556666 -v");
    let lines: Vec<&str> = run.stderr.lines().collect();
    let address =
        format!("http://{}/api/v1/organizations/a1b2c3d4-1111-4222-8333-444455556666/serviceaccounts", sandbox.address);
    assert_eq!(lines[0], format!("> GET {address} (attempt 1)"));
    assert!(lines[1].starts_with("< 503 in ") && lines[1].ends_with("; content-length: 0; retry-after: 0"), "{run:#?}");
    assert_eq!(lines[2], format!("> GET {address} (attempt 2)"));
    assert!(lines[3].starts_with("< 404 in ") && lines[3].contains("; content-type: application/json"), "{run:#?}");
    let id = lines[4].strip_prefix("< trace id ").unwrap();
    assert!(id.len() == 32 && lines[5..].contains(&format!("  request id: {id}").as_str()), "{run:#?}");
}
