//! No core dump of this program is written, which would hold its secrets; and
//! what it starts begins as it was started itself.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Run, World, script};

/// A script in which a process that was not started anew dies of a signal that
/// dumps core, and the shell says whether it did.
const DIES: &str = "( sh -c 'kill -ABRT $PPID'; : ); echo lives";

/// Whether core dumps are written here at all.
fn dumps_core(world: &World) -> bool {
    world.sh(&format!("ulimit -c unlimited && {DIES}")).stderr.contains("core dumped")
}

#[test]
fn no_core_dump_is_written_while_a_secret_is_in_memory() {
    if !cfg!(target_os = "linux") {
        println!("skipped: on Linux alone");
        return;
    }
    let mut world = World::new();
    if !dumps_core(&world) {
        println!("skipped: this system writes no core dumps");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let path = world.write("token", "nsrt_CANARYCANARY");
    world.set("NSC_TOKEN_FILE", path).set("NSC_IAM_ENDPOINT", url);
    let mut shell = world.shell("ulimit -c unlimited && exec nsc token list");
    let child = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // By then the token has been read.
    let _connection = listener.accept().unwrap();
    kill_process(Pid::from_child(&child), Signal::ABORT).unwrap();
    let status = child.wait_with_output().unwrap().status;
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false), "{status:?}");
}

#[test]
fn what_is_started_may_dump_core() {
    let mut world = World::new();
    if !dumps_core(&world) {
        println!("skipped: this system writes no core dumps");
        return;
    }
    script(&world.path("theirs/nsc"), &format!("#!/bin/sh\n{DIES}\n"));
    let path = format!("{}:{}:/usr/bin:/bin", world.path("bin").display(), world.path("theirs").display());
    world.set("PATH", path);
    for line in ["nscred sandbox -- sh -c \"$DIES\"", "nsc instance list", "nscred sandbox -- nsc instance list"] {
        let run = Run::of(world.shell(&format!("ulimit -c unlimited && exec {line}")).env("DIES", DIES));
        assert!(run.stderr.contains("core dumped") && run.stdout == "lives\n", "{line}: {run:#?}");
    }
}

/// What a process is given: limits, and what becomes of signals.
#[test]
fn what_is_started_begins_as_it_was_started() {
    let mut world = World::new();
    let tells = "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc; ulimit -Sf; grep '^Sig[BI]' /proc/self/status";
    script(&world.path("theirs/nsc"), &format!("#!/bin/sh\n{tells}\n"));
    let path = format!("{}:{}:/usr/bin:/bin", world.path("bin").display(), world.path("theirs").display());
    world.set("PATH", path);
    if !cfg!(target_os = "linux") {
        println!("skipped: on Linux alone");
        return;
    }
    let tell = |line: &str| {
        let given = "trap '' USR1 QUIT; ulimit -Sn 123; ulimit -Sc 0; ulimit -Sf 1000000";
        Run::of(Command::env(&mut world.shell(&format!("{given}; exec {line}")), "TELLS", tells)).ok()
    };
    let given = tell("sh -c \"$TELLS\"");
    assert!(given.starts_with("123\n"), "{given}");
    for line in ["nscred sandbox -- sh -c \"$TELLS\"", "nsc instance list", "nscred sandbox -- nsc instance list"] {
        assert_eq!(tell(line), given, "{line}");
    }
}
