//! `auth status`: how long a credential lives, with and without the server.

use insta::{allow_duplicates, assert_snapshot};

use crate::auth::{jwt, report, status, token_file};
use crate::sandbox::{Sandbox, text};
use crate::support::World;

#[test]
fn how_long_a_credential_must_live() {
    let mut sandbox = Sandbox::start();
    assert_eq!(report(&sandbox, "--min-validity 29d").1, 0);
    let (short, code) = report(&sandbox, "--min-validity 31d");
    assert_eq!(
        (code, &short["namespace"]["status"], &short["nscale"]["status"]),
        (4, &"expiring".into(), &"valid".into())
    );
    let message = text(&short["namespace"]["message"]);
    assert!(message.contains(&text(&short["namespace"]["expires_at"])) && message.contains("31d"), "{message}");
    let run = status(&sandbox, "nscale --min-validity 1y");
    assert_eq!(run.code, 4, "{run:#?}");
    assert_snapshot!(run.scrubbed(), @"
    error: Nscale: the credential expires at TIME, which is less than 1y from now
    hint: `nscred serviceaccounts rotate --id self` gives the account another token in place of this one
    ");
    // Nobody tells when a revokable token ends: it is not taken for granted.
    sandbox.create("ci", "--token_file ci.json").ok();
    sandbox.set("NSC_TOKEN_FILE", "ci.json");
    assert_eq!(report(&sandbox, "namespace --min-validity 1h").0["namespace"]["status"], "expiry_unknown");
    let run = status(&sandbox, "namespace --min-validity 1h");
    assert_eq!(run.code, 4, "{run:#?}");
    assert_snapshot!(run.scrubbed(), @"
    error: Namespace: the expiry is unknown, so the credential may not be valid for 1h
    hint: `nscred token list` shows when tokens expire; `nscred token refresh --token_id ID --minimum_duration 1h` extends one
    ");
    for value in ["0", "-1h", "soon", "2y", ""] {
        status(&sandbox, &format!("--min-validity={value}")).fails_with(2, "--min-validity");
    }
}

#[test]
fn offline_asks_nobody() {
    let world = World::new();
    let log = world.write("requests.log", "");
    let mut sandbox = Sandbox::with(world, &["--log", &log]);
    let (report, code) = report(&sandbox, "--offline");
    assert_eq!(code, 0);
    assert_eq!(
        (&report["namespace"]["status"], &report["nscale"]["status"]),
        (&"not_checked".into(), &"not_checked".into())
    );
    assert!(report["namespace"]["expires_at"].is_string() && report["nscale"]["expires_at"].is_null());
    let run = status(&sandbox, "namespace --offline --min-validity 31d");
    assert_eq!(run.code, 4, "{run:#?}");
    assert_snapshot!(run.scrubbed(), @"
    error: Namespace: the credential expires at TIME, which is less than 31d from now
    hint: log in with the official `nsc login`, or point NSC_TOKEN_FILE at a token file
    ");
    let run = status(&sandbox, "nscale --offline --min-validity 1h");
    assert_eq!(run.code, 4, "{run:#?}");
    assert_snapshot!(run.scrubbed(), @"
    error: Nscale: the expiry is unknown, so the credential may not be valid for 1h
    hint: without --offline the server is asked when it expires
    ");
    // What says of itself that it has ended is not sent either.
    let expired = token_file(&sandbox, "old.json", &jwt("nsct_", r#"{"exp":1700000000,"tenant_id":"tenant_x"}"#));
    sandbox.set("NSC_TOKEN_FILE", expired);
    for line in ["namespace", "namespace --offline"] {
        let run = status(&sandbox, line);
        assert_eq!(run.code, 4);
        assert!(run.stdout.contains("Status:     Expired\n") && run.stdout.contains("workspace tenant_x"), "{run:#?}");
        allow_duplicates!(assert_snapshot!(run.scrubbed(), @"
        error: Namespace: the token in the file that NSC_TOKEN_FILE names expired at 2023-11-14T22:13:20Z
        hint: log in with the official `nsc login`, or point NSC_TOKEN_FILE at a token file
        "));
    }
    assert_eq!(sandbox.read("requests.log"), "");
}
