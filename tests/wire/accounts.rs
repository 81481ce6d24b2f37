//! The identity API: requests to the byte, answers with and without what
//! newer servers add.

use crate::nscale_world;
use crate::server::{Request, answer, json};
use crate::support::World;
use insta::assert_snapshot;

/// A token in the shape that the document gives: five segments.
pub const TOKEN: &str = "eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIn0.CANARYkey.CANARYiv.CANARYtext.CANARYtag";

pub const ORG: &str = "d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90";
pub const ID: &str = "a1b2c3d4-1111-4222-8333-444455556666";
pub const GROUP: &str = "b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11";
const ACCOUNTS: &str = "/api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/serviceaccounts";
const ACCOUNT: &str =
    "/api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/serviceaccounts/a1b2c3d4-1111-4222-8333-444455556666";

/// A list as today's server sends it, in its order of fields.
pub const LIST: &str = r#"[{"metadata":{"id":"a1b2c3d4-1111-4222-8333-444455556666","name":"ci-deployer","description":"pipeline bot","tags":[{"name":"team","value":"infra"}],"organizationId":"d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90","creationTime":"2026-09-01T10:00:00Z","createdBy":"ops@example.com","provisioningStatus":"provisioned","healthStatus":"healthy"},"spec":{"groupIDs":["b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11"]},"status":{"expiry":"2126-11-30T10:00:00Z"}}]"#;

/// The answer to a create and a rotate, with the groups from before.
pub const CREATED: &str = r#"{"metadata":{"id":"a1b2c3d4-1111-4222-8333-444455556666","name":"ci-deployer","description":"pipeline bot","tags":[{"name":"team","value":"infra"}],"organizationId":"d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90","creationTime":"2026-09-01T10:00:00Z","createdBy":"ops@example.com","provisioningStatus":"provisioned","healthStatus":"healthy"},"spec":{"groupIDs":[]},"status":{"expiry":"2126-11-30T10:00:00Z","accessToken":"eyJhbGciOiJuZXcifQ.NEWkey.NEWiv.NEWtext.NEWtag"}}"#;

/// The token in it.
pub const MINTED: &str = "eyJhbGciOiJuZXcifQ.NEWkey.NEWiv.NEWtext.NEWtag";

/// A list of the groups.
pub const GROUPS: &str = r#"[{"metadata":{"id":"b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11","name":"deployers","organizationId":"d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90","creationTime":"2026-09-01T10:00:00Z","provisioningStatus":"provisioned","healthStatus":"healthy"},"spec":{"roleIDs":[],"serviceAccountIDs":[],"subjects":[],"userIDs":[]}}]"#;

/// The document of the reference.
pub const DOCUMENT: &str = r#"{"metadata":{"name":"ci-deployer","description":"pipeline bot","tags":[{"name":"team","value":"infra"}]},
 "spec":{"groupIDs":["b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11"]}}"#;

#[track_caller]
pub fn check(request: &Request, line: &str, body: &str) {
    assert_eq!(request.line, format!("{line} HTTP/1.1"));
    assert_eq!(request.body, body);
    let mut headers = request.headers.clone();
    assert!(headers.remove("host").unwrap().starts_with("127.0.0.1:"));
    let length = request.body.len().to_string();
    let mut expected = vec![
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        (
            "authorization",
            "Bearer eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIn0.CANARYkey.CANARYiv.CANARYtext.CANARYtag",
        ),
    ];
    // What carries nothing says so only where something might be expected.
    if !body.is_empty() || line.starts_with("POST") || line.starts_with("PUT") {
        expected.push(("content-length", &length));
    }
    if !body.is_empty() {
        expected.push(("content-type", "application/json"));
    }
    expected.push(("user-agent", concat!("nscred/", env!("CARGO_PKG_VERSION"))));
    assert!(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{headers:#?}");
}

fn deleted() -> String {
    answer(200, "", "")
}

/// `sa` with `--org` and these further words.
fn sa(world: &World, verb: &str, line: &str) -> crate::support::Run {
    world.sa(&format!("{verb} --org {ORG} {line}"))
}

#[test]
fn list_asks_once_and_shows_what_came() {
    let (world, server) = nscale_world([json(200, LIST), json(200, LIST), json(200, LIST)]);
    assert_eq!(
        sa(&world, "list", "").ok(),
        "ID                                    NAME         DESCRIPTION   GROUPS  CREATED               EXPIRES               STATUS\n\
         a1b2c3d4-1111-4222-8333-444455556666  ci-deployer  pipeline bot  1       2026-09-01T10:00:00Z  2126-11-30T10:00:00Z  Active\n"
    );
    let payload: serde_json::Value = serde_json::from_str(LIST).unwrap();
    assert_eq!(sa(&world, "list", "--json").ok(), format!("{payload:#}\n"));
    assert_eq!(
        sa(&world, "list", "-q .[].metadata.name -q .[]|[.metadata.id,.spec.groupIDs[0]]|@tsv -q length").ok(),
        format!("ci-deployer\n{ID}\t{GROUP}\n1\n")
    );
    for request in server.requests(3) {
        check(&request, &format!("GET {ACCOUNTS}"), "");
    }
}

#[test]
fn lists_of_old_and_new_servers() {
    let strange = r#"[{"metadata":{"id":"a1b2c3d4-1111-4222-8333-444455556666","name":"old","creationTime":"2026-09-01T10:00:00.123456Z","provisioningStatus":"unknown","healthStatus":"unknown"},"spec":{"groupIDs":null},"status":{"expiry":"2126-11-30T10:00:00+00:00"}},
      {"zNew":{"b":1.50,"a":12345678901234567890123},"metadata":{"id":"b1b2c3d4-1111-4222-8333-444455556666","name":"new","description":null,"tags":null,"modifiedTime":"2026-10-01T10:00:00Z","modifiedBy":"x","deletionTime":null,"provisioningStatus":"hibernating","provisioningStatusDetail":{"reason":"Dreaming"},"healthStatus":"degraded","creationTime":"soon"},"spec":{"groupIDs":["g"],"more":[]},"status":{}},
      {"metadata":{"id":"c1b2c3d4-1111-4222-8333-444455556666","provisioningStatus":"deprovisioning"}}]"#;
    let user = r#"{"https://unikorn-cloud.org/authz":{"acctype":"user","orgIds":[]},"sub":"ops@example.com"}"#;
    let answers = [strange, "[]", user, "null", user, strange];
    let (world, _server) = nscale_world(answers.map(|body| json(200, body)));
    let shown = sa(&world, "list", "").ok();
    let lines: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1][1..], ["old", "0", "2026-09-01T10:00:00Z", "2126-11-30T10:00:00Z", "Active"], "{shown}");
    assert_eq!(lines[2][1..], ["new", "1", "unknown", "hibernating"], "{shown}");
    assert_eq!(lines[3][1..], ["0", "unknown", "Deleting"], "{shown}");
    for _ in ["[]", "null"] {
        let run = sa(&world, "list", "");
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", "note: no service accounts found\n"));
    }
    // Whole, in the server's order, numbers to the digit.
    assert_eq!(
        sa(&world, "list", "-q .[1].zNew -q .[1]|keys_unsorted[0]").ok(),
        "{\"b\":1.50,\"a\":12345678901234567890123}\nzNew\n"
    );
}

#[test]
fn get_lists_and_selects_in_any_case() {
    let (world, server) = nscale_world(std::iter::repeat_n(json(200, LIST), 5));
    let shown = sa(&world, "get", &format!("--id {}", ID.to_uppercase())).ok();
    assert_eq!(
        shown,
        "ID:           a1b2c3d4-1111-4222-8333-444455556666\n\
         Name:         ci-deployer\n\
         Description:  pipeline bot\n\
         Organization: d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90\n\
         Tags:         team=infra\n\
         Groups:       b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11\n\
         Created At:   2026-09-01T10:00:00Z\n\
         Expires At:   2126-11-30T10:00:00Z\n\
         Status:       Active\n"
    );
    let payload: serde_json::Value = serde_json::from_str(LIST).unwrap();
    assert_eq!(sa(&world, "get", &format!("--id {ID} --json")).ok(), format!("{:#}\n", payload[0]));
    assert_eq!(sa(&world, "get", &format!("--id {ID} -q .spec.groupIDs[]")).ok(), format!("{GROUP}\n"));
    assert_snapshot!(sa(&world, "get", "--id ffffffff-1111-4222-8333-444455556666").says(5), @"
    error: there is no service account ffffffff-1111-4222-8333-444455556666 in the organization
    hint: `nscale serviceaccounts list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90` shows the ids; an account without the right to read others sees itself alone
    hint: an account that was created a moment ago may not be found yet: try again in a second
    ");
    assert_snapshot!(sa(&world, "get", "--id ci-deployer").says(5), @r#"
    error: there is no service account ci-deployer in the organization
    hint: "ci-deployer" is the name of the account with the id a1b2c3d4-1111-4222-8333-444455556666
    "#);
    for request in server.requests(5) {
        check(&request, &format!("GET {ACCOUNTS}"), "");
    }
}

#[test]
fn create_looks_groups_up_and_sends_the_document() {
    let (world, server) = nscale_world([json(200, GROUPS), json(201, CREATED)]);
    let path = world.write("sa.json", DOCUMENT);
    let run = sa(&world, "create", &format!("--file {path} --yes"));
    assert!(run.stderr.contains("shown only once"), "{run:#?}");
    let shown = run.ok();
    // The server's groups are those from before; people see what was asked for.
    assert!(shown.contains(&format!("Groups:       deployers ({GROUP})\n")), "{shown}");
    assert!(shown.ends_with(&format!("\nAccess Token: {MINTED}\n")), "{shown}");
    let requests = server.requests(2);
    check(&requests[0], &format!("GET /api/v1/organizations/{ORG}/groups"), "");
    let body = r#"{"metadata":{"name":"ci-deployer","description":"pipeline bot","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":["b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11"]}}"#;
    check(&requests[1], &format!("POST {ACCOUNTS}"), body);
}

#[test]
fn create_sends_nothing_that_was_not_said() {
    let (world, server) = nscale_world([json(201, CREATED)]);
    let path = world.write("sa.json", r#"{"metadata":{"name":"a"},"spec":{"groupIDs":[]}}"#);
    let payload: serde_json::Value = serde_json::from_str(CREATED).unwrap();
    assert_eq!(sa(&world, "create", &format!("--file {path} --yes --json")).ok(), format!("{payload:#}\n"));
    check(&server.requests(1)[0], &format!("POST {ACCOUNTS}"), r#"{"metadata":{"name":"a"},"spec":{"groupIDs":[]}}"#);
}

#[test]
fn a_token_in_an_answer_that_does_not_fit_is_not_lost() {
    for body in [
        r#"{"status":{"accessToken":"eyJhbGciOiJuZXcifQ.NEWkey.NEWiv.NEWtext.NEWtag"}}"#,
        // Cut off, in an array, behind a mark, with half a character.
        r#"{"status":{"accessToken":"eyJhbGciOiJuZXcifQ.NEWkey.NEWiv.NEWtext.NEWtag""#,
        "\u{feff}[{\"status\":{\"accessToken\":\"eyJhbGciOiJuZXcifQ.NEWkey.NEWiv.NEWtext.NEWtag\"}}]",
        r#"{"metadata":{"name":"\ud800"},"status":{"accessToken":"eyJhbGciOiJuZXcifQ.NEWkey.NEWiv.NEWtext.NEWtag"}}"#,
        r#"{"metadata":7,"spec":[],"status":{"expiry":12,"accessToken":"eyJhbGciOiJuZXcifQ.NEWkey.NEWiv.NEWtext.NEWtag","new":{}}}"#,
    ] {
        let (world, _server) = nscale_world([answer(200, "Content-Type: text/plain\r\n", body)]);
        let run = sa(&world, "rotate", &format!("--id {ID} --yes"));
        assert!(run.ok().ends_with(&format!("Access Token: {MINTED}\n")), "{body}");
        // The connection breaks before the answer is whole.
        let cut = answer(200, "Content-Type: application/json\r\nConnection: close\r\n", body);
        let cut = cut.replace("Content-Length: ", "Content-Length: 9");
        let (world, _server) = nscale_world([cut]);
        let run = sa(&world, "rotate", &format!("--id {ID} --yes"));
        assert!(run.ok().ends_with(&format!("Access Token: {MINTED}\n")), "{body}");
    }
}

#[test]
fn update_replaces_all_of_it() {
    let updated = LIST.trim_start_matches('[').trim_end_matches(']').replace("ci-deployer", "renamed");
    let (world, server) = nscale_world([json(200, LIST), json(200, GROUPS), json(200, &updated)]);
    let path = world.write("sa.json", r#"{"metadata":{"name":"renamed"},"spec":{"groupIDs":[]}}"#);
    let run = sa(&world, "update", &format!("--id {ID} --file {path} --yes"));
    assert!(
        run.stderr.starts_with(&format!(
            "Changes to service account ci-deployer:\n\
             \x20 name: ci-deployer -> renamed\n\
             \x20 description: \"pipeline bot\" -> erased\n\
             \x20 tags: team=infra -> erased\n\
             \x20 groups: leaves deployers ({GROUP})\n\
             warning: "
        )),
        "{run:#?}"
    );
    assert!(!run.ok().contains("Groups:"), "what was asked for is no group");
    let requests = server.requests(3);
    check(&requests[0], &format!("GET {ACCOUNTS}"), "");
    check(&requests[2], &format!("PUT {ACCOUNT}"), r#"{"metadata":{"name":"renamed"},"spec":{"groupIDs":[]}}"#);
}

#[test]
fn update_with_merge_sends_what_there_is() {
    let updated = LIST.trim_start_matches('[').trim_end_matches(']');
    let (world, server) = nscale_world([json(200, LIST), json(200, updated)]);
    let path = world.write("sa.json", r#"{"metadata":{"description":"nightly"}}"#);
    let run = sa(&world, "update", &format!("--id {ID} --file {path} --merge --yes"));
    assert!(run.stderr.contains("  description: \"pipeline bot\" -> \"nightly\"\n"), "{run:#?}");
    assert!(!run.stderr.contains("erased"), "{run:#?}");
    run.ok();
    let body = r#"{"metadata":{"name":"ci-deployer","description":"nightly","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":["b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11"]}}"#;
    check(&server.requests(2)[1], &format!("PUT {ACCOUNT}"), body);
}

#[test]
fn rotate_sends_no_body_and_captures_exactly_the_token() {
    let (world, server) = nscale_world([json(200, CREATED)]);
    let run = sa(&world, "rotate", &format!("--id {ID} --yes -q .status.accessToken"));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (format!("{MINTED}\n").as_str(), ""));
    check(&server.requests(1)[0], &format!("POST {ACCOUNT}/rotate"), "");
}

#[test]
fn delete_is_done_with_an_empty_answer() {
    let (world, server) = nscale_world([deleted()]);
    assert_eq!(
        sa(&world, "delete", &format!("--id {ID} --yes")).ok(),
        format!("Successfully deleted service account {ID}\n")
    );
    check(&server.requests(1)[0], &format!("DELETE {ACCOUNT}"), "");
}

#[test]
fn self_and_the_only_organization_are_asked_for() {
    let userinfo = |orgs: &str| {
        json(
            200,
            &format!(r#"{{"https://unikorn-cloud.org/authz":{{"acctype":"service","orgIds":[{orgs}]}},"sub":"{ID}"}}"#),
        )
    };
    let organizations = format!(
        r#"[{{"metadata":{{"id":"{ORG}","name":"example","creationTime":"2026-09-01T10:00:00Z","provisioningStatus":"provisioned","healthStatus":"healthy"}},"spec":{{"organizationType":"adhoc"}}}}]"#
    );
    let answers = [
        userinfo(&format!("\"{ORG}\"")),
        json(200, CREATED),
        userinfo(""),
        json(200, &organizations),
        json(200, CREATED),
    ];
    let (world, server) = nscale_world(answers);
    for _ in 0..2 {
        assert_eq!(world.sa("rotate --id self --yes -q .status.accessToken").ok(), format!("{MINTED}\n"));
    }
    let requests = server.requests(5);
    check(&requests[0], "GET /oauth2/v2/userinfo", "");
    check(&requests[1], &format!("POST {ACCOUNT}/rotate"), "");
    check(&requests[3], "GET /api/v1/organizations", "");
    check(&requests[4], &format!("POST {ACCOUNT}/rotate"), "");
    let user = r#"{"https://unikorn-cloud.org/authz":{"acctype":"user","orgIds":[]},"sub":"ops@example.com"}"#;
    let (world, _server) = nscale_world([json(200, user)]);
    assert_snapshot!(world.sa("rotate --id self --yes").says(2), @"
    error: the credential belongs to no service account, so --id self names none
    hint: `nscale serviceaccounts list` shows the ids
    ");
}

#[test]
fn an_update_without_an_answer_is_done_and_read_again() {
    let (world, server) = nscale_world([json(200, LIST), answer(200, "", ""), json(200, LIST)]);
    let path = world.write("sa.json", r#"{"metadata":{"name":"renamed"}}"#);
    assert!(sa(&world, "update", &format!("--id {ID} --file {path} --merge --yes")).ok().contains(ID));
    server.requests(3);
}
