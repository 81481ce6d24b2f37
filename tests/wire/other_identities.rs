//! Variables by which official programs sign in as somebody else than the token
//! file says: never passed over in silence.

use insta::{allow_duplicates, assert_snapshot};
use serde_json::Value;

use crate::server::json;
use crate::support::scrub;

const VARIABLES: [&str; 3] = ["NSC_TOKEN_SPEC", "NSC_TOKEN_SPEC_FILE", "NSC_IMPERSONATE_TENANT_ID"];

#[test]
fn without_a_token_file_they_are_refused() {
    for variable in VARIABLES {
        let (mut world, server) = crate::world([]);
        let token = world.read("token");
        let login = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        world.write(&format!("home/{login}/ns/token.json"), token);
        world.set("NSC_TOKEN_FILE", "").set(variable, "CANARY");
        for line in ["token list", "token revoke --token_id tok_a", "token refresh --token_id tok_a"] {
            let stderr = scrub(&world.nsc(line).says(4), &[(variable, "VARIABLE")]);
            allow_duplicates!(assert_snapshot!(stderr, @"
            error: VARIABLE is set: official programs sign in with that instead of a token file, and nscred cannot
            hint: point NSC_TOKEN_FILE at a token file, or unset VARIABLE
            "));
            assert!(!stderr.contains("CANARY"), "{stderr}");
        }
        world.create("t", "").fails(4);
        let run = world.run("nscred", ["auth", "status", "namespace", "-o", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((run.code, &report["namespace"]["status"]), (4, &"unusable".into()), "{run:?}");
        assert_eq!(report["namespace"]["source"], variable);
        assert!(report["namespace"]["overrides"][0].as_str().unwrap().ends_with("ns/token.json"), "{report}");
        server.requests(0);
        // Set to nothing it is not set.
        let (mut world, _server) = crate::world([json(200, "{}")]);
        world.set(variable, "");
        assert_eq!(world.nsc("token list -o json").stderr, "");
    }
    let (mut world, _server) = crate::world([]);
    world.set("NSC_TOKEN_FILE", "");
    for variable in VARIABLES {
        world.set(variable, "x");
    }
    assert_snapshot!(world.nsc("token list").says(4), @"
    error: NSC_IMPERSONATE_TENANT_ID and NSC_TOKEN_SPEC and NSC_TOKEN_SPEC_FILE are set: official programs sign in with that instead of a token file, and nscred cannot
    hint: point NSC_TOKEN_FILE at a token file, or unset NSC_IMPERSONATE_TENANT_ID and NSC_TOKEN_SPEC and NSC_TOKEN_SPEC_FILE
    ");
}

#[test]
fn beside_a_token_file_they_are_warned_of() {
    for variable in VARIABLES {
        let (mut world, server) = crate::world([json(200, "{}"), json(200, "{}")]);
        world.set(variable, "CANARY");
        let run = world.nsc("token list");
        let warning = format!(
            "{variable} is set too: official programs would use that, and nscred uses the file that NSC_TOKEN_FILE names"
        );
        assert_eq!(run.stderr, format!("warning: {warning}\nnote: no tokens found\n"));
        run.ok();
        assert_eq!(server.requests(1)[0].headers["authorization"], "Bearer nsrt_wirewirewire");
        let run = world.run("nscred", ["auth", "status", "namespace", "-o", "json"]);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((run.code, &report["namespace"]["status"]), (0, &"valid".into()), "{run:?}");
        assert_eq!(report["namespace"]["source"], "the file that NSC_TOKEN_FILE names");
        assert_eq!(report["namespace"]["overrides"][0], variable);
        let warnings = report["namespace"]["warnings"].as_array().unwrap();
        assert!(warnings.contains(&warning.into()), "{warnings:?}");
    }
}
