//! `nscred sandbox` itself: what it runs, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use insta::assert_snapshot;

use crate::sandbox::Sandbox;
use crate::support::{Run, World, mode, scrub};

fn inside(world: &World, args: &[&str]) -> Run {
    let mut line = vec!["sandbox", "--"];
    line.extend(args);
    world.run("nscred", line)
}

#[test]
fn the_exit_code_is_the_commands() {
    let world = World::new();
    for code in [0, 1, 7, 255] {
        assert_eq!(inside(&world, &["sh", "-c", &format!("exit {code}")]).code, code);
    }
    assert_eq!(inside(&world, &["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
    let stderr = inside(&world, &["/nonexistent/program"]).fails(2);
    assert_snapshot!(stderr, @"
    error: cannot run /nonexistent/program
      cause: No such file or directory (os error 2)
    ");
}

#[test]
fn programs_and_variables_inside_are_the_sandboxs() {
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
fn its_help_lists_its_decisions() {
    let world = World::new();
    let help = world.run("nscred", ["sandbox", "--help"]).ok();
    assert!(help.contains("Where Namespace's documents do not say, the sandbox decides:"));
    assert!(help.contains("Where Nscale's documents do not say:"));
}

#[test]
fn faults_are_explained_to_those_who_mistype_them() {
    let world = World::new();
    let faults = ["sa.create", "sa.creat=drop", "sa.create=fall", "sa.create=dropx99999999999"];
    let run = |fault| world.run("nscred", ["sandbox", "--fault", fault, "--", "true"]).fails(2);
    let stderr: Vec<String> = faults.map(run).to_vec();
    assert_snapshot!(stderr[0], @"
    error: --fault sa.create: missing =
    hint: a fault is OP=KIND[xN]; KIND is one of [acted-]STATUS[:SECONDS], [acted-]code=NAME[:SECONDS], [acted-]html-STATUS[:SECONDS], slow=MS, hang, drop, truncate, stall, gzip, garbage, redirect
    hint: OP is one of token.create, token.list, token.revoke, token.refresh, session.exchange, sa.list, sa.create, sa.update, sa.rotate, sa.delete, groups.list, organizations.list, userinfo, or a prefix with *, as in sa.*
    ");
    let first_lines: Vec<&str> = stderr.iter().map(|stderr| stderr.lines().next().unwrap()).collect();
    assert_snapshot!(first_lines.join("\n"), @"
    error: --fault sa.create: missing =
    error: --fault sa.creat=drop: unknown operation sa.creat; did you mean sa.create?
    error: --fault sa.create=fall: unknown fault fall
    error: --fault sa.create=dropx99999999999: the count 99999999999 is too large
    ");
}

#[test]
fn a_shell_needs_a_terminal() {
    let world = World::new();
    let stderr = world.run("nscred", ["sandbox"]).fails(2);
    assert_snapshot!(stderr, @"
    error: cannot open a shell: standard input or standard error is not a terminal
    hint: run one command with `nscred sandbox -- CMD`, or serve with `nscred sandbox --listen 127.0.0.1:8700`
    ");
}

#[test]
fn only_loopback_addresses_are_served() {
    let world = World::new();
    let listen = |address: &str| world.run("nscred", ["sandbox", "--listen", address]).fails(2);
    let stderr = ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"].map(listen);
    assert_snapshot!(stderr.join("\n"), @"
    error: --listen 0.0.0.0:0 is not a loopback address
    hint: the sandbox hands out credentials over plain HTTP; add --allow-remote to serve others too

    error: --listen 192.0.2.1:80 is not a loopback address
    hint: the sandbox hands out credentials over plain HTTP; add --allow-remote to serve others too

    error: --listen [::]:0 is not a loopback address
    hint: the sandbox hands out credentials over plain HTTP; add --allow-remote to serve others too
    ");
    let stderr = ["nonsense", "127.0.0.1", "127.0.0.1:99999", ""].map(listen);
    assert_snapshot!(stderr.join("\n"), @"
    error: --listen nonsense is not an address
      cause: invalid socket address
    hint: give an address and a port, as in 127.0.0.1:8700

    error: --listen 127.0.0.1 is not an address
      cause: invalid socket address
    hint: give an address and a port, as in 127.0.0.1:8700

    error: --listen 127.0.0.1:99999 is not an address
      cause: invalid port value
    hint: give an address and a port, as in 127.0.0.1:8700

    error: --listen  is not an address
      cause: invalid socket address
    hint: give an address and a port, as in 127.0.0.1:8700
    ");
    let sandbox = Sandbox::start();
    assert_snapshot!(scrub(&listen(&sandbox.address), &[(&sandbox.address, "ADDRESS")]), @"
    error: cannot listen on ADDRESS
      cause: Address already in use (os error 98)
    ");
}

#[test]
fn a_clock_is_at_most_ten_years_ahead() {
    let world = World::new();
    let ahead =
        |duration: &str| world.run("nscred", ["sandbox", &format!("--clock-ahead={duration}"), "--", "true"]).fails(2);
    assert_snapshot!(ahead("-1h"), @"error: --clock-ahead -1h is out of range: it must be from 0 to 10y");
    assert_snapshot!(ahead("11y"), @"error: --clock-ahead 11y is out of range: it must be from 0 to 10y");
    for invalid in ["1", ""] {
        assert!(ahead(invalid).starts_with("error: --clock-ahead: "), "{invalid}");
    }
}

#[test]
fn a_command_can_run_at_a_chosen_address() {
    let world = World::new();
    let run = world.run("nscred", ["sandbox", "--listen", "localhost:0", "--", "nsc", "token", "list", "-o", "json"]);
    assert_eq!(run.ok(), "[]\n");
}

#[test]
fn sigterm_ends_it_and_removes_its_directory() {
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
fn sigterm_is_passed_on_to_the_command() {
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
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    let sandbox = Sandbox::in_shell("trap '' HUP; exec nscred sandbox --listen 127.0.0.1:0");
    rustix::process::kill_process(sandbox.id(), rustix::process::Signal::HUP).unwrap();
    sandbox.nsc("token list").ok();
}
