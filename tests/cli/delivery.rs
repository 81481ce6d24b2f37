//! A secret that was minted and does not arrive: kept, shown, or taken back.

use std::process::Stdio;

use insta::assert_snapshot;

use crate::sandbox::Sandbox;
use crate::support::terminal::Terminal;
use crate::support::{GRANT, Run, mode};

const DOCUMENT: &str = r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#;

/// The files that undelivered secrets are kept in.
fn kept(sandbox: &Sandbox) -> Vec<std::path::PathBuf> {
    let directory = sandbox.path("home/.local/state/nscred/undelivered");
    std::fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// What makes a shell a place where nothing can be written to a file.
const NOWHERE: &str = "ulimit -f 0";

#[test]
fn what_arrives_leaves_nothing_behind() {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", DOCUMENT);
    sandbox.create("a", "").ok();
    sandbox.create("b", "-o token").ok();
    sandbox.create("c", "-q .bearer_token").ok();
    sandbox.create("d", "--token_file token.json").ok();
    sandbox.sa("create --file sa.json --yes --json").ok();
    assert!(!sandbox.path("home/.local/state/nscred").exists());
}

#[test]
fn what_can_be_kept_nowhere_is_taken_back() {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", DOCUMENT);
    for flags in ["-q .token.token_id", "-o token > /dev/full", "> /dev/null"] {
        let run = sandbox.sh(&format!("{NOWHERE}; nsc token create --name ci --grant '{GRANT}' {flags}"));
        assert_eq!(run.code, 1, "{flags}: {run:#?}");
        assert!(run.stderr.contains("the secret is lost") && run.stderr.contains("revoked token tok_"), "{run:#?}");
    }
    assert_eq!(sandbox.nsc("token list -q length").ok(), "0\n");
    assert_eq!(sandbox.nsc("token list --include_revoked -q length").ok(), "3\n");
    let run = sandbox.sh(&format!("{NOWHERE}; nscale sa create --file sa.json --yes > /dev/full"));
    assert_eq!(run.code, 1, "{run:#?}");
    assert_snapshot!(run.scrubbed(), @"
    error: standard output cannot be written
      cause: No space left on device (os error 28)
    hint: no rescue file could be written either (the limit on file sizes (ulimit -f) is too low for a secret): the secret is lost
    hint: deleted service account ID, because its token could not be delivered
    ");
    assert_eq!(sandbox.sa("list -q length").ok(), "1\n");
}

#[test]
fn taking_back_has_a_time_of_its_own() {
    // The mint takes most of the time that there is, and the undoing as long.
    let slow = ["token.create=slow=4000", "token.revoke=slow=3000", "sa.create=slow=4000", "sa.delete=slow=3000"];
    let faults: Vec<&str> = slow.iter().flat_map(|fault| ["--fault", fault]).collect();
    let sandbox = &Sandbox::with(crate::support::World::new(), &faults);
    sandbox.write("sa.json", DOCUMENT);
    std::thread::scope(|scope| {
        for (line, words) in [
            (format!("nsc token create --name ci --grant '{GRANT}' -o token"), "revoked token tok_"),
            ("nscale sa create --file sa.json --yes".into(), "deleted service account "),
        ] {
            scope.spawn(move || {
                let run = sandbox.sh(&format!("{NOWHERE}; {line} --timeout 5s > /dev/full"));
                assert!(run.code == 1 && run.stderr.contains(words), "{run:#?}");
            });
        }
    });
    assert_eq!(
        (sandbox.nsc("token list -q length").ok(), sandbox.sa("list -q length").ok()),
        ("0\n".into(), "1\n".into())
    );
}

#[test]
fn what_can_be_kept_nowhere_is_shown_to_a_person() {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", DOCUMENT);
    let script = format!("{NOWHERE}; nscale sa create --file sa.json --yes -q .metadata.id");
    let (shown, code) = Terminal::in_session(&sandbox.shell(&script), 120).finish();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("\neyJ") && shown.contains("is shown above, once"), "{shown}");
    assert_eq!(sandbox.sa("list -q length").ok(), "2\n");
}

#[test]
fn a_process_killed_while_nobody_reads_leaves_the_secret_in_a_file() {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", DOCUMENT);
    let id = sandbox.sa("create --file sa.json --yes -q .metadata.id").ok();
    kept(&sandbox).iter().for_each(|path| std::fs::remove_file(path).unwrap());
    // More than a pipe holds: the process waits for a reader.
    let filter = r#".status.accessToken, ("x" * 1000000)"#;
    let mut command = sandbox.command("nscale");
    command.args(["sa", "rotate", "--id", id.trim(), "--yes", "-q", filter]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // It has begun to write.
    std::io::Read::read_exact(&mut stdout, &mut [0]).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let files = kept(&sandbox);
    assert_eq!((files.len(), mode(&files[0])), (1, 0o600));
    let mut sandbox = sandbox;
    sandbox.set("NSCALE_SERVICE_TOKEN", "").set("NSCALE_SERVICE_TOKEN_FILE", files[0].to_str().unwrap());
    assert_eq!(sandbox.sa("list -q .[].metadata.name").ok(), "ci\n");
}

#[test]
fn writers_of_one_file_never_tear_it() {
    const WRITERS: usize = 6;
    const TIMES: usize = 10;
    let sandbox = Sandbox::start();
    // One is there from the beginning.
    sandbox.create("first", "--token_file token.json").ok();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let sandbox = &sandbox;
            scope.spawn(move || {
                for time in 0..TIMES {
                    let run = sandbox.create(&format!("t{writer}-{time}"), "--token_file token.json");
                    assert!(run.code == 0 || run.stderr.contains("another run is about to write"), "{run:#?}");
                    let content: serde_json::Value = serde_json::from_str(&sandbox.read("token.json")).unwrap();
                    assert!(content["bearer_token"].as_str().unwrap().starts_with("nsrt_"), "{content}");
                }
            });
        }
    });
    assert_eq!(mode(sandbox.path("token.json")), 0o600);
    assert!(!sandbox.files().iter().any(|name| name.starts_with(".nscred-")), "{:?}", sandbox.files());
}

#[test]
fn a_reader_that_went_away_does_not_take_the_secret_along() {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", DOCUMENT);
    for (number, words) in [
        &["nsc", "token", "create", "--name", "a", "--grant", GRANT][..],
        &["nsc", "token", "create", "--name", "b", "--grant", GRANT, "-o", "token"],
        &["nscale", "sa", "create", "--file", "sa.json", "--yes"],
        &["nscale", "sa", "rotate", "--id", "self", "--yes", "-q", ".status.accessToken"],
    ]
    .into_iter()
    .enumerate()
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sandbox.command(words[0]);
        let output = command.args(&words[1..]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let has_undo = stderr.contains("--id") || stderr.contains("--token_id");
        assert!(stderr.contains("is kept in ") && has_undo, "{stderr}");
        assert_eq!(kept(&sandbox).len(), number + 1, "{stderr}");
    }
    assert!(kept(&sandbox).iter().all(|path| mode(path) == 0o600));
}

#[test]
fn a_fifo_that_is_full_leaves_the_secret_in_a_file() {
    let sandbox = Sandbox::start();
    // A reader that has come and reads nothing, and no room for another byte.
    let script = format!(
        "mkfifo fifo; exec 3<> fifo; dd if=/dev/zero of=fifo bs=1024 oflag=nonblock 2> /dev/null; \
         nsc token create --name ci --grant '{GRANT}' --token_file fifo; echo $?"
    );
    let run = sandbox.sh(&script);
    assert!(run.stdout.ends_with("1\n") && run.stderr.contains("is kept in "), "{run:#?}");
    assert_eq!(kept(&sandbox).len(), 1);
}

/// The lines for the runner of a GitHub job.
fn masks(stderr: &str) -> Vec<&str> {
    stderr.lines().filter_map(|line| line.strip_prefix("::add-mask::")).collect()
}

#[test]
fn a_printed_secret_is_masked_in_the_log_of_a_job() {
    let mut sandbox = Sandbox::start();
    sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    assert_eq!(masks(&sandbox.create("no", "--output token").stderr), [""; 0]);
    sandbox.set("GITHUB_ACTIONS", "true");
    let run = sandbox.create("a", "--output token");
    assert_eq!(masks(&run.stderr), [run.stdout.trim_end()]);
    let run = sandbox.create("b", "--output json");
    let stderr = run.stderr.clone();
    assert_eq!(masks(&stderr), [run.json()["bearer_token"].as_str().unwrap()]);
    let run = sandbox.sa("create --file sa.json --yes -q .status.accessToken");
    assert_eq!(masks(&run.stderr), [run.stdout.trim_end()]);
    // What a filter made of it is masked as it is shown.
    for filter in [
        ".bearer_token|@base64",
        "\"user:\\(.bearer_token)\"|@base64",
        "\"x-access:\\(.bearer_token)@host\"|@base64",
        "[.bearer_token]|tojson",
    ] {
        let name = filter.len().to_string();
        let run =
            Run::of(sandbox.command("nsc").args(["token", "create", "--name", &name, "--grant", GRANT, "-q", filter]));
        let mut left = run.stdout.clone();
        assert!(!masks(&run.stderr).is_empty(), "{filter}: {run:#?}");
        for mask in masks(&run.stderr) {
            left = left.replace(mask, "");
        }
        assert!(left.len() < 30, "{filter}: {left} of {run:#?}");
    }
    // What is captured with both streams stays as it is.
    let stdout = sandbox.sh(&format!("nsc token create --name c --grant '{GRANT}' --output token 2>&1")).ok();
    assert_eq!((masks(&stdout).len(), stdout.lines().count()), (0, 1));
    // What is not printed is not shown for its mask either.
    let run = sandbox.create("d", "--token_file token.json");
    assert_eq!(masks(&run.stderr), [""; 0]);
    let run = sandbox.create("e", "-q .token.token_id");
    assert_eq!(masks(&run.stderr), [""; 0]);
    // Nor is it written where no runner reads.
    let create = format!("nsc token create --name f --grant '{GRANT}' --output token");
    sandbox.sh(&format!("{create} 2> stderr.log > token")).ok();
    assert_eq!(sandbox.read("stderr.log"), "");
    sandbox.set("GITHUB_ACTIONS", "false");
    assert_eq!(masks(&sandbox.create("g", "--output token").stderr), [""; 0]);
}

#[test]
fn the_token_of_an_account_goes_to_a_file_too() {
    let mut sandbox = Sandbox::start();
    sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    sandbox.write("ci.token", "old");
    let run = sandbox.sa("create --file sa.json --yes --token-file ci.token");
    let token = sandbox.read("ci.token");
    assert!(token.starts_with("eyJ") && token.ends_with('\n') && token.lines().count() == 1, "{token:?}");
    assert_eq!(mode(sandbox.path("ci.token")), 0o600);
    assert!(!format!("{run:?}").contains(token.trim()), "the file alone holds it: {run:?}");
    let replaced = "note: ci.token held another token before, of an unknown account: it works until it expires, or its account is rotated or deleted\n";
    assert!(run.stderr.starts_with(replaced) && run.stderr.ends_with(" written to ci.token\n"), "{run:?}");
    assert!(run.ok().contains("Name:         ci\n"));
    let administrator = sandbox.get("NSCALE_SERVICE_TOKEN").to_owned();
    sandbox.set("NSCALE_SERVICE_TOKEN", "").set("NSCALE_SERVICE_TOKEN_FILE", "ci.token");
    let rotated = sandbox.sa("rotate --id self --yes --token_file ci.token --json").json();
    assert_ne!(sandbox.read("ci.token"), token);
    assert_eq!(sandbox.read("ci.token").trim(), rotated["status"]["accessToken"].as_str().unwrap());
    assert_eq!(sandbox.sa("get --id self -q .metadata.name").ok(), "ci\n");
    // What cannot be written is found out before there is a token.
    let before = sandbox.read("ci.token");
    for path in ["nowhere/ci.token", "/dev/null", "-", "home/"] {
        sandbox.sa(&format!("rotate --id self --yes --token-file {path}")).fails_with(2, "--token-file");
    }
    assert_eq!((sandbox.read("ci.token"), sandbox.files()), (before, vec!["ci.token".into(), "sa.json".into()]));
    sandbox.sa("rotate --id self --dry-run --token-file new.token").ok();
    sandbox.set("NSCALE_SERVICE_TOKEN", administrator);
    assert_eq!(sandbox.sa("list -q length").ok(), "2\n");
    assert_eq!(sandbox.files(), ["ci.token", "sa.json"]);
}
