//! `token list`.

use insta::assert_snapshot;
use serde_json::json;

use crate::sandbox::{Sandbox, text};
use crate::support::{GRANT, Run, World};

#[test]
fn the_table_on_a_pipe_is_whole_and_plain() {
    let sandbox = Sandbox::start();
    let long = "a-name-that-is-longer-than-any-column-that-fits-a-terminal-of-eighty-columns";
    let made = sandbox.create(long, "--description spelled-out --output json").json();
    sandbox.create("second", "--user --no_expiry").ok();
    let table = sandbox.nsc("token list").ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["TOKEN", "ID", "NAME", "DESCRIPTION", "CREATED", "EXPIRES", "STATUS", "SCOPE"]
    );
    assert!(lines[1].starts_with(&text(&made["token"]["token_id"])) && lines[1].contains(long));
    assert!(lines[2].contains("second") && lines[2].contains("never") && lines[2].ends_with("user"), "newest last");
    for line in lines {
        assert_eq!(line, line.trim_end());
        assert!(!line.contains('\u{1b}'));
    }
}

#[test]
fn one_endless_text_does_not_flood_the_table() {
    let sandbox = Sandbox::start();
    let description = "x".repeat(100_000);
    let args = ["token", "create", "--name", "t", "--description", &description, "--grant", GRANT];
    sandbox.run("nsc", args).ok();
    let table = sandbox.nsc("token list").ok();
    assert_eq!(table.lines().count(), 2, "one line for one token");
    assert!(table.contains('…') && table.len() < 100_000);
    assert_eq!(sandbox.nsc("token list -q .[].description").ok().trim(), description);
}

#[test]
fn nothing_to_list_is_done() {
    let sandbox = Sandbox::start();
    let run = sandbox.nsc("token list");
    assert_eq!(run.stderr, "note: no tokens found\n");
    assert_eq!(run.ok(), "");
    assert_eq!(sandbox.nsc("token list --output json").ok(), "[]\n");
    assert_eq!(sandbox.nsc("token list -q .[].token_id").ok(), "");
}

#[test]
fn every_page_is_followed() {
    let sandbox = Sandbox::start();
    let bearer = sandbox.bearer();
    let names: Vec<String> = (0..250).map(|index| format!("token-{index}")).collect();
    for name in &names {
        let request = json!({
            "name": name, "expires_at": "2099-01-01T00:00:00Z", "scope": 2,
            "access": {"grants": [serde_json::from_str::<serde_json::Value>(GRANT).unwrap()]},
        });
        let (status, body) = sandbox.tokens("CreateRevokableToken", Some(&bearer), request);
        assert_eq!((status, &body["code"]), (400, &json!("invalid_argument")), "over a year");
        let request = json!({
            "name": name, "scope": "TENANT_MEMBERSHIP_SCOPE",
            "access": {"grants": [serde_json::from_str::<serde_json::Value>(GRANT).unwrap()]},
        });
        assert_eq!(sandbox.tokens("CreateRevokableToken", Some(&bearer), request).0, 200);
    }
    let listed = sandbox.nsc("token list -q .[].name").ok();
    assert_eq!(listed.lines().collect::<Vec<_>>(), names);
    assert_eq!(sandbox.nsc("token list").ok().lines().count(), 251);
}

#[test]
fn revoked_ones_on_request_and_each_with_its_status() {
    let sandbox = Sandbox::start();
    let (id, _) = sandbox.mint("gone", "");
    sandbox.mint("there", "");
    sandbox.nsc(&format!("token revoke --token_id {id}")).ok();
    assert!(!sandbox.nsc("token list").ok().contains("gone"));
    let table = sandbox.nsc("token list --include_revoked").ok();
    let status = |name: &str| {
        let line = table.lines().find(|line| line.contains(name)).unwrap();
        line.split_whitespace().rev().nth(1).unwrap().to_owned()
    };
    assert_eq!(status("gone"), "Revoked");
    assert_eq!(status("there"), "Active");
    assert_eq!(sandbox.nsc("token list --include-revoked -q length").ok(), "2\n");
}

#[test]
fn an_expired_one_stays_listed() {
    let mut sandbox = Sandbox::with(World::new(), &["--data", "box.db"]);
    let (_, secret) = sandbox.mint("short", "--expires_in 1h");
    sandbox = Sandbox::with(sandbox.kill(), &["--data", "box.db", "--clock-ahead", "2h"]);
    let table = sandbox.nsc("token list").ok();
    assert!(table.lines().nth(1).unwrap().contains("Expired"), "{table}");
    sandbox.use_token(&secret);
    assert_snapshot!(sandbox.nsc("token list").says(4), @"
    error: the server rejected the credential from the file that NSC_TOKEN_FILE names: token expired
      request id: req_ID
    hint: it may have expired or been revoked; log in with the official `nsc login`, or use another token file
    ");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let sandbox = Sandbox::start();
    sandbox.mint("t", "");
    // The reading end is closed before the first byte is written.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for line in ["token list", "token list -o json", "token list -q range(100000)"] {
        let mut command = sandbox.command("nsc");
        let stdout = writer.try_clone().unwrap();
        let child = command.args(line.split(' ')).stdout(stdout).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()), "{line}");
    }
}

#[test]
fn a_filter_that_fails_in_the_middle_prints_nothing() {
    let sandbox = Sandbox::start();
    sandbox.mint("t", "");
    sandbox.run("nsc", ["token", "list", "-q", ".[].name, error(\"x\")"]).fails(1);
    assert_snapshot!(sandbox.nsc("token list --timeout 300ms -q last(repeat(1))").says(1), @r#"{"kind":"unexpected","message":"the filter did not end within 300ms","hints":["allow more time with --timeout 2m"],"http_status":null,"request_id":null}"#);
}

#[test]
fn a_full_disk_does_not() {
    let sandbox = Sandbox::start();
    sandbox.mint("t", "");
    assert_snapshot!(sandbox.sh("nsc token list > /dev/full").says(1), @"
    error: standard output cannot be written
      cause: No space left on device (os error 28)
    ");
}

#[test]
fn text_of_the_server_cannot_steer_a_terminal() {
    let sandbox = Sandbox::start();
    let run = sandbox
        .run("nsc", ["token", "create", "--name", "a\u{1b}[31mb\u{202e}c", "--description", "d\ne", "--grant", GRANT]);
    let details = run.ok();
    assert!(details.contains("Name:        a[31mbc\n") && details.contains("Description: d e\n"), "{details}");
    assert!(sandbox.nsc("token list").ok().contains("a[31mbc"));
    let raw: serde_json::Value = Run::json(sandbox.nsc("token list -o json"));
    assert_eq!(raw[0]["name"], "a\u{1b}[31mb\u{202e}c", "JSON is what the server sent");
}
