//! What stands between here and an API answers in its place: a web filter, a
//! proxy, a gateway, a login page. That is no verdict of the API.

use crate::account_errors::{document, sa};
use crate::accounts::ID;
use crate::server::{Server, answer, json};
use crate::support::{Run, World};
use crate::{nscale_world, world};
use insta::assert_snapshot;

const PAGE: &str =
    "<!DOCTYPE html>\n<HTML><head><title>\n Access \u{1b}[2J Denied\n</title></head><body>CANARY</body></html>";

fn page(status: u16) -> String {
    answer(status, "Content-Type: text/html; charset=utf-8\r\n", PAGE)
}

/// What is answered in the API's place with this status.
fn answers(status: u16) -> [(String, &'static str); 5] {
    [
        (page(status), "with an HTML page titled \"Access [2J Denied\""),
        (answer(status, "Content-Type: text/plain\r\n", "CANARY"), "with a body of type text/plain"),
        (json(status, r#"{"message":"CANARY"}"#), "with JSON of an unknown shape"),
        (answer(status, "WWW-Authenticate: Bearer\r\n", ""), "without a body"),
        (answer(status, "", "CANARY"), "with a body without a content type"),
    ]
}

/// A command that makes one call.
struct Command {
    name: &'static str,
    run: fn(&World) -> Run,
    /// A world in which the call is answered so.
    world: fn(String) -> (World, Server),
    /// The variable that names the API.
    variable: &'static str,
}

fn namespace(name: &'static str, run: fn(&World) -> Run) -> Command {
    Command { name, run, world: |answer| world([answer]), variable: "NSC_IAM_ENDPOINT" }
}

fn nscale(name: &'static str, run: fn(&World) -> Run) -> Command {
    let variable = "NSCALE_IDENTITY_SERVICE_API_ENDPOINT";
    Command { name, run, world: |answer| nscale_world([answer]), variable }
}

fn commands() -> [Command; 10] {
    [
        namespace("list", |world| world.nsc("token list")),
        namespace("create", |world| world.create("ci", "")),
        namespace("refresh", |world| world.nsc("token refresh --token_id tok_a")),
        namespace("revoke", |world| world.nsc("token revoke --token_id tok_a")),
        nscale("list", |world| sa(world, "list", "")),
        nscale("get", |world| sa(world, "get", &format!("--id {ID}"))),
        nscale("create", |world| sa(world, "create", &format!("--file {} --yes", document(world)))),
        nscale("update", |world| sa(world, "update", &format!("--id {ID} --file {} --yes", document(world)))),
        nscale("rotate", |world| sa(world, "rotate", &format!("--id {ID} --yes"))),
        nscale("delete", |world| sa(world, "delete", &format!("--id {ID} --yes"))),
    ]
}

#[test]
fn a_middlebox_speaks_neither_of_the_credential_nor_of_rights_nor_of_the_thing() {
    for Command { name, run, world, variable } in commands() {
        for status in [401, 403, 404, 407, 409] {
            for (response, form) in answers(status) {
                let (world, server) = world(response);
                let words = format!("error: something other than the API answered: HTTP {status} from 127.0.0.1:");
                let stderr = run(&world).fails_with(1, words.trim_start_matches("error: "));
                assert!(stderr.contains(form), "{name} {status}: no {form} in {stderr}");
                for hint in ["that says nothing about the credential", &format!("the address comes from {variable}\n")]
                {
                    assert!(stderr.contains(hint), "{name} {status}: no {hint} in {stderr}");
                }
                for untrue in ["CANARY", "rejected", "not permitted", "not found", "expired", "\u{1b}"] {
                    assert!(!stderr.contains(untrue), "{name} {status}: {untrue} in {stderr}");
                }
                assert_eq!(stderr.contains("a proxy asks for a login"), status == 407, "{stderr}");
                // It is not tried again, be it a conflict that an API would mean.
                server.requests(1);
            }
        }
    }
}

#[test]
fn a_page_instead_of_a_success_is_no_success() {
    for Command { name, run, world, .. } in commands() {
        for headers in ["Content-Type: text/html\r\n", "Content-Type: application/json\r\n"] {
            let (world, server) = world(answer(200, headers, PAGE));
            // What there is now is read before an update.
            let is_read = ["list", "get", "update"].contains(&name);
            let run = run(&world);
            let stderr = run.fails_with(if is_read { 1 } else { 8 }, "something other than the API answered: ");
            // Of what might have held a secret no word is shown.
            let is_mint = ["create", "rotate"].contains(&name);
            let page = if is_mint { "an HTML page from" } else { "an HTML page titled \"Access [2J Denied\"" };
            assert!(stderr.contains(page), "{name}: {stderr}");
            assert!(!stderr.contains("lost") || !stderr.contains("reported success"), "{name}: {stderr}");
            assert!(is_read || stderr.contains("its outcome is unknown"), "{name}: {stderr}");
            server.requests(1);
        }
    }
}

#[test]
fn the_error_is_of_one_kind_where_json_is_read() {
    let (world, _server) = world([page(403)]);
    let stderr = world.nsc("token list -o json").fails(1);
    let error: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!((&error["kind"], &error["http_status"]), (&"unexpected".into(), &403.into()), "{stderr}");
    assert!(error["message"].as_str().unwrap().contains("HTTP 403"), "{stderr}");
}

#[test]
fn a_page_that_says_not_found_has_deleted_nothing() {
    for broken in [answer(502, "Retry-After: 0\r\n", ""), String::new()] {
        let (world, server) = world([broken.clone(), page(404)]);
        let stderr = world.nsc("token revoke --token_id tok_a").fails_with(8, "its outcome is unknown");
        assert!(!stderr.contains("revoked already"), "{stderr}");
        server.requests(2);
        let (world, server) = nscale_world([broken, page(404)]);
        sa(&world, "delete", &format!("--id {ID} --yes")).fails_with(8, "its outcome is unknown");
        server.requests(2);
    }
    // A conflict changed nothing, and the page tells nothing either.
    let (world, server) = nscale_world([crate::account_errors::conflict(), page(404)]);
    assert_snapshot!(sa(&world, "delete", &format!("--id {ID} --yes")).says(1), @r#"
    error: something other than the API answered: HTTP 404 from 127.0.0.1:PORT with an HTML page titled "Access [2J Denied"
    hint: a proxy, a web filter or a gateway may have answered in its place: that says nothing about the credential, its rights or what was asked for
    hint: the address comes from NSCALE_IDENTITY_SERVICE_API_ENDPOINT
    "#);
    server.requests(2);
}

#[test]
fn a_status_of_a_middlebox_leaves_the_credential_unclear() {
    for status in [401, 403, 404, 407, 500] {
        for (response, _) in answers(status) {
            for (cloud, (world, server)) in
                [("namespace", world([response.clone()])), ("nscale", nscale_world([response.clone()]))]
            {
                let run = world.run("nscred", ["auth", "status", cloud, "-o", "json"]);
                let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
                assert_eq!(report[cloud]["status"], "unclear", "{status}: {run:#?}");
                assert_eq!(run.code, 1, "{status}: {run:#?}");
                server.requests(1);
            }
        }
    }
}
