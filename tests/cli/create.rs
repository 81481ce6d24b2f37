//! `token create`: what it makes, what it prints, and what it refuses.

use insta::assert_snapshot;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::sandbox::Sandbox;
use crate::support::{GRANT, World, mode};

#[test]
fn json_is_the_whole_answer_with_documented_names() {
    let sandbox = Sandbox::start();
    let made = sandbox.create("ci", "--description pipeline --output json").json();
    let names: Vec<&str> = made["token"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "token_id",
            "tenant_id",
            "name",
            "description",
            "created_at",
            "expires_at",
            "creator_actor_id",
            "scope",
            "permissions",
            "state"
        ]
    );
    assert_eq!(made["token"]["state"], "ACTIVE");
}

#[test]
fn a_filter_runs_over_that_json() {
    let sandbox = Sandbox::start();
    let made = sandbox.create("ci", "-q .bearer_token -q .token.permissions[0].actions -q .token.name");
    let lines: Vec<String> = made.ok().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("nsrt_"));
    assert_eq!(lines[1..], ["[\"ensure\",\"access\"]", "ci"]);
    let made = sandbox.create("other", "-q .token.name");
    assert!(made.stderr.contains("the output does not contain the secret: token tok_"), "{made:?}");
    assert_eq!(made.ok(), "other\n");
    assert_eq!(rescued(&sandbox).len(), 1, "what was not shown is kept");
}

#[test]
fn a_filter_that_fails_on_the_answer_leaves_a_rescue_file() {
    let sandbox = Sandbox::start();
    let run = sandbox.create("ci", "-q .token.name.deeper");
    let stderr = run.fails(1);
    let id = sandbox.nsc("token list -q .[].token_id").ok();
    let id = id.trim();
    let file = format!("home/.local/state/nscred/undelivered/{id}.json");
    assert!(stderr.contains(&file) && stderr.contains(&format!("nsc token revoke --token_id {id}")), "{stderr}");
    assert_eq!(mode(sandbox.path(&file)), 0o600);
    assert!(sandbox.read(&file).starts_with("{\n  \"bearer_token\": \"nsrt_"));
    assert!(!stderr.contains("nsrt_"));
}

#[test]
fn grants_come_inline_and_from_files() {
    let sandbox = Sandbox::start();
    sandbox.write("several.json", format!("[{GRANT},\n{{\"resourceType\":\"artifact\",\"actions\":[\"list\"]}}]"));
    let made = sandbox.create("ci", "--grant @several.json --output json").json();
    assert_eq!(
        made["token"]["permissions"],
        json!([
            {"resource_type": "builder", "resource_id": "*", "actions": ["ensure", "access"]},
            {"resource_type": "builder", "resource_id": "*", "actions": ["ensure", "access"]},
            {"resource_type": "artifact", "actions": ["list"]},
        ])
    );
}

#[test]
fn doubtful_grants_are_warned_about_and_left_to_the_server() {
    let sandbox = Sandbox::start();
    let grant = r#"{"resource_type":"buidler","resource_id":"*","actions":["ensure"]}"#;
    let run = sandbox.run("nsc", ["token", "create", "--name", "t", "--grant", grant]);
    assert!(run.stderr.contains("warning: \"buidler\" is not a known resource type; did you mean \"builder\"?"));
    assert_snapshot!(run.says(1), @r#"
    warning: "buidler" is not a known resource type; did you mean "builder"?
    error: the server refused: requested permissions are not allowed in revokable tokens: [buidler:ensure] (invalid_argument)
      request id: req_ID
    "#);
    let args = ["token", "create", "--name", "t", "--grant", grant, "-o", "json"];
    let stderr = sandbox.run("nsc", args).fails(1);
    let error: serde_json::Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(error["hints"], json!(["\"buidler\" is not a known resource type; did you mean \"builder\"?"]));
}

#[test]
fn without_expiry_only_for_a_user() {
    let mut sandbox = Sandbox::start();
    sandbox.become_user("member");
    let made = sandbox.create("mine", "--user --no_expiry --output json").json();
    assert_eq!(made["token"]["scope"], "TENANT_MEMBERSHIP_SCOPE");
    assert!(made["token"].get("expires_at").is_none());
    let table = sandbox.create("mine too", "--user --no_expiry").ok();
    assert!(table.contains("Expires At:  never\n") && table.contains("Scope:       user\n"), "{table}");
}

#[test]
fn a_member_is_told_about_the_user_flag_only_where_it_helps() {
    let mut sandbox = Sandbox::start();
    sandbox.become_user("member");
    let stderr = sandbox.create("t", "").says(3);
    assert_snapshot!(stderr, @"
    error: not permitted: missing token/revokable:create
      request id: req_ID
    hint: only workspace admins create tokens for the whole workspace; --user binds one to your own membership
    ");
    let grant = r#"{"resource_type":"token/revokable","resource_id":"*","actions":["list","revoke"]}"#;
    let run = sandbox.run("nsc", ["token", "create", "--user", "--name", "t", "--grant", grant]);
    let stderr = run.says(3);
    assert_snapshot!(stderr, @"
    error: not permitted: missing token/revokable:list on *, token/revokable:revoke on *
      request id: req_ID
    ");
    assert!(!stderr.contains("--user"), "{stderr}");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let sandbox = Sandbox::start();
    let (id, _) = sandbox.mint("ci", "");
    assert_snapshot!(sandbox.create("ci", "").says(6), @r#"
    error: already exists: a token named "ci" exists already (already_exists)
      request id: req_ID
    hint: choose another --name, or revoke the token that has it: `nsc token list` shows its id
    "#);
    sandbox.nsc(&format!("token revoke --token_id {id}")).ok();
    sandbox.create("ci", "").ok();
}

#[test]
fn both_separators_are_accepted() {
    let sandbox = Sandbox::start();
    sandbox.create("a", "--expires-in 2h --token-file a.json").ok();
    sandbox.create("b", "--user --no-expiry").ok();
    assert_eq!(mode(sandbox.path("a.json")), 0o600);
}

#[test]
fn with_a_file_the_other_formats_print_the_secret_too() {
    let sandbox = Sandbox::start();
    let run = sandbox.create("a", "--token_file t.json --output token");
    assert!(run.stderr.contains("written to t.json"));
    let secret = run.ok();
    let content = sandbox.read("t.json");
    assert!(content.starts_with(&format!("{{\n  \"bearer_token\": \"{}\",\n", secret.trim())), "{content}");
}

#[test]
fn the_file_replaces_a_wider_one_and_a_links_target() {
    let sandbox = Sandbox::start();
    let target = sandbox.write("target.json", "old");
    std::fs::set_permissions(&target, PermissionsExt::from_mode(0o644)).unwrap();
    symlink("target.json", sandbox.path("link.json")).unwrap();
    sandbox.create("a", "--token_file link.json").ok();
    assert!(sandbox.path("link.json").is_symlink());
    assert!(sandbox.read("target.json").contains("nsrt_"));
    assert_eq!(mode(sandbox.path("target.json")), 0o600);
    assert_eq!(sandbox.files(), ["link.json", "target.json"]);
}

#[test]
fn a_descriptor_is_written_to_and_not_replaced() {
    let sandbox = Sandbox::start();
    let script = format!("nsc token create --name a --grant '{GRANT}' --token_file /dev/fd/3 3>three >one");
    sandbox.sh(&script).ok();
    assert!(sandbox.read("three").starts_with("{\n  \"bearer_token\": \"nsrt_"));
    assert!(!sandbox.read("one").contains("nsrt_"));
}

#[test]
fn standard_output_by_name_shares_its_place() {
    let sandbox = Sandbox::start();
    for (name, path) in [("a", "/dev/stdout"), ("b", "/dev/fd/1"), ("c", "/proc/self/fd/1")] {
        sandbox.sh(&format!("nsc token create --name {name} --grant '{GRANT}' --token_file {path} > out")).ok();
        let out = sandbox.read("out");
        assert!(
            out.starts_with("{\n  \"bearer_token\": \"nsrt_") && out.contains(&format!("\nName:        {name}\n")),
            "{out}"
        );
    }
}

#[test]
fn a_fifo_that_nobody_reads_is_refused_before_anything_is_made() {
    let sandbox = Sandbox::start();
    let script = format!("mkfifo pipe; nsc token create --name a --grant '{GRANT}' --token_file pipe");
    assert_snapshot!(sandbox.sh(&script).says(2), @"
    error: --token_file pipe: cannot be written to now
      cause: No such device or address (os error 6)
    ");
    assert_eq!(sandbox.nsc("token list -q length").ok(), "0\n");
}

#[test]
fn a_closed_standard_output_is_refused_before_anything_is_made() {
    let sandbox = Sandbox::start();
    let create = format!("nsc token create --name a --grant '{GRANT}'");
    assert_snapshot!(sandbox.sh(&format!("{create} --output token >&-")).says(2), @"
    error: standard output is closed or cannot be written; the secret would be lost
    hint: write it to a file with --token_file PATH
    ");
    sandbox.write("unwritable", "");
    assert_snapshot!(sandbox.sh(&format!("{create} --output token 1<unwritable")).says(2), @"
    error: standard output is closed or cannot be written; the secret would be lost
    hint: write it to a file with --token_file PATH
    ");
    assert_snapshot!(sandbox.sh(&format!("{create} 1</dev/null")).says(2), @"
    error: standard output is closed or cannot be written; the secret would be lost
    hint: write it to a file with --token_file PATH
    ");
    assert_eq!(sandbox.nsc("token list -q length").ok(), "0\n");
    sandbox.sh(&format!("{create} --token_file t.json >&-")).ok();
    assert!(sandbox.read("t.json").contains("nsrt_"));
}

/// The rescue files, by name.
fn rescued(sandbox: &Sandbox) -> Vec<String> {
    let directory = std::fs::read_dir(sandbox.path("home/.local/state/nscred/undelivered"));
    let mut names: Vec<String> = directory
        .map(|entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

#[test]
fn a_discarded_standard_output_keeps_the_secret_in_a_file() {
    let sandbox = Sandbox::start();
    let run = sandbox.sh(&format!("nsc token create --name a --grant '{GRANT}' > /dev/null"));
    assert!(run.stderr.contains("standard output is discarded"), "{run:?}");
    assert!(!run.stderr.contains("store the bearer token now"), "{run:?}");
    run.ok();
    assert_eq!(rescued(&sandbox).len(), 1);
}

#[test]
fn a_filter_that_never_ends_or_crashes_does_not_take_the_secret_along() {
    let sandbox = Sandbox::start();
    let run = |name: &str, filter: &str| {
        let args = ["token", "create", "--timeout", "2s", "--name", name, "--grant", GRANT, "-q", filter];
        sandbox.run("nsc", args)
    };
    run("fine", ".bearer_token").ok();
    assert_eq!(rescued(&sandbox).len(), 0);
    let stderr = run("endless", "last(repeat(1))").says(1);
    assert_snapshot!(stderr, @r#"{"kind":"unexpected","message":"the filter did not end within 2s","hints":["allow more time with --timeout 2m","token tok_ID is kept in DIRECTORY/home/.local/state/nscred/undelivered/tok_ID.json","if you do not want it, undo it with `nsc token revoke --token_id tok_ID`"],"http_status":null,"request_id":null}"#);
    assert_eq!(rescued(&sandbox).len(), 1);
    // What takes its process down does not take this one along.
    for (number, filter) in ["def f: 1 + f; f", "\"x\" * 100000000000"].into_iter().enumerate() {
        let crashed = run(&format!("deep{number}"), filter);
        let stderr = crashed.fails_with(1, "the filter ran out of stack or memory and was killed");
        assert!(stderr.contains("undelivered/tok_"), "{stderr}");
        assert_eq!(rescued(&sandbox).len(), 2 + number);
    }
}

#[test]
fn a_full_standard_output_leaves_a_rescue_file() {
    let sandbox = Sandbox::start();
    let script = format!("nsc token create --name full --grant '{GRANT}' --output token > /dev/full");
    let stderr = sandbox.sh(&script).says(1);
    assert_snapshot!(stderr, @"
    error: standard output cannot be written
      cause: No space left on device (os error 28)
    hint: token tok_ID is kept in DIRECTORY/home/.local/state/nscred/undelivered/tok_ID.json
    hint: if you do not want it, undo it with `nsc token revoke --token_id tok_ID`
    ");
    // With a file that holds the secret, nothing needs rescue.
    let script = format!("nsc token create --name file --grant '{GRANT}' -o json --token_file t.json > /dev/full");
    let stderr = sandbox.sh(&script).says(1);
    assert_snapshot!(stderr, @r#"{"kind":"unexpected","message":"standard output cannot be written: No space left on device (os error 28)","hints":["token tok_ID is in t.json"],"http_status":null,"request_id":null}"#);
    assert!(!stderr.contains("undelivered/"), "{stderr}");
    assert_eq!(rescued(&sandbox).len(), 1);
}

/// Everything that can be told without the server is told before anything is
/// sent: the address leads nowhere, and would be a different failure.
#[test]
fn bad_input_is_refused_before_anything_is_sent() {
    let mut world = World::new();
    world.set("NSC_IAM_ENDPOINT", "http://127.0.0.1:9");
    let token_file = world.write("credential.json", r#"{"bearer_token":"nsrt_abcdefgh"}"#);
    world.set("NSC_TOKEN_FILE", token_file);
    world.write("not-utf8.json", [b'{', 0xff, b'}']);
    world.write("huge.json", " ".repeat(1024 * 1024 + 1));
    let read_only = world.write("read-only.json", "{}");
    std::fs::set_permissions(&read_only, PermissionsExt::from_mode(0o444)).unwrap();
    let before = world.files();

    let refused = |args: &[&str], words: &str| {
        let mut line = vec!["token", "create"];
        line.extend(args);
        let stderr = world.run("nsc", line).fails_with(2, words);
        let as_json = args.contains(&"-q");
        assert!(stderr.starts_with(if as_json { "{\"kind\":\"usage\"" } else { "error: " }), "{stderr}");
        assert_eq!(world.files(), before, "{args:?}");
    };
    let grant = |grant: &str, words: &str| refused(&["--name", "t", "--grant", grant], words);
    grant("[]", "--grant: the grant must be an object (line 1, column 1)");
    grant("7", "--grant: the grant must be an object (line 1, column 1)");
    grant(r#"{"resource_id":"*","actions":["ensure"]}"#, r#"--grant: the grant has no "resource_type""#);
    grant(r#"{"resource_type":"builder","actions":[]}"#, r#"--grant: the grant has no "actions""#);
    grant(r#"{"resource_type":"builder","actions":["a"],"effect":1}"#, r#"unknown field "effect""#);
    grant(r#"{"resource_type":"builder""#, "EOF while parsing an object (line 1, column 26)");
    grant("@missing.json", "--grant file missing.json cannot be read");
    grant("@not-utf8.json", "is not UTF-8 text (byte 1)");
    grant("@huge.json", "is over 1 MiB");

    let flags = |flags: &str, words: &str| {
        let mut args = vec!["--name", "t", "--grant", GRANT];
        args.extend(flags.split(' '));
        refused(&args, words);
    };
    flags("--output yaml", "invalid value 'yaml'");
    flags("--expires_in 24", "missing unit in duration \"24\"");
    flags("--expires_in 1month", "unknown unit \"month\"");
    flags("--expires_in 0h", "it must be more than zero");
    flags("--expires_in -1h", "it cannot be negative");
    flags("--expires_in 366d", "at most 365 days are allowed");
    flags("--expires_in 300y", "is too long");
    flags("--no_expiry", "--user");
    flags("--user --no_expiry --expires_in 1h", "cannot be used with");
    flags("--token_file missing/token.json", "its directory does not exist");
    flags("--token_file bin", "is a directory");
    flags("--token_file missing/", "names a directory");
    flags("--token_file /dev/null", "discards what is written");
    flags("--token_file read-only.json", "is read-only");
    flags("--token_file -", "takes a path, not -");
    flags("--token_file /proc/token.json", "cannot be written");
    flags("-q .[", "does not compile");
    flags("-q .a --output token", "cannot go with --output token");
    flags("--nosuch", "unexpected argument '--nosuch'");
    flags("--timeout 5", "--timeout \"5\"");
    flags("--timeout 0s", "--timeout is zero");
    refused(&["--name", " ", "--grant", GRANT], "--name is empty");
    refused(&["--name", "nsrt_abcdefgh", "--grant", GRANT], "--name was given a secret");
    let long = ".".repeat(100_000);
    refused(&["--name", "t", "--grant", GRANT, "-q", &long], "the filter is over 8 KiB");
    for deep in [format!("{}1{}", "(".repeat(4_000), ")".repeat(4_000)), ".|".repeat(4_000) + ".", "[".repeat(8_000)] {
        let run = world.run("nsc", ["token", "list", "-q", &deep]);
        assert!([2, 7].contains(&run.code), "as deep as it may be, it compiles or is refused: {}", run.code);
    }
    refused(&["--grant", GRANT], "--name <NAME>");
    refused(&["--name", "t"], "--grant <JSON>");
}

#[test]
fn the_second_grant_is_named_in_its_mistake() {
    let world = World::new();
    let run = world.run("nsc", ["token", "create", "--name", "t", "--grant", GRANT, "--grant", "{]"]);
    assert_snapshot!(run.says(2), @r#"
    error: --grant 2: key must be a string (line 1, column 2)
      {]
       ^
    hint: a grant looks like {"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}
    "#);
}
