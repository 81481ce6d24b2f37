//! Nscale's API in the sandbox, by requests written by hand: roles, groups and
//! projects.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, text};
use crate::sandbox_nscale::{
    UNKNOWN_ID, UNKNOWN_ORGANIZATION, account, account_body, assert_error, call, call_as_admin, group, group_body, ids,
    organization_path, request, whoami,
};

const ADMINISTRATOR: &str = "f194d170-6ed1-4408-85e0-2d672777019f";
const AUDITOR: &str = "f5a62ce3-fa7f-4d86-8f00-09389ccd8152";
const USER: &str = "f4f8996d-a763-47a9-89b1-028ee3007569";
const READER: &str = "fd094196-4aa3-4bdc-800c-cef58b1bb399";
/// `platform-administrator`, by the same rule as the others.
const PROTECTED: &str = "f45f71d5-8630-4676-81e3-c1cd469d0ec0";

const NO_ROLE: &str = "\u{2014} this principal has no organization-scope permissions";
const NOT_HERE: &str = "\u{2014} organization is not in this principal's accessible set";
const NOT_THIS_PROJECT: &str = "\u{2014} project is not in this principal's accessible set";
const NOT_PERMITTED: &str = "is not permitted";

#[track_caller]
fn forbidden(answer: (u16, Value), operation: &str, resource: &str, tail: &str) {
    let endpoint = format!("operation '{operation}' on endpoint 'identity:{resource}'");
    assert_error(answer, 403, "forbidden", &format!("operation is not allowed by rbac: {endpoint} {tail}"));
}

#[test]
fn roles_decide_what_callers_may_do() {
    let sandbox = Sandbox::start();
    let (id, nobody) = account(&sandbox, "nobody", &[]);
    let (_, user) = account(&sandbox, "user", &[&group(&sandbox, "developers")]);
    let (_, auditor) = account(&sandbox, "auditor", &[&group(&sandbox, "auditors")]);
    let auditors = group(&sandbox, "auditors");
    let project = ids(&call_as_admin(&sandbox, "GET /projects", Value::Null).1).remove(0);
    let organization = json!({"metadata": {"name": "renamed"}, "spec": {"organizationType": "adhoc"}});
    let account = format!("/serviceaccounts/{id}");
    let group = format!("/groups/{auditors}");
    let writes = [
        ("POST /serviceaccounts".to_owned(), account_body("x", &[]), "create", "serviceaccounts"),
        (format!("PUT {account}"), account_body("x", &[]), "update", "serviceaccounts"),
        (format!("DELETE {account}"), Value::Null, "delete", "serviceaccounts"),
        (format!("POST {account}/rotate"), Value::Null, "update", "serviceaccounts"),
        ("POST /groups".to_owned(), group_body("x", &[], &[]), "create", "groups"),
        (format!("PUT {group}"), group_body("x", &[], &[]), "update", "groups"),
        (format!("DELETE {group}"), Value::Null, "delete", "groups"),
        ("PUT ".to_owned(), organization, "update", "organizations"),
    ];
    let reads = [("", "organizations"), ("/groups", "groups"), (&group, "groups"), ("/roles", "roles")];
    for (bearer, tail) in [(&nobody, NO_ROLE), (&user, NOT_PERMITTED), (&auditor, NOT_PERMITTED)] {
        for (line, body, operation, resource) in &writes {
            if bearer == &nobody && line.ends_with("/rotate") {
                continue;
            }
            forbidden(call(&sandbox, bearer, line, body.clone()), operation, resource, tail);
        }
        for (path, resource) in reads {
            let answer = call(&sandbox, bearer, &format!("GET {path}"), Value::Null);
            if bearer == &auditor {
                assert_eq!(answer.0, 200, "{path}: {}", answer.1);
            } else {
                forbidden(answer, "read", resource, tail);
            }
        }
    }
    let seen = |bearer: &str| ids(&call(&sandbox, bearer, "GET /serviceaccounts", Value::Null).1).len();
    assert_eq!([seen(&nobody), seen(&user), seen(&auditor)], [1, 1, 4], "who may not read sees itself");

    let away = format!("/api/v1/organizations/{UNKNOWN_ORGANIZATION}");
    let token = sandbox.get("NSCALE_SERVICE_TOKEN");
    for (line, body, operation, resource) in [
        (format!("GET {away}"), Value::Null, "read", "organizations"),
        (format!("GET {away}/roles"), Value::Null, "read", "roles"),
        (format!("GET {away}/groups"), Value::Null, "read", "groups"),
        (format!("POST {away}/groups"), group_body("x", &[], &[]), "create", "groups"),
        (format!("POST {away}/serviceaccounts"), account_body("x", &[]), "create", "serviceaccounts"),
        (format!("PUT {away}{account}"), account_body("x", &[]), "update", "serviceaccounts"),
        (format!("POST {away}{account}/rotate"), Value::Null, "update", "serviceaccounts"),
    ] {
        let (status, _, body) = request(&sandbox, &line, Some(token), body);
        forbidden((status, body), operation, resource, NOT_HERE);
    }

    let get = |bearer: &str, project: &str| call(&sandbox, bearer, &format!("GET /projects/{project}"), Value::Null);
    assert_eq!([get(token, &project).0, get(&auditor, &project).0, get(&user, &project).0], [200; 3]);
    forbidden(get(&user, UNKNOWN_ID), "read", "projects", NOT_THIS_PROJECT);
}

#[test]
fn projects_are_listed_for_those_who_may_read_them() {
    let sandbox = Sandbox::start();
    let developers = group(&sandbox, "developers");
    let (_, nobody) = account(&sandbox, "nobody", &[]);
    let (_, user) = account(&sandbox, "user", &[&developers]);
    let (_, auditor) = account(&sandbox, "auditor", &[&group(&sandbox, "auditors")]);
    let (status, readers) = call_as_admin(&sandbox, "POST /groups", group_body("readers", &[READER], &[]));
    assert_eq!(status, 201);
    let (_, reader) = account(&sandbox, "reader", &[&text(&readers["metadata"]["id"])]);
    let list = |bearer: &str| call(&sandbox, bearer, "GET /projects", Value::Null);
    let (status, all) = call_as_admin(&sandbox, "GET /projects", Value::Null);
    assert_eq!((status, all.as_array().unwrap().len()), (200, 1));
    let project = &all[0];
    assert_eq!(project["metadata"]["name"], "playground");
    assert_eq!(project["metadata"]["organizationId"], sandbox.get("NSCALE_ORGANIZATION_ID"));
    assert_eq!(project["spec"], json!({"groupIDs": [developers]}));
    for bearer in [&user, &auditor] {
        assert_eq!(list(bearer), (200, all.clone()));
    }
    for bearer in [&nobody, &reader] {
        assert_eq!(list(bearer), (200, json!([])), "no permission is needed to see nothing");
    }
    let get = format!("GET /projects/{}", text(&project["metadata"]["id"]));
    assert_eq!(call(&sandbox, &user, &get, Value::Null), (200, project.clone()));
    forbidden(call(&sandbox, &reader, &get, Value::Null), "read", "projects", NOT_THIS_PROJECT);
}

#[test]
fn the_acl_is_the_union_of_the_roles() {
    let sandbox = Sandbox::start();
    let organization = sandbox.get("NSCALE_ORGANIZATION_ID");
    let (_, nobody) = account(&sandbox, "nobody", &[]);
    let (_, user) = account(&sandbox, "user", &[&group(&sandbox, "developers")]);
    let (_, auditor) = account(&sandbox, "auditor", &[&group(&sandbox, "auditors")]);
    let project = ids(&call_as_admin(&sandbox, "GET /projects", Value::Null).1).remove(0);
    let paths = ["/api/v1/acl".to_owned(), format!("{}/acl", organization_path(&sandbox))];
    let away = format!("/api/v1/organizations/{UNKNOWN_ORGANIZATION}/acl");
    let acl = |bearer: &str, path: &str| {
        let (status, _, body) = request(&sandbox, &format!("GET {path}"), Some(bearer), Value::Null);
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    let rights = |endpoints: &Value| {
        let mut rights: Vec<String> = endpoints.as_array().unwrap().iter().map(Value::to_string).collect();
        rights.sort();
        rights
    };
    let full = r#"["create","read","update","delete"]"#;
    let endpoint = |name: &str, operations: &str| format!(r#"{{"name":"identity:{name}","operations":{operations}}}"#);
    let named = |rights: [(&str, &str); 7]| rights.map(|(name, operations)| endpoint(name, operations));
    let administrator = named([
        ("groups", full),
        ("organizations", r#"["read","update"]"#),
        ("projects", full),
        ("quotas", r#"["read"]"#),
        ("roles", full),
        ("serviceaccounts", full),
        ("users", full),
    ]);
    let names = ["groups", "organizations", "projects", "quotas", "roles", "serviceaccounts", "users"];
    let auditing = named(names.map(|name| (name, r#"["read"]"#)));
    for path in paths.iter().chain([&away]) {
        assert_eq!(acl(&nobody, path), json!({}), "{path}");
        let one = json!([{
            "id": organization,
            "endpoints": [{"name": "identity:quotas", "operations": ["read"]}],
            "projects": [{"id": project, "endpoints": [{"name": "identity:projects", "operations": ["read"]}]}],
        }]);
        let projects = acl(&user, path);
        assert_eq!(projects["organizations"], one, "{path}");
        assert_eq!(projects.get("projects").is_some(), path != &away, "{path}: {projects}");
        for (bearer, expected) in [(sandbox.get("NSCALE_SERVICE_TOKEN"), &administrator), (&auditor, &auditing)] {
            let acl = acl(bearer, path);
            assert_eq!(acl["organizations"].as_array().unwrap().len(), 1);
            assert_eq!(acl["organizations"][0]["id"], organization);
            assert_eq!(rights(&acl["organizations"][0]["endpoints"]), expected, "{path}");
            assert!(acl.get("global").is_none() && acl.get("projects").is_none(), "{acl}");
            assert!(acl["organizations"][0].get("projects").is_none(), "{acl}");
            if path == &away {
                assert!(acl.get("organization").is_none(), "{acl}");
            } else {
                assert_eq!(acl["organization"], acl["organizations"][0], "{path}");
            }
        }
    }
    assert_eq!(acl(&user, &paths[0])["projects"], acl(&user, &paths[0])["organizations"][0]["projects"]);
}

#[test]
fn roles_are_sorted_by_name() {
    let sandbox = Sandbox::start();
    let (status, mut roles) = call_as_admin(&sandbox, "GET /roles", Value::Null);
    for role in roles.as_array_mut().unwrap() {
        assert!(role["metadata"].as_object_mut().unwrap().remove("creationTime").is_some());
    }
    let role = |id: &str, name: &str, description: &str| {
        json!({
            "metadata": {
                "id": id, "name": name, "description": description,
                "provisioningStatus": "provisioned", "healthStatus": "healthy",
            },
            "grantable": true,
        })
    };
    let expected = json!([
        role(ADMINISTRATOR, "administrator", "Organization administrator"),
        role(AUDITOR, "auditor", "Organization auditor"),
        role(READER, "reader", "Project reader"),
        role(USER, "user", "Project user"),
    ]);
    assert_eq!((status, roles), (200, expected));
    let (_, auditor) = account(&sandbox, "auditor", &[&group(&sandbox, "auditors")]);
    let (_, roles) = call(&sandbox, &auditor, "GET /roles", Value::Null);
    assert_eq!((&roles[0]["grantable"], &roles[1]["grantable"]), (&json!(false), &json!(true)), "not what one lacks");
}

#[test]
fn members_change_with_the_group_and_with_the_account() {
    let sandbox = Sandbox::start();
    let me = text(&whoami(&sandbox, sandbox.get("NSCALE_SERVICE_TOKEN")).1["sub"]);
    let (id, token) = account(&sandbox, "a", &[]);
    let mut body = group_body("readers", &[AUDITOR], &[&id, &id]);
    body["metadata"]["tags"] = json!([{"name": "a", "value": "b"}]);
    body["metadata"]["description"] = json!("is erased");
    let (status, made) = call_as_admin(&sandbox, "POST /groups", body.clone());
    let expected = json!({
        "metadata": {
            "id": made["metadata"]["id"], "name": "readers", "description": "is erased",
            "tags": body["metadata"]["tags"], "organizationId": sandbox.get("NSCALE_ORGANIZATION_ID"),
            "creationTime": made["metadata"]["creationTime"], "createdBy": me,
            "provisioningStatus": "provisioned", "healthStatus": "healthy",
        },
        "spec": {"roleIDs": [AUDITOR], "serviceAccountIDs": [id], "userIDs": [], "subjects": []},
    });
    assert_eq!((status, &made), (201, &expected));
    let path = format!("/groups/{}", text(&made["metadata"]["id"]));
    let read = || {
        let (status, body) = call_as_admin(&sandbox, &format!("GET {path}"), Value::Null);
        assert_eq!(status, 200);
        body
    };
    let mine = || call(&sandbox, &token, "GET /serviceaccounts", Value::Null).1;
    let groups = || {
        let (_, list) = call_as_admin(&sandbox, "GET /serviceaccounts", Value::Null);
        let list = list.as_array().unwrap().clone();
        list.into_iter().find(|item| item["metadata"]["id"] == *id).unwrap()["spec"]["groupIDs"].clone()
    };
    assert_eq!(read(), made);
    assert_eq!(groups(), json!([made["metadata"]["id"]]));
    assert_eq!(ids(&mine()).len(), 2, "an auditor sees all");

    // An update of the account leaves the rest of the group.
    assert_eq!(call_as_admin(&sandbox, &format!("PUT /serviceaccounts/{id}"), account_body("a", &[])).0, 200);
    assert_eq!(read()["spec"]["serviceAccountIDs"], json!([]));
    assert_eq!(read()["metadata"], made["metadata"]);
    assert_eq!(ids(&mine()), [id.as_str()]);
    let before = mine()[0]["metadata"].clone();

    // An update of the group replaces all of it and leaves the account.
    let update = group_body("renamed", &[AUDITOR, USER], &[&id, UNKNOWN_ID, &id]);
    let line = format!("PUT {}{path}", organization_path(&sandbox));
    let (status, head, body) = request(&sandbox, &line, Some(sandbox.get("NSCALE_SERVICE_TOKEN")), update);
    assert_eq!((status, body), (200, Value::Null));
    assert!(head.contains("content-length: 0") && !head.contains("content-type"), "{head}");
    let group = read();
    assert_eq!((&group["metadata"]["name"], &group["metadata"]["modifiedBy"]), (&json!("renamed"), &json!(me)));
    assert_eq!(group["metadata"]["creationTime"], made["metadata"]["creationTime"]);
    assert!(["description", "tags"].iter().all(|erased| group["metadata"].get(erased).is_none()), "{group}");
    let mut members: Vec<String> = group["spec"]["serviceAccountIDs"].as_array().unwrap().iter().map(text).collect();
    members.sort();
    let mut expected = vec![id.clone(), UNKNOWN_ID.to_owned()];
    expected.sort();
    assert_eq!(members, expected, "members need not exist, and are there once");
    assert_eq!(mine().as_array().unwrap().len(), 2);
    assert!(mine().as_array().unwrap().iter().any(|item| item["metadata"] == before), "{before}");

    let (status, head, body) =
        request(&sandbox, &line.replace("PUT", "DELETE"), Some(sandbox.get("NSCALE_SERVICE_TOKEN")), Value::Null);
    assert_eq!((status, body), (200, Value::Null));
    assert!(head.contains("content-length: 0") && !head.contains("content-type"), "{head}");
    assert_eq!(groups(), json!([]));
    assert_eq!(ids(&mine()), [id.as_str()], "and its role is gone");
    for method in ["GET", "DELETE"] {
        assert_error(
            call_as_admin(&sandbox, &format!("{method} {path}"), Value::Null),
            404,
            "not_found",
            "resource not found",
        );
    }

    let developers = self::group(&sandbox, "developers");
    assert_eq!(
        call_as_admin(&sandbox, &format!("PUT /serviceaccounts/{id}"), account_body("a", &[&developers])).0,
        200
    );
    assert_eq!(call_as_admin(&sandbox, &format!("DELETE /serviceaccounts/{id}"), Value::Null).0, 200);
    let (_, group) = call_as_admin(&sandbox, &format!("GET /groups/{developers}"), Value::Null);
    assert_eq!(group["spec"]["serviceAccountIDs"], json!([]), "who is deleted leaves the groups");
}

#[test]
fn invalid_group_bodies_are_refused() {
    let sandbox = Sandbox::start();
    let (status, made) = call_as_admin(&sandbox, "POST /groups", group_body("g", &[], &[]));
    assert_eq!(status, 201, "{made}");
    let update = format!("PUT /groups/{}", text(&made["metadata"]["id"]));
    let invalid = "the request body is not valid: ";
    for line in ["POST /groups", &update] {
        for (spec, detail) in [
            (json!({"serviceAccountIDs": []}), r#""/spec/roleIDs" property "roleIDs" is missing"#),
            (json!({"roleIDs": []}), r#""/spec/serviceAccountIDs" property "serviceAccountIDs" is missing"#),
            (json!({"roleIDs": 7, "serviceAccountIDs": []}), r#""/spec/roleIDs" value must be an array"#),
            (json!({"roleIDs": null, "serviceAccountIDs": []}), r#""/spec/roleIDs" Value is not nullable"#),
        ] {
            let answer = call_as_admin(&sandbox, line, json!({"metadata": {"name": "g"}, "spec": spec}));
            assert_error(answer, 400, "invalid_request", &format!("{invalid}{detail}"));
        }
        let both = json!({
            "metadata": {"name": "g"},
            "spec": {
                "roleIDs": [], "serviceAccountIDs": [], "userIDs": [UNKNOWN_ID],
                "subjects": [{"id": "a@example.com", "issuer": "https://example.com"}],
            },
        });
        let missing = group_body("g", &[AUDITOR, UNKNOWN_ID], &[]);
        for body in [both, missing] {
            let (status, answer) = call_as_admin(&sandbox, line, body);
            assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "{line}: {answer}");
        }
        let answer = call_as_admin(&sandbox, line, group_body("g", &[PROTECTED], &[]));
        assert_error(answer, 403, "forbidden", "requested role is protected");
        let status = call_as_admin(&sandbox, line, group_body("g", &[ADMINISTRATOR, AUDITOR, USER, READER], &[])).0;
        assert!([200, 201].contains(&status), "an administrator may grant all: {status}");
    }
    let (_, groups) = call_as_admin(&sandbox, "GET /groups", Value::Null);
    let ids = ids(&groups);
    assert_eq!(ids.len(), 5, "the names may be the same: {groups}");
    assert!(ids.is_sorted(), "{ids:?}");
}

#[test]
fn the_organization_is_listed_for_its_members() {
    let sandbox = Sandbox::start();
    let (_, nobody) = account(&sandbox, "nobody", &[]);
    let (status, organization) = call_as_admin(&sandbox, "GET ", Value::Null);
    assert_eq!(status, 200);
    assert_eq!(organization["metadata"]["id"], sandbox.get("NSCALE_ORGANIZATION_ID"));
    assert!(organization["metadata"].get("organizationId").is_none(), "{organization}");
    assert_eq!(organization["spec"], json!({"organizationType": "adhoc"}));
    for query in ["", "?email=somebody@example.com"] {
        let line = format!("GET /api/v1/organizations{query}");
        let (status, _, list) = request(&sandbox, &line, Some(&nobody), Value::Null);
        assert_eq!((status, list), (200, json!([organization])), "{query}");
    }
    let update = json!({"metadata": {"name": "renamed"}, "spec": organization["spec"]});
    assert_eq!(call_as_admin(&sandbox, "PUT ", update), (200, Value::Null));
    let (_, renamed) = call_as_admin(&sandbox, "GET ", Value::Null);
    assert_eq!(renamed["metadata"]["name"], "renamed");
    assert!(renamed["metadata"]["modifiedTime"].is_string(), "{renamed}");
}
