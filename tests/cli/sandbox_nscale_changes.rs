//! Nscale's API in the sandbox, by requests written by hand: updates, invalid
//! bodies, and restarts.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, text};
use crate::sandbox_nscale::*;
use crate::support::World;

#[test]
fn an_update_replaces_everything_and_keeps_the_token() {
    let sandbox = Sandbox::start();
    let (second, second_token) = account(&sandbox, "second", &[&group(&sandbox, "administrators")]);
    let mut body = account_body("before", &[]);
    body["metadata"]["description"] = json!("is erased");
    body["metadata"]["tags"] = json!([{"name": "team/a", "value": "x"}]);
    let (_, made) = call_as_admin(&sandbox, "POST /serviceaccounts", body);
    let id = text(&made["metadata"]["id"]);
    let update = format!("PUT /serviceaccounts/{id}");
    let (status, updated) = call(&sandbox, &second_token, &update, account_body("after", &[]));
    assert_eq!(status, 200);
    let expected = json!({
        "metadata": {
            "id": id, "name": "after", "organizationId": made["metadata"]["organizationId"],
            "creationTime": made["metadata"]["creationTime"], "createdBy": made["metadata"]["createdBy"],
            "modifiedTime": updated["metadata"]["modifiedTime"], "modifiedBy": second,
            "provisioningStatus": "provisioned", "healthStatus": "healthy",
        },
        "spec": {"groupIDs": []},
        "status": {"expiry": made["status"]["expiry"]},
    });
    assert_eq!(updated, expected);
    assert_eq!(listed(&sandbox, &id), expected);
    assert_eq!(whoami(&sandbox, &text(&made["status"]["accessToken"])).0, 200);

    let mut body = account_body("after", &[]);
    body["metadata"]["description"] = json!("");
    body["metadata"]["tags"] = json!([]);
    let (_, updated) = call_as_admin(&sandbox, &update, body);
    assert_eq!(updated["metadata"]["description"], "", "empty is not absent");
    assert!(updated["metadata"].get("tags").is_none(), "{updated}");
    assert_eq!(updated["metadata"]["modifiedBy"], made["metadata"]["createdBy"]);
    let (_, rotated) = call(&sandbox, &second_token, &format!("POST /serviceaccounts/{id}/rotate"), Value::Null);
    assert_eq!(rotated["metadata"], updated["metadata"], "a rotation is no modification");
}

#[test]
fn responses_show_the_previous_groups() {
    for fresh in [false, true] {
        let sandbox = if fresh { Sandbox::with(World::new(), &["--fresh-groups"]) } else { Sandbox::start() };
        let (auditors, developers) = (group(&sandbox, "auditors"), group(&sandbox, "developers"));
        let groups = |body: &Value| {
            let mut groups: Vec<String> = body["spec"]["groupIDs"].as_array().unwrap().iter().map(text).collect();
            groups.sort();
            groups
        };
        let body = account_body("a", &[&auditors, &auditors, UNKNOWN_ID, "no uuid", ""]);
        let (status, made) = call_as_admin(&sandbox, "POST /serviceaccounts", body);
        assert_eq!(status, 201, "unknown groups are passed over: {made}");
        let id = text(&made["metadata"]["id"]);
        let now = |now: &[&String], body: &Value, stale: &[&String]| {
            let mut expected: Vec<String> = if fresh { now } else { stale }.iter().map(|id| (*id).clone()).collect();
            expected.sort();
            assert_eq!(groups(body), expected, "{body}");
            let mut real: Vec<String> = now.iter().map(|id| (*id).clone()).collect();
            real.sort();
            assert_eq!(groups(&listed(&sandbox, &id)), real);
            let (_, rotated) = call_as_admin(&sandbox, &format!("POST /serviceaccounts/{id}/rotate"), Value::Null);
            assert_eq!(groups(&rotated), real, "a rotation tells them right");
        };
        let update = |groups: &[&str]| {
            let (status, body) =
                call_as_admin(&sandbox, &format!("PUT /serviceaccounts/{id}"), account_body("a", groups));
            assert_eq!(status, 200);
            body
        };
        now(&[&auditors], &made, &[]);
        now(&[&auditors, &developers], &update(&[&developers, &auditors]), &[&auditors]);
        now(&[&developers], &update(&[&developers, UNKNOWN_ORGANIZATION]), &[&auditors, &developers]);
        now(&[&developers], &update(&[&developers]), &[&developers]);
        now(&[], &update(&[]), &[&developers]);
    }
}

#[test]
fn invalid_account_bodies_are_refused() {
    let sandbox = Sandbox::start();
    let (id, _) = account(&sandbox, "a", &[]);
    let pattern = "^[0-9A-Za-z](?:[0-9A-Za-z-_.]{0,61}[0-9A-Za-z])?$";
    let bad_name = format!(r#""/metadata/name" string doesn't match the regular expression "{pattern}""#);
    let mut cases = vec![
        (json!({"metadata": {"name": "a"}, "spec": {}}), r#""/spec/groupIDs" property "groupIDs" is missing"#),
        (json!({"metadata": {"name": "a"}}), r#""/spec" property "spec" is missing"#),
        (json!({"spec": {"groupIDs": []}}), r#""/metadata" property "metadata" is missing"#),
        (json!({"metadata": {}, "spec": {"groupIDs": []}}), r#""/metadata/name" property "name" is missing"#),
        (json!({"metadata": {"name": "a"}, "spec": {"groupIDs": null}}), r#""/spec/groupIDs" Value is not nullable"#),
        (json!({"metadata": {"name": "a"}, "spec": {"groupIDs": "x"}}), r#""/spec/groupIDs" value must be an array"#),
        (json!({"metadata": {"name": "a"}, "spec": {"groupIDs": [7]}}), r#""/spec/groupIDs/0" value must be a string"#),
        (json!({"metadata": {"name": 7}, "spec": {"groupIDs": []}}), r#""/metadata/name" value must be a string"#),
        (
            json!({"metadata": {"name": "a", "description": 7}, "spec": {"groupIDs": []}}),
            r#""/metadata/description" value must be a string"#,
        ),
        (
            json!({"metadata": {"name": "a", "tags": [{"name": "x"}]}, "spec": {"groupIDs": []}}),
            r#""/metadata/tags/0/value" property "value" is missing"#,
        ),
    ];
    for name in ["", "-a", "a-", "_a", "a.", "a b", "ä", "a\n", "a/b", &"a".repeat(64)] {
        cases.push((account_body(name, &[]), &bad_name));
    }
    let write = |line: &str, headers: &str, body: &str| {
        let authorization = format!("Authorization: Bearer {}\r\n{headers}", sandbox.get("NSCALE_SERVICE_TOKEN"));
        let (status, _, body) = send(&sandbox, line, &authorization, body);
        (status, body)
    };
    let json = "Content-Type: application/json\r\n";
    let accounts = format!("{}/serviceaccounts", organization_path(&sandbox));
    for line in [format!("POST {accounts}"), format!("PUT {accounts}/{id}")] {
        for (body, detail) in &cases {
            let expected = format!("the request body is not valid: {detail}");
            assert_error(write(&line, json, &body.to_string()), 400, "invalid_request", &expected);
        }
        assert_error(write(&line, json, ""), 400, "invalid_request", "the request body is not valid");
        for body in ["{", "nonsense", "'a'"] {
            let expected = "the request body is not valid: failed to decode request body";
            assert_error(write(&line, json, body), 400, "invalid_request", expected);
        }
        for body in ["[]", "7", "null", r#"{"metadata":7,"spec":{"groupIDs":[]}}"#] {
            let (status, answer) = write(&line, json, body);
            assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "{body}: {answer}");
        }
        let good = account_body("a", &[]).to_string();
        for (header, value) in [("", ""), ("Content-Type: text/plain\r\n", "text/plain")] {
            let expected =
                format!("the request body is not valid: header Content-Type has unexpected value \"{value}\"");
            assert_error(write(&line, header, &good), 400, "invalid_request", &expected);
        }
        let status = write(&line, "Content-Type: application/json; charset=utf-8\r\n", &good).0;
        assert!([200, 201].contains(&status), "{line}: {status}");
        for name in ["a", "Z", "0", "a-_.b", "a..b", &"a".repeat(63)] {
            let status = write(&line, json, &account_body(name, &[]).to_string()).0;
            assert!([200, 201].contains(&status), "{line} {name}: {status}");
        }
    }
}

#[test]
fn an_account_without_a_role_sees_and_rotates_itself_only() {
    let sandbox = Sandbox::start();
    let (id, token) = account(&sandbox, "a", &[]);
    let (other, _) = account(&sandbox, "b", &[]);
    let call = |line: &str, body: Value| call(&sandbox, &token, line, body);
    let (status, list) = call("GET /serviceaccounts", Value::Null);
    assert_eq!((status, ids(&list)), (200, vec![id.clone()]));
    let denied = |operation: &str| {
        format!(
            "operation is not allowed by rbac: operation '{operation}' on endpoint 'identity:serviceaccounts' \
             \u{2014} this principal has no organization-scope permissions"
        )
    };
    for id in [&id, &other, UNKNOWN_ID] {
        let account = format!("/serviceaccounts/{id}");
        assert_error(call(&format!("PUT {account}"), account_body("x", &[])), 403, "forbidden", &denied("update"));
        assert_error(call(&format!("DELETE {account}"), Value::Null), 403, "forbidden", &denied("delete"));
    }
    for id in [&other, UNKNOWN_ID] {
        let rotate = format!("POST /serviceaccounts/{id}/rotate");
        assert_error(call(&rotate, Value::Null), 403, "forbidden", &denied("update"));
    }
    assert_error(call("POST /serviceaccounts", account_body("x", &[])), 403, "forbidden", &denied("create"));

    let away = format!("/api/v1/organizations/{UNKNOWN_ORGANIZATION}/serviceaccounts");
    for line in [format!("GET {away}"), format!("POST {away}/{id}/rotate")] {
        let (status, _, body) = request(&sandbox, &line, Some(&token), Value::Null);
        assert_error((status, body), 404, "not_found", "resource not found");
    }
    assert_eq!(whoami(&sandbox, &token).0, 200, "nothing was rotated");
    assert_eq!(call(&format!("POST /serviceaccounts/{id}/rotate"), Value::Null).0, 200);
}

#[test]
fn a_restart_on_the_same_file_keeps_everything() {
    let mut sandbox = Sandbox::with(World::new(), &["--data", "box.db"]);
    let organization = sandbox.get("NSCALE_ORGANIZATION_ID").to_owned();
    let first = sandbox.get("NSCALE_SERVICE_TOKEN").to_owned();
    let me = text(&whoami(&sandbox, &first).1["sub"]);
    let auditors = group(&sandbox, "auditors");
    let (id, token) = account(&sandbox, "kept", &[&auditors]);
    let (gone, gone_token) = account(&sandbox, "gone", &[]);
    assert_eq!(call_as_admin(&sandbox, &format!("DELETE /serviceaccounts/{gone}"), Value::Null).0, 200);
    let developers = group(&sandbox, "developers");
    assert_eq!(call_as_admin(&sandbox, &format!("DELETE /groups/{developers}"), Value::Null).0, 200);
    let state = |sandbox: &Sandbox| {
        ["", "/serviceaccounts", "/groups", "/roles", "/projects", "/acl"]
            .map(|path| call_as_admin(sandbox, &format!("GET {path}"), Value::Null))
    };
    let before = state(&sandbox);

    sandbox = Sandbox::with(sandbox.kill(), &["--data", "box.db"]);
    assert_eq!(sandbox.get("NSCALE_ORGANIZATION_ID"), organization);
    assert_eq!(state(&sandbox), before);
    assert_eq!(whoami(&sandbox, &first).1["sub"], me);
    assert_eq!(whoami(&sandbox, &token).1["sub"], id);
    assert_eq!(whoami(&sandbox, &gone_token).0, 401);
    let (status, rotated) = call_as_admin(&sandbox, &format!("POST /serviceaccounts/{me}/rotate"), Value::Null);
    assert_eq!(status, 200);

    sandbox = Sandbox::with(sandbox.kill(), &["--data", "box.db"]);
    assert_eq!(whoami(&sandbox, sandbox.get("NSCALE_SERVICE_TOKEN")).1["sub"], me);
    assert_eq!(whoami(&sandbox, &first).0, 401);
    assert_eq!(whoami(&sandbox, &text(&rotated["status"]["accessToken"])).0, 200, "what was acknowledged still works");
    assert_eq!(ids(&call_as_admin(&sandbox, "GET /serviceaccounts", Value::Null).1), ids(&before[1].1));
}
