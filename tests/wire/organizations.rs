//! The identity API and an organization that is not there, or not the caller's:
//! the real server drops the connection for the one, and lists nothing for the
//! other.

use insta::{allow_duplicates, assert_snapshot};
use serde_json::Value;

use crate::account_errors::{document, error, sa};
use crate::accounts::{DOCUMENT, ID, LIST, ORG, check};
use crate::nscale_world;
use crate::server::{answer, json};

/// Another organization's id.
const HOME: &str = "e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90";

/// The connection is closed without an answer.
fn dropped() -> String {
    String::new()
}

/// What a proxy in front says of that.
fn bad_gateway() -> String {
    answer(502, "Content-Type: text/html\r\nRetry-After: 0\r\n", "<html>")
}

fn organizations(id: &str) -> String {
    json(200, &format!(r#"[{{"metadata":{{"id":"{id}","name":"home"}},"spec":{{"organizationType":"adhoc"}}}}]"#))
}

fn userinfo(acctype: &str, organization: &str) -> String {
    let authz = format!(r#"{{"acctype":"{acctype}","orgIds":["{organization}"]}}"#);
    json(200, &format!(r#"{{"https://unikorn-cloud.org/authz":{authz},"sub":"{ID}"}}"#))
}

/// The sentence of an error, and all of its hints.
fn told(stderr: &str) -> (String, String) {
    let error: Value = serde_json::from_str(stderr).unwrap();
    let hints = error["hints"].as_array().unwrap().iter().map(|hint| hint.as_str().unwrap()).collect::<Vec<_>>();
    (error["message"].as_str().unwrap().to_owned(), hints.join("\n"))
}

#[test]
fn an_unknown_organization_is_asked_for_after_the_first_break() {
    for broken in [dropped, bad_gateway] {
        let mut said = String::new();
        for (line, asked) in [
            ("list", "/serviceaccounts"),
            ("get --id FFFFFFFF-1111-4222-8333-444455556666", "/serviceaccounts"),
            ("update --id ffffffff-1111-4222-8333-444455556666 --file sa.json --yes", "/serviceaccounts"),
            ("rotate --id ffffffff-1111-4222-8333-444455556666 --dry-run", "/serviceaccounts"),
            ("create --file sa.json --yes", "/groups"),
        ] {
            let (world, server) = nscale_world([broken(), organizations(HOME)]);
            world.write("sa.json", DOCUMENT);
            let (verb, flags) = line.split_once(' ').unwrap_or((line, ""));
            said += &sa(&world, verb, flags).says(5);
            let requests = server.requests(2);
            assert!(requests[0].line.contains(asked), "{requests:#?}");
            assert_eq!(requests[1].line, "GET /api/v1/organizations HTTP/1.1");
        }
        allow_duplicates!(assert_snapshot!(said, @"
        error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
        hint: this credential can see home (e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)
        hint: the id comes from --org
        error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
        hint: this credential can see home (e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)
        hint: the id comes from --org
        error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
        hint: this credential can see home (e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)
        hint: the id comes from --org
        error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
        hint: this credential can see home (e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)
        hint: the id comes from --org
        error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
        hint: this credential can see home (e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)
        "));
    }
    let (world, _server) = nscale_world([dropped(), json(200, "[]")]);
    assert_snapshot!(sa(&world, "list", "").says(5), @"
    error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
    hint: this credential can see no organization
    hint: the id comes from --org
    ");
}

#[test]
fn where_the_unknown_organization_comes_from_is_told() {
    let (mut world, _server) = nscale_world([dropped(), organizations(HOME), dropped(), organizations(HOME)]);
    world.set("NSCALE_ORGANIZATION_ID", ORG);
    assert_snapshot!(world.sa("list").says(5), @"
    error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
    hint: this credential can see home (e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)
    hint: the id comes from NSCALE_ORGANIZATION_ID
    ");
    assert_snapshot!(sa(&world, "list", "").says(5), @"
    error: there is no organization d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or this credential may not see it
    hint: this credential can see home (e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)
    hint: the id comes from --org
    ");
}

#[test]
fn a_break_that_is_none_of_the_organizations_is_tried_again() {
    let (world, server) = nscale_world([dropped(), organizations(ORG), json(200, LIST)]);
    sa(&world, "list", "").ok();
    server.requests(3);
    // As often as any, with one question in between.
    let (world, server) =
        nscale_world([dropped(), organizations(ORG), bad_gateway(), bad_gateway(), bad_gateway(), json(200, LIST)]);
    sa(&world, "list", "").fails(7);
    server.requests(5);
    // Where the list cannot be had, nobody knows.
    for cannot in [dropped(), error(403, "forbidden", "rbac"), json(200, "{}"), answer(503, "", "")] {
        let (world, server) = nscale_world([dropped(), cannot, json(200, LIST)]);
        sa(&world, "list", "").ok();
        server.requests(3);
    }
}

#[test]
fn a_create_that_broke_stays_unknown_and_says_what_is_known() {
    for broken in [dropped, bad_gateway] {
        let (world, server) = nscale_world([broken(), organizations(HOME)]);
        let path = document(&world);
        let stderr = sa(&world, "create", &format!("--file {path} --yes")).fails(8);
        for words in ["look for \"ci\"", &format!("no organization {ORG}, or this"), "and creates nothing"] {
            assert!(stderr.contains(words), "no {words:?} in {stderr}");
        }
        server.requests(2);
        let (world, _server) = nscale_world([broken(), organizations(ORG)]);
        let path = document(&world);
        let stderr = sa(&world, "create", &format!("--file {path} --yes")).fails(8);
        assert!(!stderr.contains("no organization"), "{stderr}");
    }
}

#[test]
fn an_empty_list_of_another_organization_is_no_success() {
    for (line, source) in [
        (format!("list --org {ORG} --json"), "leave --org out"),
        (format!("list --org {ORG} -q length"), "leave --org out"),
        ("list --json".to_owned(), "NSCALE_ORGANIZATION_ID holds the other id"),
        (format!("get --id {ID} --json"), "NSCALE_ORGANIZATION_ID holds the other id"),
        (format!("rotate --id {ID} --dry-run --json"), "NSCALE_ORGANIZATION_ID holds the other id"),
        (format!("update --id {ID} --file sa.json --yes --json"), "NSCALE_ORGANIZATION_ID holds the other id"),
    ] {
        let (mut world, server) = nscale_world([json(200, "[]"), userinfo("service", HOME)]);
        world.set("NSCALE_ORGANIZATION_ID", ORG);
        world.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
        let (message, hints) = told(&world.sa(&line).fails(5));
        let expected = format!("the credential belongs to service account {ID} in organization {HOME}, not in {ORG}");
        assert_eq!(message, expected, "{line}");
        assert!(hints.contains(source) && hints.contains(HOME), "{line}: {hints}");
        server.requests(2);
    }
}

#[test]
fn an_empty_list_that_nothing_contradicts_is_done() {
    for caller in [userinfo("user", HOME), error(404, "not_found", "resource not found"), dropped(), json(200, "{}")] {
        let (world, server) = nscale_world([json(200, "[]"), caller]);
        let run = sa(&world, "list", "");
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", "note: no service accounts found\n"));
        run.ok();
        server.requests(2);
    }
    // At home an account sees itself, but for a moment.
    let (world, _server) = nscale_world([json(200, "[]"), userinfo("service", ORG)]);
    let run = sa(&world, "list", "--json");
    assert_snapshot!(run.scrubbed(), @"warning: the server does not even list the account that the credential belongs to: try again in a second");
    assert_eq!(run.ok(), "[]\n");
    // A list with something in it raises no question.
    let (world, server) = nscale_world([json(200, LIST)]);
    sa(&world, "list", "").ok();
    server.requests(1);
}

#[test]
fn oneself_is_not_looked_for_in_another_organization() {
    for line in
        ["get --id self", "rotate --id self --yes", "delete --id self --yes", "update --id self --file sa.json --yes"]
    {
        let (world, server) = nscale_world([userinfo("service", HOME)]);
        world.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
        let (verb, flags) = line.split_once(' ').unwrap();
        allow_duplicates!(assert_snapshot!(sa(&world, verb, flags).says(5), @"
        error: the credential belongs to service account a1b2c3d4-1111-4222-8333-444455556666 in organization e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, not in d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90
        hint: --org gives the other id: give e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or leave --org out
        "));
        server.requests(1);
    }
}

#[test]
fn a_refusal_that_comes_of_the_wrong_organization_says_so() {
    let mut said = String::new();
    for (line, code) in [
        ("create --file sa.json --yes", 3),
        (&format!("rotate --id {ID} --yes"), 5),
        (&format!("delete --id {ID} --yes"), 5),
    ] {
        let refusal = if code == 3 { error(403, "forbidden", "rbac") } else { error(404, "not_found", "no") };
        let (world, server) = nscale_world([refusal, userinfo("service", HOME)]);
        document(&world);
        let (verb, flags) = line.split_once(' ').unwrap();
        said += &sa(&world, verb, flags).says(code);
        server.requests(2);
    }
    assert_snapshot!(said, @"
    error: not permitted: rbac
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: rights come from groups: ask an administrator to add the account to one whose roles allow this
    hint: the credential belongs to service account a1b2c3d4-1111-4222-8333-444455556666 in organization e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, not in d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90
    hint: --org gives the other id: give e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or leave --org out
    error: not found: no
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: `nscale serviceaccounts list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90` shows the ids
    hint: an account that was created a moment ago may not be found yet: try again in a second
    hint: the credential belongs to service account a1b2c3d4-1111-4222-8333-444455556666 in organization e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, not in d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90
    hint: --org gives the other id: give e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or leave --org out
    error: not found: no
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: it may be deleted already: `nscale serviceaccounts list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90` shows all
    hint: an account that was created a moment ago may not be found yet: try again in a second
    hint: the credential belongs to service account a1b2c3d4-1111-4222-8333-444455556666 in organization e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, not in d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90
    hint: --org gives the other id: give e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90, or leave --org out
    ");
}

#[test]
fn status_holds_the_variable_to_what_the_server_says() {
    let status = |world: &crate::support::World| {
        let run = world.run("nscred", ["auth", "status", "nscale", "-o", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        (report["nscale"].clone(), run)
    };
    let at_home = LIST.replace(ORG, HOME);
    let (mut world, _server) = nscale_world([userinfo("service", HOME), json(200, &at_home)]);
    world.set("NSCALE_ORGANIZATION_ID", ORG);
    let (report, run) = status(&world);
    assert_eq!((report["status"].as_str(), run.code), (Some("wrong_organization"), 5), "{run:#?}");
    assert_eq!(report["expires_at"], "2126-11-30T10:00:00Z");
    let (message, hints) = told(&run.stderr);
    assert!(message.contains(HOME) && message.contains(ORG), "{message}");
    assert!(hints.contains(&format!("set it to {HOME}")), "{hints}");

    let (mut world, _server) = nscale_world([userinfo("service", ORG), json(200, LIST)]);
    world.set("NSCALE_ORGANIZATION_ID", ORG.to_uppercase());
    let (report, run) = status(&world);
    assert_eq!((report["status"].as_str(), run.code), (Some("valid"), 0), "{run:#?}");

    // A user may have rights elsewhere; what is no id helps nobody.
    for (value, words) in [(ORG, "the user belongs to"), ("example", "NSCALE_ORGANIZATION_ID is \"example\"")] {
        let (mut world, _server) = nscale_world([userinfo("user", HOME)]);
        world.set("NSCALE_ORGANIZATION_ID", value);
        let (report, run) = status(&world);
        assert_eq!((report["status"].as_str(), run.code), (Some("valid"), 0), "{run:#?}");
        assert!(report["warnings"][0].as_str().unwrap().contains(words), "{report}");
    }
}

#[test]
fn a_new_account_that_is_not_listed_yet_is_no_riddle() {
    let (world, _server) = nscale_world([json(200, LIST)]);
    let other = "ffffffff-1111-4222-8333-444455556666";
    assert_snapshot!(sa(&world, "get", &format!("--id {other}")).says(5), @"
    error: there is no service account ffffffff-1111-4222-8333-444455556666 in the organization
    hint: `nscale serviceaccounts list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90` shows the ids; an account without the right to read others sees only itself
    hint: an account that was created a moment ago may not be found yet: try again in a second
    ");
}

#[test]
fn several_organizations_are_listed_where_nobody_can_be_asked() {
    let organizations = r#"[{"metadata":{"id":"d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90","name":"one"}},{"metadata":{"id":"e0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90","name":"two"}}]"#;
    let (mut world, server) =
        nscale_world([json(200, organizations), json(200, "[]"), json(200, "null"), json(200, LIST)]);
    let stderr = world.sa("list").fails(2);
    for words in ["2 organizations", "one (d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90)", "two (", "--org"] {
        assert!(stderr.contains(words), "no {words:?} in {stderr}");
    }
    for _ in ["[]", "null"] {
        allow_duplicates!(assert_snapshot!(world.sa("list").says(5), @"
        error: the credential belongs to no organization
        hint: give the organization's id with --org, if you know it
        "));
    }
    world.set("NSCALE_ORGANIZATION_ID", ORG.to_uppercase());
    world.sa("list").ok();
    check(&server.requests(4)[3], &format!("GET /api/v1/organizations/{ORG}/serviceaccounts"), "");
    world.set("NSCALE_ORGANIZATION_ID", "example");
    assert_snapshot!(world.sa("list").says(2), @r#"
    error: NSCALE_ORGANIZATION_ID is "example"; an id looks like a1b2c3d4-1111-4222-8333-444455556666
    hint: correct it, or give --org
    "#);
    server.requests(4);
}

#[test]
fn an_organization_with_an_id_that_is_none_goes_into_no_path() {
    let organizations = r#"[{"metadata":{"id":"../../oauth2","name":"one"}}]"#;
    let (world, server) = nscale_world([json(200, organizations)]);
    assert_snapshot!(world.sa("list").says(1), @"
    error: the server lists an organization with an invalid id
      cause: invalid character: found `.` at 0
    hint: pass the organization's id with --org
    ");
    server.requests(1);
}
