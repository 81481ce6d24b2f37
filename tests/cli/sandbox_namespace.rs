//! Namespace's API in the sandbox, by requests written by hand, against the
//! checklist of the reference.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, text};

const SERVICE: &str = "/namespace.cloud.iam.v1beta.TokenService";

fn grants() -> Value {
    json!([{"resourceType": "builder", "resourceId": "*", "actions": ["ensure"]}])
}

fn in_one_day() -> String {
    (jiff::Timestamp::now() + std::time::Duration::from_secs(86_400)).to_string()
}

fn code(answer: (u16, Value)) -> (u16, String) {
    (answer.0, text(&answer.1["code"]))
}

fn expect(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn camel_case_and_snake_case_are_equivalent() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let expires = in_one_day();
    let camel = json!({"name": "camel", "expiresAt": expires, "scope": "TENANT_SCOPE", "access": {"grants": grants()}});
    let snake = json!({
        "name": "snake", "expires_at": expires, "scope": 1, "unknown": {"x": 1}, "policies": null, "description": null,
        "access": {"grants": [{"resource_type": "builder", "resource_id": "*", "actions": ["ensure"]}]},
    });
    for request in [camel, snake] {
        let (status, body) = sandbox.tokens("CreateRevokableToken", Some(&bearer), request.clone());
        assert_eq!(status, 200, "{body}");
        let token = body["token"].as_object().unwrap();
        assert!(text(&body["bearerToken"]).starts_with("nsrt_"));
        assert!(text(&token["tokenId"]).starts_with("tok_"));
        assert_eq!(token["name"], request["name"]);
        assert_eq!(token["permissions"], grants());
        assert_eq!((&token["scope"], &token["state"]), (&json!("TENANT_SCOPE"), &json!("ACTIVE")));
        assert!(!token.contains_key("description") && !token.contains_key("revokedAt"), "defaults are left out");
        assert!(text(&token["createdAt"]).ends_with('Z'));
    }
}

#[test]
fn invalid_credentials_are_unauthenticated() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let (signed, signature) = bearer.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{flipped}{}", &signature[1..]);
    let session = std::fs::read_to_string(format!("{}/session.json", sandbox.get("NSCRED_SANDBOX"))).unwrap();
    let session = text(&serde_json::from_str::<Value>(&session).unwrap()["session_token"]);
    let disguised = session.replacen("st_", "nsct_", 1);
    for bad in
        [None, Some("nsrt_unknown"), Some(""), Some(&forged), Some(&session), Some(&disguised), Some("nsct_a.b.c")]
    {
        for method in
            ["CreateRevokableToken", "ListRevokableTokens", "RevokeRevokableToken", "BatchRevokeRevokableToken"]
        {
            let answer = sandbox.tokens(method, bad, json!({}));
            assert_eq!(code(answer), expect(401, "unauthenticated"), "{method} {bad:?}");
        }
    }
    assert_eq!(sandbox.tokens("ListRevokableTokens", Some(&bearer), json!({})).0, 200);
}

#[test]
fn invalid_create_requests_are_refused() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let create = |request: Value| code(sandbox.tokens("CreateRevokableToken", Some(&bearer), request));
    let good = json!({"name": "t", "expiresAt": in_one_day(), "access": {"grants": grants()}});
    let with = |name: &str, value: Value| {
        let mut request = good.clone();
        request[name] = value;
        request
    };
    let grant = |grant: Value| with("access", json!({ "grants": [grant] }));
    for request in [
        json!({}),
        with("name", json!("")),
        with("name", json!(7)),
        with("access", json!({})),
        with("access", json!({"grants": []})),
        with("expiresAt", Value::Null),
        with("expiresAt", json!("2020-01-01T00:00:00Z")),
        with("expiresAt", json!("2099-01-01T00:00:00Z")),
        with("expiresAt", json!("tomorrow")),
        with("expires_at", json!("2020-01-01T00:00:00Z")),
        grant(json!({"resourceType": "instance", "resourceId": "*", "actions": ["*"]})),
        grant(json!({"resourceType": "builder", "resourceId": "*", "actions": ["use"]})),
        grant(json!({"resourceType": "nothing", "resourceId": "*", "actions": ["get"]})),
        grant(json!({"resourceType": "builder", "resourceId": "*"})),
        grant(json!({"resourceId": "*", "actions": ["get"]})),
    ] {
        assert_eq!(create(request.clone()), expect(400, "invalid_argument"), "{request}");
    }
    for body in ["", "[]", "null", "7", "{", "{}x", "\"\""] {
        let answer = sandbox.post(&format!("{SERVICE}/CreateRevokableToken"), Some(&bearer), body);
        assert_eq!(code(answer), expect(400, "invalid_argument"), "{body}");
    }
    assert_eq!(sandbox.tokens("CreateRevokableToken", Some(&bearer), good.clone()).0, 200);
    assert_eq!(create(good), expect(409, "already_exists"));
}

#[test]
fn permission_denied_names_every_missing_permission() {
    let mut sandbox = Sandbox::start();
    sandbox.become_user("member");
    let bearer = sandbox.bearer();
    let request = json!({"name": "t", "expiresAt": in_one_day(), "access": {"grants": grants()}});
    let (status, body) = sandbox.tokens("CreateRevokableToken", Some(&bearer), request);
    assert_eq!((status, text(&body["code"])), expect(403, "permission_denied"));
    let detail = &body["details"][0];
    assert_eq!(detail["type"], "namespace.cloud.iam.v1beta.PermissionDeniedError");
    // The worked example of the reference, to the byte.
    assert_eq!(detail["value"], "ChkKD3Rva2VuL3Jldm9rYWJsZRoGY3JlYXRl");
    let id = &body["details"][1];
    assert_eq!(id["type"], "foundation.std.protocol.RequestID");
    let id = STANDARD_NO_PAD.decode(text(&id["value"])).unwrap();
    assert!(id.starts_with(&[0x0a, 24]) && id[2..].starts_with(b"req_"));
}

#[test]
fn pages_and_cursors() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    for name in ["a", "b", "c"] {
        sandbox.mint(name, "");
    }
    let list = |request: Value| sandbox.tokens("ListRevokableTokens", Some(&bearer), request);
    let names =
        |body: &Value| body["tokens"].as_array().unwrap().iter().map(|token| text(&token["name"])).collect::<Vec<_>>();
    let (_, first) = list(json!({"maxEntries": "2"}));
    assert_eq!(names(&first), ["a", "b"]);
    let cursor = text(&first["paginationCursor"]);
    let (_, second) = list(json!({"pagination_cursor": cursor, "max_entries": 2}));
    assert_eq!(names(&second), ["c"]);
    assert!(second.get("paginationCursor").is_none());
    let (_, full) = list(json!({"maxEntries": 3}));
    assert!(full.get("paginationCursor").is_none(), "a page that is just full has no next");
    // Two, in every spelling of an int64.
    for two in [r#"2.0"#, r#""2""#, r#""2.0""#, "2e0", r#""2e0""#, "0.2e1"] {
        let body = format!(r#"{{"maxEntries":{two}}}"#);
        let (_, page) =
            sandbox.post("/namespace.cloud.iam.v1beta.TokenService/ListRevokableTokens", Some(&bearer), &body);
        assert_eq!(names(&page), ["a", "b"], "{two}");
    }
    for request in [
        json!({"maxEntries": 1.5}),
        json!({"maxEntries": true}),
        json!({"maxEntries": -1}),
        json!({"maxEntries": "many"}),
        json!({"paginationCursor": "AAAA"}),
        json!({"paginationCursor": "*"}),
        json!({"paginationCursor": cursor, "includeRevoked": true}),
    ] {
        assert_eq!(code(list(request.clone())), expect(400, "invalid_argument"), "{request}");
    }
}

#[test]
fn revoke_refresh_and_batch_revoke() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let call = |method: &str, request: Value| sandbox.tokens(method, Some(&bearer), request);
    let (a, secret) = sandbox.mint("a", "");
    let (b, _) = sandbox.mint("b", "--user");
    assert_eq!(call("RevokeRevokableToken", json!({"tokenId": a})), (200, json!({})));
    assert_eq!(code(call("RevokeRevokableToken", json!({"token_id": a}))), expect(404, "not_found"));
    assert_eq!(code(call("RevokeRevokableToken", json!({}))), expect(400, "invalid_argument"));
    let answer = sandbox.tokens("ListRevokableTokens", Some(&secret), json!({}));
    assert_eq!(code(answer), expect(401, "unauthenticated"));
    assert_eq!(
        code(call("RefreshRevokableToken", json!({"tokenId": a, "minimumDuration": "60s"}))),
        expect(404, "not_found")
    );
    for bad in [json!("0s"), json!("-1s"), json!("31536001s"), json!("1h"), json!(60), Value::Null] {
        let request = json!({"tokenId": b, "minimumDuration": bad});
        assert_eq!(code(call("RefreshRevokableToken", request)), expect(400, "invalid_argument"), "{bad}");
    }
    let (status, body) = call("RefreshRevokableToken", json!({"token_id": b, "minimum_duration": "172800.500s"}));
    assert_eq!((status, &body["token"]["tokenId"]), (200, &json!(b)));
    assert!(body.get("bearerToken").is_none());

    assert_eq!(code(call("BatchRevokeRevokableToken", json!({}))), expect(400, "invalid_argument"));
    let by_token = json!({"createdByActorId": "tok_x"});
    assert_eq!(code(call("BatchRevokeRevokableToken", by_token)), expect(400, "invalid_argument"));
    let (c, _) = sandbox.mint("c", "");
    for before in ["2020-01-01T00:00:00Z", "1600-01-01T00:00:00Z"] {
        assert_eq!(call("BatchRevokeRevokableToken", json!({ "before": before })).1, json!({}), "{before}");
    }
    let (_, users) = call("BatchRevokeRevokableToken", json!({"scope": "TENANT_MEMBERSHIP_SCOPE"}));
    assert_eq!(users, json!({"revokedTokenIds": [b]}));
    let request = json!({"created_by_actor_id": "user_admin", "before": in_one_day()});
    assert_eq!(call("BatchRevokeRevokableToken", request).1, json!({"revokedTokenIds": [c]}));
    let (_, listed) = call("ListRevokableTokens", json!({"includeRevoked": true}));
    assert!(listed["tokens"].as_array().unwrap().iter().all(|token| {
        token["state"] == "REVOKED" && token["revokedByActorId"] == "user_admin" && token["revokedAt"].is_string()
    }));
}

#[test]
fn a_grant_on_one_token_covers_no_other() {
    let sandbox = Sandbox::start();
    let (a, _) = sandbox.mint("a", "");
    let (b, _) = sandbox.mint("b", "");
    let grant = json!({"resource_type": "token/revokable", "resource_id": a, "actions": ["revoke"]}).to_string();
    let secret = sandbox.run("nsc", ["token", "create", "--name", "c", "--grant", &grant, "-o", "token"]).ok();
    let call = |method: &str, request: Value| sandbox.tokens(method, Some(secret.trim()), request);
    assert_eq!(code(call("RevokeRevokableToken", json!({"tokenId": b}))), expect(403, "permission_denied"));
    assert_eq!(code(call("BatchRevokeRevokableToken", json!({"scope": 1}))), expect(403, "permission_denied"));
    assert_eq!(call("RevokeRevokableToken", json!({"tokenId": a})).0, 200);
    let grant = r#"{"resource_type":"token/revokable","actions":["list","revoke"]}"#;
    let secret = sandbox.run("nsc", ["token", "create", "--name", "d", "--grant", grant, "-o", "token"]).ok();
    let call = |method: &str, request: Value| sandbox.tokens(method, Some(secret.trim()), request);
    assert_eq!(call("ListRevokableTokens", json!({})).0, 200, "without an id, what needs none");
    assert_eq!(code(call("RevokeRevokableToken", json!({"tokenId": b}))), expect(403, "permission_denied"));
}

#[test]
fn the_official_login_and_its_sessions() {
    let sandbox = Sandbox::start();
    let signin = |method: &str, bearer: Option<&str>, body: Value| {
        sandbox.post(&format!("/nsl.signin.SigninService/{method}"), bearer, &body.to_string())
    };
    let start = json!({"kind": "", "supported_kinds": ["tenant"], "session_duration_secs": 2_592_000});
    let (status, started) = signin("StartLogin", None, start);
    assert_eq!((status, &started["kind"]), (200, &json!("tenant")));
    assert!(!text(&started["login_url"]).is_empty());
    let complete = json!({"login_id": started["login_id"]});
    let (status, done) = signin("CompleteTenantLogin", None, complete.clone());
    assert_eq!((status, done.as_array().unwrap().len()), (200, 1));
    let session = text(&done[0]["session_token"]);
    assert!(session.starts_with("st_"));
    let (status, again) = signin("CompleteTenantLogin", None, complete);
    assert_eq!((status, &again["code"]), (404, &json!(5)), "these endpoints number their codes");

    assert_eq!(signin("VerifySession", Some(&session), json!({})), (200, json!({})));
    let (_, plain) = signin("IssueTenantTokenFromSession", Some(&session), json!({"token_duration_secs": 1800}));
    let sessions = "/namespace.private.sessions.v1beta.UserSessionsService";
    let connect =
        |method: &str, bearer: Option<&str>, body: &str| sandbox.post(&format!("{sessions}/{method}"), bearer, body);
    let (_, issued) = connect("IssueTenantTokenFromSession", Some(&session), r#"{"tokenDuration":"600s"}"#);
    for token in [text(&plain["tenant_token"]), text(&issued["tenantToken"])] {
        assert!(token.starts_with("nsct_"));
        assert_eq!(sandbox.tokens("ListRevokableTokens", Some(&token), json!({})).0, 200);
        let (status, tenant) = sandbox.post("/nsl.tenants.TenantsService/GetTenant", Some(&token), "{}");
        assert_eq!((status, &tenant["tenant"]["tenant_id"]), (200, &json!("tenant_sandbox")));
        assert_eq!(code(connect("ListSessions", Some(&token), "{}")), expect(401, "unauthenticated"), "not a session");
    }
    let claims = |token: &str| -> Value {
        let payload = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    };
    let tenant = claims(&text(&issued["tenantToken"]));
    assert_eq!(tenant["tenant_id"], claims(&session)["tenant_id"]);
    assert_eq!(tenant["exp"].as_i64().unwrap() - tenant["iat"].as_i64().unwrap(), 600);
    for bad in [r#"{"tokenDuration":"0s"}"#, r#"{"tokenDuration":"-1s"}"#] {
        assert_eq!(code(connect("IssueTenantTokenFromSession", Some(&session), bad)), expect(400, "invalid_argument"));
    }

    let (_, listed) = connect("ListSessions", Some(&session), "{}");
    let listed = listed["session"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "the sandbox's own and this one");
    let id = claims(&session)["session_id"].clone();
    assert!(listed.iter().any(|listed| listed["id"] == id && listed["lastUsedAt"].is_string()));
    assert_eq!(connect("InvalidateSession", Some(&session), &json!({"sessionId": id}).to_string()), (200, json!({})));
    assert_eq!(signin("VerifySession", Some(&session), json!({})).1["code"], 16);
    assert_eq!(sandbox.post("/nsl.tenants.TenantsService/GetTenant", None, "{}").1["code"], 16);
}

#[test]
fn numbers_in_every_spelling_and_unknown_scopes() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let session = std::fs::read_to_string(format!("{}/session.json", sandbox.get("NSCRED_SANDBOX"))).unwrap();
    let session = text(&serde_json::from_str::<Value>(&session).unwrap()["session_token"]);
    for seconds in ["60", r#""60""#, "60.0", r#""6e1""#] {
        let body = format!(r#"{{"token_duration_secs":{seconds}}}"#);
        let path = "/nsl.signin.SigninService/IssueTenantTokenFromSession";
        assert_eq!(sandbox.post(path, Some(&session), &body).0, 200, "{seconds}");
        let body = format!(r#"{{"session_duration_secs":{seconds}}}"#);
        assert_eq!(sandbox.post("/nsl.signin.SigninService/StartLogin", None, &body).0, 200, "{seconds}");
    }
    // An unknown scope is not taken for that of the workspace.
    for scope in [json!("PROJECT_SCOPE"), json!(9)] {
        let request = json!({"name": "t", "expiresAt": in_one_day(), "access": {"grants": grants()}, "scope": scope});
        assert_eq!(
            code(sandbox.tokens("CreateRevokableToken", Some(&bearer), request)),
            expect(400, "invalid_argument")
        );
        let request = json!({"scope": scope});
        assert_eq!(
            code(sandbox.tokens("BatchRevokeRevokableToken", Some(&bearer), request)),
            expect(400, "invalid_argument")
        );
    }
    // The latest possible time: all tokens are before it.
    sandbox.mint("a", "");
    let request = json!({"before": "9999-12-31T23:59:59.999999999Z"});
    let (status, revoked) = sandbox.tokens("BatchRevokeRevokableToken", Some(&bearer), request);
    assert_eq!((status, revoked["revokedTokenIds"].as_array().map(Vec::len)), (200, Some(1)), "{revoked}");
}

#[test]
fn headers_and_statuses_of_the_connect_protocol() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let list = format!("{SERVICE}/ListRevokableTokens");
    let send = |method: &str, path: &str, headers: &str| {
        sandbox.raw(&format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: bearer {bearer}\r\ncontent-length: 2\r\nconnection: close\r\n{headers}\r\n{{}}"
        ))
    };
    let json = "content-type: application/json\r\n";
    let (status, head, _) =
        send("POST", &list, "Content-Type: Application/JSON; charset=UTF-8\r\nConnect-Protocol-Version: 1\r\n");
    assert_eq!(status, 200, "{head}");
    assert!(head.contains("content-type: application/json") && head.contains("x-request-id: req_"), "{head}");
    assert_eq!(send("POST", &list, json).0, 200, "no protocol version is fine");
    assert_eq!(send("POST", &list, &format!("{json}connect-timeout-ms: 0123456789\r\n")).0, 200);
    assert_eq!(send("POST", &list, &format!("{json}content-encoding: identity\r\n")).0, 200);
    for bad in [
        "connect-protocol-version: 2",
        "connect-timeout-ms: 12345678901",
        "connect-timeout-ms: 1s",
        "connect-timeout-ms: ",
    ] {
        let (status, _, body) = send("POST", &list, &format!("{json}{bad}\r\n"));
        assert!(status == 400 && body.contains("invalid_argument"), "{bad}: {status} {body}");
    }
    let (status, _, body) = send("POST", &list, &format!("{json}content-encoding: gzip\r\n"));
    assert!(status == 501 && body.contains("\"unimplemented\""), "{body}");
    for media in ["application/proto", "application/connect+json", "text/plain", "application/json; charset=latin1"] {
        let (status, head, _) = send("POST", &list, &format!("content-type: {media}\r\n"));
        assert!(status == 415 && head.contains("accept-post: application/json"), "{media}: {head}");
    }
    assert_eq!(send("POST", &list, "").0, 415);
    let (status, head, _) = send("GET", &list, json);
    assert!(status == 405 && head.contains("allow: post"), "{head}");
    for path in ["/", "/nothing", &format!("{SERVICE}/Nothing"), &format!("{SERVICE}/"), "/a/b/c"] {
        let (status, _, body) = send("POST", path, json);
        assert!(status == 501 && body.contains("\"unimplemented\""), "{path}: {status} {body}");
    }
    let huge = format!(r#"{{"name":"{}"}}"#, "x".repeat(1024 * 1024));
    let (status, body) = sandbox.post(&format!("{SERVICE}/CreateRevokableToken"), Some(&bearer), &huge);
    assert_eq!((status, text(&body["code"])), expect(429, "resource_exhausted"));
}
