//! Token files: what they say, and that none is replaced without a word.

use insta::assert_snapshot;
use serde_json::Value;

use crate::sandbox::{Sandbox, text};
use crate::support::{GRANT, Run};

const FILE: &str = "--token_file t.json";

fn read(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.read("t.json")).unwrap()
}

fn active(sandbox: &Sandbox) -> Vec<String> {
    sandbox.nsc("token list -q .[].token_id").ok().lines().map(str::to_owned).collect()
}

#[test]
fn a_file_says_what_is_in_it_one_key_a_line() {
    let sandbox = Sandbox::start();
    let made = sandbox.create("ci", &format!("{FILE} -o json")).json();
    let [secret, id, expiry] =
        [&made["bearer_token"], &made["token"]["token_id"], &made["token"]["expires_at"]].map(text);
    assert_eq!(
        sandbox.read("t.json"),
        format!(
            "{{\n  \"bearer_token\": \"{secret}\",\n  \"token_id\": \"{id}\",\n  \"name\": \"ci\",\n  \"expires_at\": \"{expiry}\"\n}}\n"
        )
    );
    sandbox.create("mine", "--user --no_expiry --token_file mine.json").ok();
    let mine: Value = serde_json::from_str(&sandbox.read("mine.json")).unwrap();
    assert_eq!(mine.as_object().unwrap().keys().collect::<Vec<_>>(), ["bearer_token", "token_id", "name"]);
    let grant = r#"{"resource_type":"token/revokable","resource_id":"*","actions":["list"]}"#;
    sandbox.run("nsc", ["token", "create", "--name", "lister", "--grant", grant, "--token_file", "l.json"]).ok();
    sandbox.sh("NSC_TOKEN_FILE=l.json nsc token list -q length").ok();
}

#[test]
fn the_token_that_a_file_held_is_named() {
    let sandbox = Sandbox::start();
    sandbox.create("first", FILE).ok();
    let first = text(&read(&sandbox)["token_id"]);
    let expiry = text(&read(&sandbox)["expires_at"]);
    let expiry = expiry.split('.').next().unwrap().trim_end_matches('Z');
    let run = sandbox.create("second", &format!("{FILE} -o json"));
    let note = format!(
        "note: t.json held token {first} (expires {expiry}Z or later) before; replacing it revoked nothing: `nsc token revoke --token_id {first}`\n"
    );
    assert!(run.stderr.contains(&note), "{}", run.stderr);
    // Also where what comes after it fails: it is gone then too.
    let second = text(&read(&sandbox)["token_id"]);
    for (name, flags) in [("third", "-q error(\"x\")"), ("fourth", "-o json")] {
        let held = text(&read(&sandbox)["token_id"]);
        let script = format!("nsc token create --name {name} --grant '{GRANT}' {FILE} {flags} > /dev/full");
        let script = script.replace("error(\"x\")", "'error(\"x\")'");
        let run = sandbox.sh(&script);
        assert!(run.code == 1 && run.stderr.contains(&format!("held token {held} ")), "{run:#?}");
    }
    assert_ne!(text(&read(&sandbox)["token_id"]), second);
    // A file without an id says so; one without a token says nothing.
    for (content, words) in [
        (r#"{"bearer_token":"nsrt_abcdefgh12345678"}"#, Some("whose id is not in the file: `nsc token list`")),
        ("nsrt_abcdefgh12345678\n", Some("whose id is not in the file")),
        ("", None),
        ("{}", None),
    ] {
        sandbox.write("t.json", content);
        let run = sandbox.create(&format!("n{}", content.len()), FILE);
        assert_eq!(run.stderr.contains("held another token before"), words.is_some(), "{content}: {}", run.stderr);
        assert!(run.stderr.contains(words.unwrap_or_default()) && !run.stderr.contains("abcdefgh"), "{}", run.stderr);
    }
}

#[test]
fn no_clobber_keeps_what_is_there() {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    for content in ["", "something"] {
        sandbox.write("t.json", content);
        sandbox.create("a", &format!("{FILE} --no_clobber")).fails_with(6, "t.json exists, and is not replaced");
        let create = "create --file sa.json --yes --token-file t.json";
        sandbox.sa(&format!("{create} --no-clobber")).fails_with(6, "t.json exists, and is not replaced");
        assert_eq!(sandbox.read("t.json"), content);
    }
    assert_eq!((active(&sandbox).len(), sandbox.sa("list -q length").ok().as_str()), (0, "1\n"));
    sandbox.create("a", "--token_file new.json --no-clobber").ok();
    assert_snapshot!(sandbox.create("b", "--no_clobber").says(2), @"
    error: the following required arguments were not provided:
      --token_file <PATH>

    Usage: nsc token create --name <NAME> --grant <JSON> --token_file <PATH> --no_clobber

    For more information, try '--help'.
    ");
    assert_eq!(sandbox.files(), ["new.json", "sa.json", "t.json"]);
}

#[test]
fn of_fifty_at_once_no_live_token_is_lost() {
    const RUNS: usize = 50;
    let sandbox = Sandbox::start();
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..RUNS)
            .map(|run| {
                scope.spawn({
                    let sandbox = &sandbox;
                    move || sandbox.create(&format!("t{run}"), &format!("{FILE} -o json"))
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut known = vec![text(&read(&sandbox)["token_id"])];
    for run in &runs {
        match run.code {
            0 => {
                known.extend(run.stderr.split("held token ").nth(1).map(|id| id.split(' ').next().unwrap().to_owned()))
            }
            6 => assert!(run.stderr.contains("another run is about to write t.json"), "{run:#?}"),
            _ => panic!("{run:#?}"),
        }
    }
    known.sort();
    let mut alive = active(&sandbox);
    alive.sort();
    // Each is in the file, or was named when it was replaced.
    assert_eq!(known, alive);
    assert_eq!(sandbox.files(), ["t.json"]);
}

#[test]
fn two_names_of_one_file_are_one_file() {
    let sandbox = Sandbox::with(crate::support::World::new(), &["--fault", "token.create=slow=2000x1"]);
    std::os::unix::fs::symlink("t.json", sandbox.path("link.json")).unwrap();
    let mut first = sandbox.command("nsc");
    first.args(["token", "create", "--name", "a", "--grant", GRANT, "--token_file", "link.json"]);
    let mut first = first.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    // Until the first has the file.
    while !sandbox.path(".nscred-t.json").exists() {
        std::thread::yield_now();
    }
    assert_snapshot!(sandbox.create("b", FILE).says(6), @"
    error: another run is about to write t.json
    hint: wait until it has ended; nothing was sent
    hint: if there is no other run, inspect the file that one left: .nscred-t.json
    ");
    sandbox.create("c", "--token_file other.json").ok();
    assert!(first.wait().unwrap().success());
    assert_eq!(sandbox.files(), ["link.json", "other.json", "t.json"]);
}

#[test]
fn what_a_killed_run_left_is_kept_and_named() {
    let sandbox = Sandbox::start();
    let (secret, id) = ("nsrt_abcdefgh12345678", "tok_left");
    // Room alone is of no use to anybody.
    sandbox.write(".nscred-t.json", "");
    assert!(!sandbox.create("a", FILE).stderr.contains("warning"));
    assert_eq!(sandbox.files(), ["t.json"]);
    // A secret is.
    let content = format!("{{\n  \"bearer_token\": \"{secret}\",\n  \"token_id\": \"{id}\"\n}}\n");
    sandbox.write(".nscred-t.json", &content);
    let run = sandbox.create("b", FILE);
    assert!(run.stderr.contains("is now in .nscred-t.json-1: "), "{}", run.stderr);
    run.ok();
    assert_eq!(sandbox.read(".nscred-t.json-1"), content);
    assert_eq!(sandbox.files(), [".nscred-t.json-1", "t.json"]);
    // And so does the status tell it, of each cloud its own.
    let mut sandbox = sandbox;
    let state = "home/.local/state/nscred/undelivered";
    sandbox.write(&format!("{state}/tok_a.json"), &content);
    sandbox.write(&format!("{state}/acc.token"), "eyJ.a.b.c.d\n");
    sandbox.write(&format!("{state}/.nscred-0"), "eyJ.a.b.c.d\n");
    std::fs::copy(sandbox.get("NSC_TOKEN_FILE"), sandbox.path("own.json")).unwrap();
    let own = sandbox.path("own.json");
    sandbox.set("NSC_TOKEN_FILE", own.to_str().unwrap());
    let run = sandbox.run("nscred", ["auth", "status", "-o", "json"]);
    for name in [".nscred-t.json-1", "tok_a.json", "acc.token", ".nscred-0"] {
        assert_eq!(run.stderr.matches(&format!("{name} holds a secret that was not delivered")).count(), 1, "{run:#?}");
    }
    assert!(!run.stderr.contains(secret));
    let report = run.json();
    let count = |cloud: &str| report[cloud]["warnings"].as_array().unwrap().len();
    assert_eq!((count("namespace"), count("nscale")), (2, 2), "{report:#}");
}

/// Runs a command that waits for its answer, kills it once it has made a file
/// ready in a directory and sent its request, and gives that file's name.
fn killed_while_it_waits(sandbox: &Sandbox, line: &str, directory: &str) -> String {
    let mut child = sandbox.shell(&format!("exec {line}")).stderr(std::process::Stdio::null()).spawn().unwrap();
    let room = || {
        let entries = std::fs::read_dir(sandbox.path(directory)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).find(|name| name.starts_with(".nscred-"))
    };
    let is_sent =
        || sandbox.read("requests.log").lines().any(|line| line.contains("CreateRev") || line.ends_with("/rotate"));
    let name = loop {
        match room() {
            Some(name) if is_sent() => break name,
            _ => std::thread::yield_now(),
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(crate::support::mode(sandbox.path(directory).join(&name)), 0o600);
    name
}

#[test]
fn a_run_that_is_killed_before_its_answer_leaves_nothing_that_stays() {
    let world = crate::support::World::new();
    let log = world.path("requests.log").display().to_string();
    let faults = ["--fault", "token.create=hangx1", "--fault", "sa.rotate=hangx1", "--log", &log];
    let sandbox = Sandbox::with(world, &faults);
    let name = killed_while_it_waits(&sandbox, &format!("nsc token create --name a --grant '{GRANT}' {FILE}"), ".");
    assert_eq!(name, ".nscred-t.json");
    let run = sandbox.create("b", FILE);
    assert!(!run.stderr.contains("warning"), "{run:#?}");
    assert_eq!(sandbox.files(), ["requests.log", "t.json"]);
    sandbox.write("requests.log", "");
    let undelivered = "home/.local/state/nscred/undelivered";
    killed_while_it_waits(&sandbox, "nscale sa rotate --id self --yes", undelivered);
    assert!(sandbox.run("nscred", ["auth", "status"]).stderr.is_empty());
    let run = sandbox.sa("rotate --id self --yes -q .status.accessToken");
    assert!(run.stdout.starts_with("eyJ"), "{run:#?}");
    assert!(!sandbox.path("home/.local/state/nscred").exists());
}
