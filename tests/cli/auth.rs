//! `auth status`: which credential is in use, and whether it is good.

use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::sandbox::{Sandbox, text};
use crate::support::{Run, World};

fn status(world: &World, line: &str) -> Run {
    world.run("nscred", ["auth", "status"].into_iter().chain(line.split_whitespace()))
}

/// The report as JSON and the exit code. What is not good is told in one line
/// on standard error.
#[track_caller]
fn report(world: &World, line: &str) -> (Value, i32) {
    let run = status(world, &format!("{line} -o json"));
    if run.code == 0 {
        assert_eq!(run.stderr.matches("error").count(), 0, "{run:#?}");
    } else {
        let failure: Value = serde_json::from_str(&run.stderr).unwrap();
        assert!(failure["message"].is_string() && run.stderr.lines().count() == 1, "{run:#?}");
    }
    (serde_json::from_str(&run.stdout).unwrap(), run.code)
}

/// A token that says of itself when it ends.
fn jwt(prefix: &str, payload: &str) -> String {
    format!("{prefix}eyJhbGciOiJIUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
}

/// A token file that only its owner may read.
fn token_file(world: &World, name: &str, content: &str) -> String {
    let path = world.write(name, content);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A world without the credential of the other cloud.
fn without(mut sandbox: Sandbox, name: &str) -> Sandbox {
    sandbox.set(name, "");
    sandbox
}

#[test]
fn both_clouds_as_they_are_in_the_sandbox() {
    let sandbox = Sandbox::start();
    let stdout = status(&sandbox, "").ok();
    let (namespace, nscale) = stdout.split_once("\n\n").unwrap();
    for line in [
        "Cloud:      Namespace",
        "Status:     Valid",
        "Credential: tenant token",
        "Source:     the file that NSC_TOKEN_FILE names",
        &format!("File:       {}", sandbox.get("NSC_TOKEN_FILE")),
        "Identity:   workspace tenant_sandbox",
        "            actor user_admin",
        &format!("Endpoint:   {}", sandbox.address),
    ] {
        assert!(namespace.lines().any(|shown| shown == line), "no {line:?} in {namespace}");
    }
    for line in ["Cloud:      Nscale", "Status:     Valid", "Source:     NSCALE_SERVICE_TOKEN"] {
        assert!(nscale.lines().any(|shown| shown == line), "no {line:?} in {nscale}");
    }
    let (report, code) = report(&sandbox, "");
    assert_eq!(code, 0);
    let namespace = &report["namespace"];
    assert_eq!(namespace["status"], "valid");
    assert_eq!(namespace["credential"], "tenant");
    assert_eq!(namespace["identity"]["actor"], "user_admin");
    assert_eq!(namespace["overrides"].as_array().unwrap().len(), 0);
    assert_eq!(namespace["message"], Value::Null);
    let nscale = &report["nscale"];
    assert_eq!(nscale["identity"]["organization"], sandbox.get("NSCALE_ORGANIZATION_ID"));
    // The expiry is the one that the list tells.
    let known = sandbox.sa("get --id self -q .status.expiry -q .metadata.id -q .metadata.name").ok();
    let told = [&nscale["expires_at"], &nscale["identity"]["service_account"], &nscale["identity"]["name"]];
    assert_eq!(known.lines().collect::<Vec<_>>(), told.map(|value| value.as_str().unwrap()));
    assert_eq!(status(&sandbox, "-q .nscale.expires_at").ok(), format!("{}\n", text(&nscale["expires_at"])));
}

#[test]
fn one_credential_is_enough_unless_the_other_is_asked_for() {
    let world = World::new();
    let (both, code) = report(&world, "");
    assert_eq!(
        (code, &both["namespace"]["status"], &both["nscale"]["status"]),
        (4, &"missing".into(), &"missing".into())
    );
    let run = status(&world, "");
    assert_eq!(run.code, 4);
    for hint in ["hint: log in with the official `nsc login`", "hint: make a service token in the Nscale console"] {
        assert!(run.stderr.contains(hint), "{}", run.stderr);
    }
    let sandbox = without(Sandbox::start(), "NSC_TOKEN_FILE");
    let (one, code) = report(&sandbox, "");
    assert_eq!((code, &one["namespace"]["status"], &one["nscale"]["status"]), (0, &"missing".into(), &"valid".into()));
    let (named, code) = report(&sandbox, "namespace");
    assert_eq!((code, named.as_object().unwrap().len()), (4, 1));
    assert_eq!(report(&sandbox, "nscale").1, 0);
    assert_eq!(report(&sandbox, "namespace nscale").1, 4);
}

#[test]
fn what_the_server_does_not_take_is_rejected() {
    let mut sandbox = Sandbox::start();
    let grant = r#"{"resource_type":"token/revokable","resource_id":"*","actions":["list"]}"#;
    let create =
        ["token", "create", "--name", "ci", "--token_file", "ci.json", "-q", ".token.token_id", "--grant", grant];
    let id = sandbox.run("nsc", create).ok();
    let admin = sandbox.get("NSC_TOKEN_FILE").to_owned();
    sandbox.set("NSC_TOKEN_FILE", "ci.json");
    let (good, code) = report(&sandbox, "namespace");
    assert_eq!((code, &good["namespace"]["credential"]), (0, &"revokable".into()));
    sandbox.set("NSC_TOKEN_FILE", admin).nsc(&format!("token revoke --token_id {}", id.trim())).ok();
    sandbox.set("NSC_TOKEN_FILE", "ci.json");
    // A new one makes the one in use invalid.
    sandbox.sa("rotate --id self --yes --json").ok();
    let (report, code) = report(&sandbox, "");
    assert_eq!(code, 4);
    for cloud in ["namespace", "nscale"] {
        assert_eq!(report[cloud]["status"], "rejected", "{report}");
        assert!(text(&report[cloud]["message"]).contains("rejected"), "{report}");
    }
}

#[test]
fn a_server_that_cannot_be_reached_says_nothing_of_the_credential() {
    let mut sandbox = Sandbox::start();
    sandbox.set("NSC_IAM_ENDPOINT", "http://127.0.0.1:1");
    let run = status(&sandbox, "");
    assert_eq!(run.code, 7);
    assert!(run.stdout.contains("Status:     Unknown: the server could not be reached"), "{run:#?}");
    assert!(run.stderr.contains("error: Namespace: 127.0.0.1:1 refused the connection"), "{run:#?}");
    assert!(!format!("{run:?}").contains("reject"), "{run:#?}");
    assert!(run.stderr.contains("hint: the address comes from NSC_IAM_ENDPOINT"), "{run:#?}");
    let good = sandbox.get("NSCALE_IDENTITY_SERVICE_API_ENDPOINT").to_owned();
    sandbox.set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", "http://127.0.0.1:1");
    assert!(status(&sandbox, "").stderr.starts_with("error: no server could be reached; Namespace: "));
    sandbox.set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", good);
    // A rejected one wants a look first.
    sandbox.set("NSCALE_SERVICE_TOKEN", "eyJhbGciOiJkaXIifQ..a.b.c");
    let (both, code) = report(&sandbox, "");
    assert_eq!(
        (code, &both["namespace"]["status"], &both["nscale"]["status"]),
        (4, &"unreachable".into(), &"rejected".into())
    );
    for (fault, code, word) in [
        ("token.list=503", 7, "unreachable"),
        ("token.list=429:0", 7, "unreachable"),
        ("token.list=500", 1, "unclear"),
        ("token.list=404", 1, "unclear"),
        ("session.exchange=403", 1, "unclear"),
        ("session.exchange=401", 1, "unclear"),
        ("session.exchange=html-401", 1, "unclear"),
        ("session.exchange=code=unauthenticated", 4, "rejected"),
    ] {
        let mut sandbox = Sandbox::with(World::new(), &["--fault", fault]);
        if fault.starts_with("session") {
            let session = format!("{}/session.json", sandbox.get("NSCRED_SANDBOX"));
            sandbox.set("NSC_TOKEN_FILE", session);
        }
        let (report, was) = report(&sandbox, "namespace --timeout 2s");
        assert_eq!((was, &report["namespace"]["status"]), (code, &word.into()), "{fault}: {report}");
    }
    let sandbox = Sandbox::with(World::new(), &["--fault", "token.list=500", "--fault", "userinfo=garbage"]);
    assert!(status(&sandbox, "").stderr.starts_with("error: no credential is known to be valid; Namespace: "));
    // Rejected is 4, whatever became of the other.
    let sandbox =
        Sandbox::with(World::new(), &["--fault", "token.list=500", "--fault", "userinfo=code=unauthenticated"]);
    assert_eq!(report(&sandbox, "").1, 4);
    // What stands in the way may say no, too, and knows nothing of it.
    let sandbox = Sandbox::with(World::new(), &["--fault", "userinfo=409", "--fault", "sa.list=403"]);
    assert_eq!(report(&sandbox, "nscale").1, 1);
}

#[test]
fn a_credential_without_rights_is_good() {
    let mut sandbox = Sandbox::start();
    sandbox.create("ci", "--token_file ci.json").ok();
    sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    let token = sandbox.sa("create --file sa.json --yes -q .status.accessToken").ok();
    sandbox.set("NSC_TOKEN_FILE", "ci.json").set("NSCALE_SERVICE_TOKEN", token.trim());
    let (report, code) = report(&sandbox, "");
    assert_eq!(
        (code, &report["namespace"]["status"], &report["nscale"]["status"]),
        (0, &"valid".into(), &"valid".into())
    );
    assert_eq!(report["nscale"]["identity"]["name"], "ci");
    assert!(report["nscale"]["expires_at"].is_string());
}

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
    assert!(run.code == 4 && run.stderr.contains("`nscred serviceaccounts rotate --id self`"), "{run:#?}");
    // Nobody tells when a revokable token ends: it is not taken for granted.
    sandbox.create("ci", "--token_file ci.json").ok();
    sandbox.set("NSC_TOKEN_FILE", "ci.json");
    assert_eq!(report(&sandbox, "namespace --min-validity 1h").0["namespace"]["status"], "expiry_unknown");
    let run = status(&sandbox, "namespace --min-validity 1h");
    assert!(run.code == 4 && run.stderr.contains("may not be valid for 1h"), "{run:#?}");
    assert!(run.stderr.contains("`nscred token refresh --token_id ID --minimum_duration 1h`"), "{run:#?}");
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
    assert!(run.code == 4 && run.stderr.contains("hint: log in with the official `nsc login`"), "{run:#?}");
    let run = status(&sandbox, "nscale --offline --min-validity 1h");
    assert!(
        run.code == 4 && run.stderr.contains("hint: without --offline the server is asked when it expires"),
        "{run:#?}"
    );
    // What says of itself that it has ended is not sent either.
    let expired = token_file(&sandbox, "old.json", &jwt("nsct_", r#"{"exp":1700000000,"tenant_id":"tenant_x"}"#));
    sandbox.set("NSC_TOKEN_FILE", expired);
    for line in ["namespace", "namespace --offline"] {
        let run = status(&sandbox, line);
        assert_eq!(run.code, 4);
        assert!(run.stdout.contains("Status:     Expired\n") && run.stdout.contains("workspace tenant_x"), "{run:#?}");
        assert!(run.stderr.contains("expired at 2023-11-14T22:13:20Z"), "{run:#?}");
    }
    assert_eq!(sandbox.read("requests.log"), "");
}

#[test]
fn the_sources_that_are_passed_over_are_named() {
    let mut sandbox = Sandbox::start();
    let login = token_file(&sandbox, "home/.config/ns/token.json", r#"{"session_token":"st_x"}"#);
    let file = token_file(&sandbox, "service-token", "eyJx");
    sandbox.set("NSCALE_SERVICE_TOKEN_FILE", &file);
    let (both, _) = report(&sandbox, "");
    assert_eq!(both["namespace"]["overrides"], serde_json::json!([login]));
    assert_eq!(both["nscale"]["overrides"], serde_json::json!(["the file that NSCALE_SERVICE_TOKEN_FILE names"]));
    assert!(status(&sandbox, "").stdout.contains(&format!("Overrides:  {login}\n")));
    sandbox.set("NSCALE_SERVICE_TOKEN", "").set("NSC_TOKEN_FILE", "");
    let (both, _) = report(&sandbox, "--offline");
    assert_eq!((&both["nscale"]["path"], &both["namespace"]["path"]), (&file.into(), &login.into()));
    assert_eq!(both["namespace"]["credential"], "session");
}

#[test]
fn a_file_that_others_may_read_is_warned_about() {
    let sandbox = Sandbox::start();
    let path = sandbox.get("NSC_TOKEN_FILE");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let run = status(&sandbox, "");
    assert_eq!(run.code, 0);
    let warning = format!("{path} is open to others (mode 0640): `chmod 600 {path}`");
    assert_eq!(run.stderr, format!("warning: {warning}\n"));
    assert_eq!(report(&sandbox, "").0["namespace"]["warnings"], serde_json::json!([warning]));
    assert_eq!(sandbox.sh("eval \"$(nscred auth status 2>&1 >/dev/null | sed 's/.*`\\(.*\\)`/\\1/')\"").code, 0);
    assert_eq!(status(&sandbox, "").stderr, "", "what the warning says to run helps");
    // A name that a shell would take apart.
    let mut sandbox = without(sandbox, "NSCALE_SERVICE_TOKEN");
    for name in ["-b l'x.json", "$(touch bad).json"] {
        sandbox.write(name, "nsrt_abcdefgh");
        std::fs::set_permissions(sandbox.path(name), std::fs::Permissions::from_mode(0o644)).unwrap();
        sandbox.set("NSC_TOKEN_FILE", name);
        let stderr = status(&sandbox, "--offline").stderr;
        let advice = stderr.lines().next().unwrap().split('`').nth(1).unwrap();
        sandbox.sh(advice).ok();
        assert_eq!(status(&sandbox, "--offline").stderr, "", "{advice}");
    }
}

#[test]
fn what_cannot_be_used_is_told_apart_from_what_is_missing() {
    let mut sandbox = Sandbox::start();
    for (content, words) in [("{\"bearer_token\":", "is malformed"), ("tok_abcdef", "holds a token's id")] {
        let path = token_file(&sandbox, "bad.json", content);
        sandbox.set("NSC_TOKEN_FILE", path);
        let (report, code) = report(&sandbox, "");
        assert_eq!((code, &report["namespace"]["status"]), (4, &"unusable".into()), "{report}");
        assert!(text(&report["namespace"]["message"]).contains(words), "{report}");
    }
    sandbox.set("NSC_TOKEN_FILE", "nsrt_CANARYCANARY");
    let run = status(&sandbox, "");
    assert!(run.code == 4 && !format!("{run:?}").contains("CANARY"), "{run:#?}");
    assert!(run.stderr.contains("holds a token, not the path"), "{run:#?}");
}

#[test]
fn an_address_that_cannot_be_used_stops_it_before_anybody_is_asked() {
    let world = World::new();
    let log = world.write("requests.log", "");
    let mut sandbox = Sandbox::with(world, &["--log", &log]);
    for name in ["NSC_IAM_ENDPOINT", "NSCALE_IDENTITY_SERVICE_API_ENDPOINT"] {
        let good = sandbox.get(name).to_owned();
        sandbox.set(name, "http://example.com");
        for line in ["", "--offline"] {
            status(&sandbox, line).fails_with(2, &format!("{name} is plain http to another host"));
        }
        sandbox.set(name, good);
    }
    assert_eq!(sandbox.read("requests.log"), "");
}

#[test]
fn a_home_that_is_no_directory_holds_no_login() {
    let mut sandbox = without(Sandbox::start(), "NSC_TOKEN_FILE");
    sandbox.set("HOME", "/dev/null");
    let (report, code) = report(&sandbox, "");
    assert_eq!((code, &report["namespace"]["status"]), (0, &"missing".into()), "{report}");
}

#[test]
fn a_credential_that_can_be_read_once_is_read_once() {
    let sandbox = Sandbox::start();
    let run = sandbox.sh("cat \"$NSC_TOKEN_FILE\" | NSC_TOKEN_FILE=/dev/stdin nscred auth status namespace");
    assert!(run.ok().contains("Status:     Valid\n"));
}

#[test]
fn of_two_tokens_in_a_file_the_one_that_lives_counts() {
    let mut world = World::new();
    let (live, over) = (r#"{"exp":4000000000,"tenant_id":"t"}"#, r#"{"exp":1700000000,"tenant_id":"t"}"#);
    for (session, bearer, kind, code) in
        [(live, over, "session", 0), (over, live, "tenant", 0), (over, over, "tenant", 4), (live, live, "session", 0)]
    {
        let both = serde_json::json!({"session_token": jwt("st_", session), "bearer_token": jwt("nsct_", bearer)});
        let path = token_file(&world, "both.json", &both.to_string());
        world.set("NSC_TOKEN_FILE", path);
        let (report, was) = report(&world, "namespace --offline");
        assert_eq!((was, &report["namespace"]["credential"]), (code, &kind.into()), "{report}");
    }
}

#[test]
fn a_report_that_nobody_reads_does_not_make_it_good() {
    let world = World::new();
    let closed = "nscred auth status | true; exit ${PIPESTATUS[0]}";
    let mut bash = world.shell("exec bash -c \"$0\"");
    assert_eq!(Run::of(bash.arg(closed)).code, 4);
    assert_eq!(world.sh("nscred auth status > /dev/full").code, 4);
    assert_eq!(world.sh("nscred auth status -q .x.y[0]z").code, 2, "but a filter is looked at before");
    let sandbox = Sandbox::start();
    assert_eq!(sandbox.sh("nscred auth status > /dev/full").code, 1);
}

#[test]
fn a_session_is_exchanged_to_ask() {
    let mut sandbox = Sandbox::start();
    let session = format!("{}/session.json", sandbox.get("NSCRED_SANDBOX"));
    sandbox.set("NSC_TOKEN_FILE", session);
    let (report, code) = report(&sandbox, "namespace --min-validity 29d");
    assert_eq!(
        (code, &report["namespace"]["status"], &report["namespace"]["credential"]),
        (0, &"valid".into(), &"session".into())
    );
}
