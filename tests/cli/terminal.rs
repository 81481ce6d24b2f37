//! What a person at a terminal sees, in a real pseudo-terminal.

use crate::sandbox::Sandbox;
use crate::support::World;
use crate::support::terminal::Terminal;

fn at_a_terminal(world: &World, columns: u16, line: &str) -> (String, i32) {
    let mut command = world.command("nsc");
    command.args(line.split(' '));
    Terminal::start(command, columns).finish()
}

#[test]
fn a_table_fits_the_width_keeps_ids_whole_and_is_coloured() {
    let mut sandbox = Sandbox::start();
    let description = "words ".repeat(20);
    let grant = crate::support::GRANT;
    let create = ["token", "create", "--name", "ci", "--description", description.trim(), "--grant", grant];
    sandbox.run("nsc", create).ok();
    let id = sandbox.nsc("token list -q .[].token_id").ok();
    let (shown, code) = at_a_terminal(&sandbox, 100, "token list");
    assert_eq!(code, 0);
    assert!(shown.contains(id.trim()) && shown.lines().count() > 2, "{shown}");
    assert!(
        shown.contains("\u{1b}[32mActive\u{1b}[0m") && shown.contains("now") && shown.contains("in 24h"),
        "{shown}"
    );
    let plain = shown.replace("\u{1b}[32m", "").replace("\u{1b}[0m", "");
    assert!(!plain.contains('\u{1b}') && plain.lines().all(|line| line.chars().count() <= 100), "{plain}");
    sandbox.set("NO_COLOR", "1");
    assert!(!at_a_terminal(&sandbox, 100, "token list").0.contains('\u{1b}'));
    assert!(at_a_terminal(&sandbox, 100, "token list --color always").0.contains('\u{1b}'));
}

#[test]
fn the_note_about_the_secret_comes_after_it() {
    let sandbox = Sandbox::start();
    let mut command = sandbox.command("nsc");
    command.args(["token", "create", "--name", "ci", "--grant", crate::support::GRANT]);
    let (shown, _) = Terminal::start(command, 80).finish();
    let (before, after) = shown.split_once("Bearer Token: nsrt_").unwrap();
    assert!(!before.contains("note:") && after.contains("note:\u{1b}[0m store the bearer token now"), "{shown}");
}

#[test]
fn the_sandbox_opens_a_shell() {
    let world = World::new();
    let mut command = world.command("nscred");
    command.arg("sandbox").env("SHELL", "/bin/sh");
    let mut terminal = Terminal::start(command, 80);
    terminal.type_in("nsc token list -o json && exit 7\n");
    let (shown, code) = terminal.finish();
    assert_eq!(code, 7, "{shown}");
    assert!(shown.contains(" a shell inside the sandbox") && shown.contains("[]"), "{shown}");
}

/// What a terminal shows of `token list` from a server that takes a while.
fn waiting(flags: &[&str], line: &str) -> (String, i32) {
    let sandbox = Sandbox::with(World::new(), flags);
    at_a_terminal(&sandbox, 80, line)
}

#[test]
fn a_wait_is_shown_and_then_erased() {
    let slow = ["--fault", "token.list=slow=700"];
    let (shown, code) = waiting(&slow, "token list -o json");
    let (before, after) = shown.split_once("waiting for 127.0.0.1:").unwrap_or_else(|| panic!("{shown:?}"));
    assert_eq!(code, 0);
    assert!(!before.contains("[]") && after.contains("\u{1b}[2K"), "{shown:?}");
    let last = shown.rsplit("\u{1b}[2K").next().unwrap();
    assert_eq!(last, "[]\n", "nothing of it is left: {shown:?}");
    // A short wait is not worth a word, and the log of the wire tells more.
    assert!(!waiting(&[], "token list").0.contains("waiting"));
    assert!(!waiting(&slow, "token list -v").0.contains("waiting"));
}

#[test]
fn what_is_shown_of_a_wait_goes_away_with_it() {
    let sandbox = Sandbox::with(World::new(), &["--fault", "token.list=hang"]);
    let mut command = sandbox.command("nsc");
    command.args(["token", "list"]);
    let mut terminal = Terminal::in_session(&command, 80);
    terminal.expect("waiting for 127.0.0.1:");
    terminal.type_in("\u{3}");
    let (shown, code) = terminal.finish();
    assert_eq!(code, 130);
    let last = shown.rsplit("\u{1b}[2K").next().unwrap();
    assert_eq!(last, "\u{1b}[1;31merror:\u{1b}[0m interrupted\n", "{shown:?}");
}
