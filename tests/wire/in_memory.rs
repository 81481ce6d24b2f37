//! Commands run without a process: streams are memory, and the clock stands still.

use std::ffi::OsString;

use nscred::context::{Clock, Context, Environment};
use nscred::names::Program;

use crate::accounts;
use crate::server::{Server, json};
use crate::support::{GRANT, World};

/// Noon of the day that the fixtures were written.
const NOON: &str = "2026-11-22T12:00:00Z";

struct Outcome {
    code: u8,
    stdout: String,
    stderr: String,
}

fn run(program: Program, args: &[&str], vars: &[(&'static str, &str)], stdin: &str) -> Outcome {
    let env = Environment::Fixed(vars.iter().map(|(name, value)| (*name, OsString::from(value))).collect());
    let mut ctx = Context::in_memory(program, env, Clock::Fixed(NOON.parse().unwrap()), stdin.as_bytes());
    let argv: Vec<OsString> = std::iter::once(program.name()).chain(args.iter().copied()).map(OsString::from).collect();
    let code = nscred::cli::run(&argv, &mut ctx);
    Outcome { code, stdout: ctx.stdout.content(), stderr: ctx.stderr.content() }
}

#[test]
fn the_expiry_is_reckoned_from_the_context_s_clock() {
    let created = r#"{"bearerToken":"nsrt_EXAMPLE0001","token":{"tokenId":"tok_1","name":"ci","expiresAt":"2026-11-22T14:00:00Z",
        "scope":"TENANT_SCOPE","permissions":[{"resourceType":"builder","resourceId":"*","actions":["ensure","access"]}]}}"#;
    let server = Server::start([json(200, created)]);
    let world = World::new();
    let credential = world.write("token", "nsrt_wirewirewire");
    let vars =
        [("NSC_TOKEN_FILE", credential.as_str()), ("NSC_IAM_ENDPOINT", &server.url), ("HOME", world.get("HOME"))];
    let args = ["token", "create", "--name", "ci", "--grant", GRANT, "--expires_in", "2h", "--output", "token"];
    let outcome = run(Program::Nsc, &args, &vars, "");
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (0, "nsrt_EXAMPLE0001\n", ""));
    let body = &server.requests(1)[0].body;
    assert!(body.contains(r#""expiresAt":"2026-11-22T14:00:00Z""#), "{body}");
}

#[test]
fn a_document_comes_from_the_context_s_standard_input() {
    let server = Server::start([]);
    let vars = [
        ("NSCALE_SERVICE_TOKEN", accounts::TOKEN),
        ("NSCALE_ORGANIZATION_ID", "a1b2c3d4-1111-4222-8333-444455556666"),
        ("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url),
    ];
    let args = ["sa", "create", "--dry-run"];
    let outcome = run(Program::Nscale, &args, &vars, r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(
        outcome.stdout,
        "{\n  \"metadata\": {\n    \"name\": \"ci\"\n  },\n  \"spec\": {\n    \"groupIDs\": []\n  }\n}\n"
    );
    assert_eq!(
        outcome.stderr,
        format!(
            "note: dry run: nothing was changed; this is the payload of POST {}/api/v1/organizations/a1b2c3d4-1111-4222-8333-444455556666/serviceaccounts\n",
            server.url
        )
    );
    server.requests(0);
}

#[test]
fn an_error_is_one_line_of_json_with_the_notes_that_waited() {
    let server = Server::start([json(403, r#"{"code":"permission_denied","message":"no"}"#)]);
    let world = World::new();
    let credential = world.write("token", "nsrt_wirewirewire");
    let vars =
        [("NSC_TOKEN_FILE", credential.as_str()), ("NSC_IAM_ENDPOINT", &server.url), ("NSC_TOKEN_SPEC", "something")];
    let outcome = run(Program::Nsc, &["token", "list", "-o", "json"], &vars, "");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (3, ""));
    assert_eq!(
        outcome.stderr,
        "{\"kind\":\"not_permitted\",\"message\":\"not permitted: no\",\"hints\":[\"NSC_TOKEN_SPEC is set too: official programs would use that, and nscred uses the file that NSC_TOKEN_FILE names\"],\"http_status\":403,\"request_id\":null}\n"
    );
}

#[test]
fn a_line_that_does_not_parse_is_reported_to_the_context() {
    let outcome = run(Program::Nscred, &["token", "lst"], &[], "");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(outcome.stderr.starts_with("error: unrecognized subcommand 'lst'\n"), "{}", outcome.stderr);
}
