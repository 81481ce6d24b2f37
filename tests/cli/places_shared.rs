//! Places that others share: other runs at the same time, other users, and the
//! log of a job.

use insta::assert_snapshot;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::sandbox::Sandbox;
use crate::support::{GRANT, World, mode, skip, succeeds};

const DOCUMENT: &str = r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#;

fn create(name: &str, rest: &str) -> String {
    format!("nsc token create --name {name} --grant '{GRANT}' {rest}")
}

fn open_to(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn runs_at_the_same_time_leave_each_other_their_rescue_files() {
    const WORKERS: usize = 8;
    const TIMES: usize = 12;
    let sandbox = &Sandbox::start();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            scope.spawn(move || {
                for time in 0..TIMES {
                    let run = sandbox.sh(&create(&format!("t{worker}-{time}"), "-o token > /dev/full"));
                    let kept = run.stderr.split(" is kept in ").nth(1).unwrap().lines().next().unwrap();
                    assert!(run.code == 1 && Path::new(kept).exists(), "{run:#?}");
                }
            });
        }
    });
    let kept = std::fs::read_dir(sandbox.path("home/.local/state/nscred/undelivered")).unwrap();
    assert_eq!(kept.count(), WORKERS * TIMES);
}

#[test]
fn a_directory_of_ones_own_is_not_taken_away() {
    let sandbox = Sandbox::start();
    std::fs::create_dir(sandbox.path("nscred-tmp")).unwrap();
    let line = create("a", "-o token");
    sandbox.sh(&format!("unset HOME; TMPDIR=$PWD/nscred-tmp {line}")).ok();
    assert!(sandbox.path("nscred-tmp").is_dir());
}

#[test]
fn root_gives_no_secret_to_who_put_a_file_into_a_shared_directory() {
    const TEST: &str = "root_gives_no_secret_to_who_put_a_file_into_a_shared_directory";
    let sandbox = Sandbox::start();
    let shared = sandbox.path("shared");
    std::fs::create_dir(&shared).unwrap();
    open_to(&shared, 0o1777);
    let file = sandbox.write("shared/t.json", "");
    symlink(sandbox.path("mine.json"), shared.join("link.json")).unwrap();
    let is_root = std::os::unix::fs::chown(&file, Some(65534), Some(65534))
        .and_then(|()| std::os::unix::fs::lchown(shared.join("link.json"), Some(65534), Some(65534)));
    if is_root.is_err() {
        skip(TEST, "only root gives files away");
        return;
    }
    assert_snapshot!(sandbox.sh(&create("a", "--token_file shared/t.json")).says(2), @"
    error: --token_file shared/t.json: belongs to another user, in a directory where only the owner may replace a file (sticky bit)
    hint: name another file
    ");
    // Nor does anybody follow a link that another user put there.
    assert_snapshot!(sandbox.sh(&create("b", "--token_file shared/link.json")).says(2), @"
    error: --token_file shared/link.json: cannot be written
      cause: it is another user's link in a directory that everybody can write to
    ");
    assert_eq!(sandbox.nsc("token list -q length").ok(), "0\n");
    // A link of one's own is followed there too.
    std::os::unix::fs::lchown(shared.join("link.json"), Some(0), Some(0)).unwrap();
    sandbox.sh(&create("c", "--token_file shared/link.json")).ok();
    assert!(sandbox.read("mine.json").contains("nsrt_"));
}

#[test]
fn a_descriptor_on_a_file_is_private_and_not_overwritten() {
    let sandbox = Sandbox::start();
    sandbox.sh(&format!("umask 022; exec 5> file; {}", create("a", "--token_file /dev/fd/5"))).ok();
    assert_eq!(mode(sandbox.path("file")), 0o600);
    let again = format!("exec 5>> file; {}", create("b", "--token_file /dev/fd/5 --no_clobber"));
    assert_snapshot!(sandbox.sh(&again).says(6), @"
    error: /dev/fd/5 exists, and is not replaced
    hint: name another file, or move this one
    ");
    assert_eq!(sandbox.read("file").matches("bearer_token").count(), 1);
}

#[test]
fn a_secret_that_goes_to_a_stream_is_masked_too() {
    let mut sandbox = Sandbox::start();
    sandbox.write("sa.json", DOCUMENT);
    sandbox.set("GITHUB_ACTIONS", "true");
    let run = sandbox.sh(&create("a", "--token_file /dev/stdout"));
    let secret = run.stdout.split('"').find(|word| word.starts_with("nsrt_")).unwrap();
    assert!(run.stderr.contains(&format!("::add-mask::{secret}\n")), "{run:#?}");
    let run = sandbox.sa("create --file sa.json --yes --token-file /dev/stdout");
    let token = run.stdout.lines().next().unwrap();
    assert!(token.starts_with("eyJ") && run.stderr.contains(&format!("::add-mask::{token}\n")), "{run:#?}");
}

#[test]
fn without_locks_a_second_run_keeps_off_too() {
    const TEST: &str = "without_locks_a_second_run_keeps_off_too";
    if !succeeds("strace", &["-f", "-qq", "-o", "/dev/null", "-e", "inject=flock:error=ENOSYS", "true"]) {
        skip(TEST, "system calls cannot be tampered with here (strace)");
        return;
    }
    let faults = ["--fault", "token.create=slow=1500x1"];
    let sandbox = &Sandbox::with(World::new(), &faults);
    let run = |name| {
        let line = create(name, "--token_file t.json");
        sandbox.sh(&format!("exec strace -f -qq -o /dev/null -e inject=flock:error=ENOSYS {line}"))
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(move || run("a"));
        while !sandbox.path(".nscred-t.json").exists() {
            std::thread::yield_now();
        }
        run("b").fails_with(6, "another run is about to write t.json");
        first.join().unwrap().ok();
    });
    assert_eq!(sandbox.files(), ["t.json"]);
    run("c").ok();
}
