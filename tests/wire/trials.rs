//! A token that was just minted is delivered, and then tried: the server may
//! refuse it for a moment.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::account_errors::{document, error, sa};
use crate::accounts::{CREATED, ID, LIST, MINTED, ORG};
use crate::nscale_world;
use crate::server::{Server, answer, json};
use crate::support::World;

fn refused() -> String {
    error(401, "access_denied", "token validation failed")
}

/// A server that mints once, and then answers trials so.
fn minting(trials: impl IntoIterator<Item = String>) -> (World, Server) {
    let (world, server) = nscale_world([json(201, CREATED)]);
    server.answer_trials(trials);
    (world, server)
}

/// The lines that mint.
fn lines(world: &World) -> [(&'static str, String); 2] {
    [("create", format!("--file {} --yes", document(world))), ("rotate", format!("--id {ID} --yes"))]
}

#[test]
fn a_token_that_is_refused_for_a_moment_is_waited_for() {
    for index in 0..2 {
        let (world, server) = minting([refused(), refused()]);
        let (verb, flags) = &lines(&world)[index];
        let run = sa(&world, verb, &format!("{flags} -q .status.accessToken"));
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (format!("{MINTED}\n").as_str(), ""), "{verb}");
        run.ok();
        assert_eq!(server.trials(), 3, "{verb}");
        server.requests(1);
    }
}

#[test]
fn whatever_else_is_said_ends_the_trial() {
    for said in [
        json(200, "{}"),
        json(200, ""),
        error(404, "not_found", "resource not found"),
        error(403, "forbidden", "rbac"),
        error(500, "server_error", "x"),
        answer(401, "Content-Type: text/html\r\n", "<html>"),
        answer(401, "", ""),
        answer(429, "Retry-After: 0\r\n", ""),
        answer(502, "", ""),
        answer(302, "Location: /login\r\n", ""),
        String::new(),
    ] {
        let (world, server) = minting([said.clone()]);
        let run = sa(&world, "rotate", &format!("--id {ID} --yes -q .status.accessToken"));
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (format!("{MINTED}\n").as_str(), ""), "{said}");
        run.ok();
        assert_eq!(server.trials(), 1, "{said}");
    }
}

#[test]
fn a_token_that_is_refused_to_the_end_is_delivered_with_a_warning() {
    for index in 0..2 {
        let (world, server) = minting(std::iter::repeat_n(refused(), 99));
        let (verb, flags) = &lines(&world)[index];
        let run = sa(&world, verb, &format!("{flags} --timeout 2s --token-file new.token -v"));
        assert!(run.stderr.contains("\nwarning: the server does not accept the new token yet"), "{run:#?}");
        assert!(!run.stderr.contains("NEWkey") && !run.stdout.contains("NEWkey"), "{run:#?}");
        run.ok();
        assert_eq!(world.read("new.token"), format!("{MINTED}\n"));
        assert!(server.trials() > 1);
    }
}

#[test]
fn what_mints_nothing_tries_nothing() {
    let (world, server) = nscale_world([json(200, LIST), error(403, "forbidden", "rbac")]);
    sa(&world, "rotate", &format!("--id {ID} --dry-run")).ok();
    sa(&world, "create", &format!("--file {} --dry-run", document(&world))).ok();
    sa(&world, "rotate", &format!("--id {ID} --yes")).fails(3);
    assert_eq!(server.trials(), 0);
}

#[test]
fn a_signal_during_the_trial_finds_the_token_delivered() {
    let (world, server) = minting(std::iter::repeat_n(refused(), 99));
    let heard = server.hear_trials();
    let mut command = world.command("nscale");
    command.args(["sa", "rotate", "--org", ORG, "--id", ID, "--yes", "-q", ".status.accessToken"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    heard.recv_timeout(Duration::from_secs(30)).expect("a trial");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{MINTED}\n"));
    let note = "note: interrupted; the change had been sent already, and was finished\n".to_owned();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), note));
}
