//! Disks that are full or cannot be written, and files that are mount points, as
//! containers have them. Each in a mount namespace of its own.

use crate::sandbox::Sandbox;
use crate::support::{NSCRED, Run, skip, succeeds};
use insta::assert_snapshot;

/// What runs a shell that may mount; none where nobody may.
fn unshare() -> Option<&'static str> {
    ["unshare -m", "unshare -rm"].into_iter().find(|unshare| {
        let mut words = unshare.split(' ').chain(["sh", "-c", "mount -t tmpfs none /mnt"]);
        succeeds(words.next().unwrap(), &words.collect::<Vec<_>>())
    })
}

/// A sandbox with an account, whose token is in `app.token`, and what may mount.
fn sandbox(test: &str) -> Option<(Sandbox, &'static str)> {
    let Some(unshare) = unshare() else {
        skip(test, "nothing can be mounted here (unshare -m)");
        return None;
    };
    let sandbox = Sandbox::start();
    sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    sandbox.sa("create --file sa.json --yes --token-file app.token").ok();
    Some((sandbox, unshare))
}

/// Runs a script that may mount. `$nscale` is the program, held open so that no
/// mount hides it, and its credential the account's own.
fn mounted(sandbox: &Sandbox, unshare: &str, script: &str) -> Run {
    let token = sandbox.read("app.token");
    let script =
        format!("export NSCALE_SERVICE_TOKEN={}; exec 9< \"{NSCRED}\"; nscale=/proc/self/fd/9; {script}", token.trim());
    sandbox.sh(&format!("exec {unshare} sh -c '{}'", script.replace('\'', r"'\''")))
}

/// Whether the token in a file is the account's.
fn works(sandbox: &Sandbox, token: &str) -> bool {
    let line = format!("NSCALE_SERVICE_TOKEN={} nscale sa get --id self -q .metadata.name", token.trim());
    sandbox.sh(&line).stdout == "ci\n"
}

const ROTATE: &str = "$nscale sa rotate --id self --yes";

#[test]
fn a_full_disk_costs_no_token() {
    let Some((sandbox, unshare)) = sandbox("a_full_disk_costs_no_token") else { return };
    std::fs::create_dir(sandbox.path("disk")).unwrap();
    let old = sandbox.read("app.token");
    let full = "mount -t tmpfs -o size=16k none disk; cp app.token disk; mkdir disk/home; \
                dd if=/dev/zero of=disk/fill bs=4k count=9 2> /dev/null; export HOME=$PWD/disk/home TMPDIR=$PWD/disk;";
    for line in [
        format!("{ROTATE} --token-file disk/app.token"),
        format!("{ROTATE} --token-file disk/new.token"),
        "$nscale sa create --file sa.json --yes --token-file disk/new.token".into(),
    ] {
        let run = mounted(&sandbox, unshare, &format!("{full} {line}; code=$?; ls -A disk >&2; exit $code"));
        let stderr = run.fails_with(2, "cannot be written");
        // The place is as it was.
        assert!(stderr.ends_with("app.token\nfill\nhome\n"), "{stderr}");
    }
    assert!(works(&sandbox, &old));
    assert_eq!(sandbox.sa("list -q length").ok(), "2\n");
}

#[test]
fn a_rotation_needs_two_places() {
    let Some((sandbox, unshare)) = sandbox("a_rotation_needs_two_places") else { return };
    std::fs::create_dir(sandbox.path("disk")).unwrap();
    let old = sandbox.read("app.token");
    // Nothing can be kept in any of the three places.
    let nowhere = "mount -t tmpfs -o ro none disk; mount --bind disk /tmp; export HOME=/tmp TMPDIR=/tmp;";
    for to in ["--token-file new.token", "-q .status.accessToken", "> out"] {
        let stderr =
            mounted(&sandbox, unshare, &format!("{nowhere} {ROTATE} {to}")).fails_with(2, "needs a rescue file");
        assert!(stderr.contains("set TMPDIR"), "{stderr}");
    }
    assert!(works(&sandbox, &old));
    // What can be undone needs one place alone.
    mounted(
        &sandbox,
        unshare,
        &format!(
            "{nowhere} export NSCALE_SERVICE_TOKEN={}; $nscale sa create --file sa.json --yes --token-file made.token",
            sandbox.get("NSCALE_SERVICE_TOKEN")
        ),
    )
    .ok();
    assert!(sandbox.read("made.token").starts_with("eyJ"));
    // The third of the three places is enough.
    let last = "mount -t tmpfs none /tmp; export HOME=/dev/null TMPDIR=/dev/null;";
    let shown = format!("{last} {ROTATE} > /dev/null; cat /tmp/nscred-undelivered-*/*.token");
    let run = mounted(&sandbox, unshare, &shown);
    assert!(run.stderr.contains("is kept in /tmp/nscred-undelivered-"), "{run:#?}");
    assert!(works(&sandbox, &run.ok()) && !works(&sandbox, &old));
}

#[test]
fn a_file_that_is_a_mount_point_is_written_in_place() {
    let Some((sandbox, unshare)) = sandbox("a_file_that_is_a_mount_point_is_written_in_place") else { return };
    let old = sandbox.read("app.token");
    sandbox.write("mounted.token", format!("{old}{}", "longer than what comes\n".repeat(400)));
    // Where it cannot be written that is known beforehand.
    let bound = "mount --bind mounted.token mounted.token;";
    let read_only = format!("{bound} mount -o remount,ro,bind mounted.token; {ROTATE} --token-file mounted.token");
    assert_snapshot!(mounted(&sandbox, unshare, &read_only).says(2), @"
    error: --token-file mounted.token: is a mount point and cannot be written to
      cause: Read-only file system (os error 30)
    ");
    assert!(works(&sandbox, &old));
    let run = mounted(&sandbox, unshare, &format!("{bound} ln -s mounted.token link; {ROTATE} --token-file link"));
    assert!(run.stderr.contains("written to link"), "{run:#?}");
    run.ok();
    let new = sandbox.read("mounted.token");
    assert!(new.lines().count() == 1 && works(&sandbox, &new) && !works(&sandbox, &old), "{new}");
    assert_eq!(crate::support::mode(sandbox.path("mounted.token")), 0o600);
    assert_eq!(sandbox.files(), ["app.token", "link", "mounted.token", "sa.json"]);
}

#[test]
fn a_mount_point_needs_room_and_a_second_place() {
    let Some((sandbox, unshare)) = sandbox("a_mount_point_needs_room_and_a_second_place") else { return };
    std::fs::create_dir(sandbox.path("disk")).unwrap();
    let old = sandbox.read("app.token");
    sandbox.write("mounted.token", "");
    let full = "mount -t tmpfs -o size=16k none disk; cp app.token disk/small; \
                dd if=/dev/zero of=disk/fill bs=4k count=9 2> /dev/null; mount --bind disk/small mounted.token;";
    let run = mounted(
        &sandbox,
        unshare,
        &format!("{full} {ROTATE} --token-file mounted.token; code=$?; cmp disk/small app.token >&2; exit $code"),
    );
    assert_snapshot!(run.says(2), @"
    error: --token-file mounted.token: has no space for a secret
      cause: No space left on device (os error 28)
    hint: free 64 KiB there, or name a file on another disk; nothing was sent
    ");
    // Where it is overwritten, even what can be undone needs a second place.
    let administrator = sandbox.get("NSCALE_SERVICE_TOKEN").to_owned();
    let nowhere = format!(
        "mount --bind mounted.token mounted.token; mount -t tmpfs -o ro none disk; mount --bind disk /tmp; \
         export HOME=/tmp TMPDIR=/tmp NSCALE_SERVICE_TOKEN={administrator}; \
         $nscale sa create --file sa.json --yes --token-file mounted.token"
    );
    assert_snapshot!(mounted(&sandbox, unshare, &nowhere).says(2), @"
    error: the new secret needs a rescue file, which cannot be created; nothing was sent
      cause: Read-only file system (os error 30)
    hint: set TMPDIR to a directory that you can write to, with 64 KiB of free space
    ");
    assert!(works(&sandbox, &old));
    assert_eq!(sandbox.sa("list -q length").ok(), "2\n");
}

#[test]
fn a_file_system_that_reserves_only_what_is_written_does_too() {
    let Some((sandbox, unshare)) = sandbox("a_file_system_that_reserves_only_what_is_written_does_too") else { return };
    std::fs::create_dir(sandbox.path("disk")).unwrap();
    let ramfs = format!(
        "mount -t ramfs none disk || exit 77; $nscale sa rotate --id self --yes --token-file disk/a.token && \
         NSCALE_SERVICE_TOKEN=$(cat disk/a.token) XDG_STATE_HOME=$PWD/disk {ROTATE} --token-file disk/a.token && \
         ls -A disk >&2 && wc -l < disk/a.token >&2"
    );
    let run = mounted(&sandbox, unshare, &ramfs);
    if run.code == 77 {
        skip("a_file_system_that_reserves_only_what_is_written_does_too", "there is no ramfs here");
        return;
    }
    assert!(run.stderr.ends_with("a.token\n1\n"), "{run:#?}");
    run.ok();
}
