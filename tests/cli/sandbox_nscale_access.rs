//! Nscale's API in the sandbox, by requests written by hand: authentication, and
//! the errors of those who fail it.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, text};
use crate::sandbox_nscale::{
    UNKNOWN_ID, UNKNOWN_ORGANIZATION, account, account_body, assert_error, call_as_admin, group, group_body, ids,
    organization_path, raw_response, request, send, whoami,
};

/// Sends a request: status, the `WWW-Authenticate` header, body.
fn send_for_challenge(sandbox: &Sandbox, line: &str, headers: &str) -> (u16, Option<String>, Value) {
    let answer = raw_response(sandbox, line, headers);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let challenge = head.lines().filter_map(|line| line.split_once(": "));
    let challenge = challenge.filter(|(name, _)| name.eq_ignore_ascii_case("www-authenticate")).map(|(_, value)| value);
    (status, challenge.map(str::to_owned).next(), serde_json::from_str(body).unwrap())
}

fn challenge(description: &str) -> Option<String> {
    Some(format!(
        "Bearer error=\"access_denied\",error_description=\"{description}\",\
         resource_metadata=\"https://sandbox/.well-known/openid-protected-resource\""
    ))
}

#[test]
fn every_route_requires_a_bearer_token() {
    let sandbox = Sandbox::start();
    let (base, group) = (organization_path(&sandbox), group(&sandbox, "auditors"));
    let me = text(&whoami(&sandbox, sandbox.get("NSCALE_SERVICE_TOKEN")).1["sub"]);
    let project = ids(&call_as_admin(&sandbox, "GET /projects", Value::Null).1).remove(0);
    for line in [
        "GET /api/version".to_owned(),
        "GET /api/v1/acl".to_owned(),
        "GET /api/v1/organizations".to_owned(),
        format!("GET {base}"),
        format!("PUT {base}"),
        format!("GET {base}/acl"),
        format!("GET {base}/roles"),
        format!("GET {base}/projects"),
        format!("GET {base}/projects/{project}"),
        format!("GET {base}/groups"),
        format!("POST {base}/groups"),
        format!("GET {base}/groups/{group}"),
        format!("PUT {base}/groups/{group}"),
        format!("DELETE {base}/groups/{group}"),
        format!("GET {base}/serviceaccounts"),
        format!("POST {base}/serviceaccounts"),
        format!("PUT {base}/serviceaccounts/{me}"),
        format!("DELETE {base}/serviceaccounts/{me}"),
        format!("POST {base}/serviceaccounts/{me}/rotate"),
        format!("POST /api/v1/organizations/{UNKNOWN_ORGANIZATION}/serviceaccounts/{UNKNOWN_ID}/rotate"),
    ] {
        let (status, sent, body) = send_for_challenge(&sandbox, &line, "");
        assert_error((status, body), 401, "access_denied", "authorization header missing");
        assert_eq!(sent, challenge("authorization header missing"), "{line}");
    }
}

#[test]
fn invalid_bearer_tokens_are_refused_each_in_its_words() {
    let sandbox = Sandbox::start();
    let token = sandbox.get("NSCALE_SERVICE_TOKEN");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        for path in ["/api/version", "/oauth2/v2/userinfo"] {
            let answer = send(&sandbox, &format!("GET {path}"), &format!("Authorization: {scheme} {token}\r\n"), "");
            assert_eq!(answer.0, 200, "{scheme} {path}");
        }
    }
    // Headers {"alg":"ES512"} and {"alg":"dir","enc":"A256GCM"}, claims {} and
    // {"iss":"https://elsewhere.example"}.
    let (jws, jwe) = ("eyJhbGciOiJFUzUxMiJ9", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0");
    let untrusted = "eyJpc3MiOiJodHRwczovL2Vsc2V3aGVyZS5leGFtcGxlIn0";
    for (authorization, description) in [
        (token.to_owned(), "authorization header malformed"),
        ("Bearer".to_owned(), "authorization header malformed"),
        (format!("Bearer  {token}"), "authorization header malformed"),
        (format!("Bearer {token} x"), "authorization header malformed"),
        ("Basic YTpi".to_owned(), "authorization scheme not allowed"),
        (format!("Token {token}"), "authorization scheme not allowed"),
        ("Bearer nonsense".to_owned(), "unrecognized bearer token format"),
        ("Bearer nsrt_nonsense".to_owned(), "unrecognized bearer token format"),
        (format!("Bearer {jws}.e30"), "unrecognized bearer token format"),
        (format!("Bearer {jws}.e30.c2ln"), "unparseable token issuer"),
        (format!("Bearer {jws}.{untrusted}.c2ln"), "untrusted token issuer"),
        (format!("Bearer {jwe}.a2V5.aXY.dGV4dA.dGFn"), "token validation failed"),
        (format!("Bearer {token}A"), "token validation failed"),
    ] {
        let headers = format!("Authorization: {authorization}\r\n");
        let (status, sent, body) = send_for_challenge(&sandbox, "GET /api/version", &headers);
        assert_error((status, body), 401, "access_denied", description);
        assert_eq!(sent, challenge(description), "{authorization}");

        let (status, sent, body) = send_for_challenge(&sandbox, "GET /oauth2/v2/userinfo", &headers);
        if ["authorization header malformed", "authorization scheme not allowed"].contains(&description) {
            assert_error((status, body), 400, "invalid_request", description);
            assert_eq!(sent, None, "{authorization}");
        } else {
            assert_error((status, body), 401, "access_denied", description);
            assert_eq!(sent, challenge(description), "{authorization}");
        }
    }
}

#[test]
fn userinfo_identifies_the_caller() {
    let sandbox = Sandbox::start();
    let (id, token) = account(&sandbox, "a", &[]);
    let expected = json!({
        "sub": id,
        "https://unikorn-cloud.org/authz": {"acctype": "service", "orgIds": [sandbox.get("NSCALE_ORGANIZATION_ID")]},
    });
    let (status, head, body) = request(&sandbox, "GET /oauth2/v2/userinfo", Some(&token), Value::Null);
    assert_eq!((status, &body), (200, &expected));
    assert!(head.contains("content-type: application/json") && head.contains("cache-control: no-cache"), "{head}");
    let post = |headers: &str, body: &str| {
        let (status, head, body) = send(&sandbox, "POST /oauth2/v2/userinfo", headers, body);
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        (status, body)
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(post(form, &format!("access_token={token}")), (200, expected.clone()));
    assert_eq!(post(form, &format!("other=1&access_token={token}")), (200, expected.clone()));
    assert_eq!(post(&format!("Authorization: Bearer {token}\r\n"), ""), (200, expected));
    assert_error(post(form, &format!("access_token={token}A")), 401, "access_denied", "token validation failed");
    assert_error(post(form, "access_token="), 401, "access_denied", "empty bearer token");
    assert_error(post(form, ""), 401, "access_denied", "authorization header not set");
    let (status, sent, body) = send_for_challenge(&sandbox, "GET /oauth2/v2/userinfo", "");
    assert_error((status, body), 401, "access_denied", "authorization header not set");
    assert_eq!(sent, challenge("authorization header not set"));
}

#[test]
fn each_cloud_refuses_the_tokens_of_the_other() {
    let sandbox = Sandbox::start();
    assert_eq!(whoami(&sandbox, &sandbox.bearer()).0, 401);
    assert_eq!(whoami(&sandbox, &sandbox.mint("a", "").1).0, 401);
    let (status, body) = sandbox.tokens("ListRevokableTokens", Some(sandbox.get("NSCALE_SERVICE_TOKEN")), json!({}));
    assert_eq!((status, &body["code"]), (401, &json!("unauthenticated")));
}

#[test]
fn the_trace_id_is_that_of_traceparent() {
    let sandbox = Sandbox::start();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let header = format!("traceparent: 00-{trace}-b7ad6b7169203331-01\r\n");
    for line in ["GET /api/version", "GET /api/v1/nothing", "GET /api/v1/organizations/x/groups"] {
        let (_, _, body) = send(&sandbox, line, &header, "");
        assert_eq!(body["trace_id"], trace, "{line}");
    }
    let mut seen = vec![];
    for bad in [
        "".to_owned(),
        format!("traceparent: {trace}\r\n"),
        "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n".to_owned(),
        "traceparent: 00-xyz7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n".to_owned(),
    ] {
        let (status, _, body) = send(&sandbox, "GET /api/version", &bad, "");
        assert_error((status, body.clone()), 401, "access_denied", "authorization header missing");
        seen.push(text(&body["trace_id"]));
    }
    seen.push(trace.to_owned());
    seen.push("0".repeat(32));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6, "one of its own for each: {seen:?}");
}

#[test]
fn checks_are_in_the_order_of_the_real_server() {
    let sandbox = Sandbox::start();
    let (_, nobody) = account(&sandbox, "nobody", &[]);
    let token = sandbox.get("NSCALE_SERVICE_TOKEN");
    let (base, away) = (organization_path(&sandbox), format!("/api/v1/organizations/{UNKNOWN_ORGANIZATION}"));
    let bad = json!({});
    let path = (400, "invalid path/query element");
    let missing = (401, "authorization header missing");
    let failed = (401, "token validation failed");
    let body = (400, "the request body is not valid");
    let rbac = (403, "operation is not allowed by rbac");
    let gone = (404, "resource not found");
    let (nobody, token, wrong) = (Some(nobody.as_str()), Some(token), format!("{nobody}A"));
    let wrong = Some(wrong.as_str());
    for (line, bearer, sent, (status, description)) in [
        // The route before the ids, and the ids before the credential.
        ("GET /api/v1/organizations/x/serviceaccounts/x".to_owned(), None, Value::Null, gone),
        ("POST /api/v1/organizations/x/serviceaccounts".to_owned(), None, bad.clone(), path),
        ("GET /api/v1/organizations/x".to_owned(), None, Value::Null, path),
        ("GET /api/v1/organizations/x/acl".to_owned(), wrong, Value::Null, path),
        (format!("PUT {base}/serviceaccounts/x"), None, bad.clone(), path),
        (format!("DELETE {base}/serviceaccounts/{UNKNOWN_ID}0"), wrong, Value::Null, path),
        (format!("POST {base}/serviceaccounts/x/rotate"), None, Value::Null, path),
        (format!("PUT {base}/groups/x"), None, bad.clone(), path),
        (format!("GET {base}/projects/x"), None, Value::Null, path),
        // The credential before the body.
        (format!("POST {base}/serviceaccounts"), None, bad.clone(), missing),
        (format!("PUT {away}/serviceaccounts/{UNKNOWN_ID}"), wrong, bad.clone(), failed),
        (format!("POST {base}/groups"), wrong, bad.clone(), failed),
        // The body before the permissions.
        (format!("POST {base}/serviceaccounts"), nobody, bad.clone(), body),
        (format!("PUT {base}/serviceaccounts/{UNKNOWN_ID}"), nobody, bad.clone(), body),
        (format!("POST {base}/groups"), nobody, bad.clone(), body),
        (format!("PUT {base}/groups/{UNKNOWN_ID}"), nobody, bad.clone(), body),
        (format!("POST {away}/serviceaccounts"), token, bad.clone(), body),
        (format!("PUT {base}/serviceaccounts/{UNKNOWN_ID}"), token, bad.clone(), body),
        // The permissions before the existence.
        (format!("POST {away}/serviceaccounts"), token, account_body("a", &[]), rbac),
        (format!("PUT {base}/serviceaccounts/{UNKNOWN_ID}"), nobody, account_body("a", &[]), rbac),
        (format!("DELETE {base}/serviceaccounts/{UNKNOWN_ID}"), nobody, Value::Null, rbac),
        (format!("POST {base}/serviceaccounts/{UNKNOWN_ID}/rotate"), nobody, Value::Null, rbac),
        (format!("GET {base}/groups/{UNKNOWN_ID}"), nobody, Value::Null, rbac),
        (format!("GET {away}"), token, Value::Null, rbac),
        // Without permissions to check, the existence.
        (format!("GET {away}/serviceaccounts"), token, Value::Null, gone),
        (format!("PUT {base}/serviceaccounts/{UNKNOWN_ID}"), token, account_body("a", &[]), gone),
        (format!("DELETE {base}/serviceaccounts/{UNKNOWN_ID}"), token, Value::Null, gone),
        (format!("POST {base}/serviceaccounts/{UNKNOWN_ID}/rotate"), token, Value::Null, gone),
        (format!("GET {base}/groups/{UNKNOWN_ID}"), token, Value::Null, gone),
        (format!("PUT {base}/groups/{UNKNOWN_ID}"), token, group_body("a", &[], &[]), gone),
        (format!("DELETE {base}/groups/{UNKNOWN_ID}"), token, Value::Null, gone),
        (format!("GET {base}/projects/{UNKNOWN_ID}"), token, Value::Null, gone),
    ] {
        let (answered, head, answer) = request(&sandbox, &line, bearer, sent.clone());
        assert_eq!(answered, status, "{line} {sent}: {answer}");
        assert!(head.contains("content-type: application/json") && head.contains("cache-control: no-cache"), "{head}");
        assert!(text(&answer["error_description"]).starts_with(description), "{line} {sent}: {answer}");
    }
}

#[test]
fn ids_are_accepted_in_every_spelling_of_a_uuid() {
    let sandbox = Sandbox::start();
    let organization = sandbox.get("NSCALE_ORGANIZATION_ID");
    let (id, token) = account(&sandbox, "a", &[]);
    let auditors = group(&sandbox, "auditors");
    let spell = |id: &str| {
        [
            id.to_uppercase(),
            id.replace('-', ""),
            id.replace('-', "").to_uppercase(),
            format!("urn:uuid:{id}"),
            format!("%7B{id}%7D"),
        ]
    };
    let mut token = token;
    for ((organization, id), auditors) in spell(organization).iter().zip(spell(&id)).zip(spell(&auditors)) {
        let base = format!("/api/v1/organizations/{organization}");
        let (status, _, list) = request(&sandbox, &format!("GET {base}/serviceaccounts"), Some(&token), Value::Null);
        assert_eq!((status, list[0]["metadata"]["name"].as_str()), (200, Some("a")), "{organization}");
        // Without a role, only the caller's own id is allowed.
        let rotate = format!("POST {base}/serviceaccounts/{id}/rotate");
        let (status, _, rotated) = request(&sandbox, &rotate, Some(&token), Value::Null);
        assert_eq!(status, 200, "{rotate}: {rotated}");
        assert_eq!(rotated["metadata"]["organizationId"], sandbox.get("NSCALE_ORGANIZATION_ID"));
        token = text(&rotated["status"]["accessToken"]);
        let found = call_as_admin(&sandbox, &format!("GET /groups/{auditors}"), Value::Null);
        assert_eq!(found.0, 200, "{auditors}: {}", found.1);
    }
    for bad in ["x", &id[1..], &format!("{id}0"), &format!("g{}", &id[1..]), &id.replacen('-', "_", 1), "urn:uuid:"] {
        let answer = call_as_admin(&sandbox, &format!("DELETE /serviceaccounts/{bad}"), Value::Null);
        assert_error(answer, 400, "invalid_request", "invalid path/query element");
    }
}

#[test]
fn public_documents_need_no_credential() {
    let sandbox = Sandbox::start();
    let get = |path: &str, bearer: Option<&str>| {
        let (status, head, body) = request(&sandbox, &format!("GET {path}"), bearer, Value::Null);
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        (status, body)
    };
    let (status, discovery) = get("/.well-known/openid-configuration", None);
    assert_eq!(status, 200);
    let issuer = text(&discovery["issuer"]);
    for (name, path) in [
        ("authorization_endpoint", "authorization"),
        ("token_endpoint", "token"),
        ("userinfo_endpoint", "userinfo"),
        ("jwks_uri", "jwks"),
    ] {
        assert_eq!(text(&discovery[name]), format!("{}/oauth2/v2/{path}", issuer.trim_end_matches('/')));
    }
    for (name, values) in [
        ("scopes_supported", json!(["email", "openid", "profile"])),
        ("response_types_supported", json!(["code", "id_token"])),
        ("response_modes_supported", json!(["query"])),
        ("id_token_signing_alg_values_supported", json!(["ES512"])),
        ("code_challenge_methods_supported", json!(["plain", "S256"])),
    ] {
        assert_eq!(discovery[name], values, "{name}");
    }
    let falsehoods = discovery.as_object().unwrap().values().filter(|value| **value == json!(false)).count();
    assert_eq!(falsehoods, 3);
    for absent in ["device_authorization_endpoint", "revocation_endpoint", "introspection_endpoint"] {
        assert!(discovery.get(absent).is_none(), "{absent}");
    }
    let resource = json!({
        "resource": "https://sandbox", "authorization_servers": ["https://sandbox"],
        "bearer_methods_supported": ["header"], "scopes_supported": ["openapi", "email", "profile"],
    });
    assert_eq!(get("/.well-known/openid-protected-resource", None), (200, resource));
    let (status, keys) = get("/oauth2/v2/jwks", None);
    assert!(status == 200 && keys["keys"].is_array(), "{keys}");

    let (_, nobody) = account(&sandbox, "nobody", &[]);
    let (status, version) = get("/api/version", Some(&nobody));
    assert!(status == 200 && version["name"].is_string() && version["version"].is_string(), "{version}");
    assert_eq!(version.as_object().unwrap().len(), 2);
    assert_error(get("/api/version", None), 401, "access_denied", "authorization header missing");
}

#[test]
fn errors_of_the_token_endpoint_have_no_trace_id() {
    let sandbox = Sandbox::start();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (status, head, body) = send(&sandbox, "POST /oauth2/v2/token", form, "grant_type=nonsense");
    assert_eq!((status, &body["error"]), (400, &json!("unsupported_grant_type")));
    assert!(body["error_description"].is_string() && body.as_object().unwrap().len() == 2, "{body}");
    assert!(!head.contains("www-authenticate"), "{head}");
}

#[test]
fn preflight_requests_are_answered() {
    let sandbox = Sandbox::start();
    let line = format!("OPTIONS {}/serviceaccounts", organization_path(&sandbox));
    let asked = "Origin: https://console.example\r\nAccess-Control-Request-Method: POST\r\n";
    let answer = raw_response(&sandbox, &line, asked);
    assert!(answer.starts_with("HTTP/1.1 204 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(answer.to_lowercase().contains("access-control-allow-origin: *"), "{answer}");
    let (status, _, body) = send(&sandbox, &line, "Origin: https://console.example\r\n", "");
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
}
