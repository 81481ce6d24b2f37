//! What is known to be no credential of a cloud never leaves for it, whatever
//! place it stands in; what is not known may be a new form of token, and does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use insta::assert_snapshot;

use crate::server::{Server, json};
use crate::support::World;

/// The two parts of a credential of Nscale's: five parts today, three later.
fn jose(parts: usize) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"A256GCMKW"}"#);
    [head.as_str(), "CANARYkey", "CANARYiv", "CANARYtext", "CANARYtag"][..parts].join(".")
}

/// Texts that neither cloud is sent, with the words for them.
const NO_TOKENS: [(&str, &str); 13] = [
    ("tok_CANARY", "a token's id (tok_…), not its secret"),
    (r#""nsrt_CANARYCANARY""#, "quotes around the token"),
    ("'CANARYCANARY'", "quotes around the token"),
    ("`CANARYCANARY`", "quotes around the token"),
    (r#"CANARYCANARY""#, "quotes around the token"),
    ("/run/secrets/CANARY", "a path, not a token"),
    ("secrets/CANARY.json", "a path, not a token"),
    ("CANARY CANARY", "white space inside"),
    ("CANARY\nCANARY", "white space inside"),
    ("Bearer CANARY", "begins with \"Bearer\""),
    ("***", "a masked value such as ***"),
    ("null", "the word null"),
    ("CANARÿ", "characters that no token has"),
];

/// Runs a listing that must be refused before anything is sent.
#[track_caller]
fn refused(world: &World, server: &Server, program: &str, words: &str) {
    let family = if program == "nsc" { "token" } else { "sa" };
    let stderr = world.run(program, [family, "list"]).fails_with(4, words);
    assert!(!stderr.contains("CANARY"), "{stderr}");
    assert!(stderr.contains("hint: "), "what to do next is said: {stderr}");
    server.requests(0);
}

fn namespace() -> (World, Server) {
    let server = Server::start([]);
    let mut world = World::new();
    world.set("NSC_IAM_ENDPOINT", &server.url);
    (world, server)
}

fn nscale() -> (World, Server) {
    let server = Server::start([]);
    let mut world = World::new();
    world.set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url);
    (world, server)
}

#[test]
fn a_token_of_nscale_is_not_sent_to_namespace() {
    let (mut world, server) = namespace();
    let words = "a token of Nscale or another cloud, which is not sent to Namespace";
    for token in [jose(5), jose(3), format!("\u{feff} {}\r\n", jose(5))] {
        for content in [
            token.clone(),
            format!(r#"{{"bearer_token":"{}"}}"#, token.trim_start_matches('\u{feff}').trim()),
            format!(r#"{{"tenant_token":"{}"}}"#, token.trim_start_matches('\u{feff}').trim()),
            format!(r#"{{"session_token":"{}"}}"#, token.trim_start_matches('\u{feff}').trim()),
        ] {
            let path = world.write("token", content);
            world.set("NSC_TOKEN_FILE", path);
            refused(&world, &server, "nsc", words);
        }
        // The official login.
        world.set("NSC_TOKEN_FILE", "");
        let login = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        world.write(&format!("home/{login}/ns/token.json"), token);
        refused(&world, &server, "nsc", words);
    }
}

#[test]
fn a_token_of_namespace_is_not_sent_to_nscale() {
    let (mut world, server) = nscale();
    for prefix in ["st_", "nsct_", "nscw_", "nsrt_"] {
        let token = format!("{prefix}CANARYCANARY");
        world.set("NSCALE_SERVICE_TOKEN", &token);
        refused(&world, &server, "nscale", "a token of Namespace, which is not sent to Nscale");
        let path = world.write("token", token + "\n");
        world.set("NSCALE_SERVICE_TOKEN", "").set("NSCALE_SERVICE_TOKEN_FILE", path);
        refused(&world, &server, "nscale", "a token of Namespace, which is not sent to Nscale");
    }
}

#[test]
fn what_is_no_token_is_sent_to_neither() {
    let (mut world, server) = namespace();
    for (text, words) in NO_TOKENS {
        for content in [text.to_owned(), serde_json::json!({ "bearer_token": text }).to_string()] {
            let path = world.write("token", content);
            world.set("NSC_TOKEN_FILE", path);
            refused(&world, &server, "nsc", words);
        }
    }
    let (mut world, server) = nscale();
    for (text, words) in NO_TOKENS {
        world.set("NSCALE_SERVICE_TOKEN", text).set("NSCALE_SERVICE_TOKEN_FILE", "");
        refused(&world, &server, "nscale", words);
        let path = world.write("token", text);
        world.set("NSCALE_SERVICE_TOKEN", "").set("NSCALE_SERVICE_TOKEN_FILE", path);
        refused(&world, &server, "nscale", words);
    }
}

#[test]
fn what_is_not_recognised_is_sent() {
    let odd = ["something-new", "nsxx_CANARY", "v4.local.CANARY", "a.b.c", "CANARY=", "a.b.c.d.e", "nsct_a.b.c.d.e"];
    for token in odd.iter().map(|token| (*token).to_owned()).chain([format!("nsct_{}", jose(3))]) {
        let server = Server::start([json(200, "{}")]);
        let mut world = World::new();
        let path = world.write("token", &token);
        world.set("NSC_IAM_ENDPOINT", &server.url).set("NSC_TOKEN_FILE", path);
        world.nsc("token list -o json").ok();
        assert_eq!(server.requests(1)[0].headers["authorization"], format!("Bearer {token}"));
    }
    for token in ["something-new", "nsxx_CANARY", "v4.local.CANARY", "CANARY=", &jose(3), &jose(5)] {
        let server = Server::start([json(200, r#"[{"metadata":{"id":"a"}}]"#)]);
        let mut world = World::new();
        world.set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", &server.url).set("NSCALE_SERVICE_TOKEN", token);
        world.set("NSCALE_ORGANIZATION_ID", crate::accounts::ORG);
        world.sa("list --json").ok();
        assert_eq!(server.requests(1)[0].headers["authorization"], format!("Bearer {token}"));
    }
}

#[test]
fn an_exchanged_or_cached_token_is_looked_at_too() {
    let claims = format!(r#"{{"exp":{},"tenant_id":"t"}}"#, jiff::Timestamp::now().as_second() + 86_400);
    let session =
        format!("st_{}.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode(claims));
    for token in ["", "tok_CANARY", "***", "CANARY CANARY", &jose(5)] {
        let server = Server::start([json(200, &format!(r#"{{"tenantToken":"{token}"}}"#))]);
        let mut world = World::new();
        let path = world.write("ns/token.json", format!(r#"{{"session_token":"{session}"}}"#));
        world.set("NSC_IAM_ENDPOINT", &server.url).set("NSC_TOKEN_FILE", path);
        let stderr = world.nsc("token list").fails_with(1, "no usable token");
        assert!(!stderr.contains("CANARY"), "{stderr}");
        server.requests(1);
        assert!(!world.path("ns/token.cache").exists());
    }
}

#[test]
fn a_token_in_the_place_of_a_path_is_known_for_one() {
    let (mut world, server) = namespace();
    for value in [&jose(5), "nsrt_CANARY", "oidc_CANARY", r#"{"bearer_token":"CANARY"}"#, "tok_CANARY"] {
        world.set("NSC_TOKEN_FILE", value);
        refused(&world, &server, "nsc", "NSC_TOKEN_FILE holds a token, not the path of a file");
    }
    let quoted = format!("\"{}\"", world.write("token", "nsrt_CANARYCANARY"));
    world.set("NSC_TOKEN_FILE", &quoted);
    refused(&world, &server, "nsc", "has quotes around the path");
    let (mut world, server) = nscale();
    for value in [&jose(5), "nsrt_CANARY", r#"{"status":{"accessToken":"CANARY"}}"#] {
        world.set("NSCALE_SERVICE_TOKEN_FILE", value);
        refused(&world, &server, "nscale", "NSCALE_SERVICE_TOKEN_FILE holds a token, not the path of a file");
    }
    world.set("NSCALE_SERVICE_TOKEN_FILE", &quoted);
    refused(&world, &server, "nscale", "has quotes around the path");
}

#[test]
fn an_empty_variable_is_told_only_where_nothing_else_is_found() {
    let (mut world, _) = namespace();
    world.set("NSC_TOKEN_FILE", "");
    assert_snapshot!(world.nsc("token list").says(4), @"
    error: there is no credential: NSC_TOKEN_FILE is set but empty, and nobody is logged in
    hint: log in with the official `nsc login`, or point NSC_TOKEN_FILE at a token file
    ");
    let (mut world, _) = nscale();
    world.set("NSCALE_SERVICE_TOKEN", "");
    assert_snapshot!(world.sa("list").says(4), @"
    error: there is no credential: NSCALE_SERVICE_TOKEN is set but empty
    hint: make a service token in the Nscale console, and set NSCALE_SERVICE_TOKEN to it or NSCALE_SERVICE_TOKEN_FILE to a file that holds it
    ");
    world.set("NSCALE_SERVICE_TOKEN_FILE", "");
    assert_snapshot!(world.sa("list").says(4), @"
    error: there is no credential: NSCALE_SERVICE_TOKEN and NSCALE_SERVICE_TOKEN_FILE are set but empty
    hint: make a service token in the Nscale console, and set NSCALE_SERVICE_TOKEN to it or NSCALE_SERVICE_TOKEN_FILE to a file that holds it
    ");
    let (mut world, _) = nscale();
    world.set("NSCALE_SERVICE_TOKEN_FILE", "");
    assert_snapshot!(world.sa("list").says(4), @"
    error: there is no credential: NSCALE_SERVICE_TOKEN_FILE is set but empty
    hint: make a service token in the Nscale console, and set NSCALE_SERVICE_TOKEN to it or NSCALE_SERVICE_TOKEN_FILE to a file that holds it
    ");
    // One that is found is used, without a word.
    let (mut world, _) = crate::world([json(200, "{}")]);
    world.set("NSCALE_SERVICE_TOKEN", "");
    let run = world.nsc("token list -o json");
    assert_eq!(run.stderr, "");
    run.ok();
}
