//! `auth status` where something on the way answers that is no such server, and
//! a server that has no time.

use insta::assert_snapshot;
use serde_json::Value;

use crate::server::{answer, json};
use crate::support::World;
use crate::{nscale_world, world};

/// The status of a cloud and the exit code.
fn status(world: &World, cloud: &str) -> (String, i32) {
    let run = world.run("nscred", ["auth", "status", cloud, "-o", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    (report[cloud]["status"].as_str().unwrap().to_owned(), run.code)
}

#[test]
fn a_refusal_by_something_on_the_way_says_nothing_of_the_credential() {
    let page = "<html>Access denied by a web filter</html>";
    for (world, _server, cloud) in [
        {
            let (world, server) = world([answer(403, "Content-Type: text/html\r\n", page)]);
            (world, server, "namespace")
        },
        {
            let (world, server) = nscale_world([answer(403, "Content-Type: text/html\r\n", page)]);
            (world, server, "nscale")
        },
    ] {
        assert_eq!(status(&world, cloud), ("unclear".into(), 1), "{cloud}");
    }
}

#[test]
fn a_refusal_by_the_server_itself_means_that_it_knows_the_credential() {
    let (world, server) = world([json(403, r#"{"code":"permission_denied","message":"no"}"#)]);
    assert_eq!(status(&world, "namespace"), ("valid".into(), 0));
    let requests = server.requests(1);
    assert_eq!(requests[0].line, "POST /namespace.cloud.iam.v1beta.TokenService/ListRevokableTokens HTTP/1.1");
    assert_eq!(requests[0].body, r#"{"maxEntries":"1"}"#);
}

#[test]
fn an_answer_that_names_nobody_is_none() {
    for body in ["{}", r#"{"sub":"x"}"#, r#"{"https://unikorn-cloud.org/authz":{"acctype":"service","orgIds":[]}}"#] {
        let (world, _server) = nscale_world([json(200, body)]);
        assert_eq!(status(&world, "nscale"), ("unclear".into(), 1), "{body}");
    }
}

#[test]
fn of_several_organizations_all_are_told() {
    let caller = r#"{"https://unikorn-cloud.org/authz":{"acctype":"service","orgIds":[
        "d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90","e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90"]},
        "sub":"a1b2c3d4-1111-4222-8333-444455556666"}"#;
    let (world, _server) = nscale_world([json(200, caller), json(200, "[]"), json(200, "[]")]);
    let run = world.run("nscred", ["auth", "status", "nscale", "-q", ".nscale.identity.organization"]);
    assert_eq!(run.ok(), "d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90\n");
}

#[test]
fn how_long_a_server_asks_to_wait_is_told() {
    let busy = answer(429, "Content-Type: application/json\r\nRetry-After: 90\r\n", "{}");
    let (world, _server) = world([busy.clone()]);
    assert_snapshot!(world.nsc("token list").says(7), @"
    error: the server cannot answer now: HTTP 429 from 127.0.0.1:PORT with JSON of an unknown shape
    hint: run it again in 1m 30s, as the server asks
    hint: the address comes from NSC_IAM_ENDPOINT
    ");
    let (world, _server) = nscale_world([busy]);
    assert_snapshot!(world.sa("list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90").says(7), @"
    error: the server cannot answer now: HTTP 429 from 127.0.0.1:PORT with JSON of an unknown shape
    hint: run it again in 1m 30s, as the server asks
    hint: the address comes from NSCALE_IDENTITY_SERVICE_API_ENDPOINT
    ");
}
