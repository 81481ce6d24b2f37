//! A server that echoes the credential, in any field and in any of the usual
//! encodings: it is shown nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use insta::assert_snapshot;

use crate::accounts::ORG;
use crate::server::{Server, answer, json};
use crate::support::{GRANT, Run, World};

/// A credential of no known shape.
const BEARER: &str = "CANARY-opaque_0123456789.abcdefghij";

/// The credential as it may come back, each with a piece that would show it.
fn echoes(secret: &str) -> Vec<(String, String)> {
    let hex = |upper: bool| -> String {
        secret.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
    };
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let behind = |before: &str| STANDARD.encode(format!("{before}{secret} more"));
    let middle = |text: &str| text[text.len() / 3..text.len() / 2].to_owned();
    let all = [
        secret.to_owned(),
        format!("(\"{secret}\")"),
        secret[..20].to_owned(),
        secret[secret.len() - 20..].to_owned(),
        hex(false),
        hex(true),
        percent.clone(),
        percent.to_lowercase(),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        behind(""),
        behind("Bearer "),
        behind("ab"),
    ];
    all.into_iter().map(|text| (text.clone(), middle(&text))).collect()
}

/// A detail of one or two nested fields, in protobuf's wire form.
fn detail(name: &str, field: u8, text: &str) -> String {
    let inner = [&[field << 3 | 2, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let bytes = match name {
        "namespace.cloud.iam.v1beta.PermissionDeniedError" => {
            [&[0x0a, u8::try_from(inner.len()).unwrap()], inner.as_slice()].concat()
        }
        _ => inner,
    };
    format!(r#"{{"type":"{name}","value":"{}"}}"#, STANDARD_NO_PAD.encode(bytes))
}

fn envelope(message: &str, details: &[String]) -> String {
    let message = serde_json::json!(message);
    format!(r#"{{"code":"permission_denied","message":{message},"details":[{}]}}"#, details.join(","))
}

#[track_caller]
fn hides(run: &Run, echo: &str, piece: &str) {
    let shown = format!("{}{}", run.stdout, run.stderr);
    assert!(!shown.contains(piece), "{echo} as {piece}: {run:#?}");
}

/// Runs a command that fails, for a person and for a program.
fn namespace(response: &str, line: &str) -> [Run; 2] {
    [line.to_owned(), format!("{line} -o json")].map(|line| {
        let server = Server::start([response.to_owned()]);
        let mut world = World::new();
        let path = world.write("token", BEARER);
        world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", &server.url);
        let run = world.nsc(&line);
        assert_ne!(run.code, 0, "{run:?}");
        run
    })
}

fn nscale(response: &str, line: &str) -> [Run; 2] {
    [line.to_owned(), format!("{line} --json")].map(|line| {
        let server = Server::start([response.to_owned()]);
        let mut world = World::new();
        world.set("NSCALE_SERVICE_TOKEN", BEARER).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url);
        let run = world.sa(&format!("{line} --org {ORG}"));
        assert_ne!(run.code, 0, "{run:?}");
        run
    })
}

#[test]
fn in_an_error_of_namespace() {
    for (echo, piece) in echoes(BEARER) {
        let id = detail("foundation.std.protocol.RequestID", 1, &echo);
        let denied = |field| detail("namespace.cloud.iam.v1beta.PermissionDeniedError", field, &echo);
        for response in [
            envelope(&format!("bad token {echo} here"), &[]),
            envelope("no", &[id]),
            envelope("no", &[denied(1)]),
            envelope("no", &[denied(2)]),
            envelope("no", &[denied(3)]),
        ] {
            for run in namespace(&json(403, &response), "token list") {
                hides(&run, &echo, &piece);
                assert!(run.stderr.contains("not permitted"), "{run:?}");
            }
        }
    }
    // What is beside it is shown all the same.
    let id = detail("foundation.std.protocol.RequestID", 1, "req_01abc");
    let [text, json] = namespace(&json(403, &envelope(&format!("bad token {BEARER} here"), &[id])), "token list");
    assert!(text.stderr.contains("bad token [redacted] here\n  request id: req_01abc\n"), "{text:?}");
    assert!(json.stderr.contains(r#""request_id":"req_01abc""#), "{json:?}");
}

#[test]
fn in_an_error_of_nscale() {
    for (echo, piece) in echoes(BEARER) {
        let quoted = serde_json::json!(echo);
        for body in [
            format!(r#"{{"error":{quoted}}}"#),
            format!(r#"{{"error":"forbidden","error_description":{quoted}}}"#),
            format!(r#"{{"error":"forbidden","error_description":"no","trace_id":{quoted}}}"#),
        ] {
            for run in nscale(&json(403, &body), "list -v") {
                hides(&run, &echo, &piece);
                assert!(run.stderr.contains("not permitted"), "{run:?}");
            }
        }
    }
}

#[test]
fn in_the_log_and_in_a_redirect() {
    for (echo, piece) in echoes(BEARER).into_iter().step_by(3) {
        for name in ["X-Request-Id", "WWW-Authenticate", "Retry-After"] {
            let refused = answer(403, &format!("{name}: {echo}\r\nContent-Type: application/json\r\n"), "{}");
            namespace(&refused, "token list -v").iter().for_each(|run| hides(run, &echo, &piece));
            nscale(&refused, "list -v").iter().for_each(|run| hides(run, &echo, &piece));
        }
        let media = answer(200, &format!("Content-Type: {echo}\r\n"), "{}");
        namespace(&media, "token list -v").iter().for_each(|run| hides(run, &echo, &piece));
    }
    let host = BEARER.to_lowercase();
    for run in namespace(&answer(307, &format!("Location: https://{BEARER}.example.com/\r\n"), ""), "token list -v") {
        hides(&run, BEARER, &host[..12]);
        assert!(run.stderr.contains("redirects to [redacted].example.com"), "{run:?}");
    }
}

/// Nothing is cut off before it is redacted: half a token is not recognised.
#[test]
fn across_the_end_of_an_excerpt() {
    let foreign = "eyJhbGciOiJBMjU2R0NNS1ciLCJlbmMiOiJBMjU2R0NNIn0.CANARYkey.CANARYiv.CANARYtext.CANARYtag";
    for secret in [BEARER, foreign, "nsrt_CANARYCANARYCANARY"] {
        for at in 500 - secret.len()..500 {
            // Each of them is a run of its own: a few do.
            if (500 - at) % 20 != 6 {
                continue;
            }
            let body = format!(r#"{{"error":"forbidden","error_description":"{}{secret} x"}}"#, " ".repeat(at));
            for run in nscale(&json(403, &body), "list") {
                assert!(!run.stderr.contains("CANARY") && !run.stderr.contains("eyJ"), "{at}: {run:?}");
            }
        }
    }
    // In a document of one's own, too.
    let world = World::new();
    let line = format!(r#"{{"metadata":{{"name":"ci","description":"{foreign}", oops"#);
    let path = world.write("sa.json", line);
    let mut world = world;
    world.set("NSCALE_SERVICE_TOKEN", BEARER).set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", "http://127.0.0.1:9");
    let stderr = world.sa(&format!("create --org {ORG} --file {path} --yes")).says(2);
    assert_snapshot!(stderr, @r#"
    error: --file DIRECTORY/sa.json: key must be a string (line 1, column 131)
    hint: a document looks like {"metadata":{"name":"ci","description":"…","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":[]}}
    "#);
    assert!(stderr.contains("line 1, column") && !stderr.contains("CANARY"), "{stderr}");
}

#[test]
fn of_a_session_and_of_what_was_minted() {
    let claims = format!(r#"{{"exp":{}}}"#, jiff::Timestamp::now().as_second() + 86_400);
    let session = format!("st_e30.{}.CANARYCANARY-of-the-session", URL_SAFE_NO_PAD.encode(claims));
    let tenant = "tenant-CANARY-of-no-known-shape";
    for (echo, piece) in echoes(&session).into_iter().chain(echoes(tenant)) {
        let exchanged = json(200, &format!(r#"{{"tenantToken":"{tenant}"}}"#));
        let server = Server::start([exchanged, json(403, &envelope(&echo, &[]))]);
        let mut world = World::new();
        let path = world.write("ns/token.json", format!(r#"{{"session_token":"{session}"}}"#));
        world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", &server.url);
        hides(&world.nsc("token list -v"), &echo, &piece);
    }
    // A secret that can go nowhere is taken back, and echoed in that.
    let minted = "minted-CANARY-of-no-known-shape";
    for (echo, piece) in echoes(minted) {
        let made = json(200, &format!(r#"{{"bearerToken":"{minted}","token":{{"tokenId":"tok_a"}}}}"#));
        let (world, _server) = crate::world([made, answer(403, &format!("X-Request-Id: {echo}\r\n"), "")]);
        let run =
            world.sh(&format!("ulimit -f 0; nsc token create --name t --grant '{GRANT}' -v -o token > /dev/full"));
        hides(&run, &echo, &piece);
        assert!(run.stderr.contains("x-request-id: "), "{run:?}");
    }
}

#[test]
fn a_tiny_credential_hides_no_words() {
    for bearer in ["a", "test", "invalid"] {
        let body = envelope("a test of what is invalid", &[]);
        let server = Server::start([json(403, &body)]);
        let mut world = World::new();
        let path = world.write("token", bearer);
        world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", &server.url);
        world.nsc("token list").fails_with(3, "a test of what is invalid");
    }
}
