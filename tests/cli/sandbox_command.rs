//! `nscred sandbox` itself: what it runs, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::sandbox::Sandbox;
use crate::support::{Run, World, mode};

fn inside(world: &World, args: &[&str]) -> Run {
    let mut line = vec!["sandbox", "--"];
    line.extend(args);
    world.run("nscred", line)
}

#[test]
fn it_exits_with_the_commands_code() {
    let world = World::new();
    for code in [0, 1, 7, 255] {
        assert_eq!(inside(&world, &["sh", "-c", &format!("exit {code}")]).code, code);
    }
    assert_eq!(inside(&world, &["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
    inside(&world, &["/nonexistent/program"]).fails_with(2, "/nonexistent/program cannot be run");
}

#[test]
fn the_names_and_the_variables_lead_inside() {
    let world = World::new();
    let script = "for name in nsc nscale nscred; do command -v $name; done; echo $NSC_IAM_ENDPOINT; ls $NSCRED_SANDBOX; \
                  stat -c %a $NSCRED_SANDBOX $NSC_TOKEN_FILE; echo $NSCRED_SANDBOX";
    let stdout = inside(&world, &["sh", "-c", script]).ok();
    let lines: Vec<&str> = stdout.lines().collect();
    let directory = lines[lines.len() - 1];
    for (line, name) in lines.iter().zip(["nsc", "nscale", "nscred"]) {
        assert_eq!(*line, format!("{directory}/bin/{name}"));
    }
    assert!(lines[3].starts_with("http://127.0.0.1:"));
    assert_eq!(lines[4..8], ["admin.json", "bin", "member.json", "session.json"]);
    assert_eq!(lines[8..10], ["700", "600"]);
    assert!(!std::path::Path::new(directory).exists(), "it leaves nothing behind");
}

#[test]
fn its_help_tells_what_it_decided() {
    let world = World::new();
    let help = world.run("nscred", ["sandbox", "--help"]).ok();
    assert!(help.contains("What the documents leave open, the sandbox decides like this:"));
}

#[test]
fn without_a_terminal_there_is_no_shell() {
    let world = World::new();
    world.run("nscred", ["sandbox"]).fails_with(2, "there is no terminal for a shell");
}

#[test]
fn it_serves_loopback_only() {
    let world = World::new();
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        world.run("nscred", ["sandbox", "--listen", address]).fails_with(2, "is not a loopback address");
    }
    for address in ["nonsense", "127.0.0.1", "127.0.0.1:99999", ""] {
        world.run("nscred", ["sandbox", "--listen", address]).fails_with(2, "is not an address");
    }
    let sandbox = Sandbox::start();
    world.run("nscred", ["sandbox", "--listen", &sandbox.address]).fails_with(2, "cannot be used");
    for ahead in ["-1h", "11y", "1", ""] {
        let flag = format!("--clock-ahead={ahead}");
        world.run("nscred", ["sandbox", &flag, "--", "true"]).fails_with(2, "--clock-ahead");
    }
}

#[test]
fn it_runs_a_command_at_a_chosen_address() {
    let world = World::new();
    let run = world.run("nscred", ["sandbox", "--listen", "localhost:0", "--", "nsc", "token", "list", "-o", "json"]);
    assert_eq!(run.ok(), "[]\n");
}

#[test]
fn asked_to_end_it_cleans_up() {
    let world = World::new();
    let mut server = world
        .command("nscred")
        .args(["sandbox", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut directory = String::new();
    for line in BufReader::new(server.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(value) = line.strip_prefix("export NSCRED_SANDBOX=") {
            directory = value.trim_matches('\'').to_owned();
        }
        if line.starts_with("export PATH=") {
            break;
        }
    }
    assert_eq!(mode(&directory), 0o700);
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(!std::path::Path::new(&directory).exists());
}

#[test]
fn a_request_to_end_is_passed_on_to_the_command() {
    let world = World::new();
    let mut server = world
        .command("nscred")
        .args(["sandbox", "--", "sh", "-c", "trap 'kill $!; exit 9' TERM; sleep 60 & echo ready; wait"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(server.wait().unwrap().code().is_some_and(|code| code == 9));
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let sandbox = Sandbox::in_shell("trap '' HUP; exec nscred sandbox --listen 127.0.0.1:0");
    rustix::process::kill_process(sandbox.id(), rustix::process::Signal::HUP).unwrap();
    sandbox.nsc("token list").ok();
}
