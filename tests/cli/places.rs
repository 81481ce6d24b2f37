//! Places where a secret cannot stay: each is found out before there is one.

use insta::assert_snapshot;
use std::os::unix::fs::{MetadataExt, symlink};

use crate::sandbox::Sandbox;
use crate::support::{GRANT, mode, skip, succeeds};

const DOCUMENT: &str = r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#;

/// A sandbox with an account whose token is in `app.token`.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", DOCUMENT);
    sandbox.sa("create --file sa.json --yes --token-file app.token").ok();
    sandbox
}

/// The rotation of that account by itself, with its new token to `file`.
fn rotate(file: &str) -> String {
    format!(
        "NSCALE_SERVICE_TOKEN= NSCALE_SERVICE_TOKEN_FILE=app.token nscale sa rotate --id self --yes --token-file {file}"
    )
}

#[track_caller]
fn assert_untouched(sandbox: &Sandbox) {
    let own = "NSCALE_SERVICE_TOKEN= NSCALE_SERVICE_TOKEN_FILE=app.token nscale sa get --id self -q .metadata.name";
    assert_eq!(sandbox.sh(own).ok(), "ci\n");
    assert_eq!(sandbox.nsc("token list -q length").ok(), "0\n");
    assert_eq!(sandbox.sa("list -q length").ok(), "2\n");
}

#[test]
fn a_sink_by_any_name_is_refused() {
    let sandbox = sandbox();
    symlink("/dev/null", sandbox.path("null")).unwrap();
    symlink("null", sandbox.path("null2")).unwrap();
    for file in [
        "/dev/null",
        "null",
        "null2",
        "/dev/../dev/null",
        "/dev/fd/3",
        "/proc/self/fd/3",
        "/proc/thread-self/fd/3",
        "/dev/zero",
        "/dev/random",
        "/dev/urandom",
        "/dev/stdout",
        "/dev/fd/1",
        "/proc/self/fd/1",
        "/dev/stderr",
    ] {
        let streams = if file == "/dev/stderr" { "3>/dev/null 2>/dev/null" } else { "3>/dev/null >/dev/null" };
        for line in [rotate(file), format!("nsc token create --name a --grant '{GRANT}' --token_file {file}")] {
            let run = sandbox.sh(&format!("{line} {streams}"));
            assert_eq!(run.code, 2, "{line}: {run:#?}");
            assert!(run.stderr.is_empty() || run.stderr.contains("discards what is written"), "{line}: {run:#?}");
        }
    }
    for (file, words) in [("/dev/full", "is a device that keeps no data"), ("/dev/stdout", "standard output is closed")]
    {
        let run = sandbox.sh(&format!("{} >&-", rotate(file)));
        assert_eq!(run.code, 2, "{file}: {run:#?}");
        assert!(run.stderr.contains(words), "{file}: {run:#?}");
    }
    assert_untouched(&sandbox);
}

#[test]
fn what_names_a_directory_is_refused() {
    let sandbox = sandbox();
    symlink("new.token/", sandbox.path("link")).unwrap();
    symlink("home", sandbox.path("directory")).unwrap();
    symlink("circle", sandbox.path("circle")).unwrap();
    for file in ["new.token/", "new.token/.", "app.token/.", "home", "home/.", "directory", "link", ".", "..", "circle"]
    {
        sandbox.sh(&rotate(file)).fails_with(2, &format!("--token-file {file}: "));
        let create = format!("nsc token create --name a --grant '{GRANT}' --token_file {file}");
        sandbox.sh(&create).fails_with(2, &format!("--token_file {file}: "));
    }
    assert_untouched(&sandbox);
    assert_eq!(sandbox.files(), ["app.token", "circle", "directory", "link", "sa.json"]);
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_before_the_request() {
    let sandbox = sandbox();
    let limited = |line: &str| sandbox.sh(&format!("ulimit -f 0; {line}"));
    let create = format!("nsc token create --name a --grant '{GRANT}'");
    assert_snapshot!(limited(&format!("{create} --token_file a.json -q .token.name")).says(2), @r#"{"kind":"usage","message":"--token_file a.json: cannot be written: the limit on file sizes (ulimit -f) is too low for a secret","hints":["run `ulimit -f unlimited` first; nothing was sent"],"http_status":null,"request_id":null}"#);
    assert_snapshot!(limited(&rotate("app.token")).says(2), @"
    error: --token-file app.token: cannot be written
      cause: the limit on file sizes (ulimit -f) is too low for a secret
    hint: run `ulimit -f unlimited` first; nothing was sent
    ");
    // Without a file a rotation still needs a second place.
    assert_snapshot!(limited(&rotate("x").replace(" --token-file x", " | cat")).says(0), @"
    error: the new secret needs a rescue file, which cannot be created; nothing was sent
      cause: the limit on file sizes (ulimit -f) is too low for a secret
    hint: set TMPDIR to a directory that you can write to, with 64 KiB of free space
    ");
    assert_untouched(&sandbox);
    // What is written to standard output fails in words, and not by a signal.
    sandbox.write("out", "");
    let run = limited("nsc permissions > out");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("standard output cannot be written"), "{run:#?}");
    let run = limited(&format!("{create} -o token > out"));
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("revoked token tok_"), "{run:#?}");
    assert_untouched(&sandbox);
}

#[test]
fn a_file_that_cannot_be_replaced_is_found_out_beforehand() {
    const TEST: &str = "a_file_that_cannot_be_replaced_is_found_out_beforehand";
    let sandbox = sandbox();
    for (flag, words) in [("i", "is immutable"), ("a", "is append-only")] {
        let file = sandbox.write("fixed.token", "old\n");
        if !succeeds("chattr", &[&format!("+{flag}"), &file]) {
            skip(TEST, "files cannot be made immutable here (chattr)");
            return;
        }
        let run = sandbox.sh(&rotate("fixed.token"));
        assert!(succeeds("chattr", &[&format!("-{flag}"), &file]));
        run.fails_with(2, words);
    }
    std::fs::create_dir(sandbox.path("log")).unwrap();
    let file = sandbox.write("log/app.token", "old\n");
    let directory = sandbox.path("log").display().to_string();
    assert!(succeeds("chattr", &["+a", &directory]));
    let run = sandbox.sh(&rotate("log/app.token"));
    assert!(succeeds("chattr", &["-a", &directory]));
    assert_snapshot!(run.says(2), @"
    error: --token-file log/app.token: is in an append-only directory (chattr +a) and cannot be replaced
    hint: name another file
    ");
    assert!(succeeds("chattr", &["+a", &directory]));
    let run = sandbox.sh(&rotate("log/new.token"));
    assert!(succeeds("chattr", &["-a", &directory]));
    assert_snapshot!(run.says(2), @"
    error: --token-file log/new.token: is in an append-only directory (chattr +a) and cannot be replaced
    hint: name another file
    ");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "old\n");
    assert_untouched(&sandbox);
}

#[test]
fn another_users_file_in_a_sticky_directory_is_refused() {
    const TEST: &str = "another_users_file_in_a_sticky_directory_is_refused";
    const NOBODY: &[&str] = &["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    if !succeeds("setpriv", &[NOBODY, &["true"]].concat()) {
        skip(TEST, "nobody can be run as another user here (setpriv, root)");
        return;
    }
    let sandbox = sandbox();
    let shared = sandbox.path("shared");
    std::fs::create_dir(&shared).unwrap();
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    open(sandbox.directory.path(), 0o755);
    open(&shared, 0o1777);
    let token = sandbox.read("app.token");
    let file = sandbox.write("shared/app.token", &token);
    open(file.as_ref(), 0o666);
    // It belongs to one user, the directory to another, and a third runs.
    std::os::unix::fs::chown(&file, Some(1), Some(1)).unwrap();
    let as_nobody = |line: &str| {
        let shared = shared.display();
        sandbox.sh(&format!("HOME={shared} TMPDIR={shared} setpriv {} {line}", NOBODY.join(" ")))
    };
    let rotate = |file: &str| {
        as_nobody(&format!(
            "env NSCALE_SERVICE_TOKEN={} nscale sa rotate --id self --yes --token-file {file}",
            token.trim()
        ))
    };
    assert_snapshot!(rotate("shared/app.token").says(2), @"
    error: --token-file shared/app.token: belongs to another user, in a directory where only the owner may replace a file (sticky bit)
    hint: name another file
    ");
    assert_eq!(sandbox.read("shared/app.token"), token);
    assert_untouched(&sandbox);
    // Somebody else's file in the way of ours is told too.
    sandbox.write("shared/.nscred-new.token", "");
    assert_snapshot!(rotate("shared/new.token").says(2), @"
    error: --token-file shared/new.token: cannot be written
      cause: Permission denied (os error 13)
    ");
    assert_untouched(&sandbox);
    rotate("shared/own.token").ok();
    assert_eq!(mode(shared.join("own.token")), 0o600);
}

#[test]
fn what_root_replaces_still_belongs_to_whom_it_is_for() {
    const TEST: &str = "what_root_replaces_still_belongs_to_whom_it_is_for";
    let sandbox = sandbox();
    let file = sandbox.write("theirs.token", "old\n");
    if std::os::unix::fs::chown(&file, Some(65534), Some(65534)).is_err() {
        skip(TEST, "only root gives files away");
        return;
    }
    sandbox.sh(&rotate("theirs.token")).ok();
    let metadata = std::fs::metadata(&file).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), mode(&file)), (65534, 65534, 0o600));
    assert!(sandbox.read("theirs.token").starts_with("eyJ"));
}
