//! The last steps of a delivery, each made to fail or to be the last that the
//! process does: wherever that is, the secret is in a file.

use std::path::Path;

use crate::sandbox::Sandbox;
use crate::support::{GRANT, Run, skip, succeeds};

/// Runs a line while a system call of it is tampered with.
fn tampered(sandbox: &Sandbox, tampering: &str, line: &str) -> Run {
    sandbox.sh(&format!("exec strace -f -qq -o /dev/null -e inject={tampering} {line}"))
}

fn can_trace(test: &str) -> bool {
    let can = succeeds("strace", &["-f", "-qq", "-o", "/dev/null", "-e", "inject=rename:error=EBUSY", "true"]);
    if !can {
        skip(test, "system calls cannot be tampered with here (strace)");
    }
    can
}

/// The words in all files below a directory that may be secrets.
fn words(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // What the sandbox itself keeps there is no place of ours.
        if path.is_dir() && !path.ends_with("tmp") {
            found.extend(words(&path));
        } else if path.is_file() && !path.is_symlink() {
            let content = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
            found.extend(content.split(|c: char| c.is_whitespace() || matches!(c, '"' | ',')).map(str::to_owned));
        }
    }
    found
}

const ROTATE: &str = "env NSCALE_SERVICE_TOKEN= NSCALE_SERVICE_TOKEN_FILE=app.token \
                      nscale sa rotate --id self --yes --token-file app.token";

/// A sandbox with an account whose token is in `app.token`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    sandbox.sa("create --file sa.json --yes --token-file app.token").ok();
    sandbox
}

#[test]
fn a_last_step_that_fails_loses_nothing() {
    if !can_trace("a_last_step_that_fails_loses_nothing") {
        return;
    }
    let sandbox = sandbox();
    for tampering in ["rename:error=EBUSY", "rename:error=EPERM", "fsync:error=EIO", "ftruncate:error=EIO:when=4"] {
        let old = sandbox.read("app.token");
        let stderr = tampered(&sandbox, tampering, ROTATE).fails_with(1, "app.token cannot be written");
        let kept = stderr.split(" is kept in ").nth(1).unwrap().lines().next().unwrap();
        let new = std::fs::read_to_string(kept).unwrap();
        assert!(stderr.contains(&format!("`mv {kept} app.token`")), "{tampering}: {stderr}");
        // The old file stands, and the rescued one is what it says.
        assert!(sandbox.read("app.token") == old && new != old, "{tampering}");
        std::fs::rename(kept, sandbox.path("app.token")).unwrap();
        sandbox.sh("NSCALE_SERVICE_TOKEN= NSCALE_SERVICE_TOKEN_FILE=app.token nscale sa get --id self").ok();
    }
    for tampering in ["rename:error=EBUSY", "fsync:error=EIO"] {
        let name = &tampering[..5];
        let line = format!("nsc token create --name {name} --grant '{GRANT}' --token_file {name}.json");
        let stderr = tampered(&sandbox, tampering, &line).fails_with(1, &format!("{name}.json cannot be written"));
        let kept = stderr.split(" is kept in ").nth(1).unwrap().lines().next().unwrap();
        let content = std::fs::read_to_string(sandbox.path(kept)).unwrap();
        assert!(content.starts_with("{\n  \"bearer_token\": \"nsrt_"), "{tampering}: {content}");
        assert!(!sandbox.path(&format!("{name}.json")).exists());
    }
}

#[test]
fn wherever_it_is_killed_the_secret_is_in_a_file() {
    if !can_trace("wherever_it_is_killed_the_secret_is_in_a_file") {
        return;
    }
    let sandbox = sandbox();
    // From the first step after the secret is written anywhere to the last.
    let steps = ["ftruncate:signal=KILL:when=3", "renameat2:signal=KILL:when=1", "ftruncate:signal=KILL:when=4"]
        .into_iter()
        .chain(["fsync:signal=KILL:when=1", "rename:signal=KILL", "fsync:signal=KILL:when=2", "unlink:signal=KILL"]);
    for step in steps {
        let old = sandbox.read("app.token");
        assert_ne!(tampered(&sandbox, step, ROTATE).code, 0, "{step}");
        let all = words(sandbox.directory.path());
        let tokens = all.iter().filter(|word| word.starts_with("eyJ"));
        let alive = tokens.filter(|token| {
            sandbox.sh(&format!("NSCALE_SERVICE_TOKEN={token} nscale sa get --id self -q .metadata.name")).stdout
                == "ci\n"
        });
        let alive: Vec<&String> = alive.collect();
        assert!(!alive.is_empty() && alive.iter().all(|token| **token != old.trim()), "{step}: {alive:?}");
        sandbox.write("app.token", format!("{}\n", alive[0]));
    }
}
