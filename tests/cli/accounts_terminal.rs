//! Questions to a person at a terminal: the interactive create, and the
//! confirmation of everything that changes something.

use crate::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// `nscale sa` at a terminal.
fn at_a_terminal(sandbox: &Sandbox, line: &str) -> Terminal {
    let mut command = sandbox.command("nscale");
    command.arg("sa").args(line.split(' '));
    Terminal::in_session(&command, 120)
}

/// Makes an account and gives its id.
fn account(sandbox: &Sandbox, name: &str) -> String {
    let path = sandbox.write("made.json", format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"groupIDs":[]}}}}"#));
    sandbox.sa(&format!("create --file {path} --yes -q .metadata.id")).ok().trim().to_owned()
}

fn count(sandbox: &Sandbox) -> String {
    sandbox.sa("list -q length").ok()
}

#[test]
fn an_account_is_made_by_answering() {
    let sandbox = Sandbox::start();
    let mut terminal = at_a_terminal(&sandbox, "create");
    let mode = terminal.initial;
    terminal.expect("Name");
    terminal.type_in("-bad-\r");
    terminal.expect("must begin and end with a letter or a digit");
    // The line is still there to be mended.
    terminal.type_in("\u{7f}");
    terminal.type_in(&"\u{7f}".repeat(4));
    terminal.type_in("ci\r");
    terminal.expect("Description");
    terminal.type_in("made by hand\r");
    terminal.expect("Groups");
    terminal.expect("auditors");
    // The second of three, whatever order their ids are in.
    terminal.type_in("\u{1b}[B \r");
    terminal.expect("Organization: ");
    terminal.expect("Name:         ci\r\nDescription:  made by hand\r\nGroups:       ");
    terminal.expect("Create service account ci?");
    terminal.type_in("y");
    terminal.expect("Access Token: eyJ");
    terminal.expect(" store the access token now");
    assert_eq!(terminal.mode(), mode);
    assert_eq!(terminal.finish().1, 0);
    let made = sandbox.sa("list --json").json();
    let made = made.as_array().unwrap().iter().find(|account| account["metadata"]["name"] == "ci").unwrap();
    assert_eq!(made["metadata"]["description"], "made by hand");
    assert_eq!(made["spec"]["groupIDs"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_asked_goes_to_standard_error() {
    let sandbox = Sandbox::start();
    let script = "nscale sa create -q .status.accessToken > token";
    let mut terminal = Terminal::in_session(&sandbox.shell(script), 120);
    for (question, answer) in [("Name", "ci\r"), ("Description", "\r"), ("Groups", "\r"), ("Create", "y")] {
        terminal.expect(question);
        terminal.type_in(answer);
    }
    let (shown, code) = terminal.finish();
    assert_eq!(code, 0, "{shown}");
    let token = sandbox.read("token");
    assert!(token.starts_with("eyJ") && token.trim().split('.').count() == 5 && token.lines().count() == 1);
    assert!(!shown.contains(token.trim()));
}

#[test]
fn ctrl_c_at_each_question_changes_nothing_and_gives_the_terminal_back() {
    let sandbox = Sandbox::start();
    let questions = [("Name", "ci\r"), ("Description", "\r"), ("Groups", "\r"), ("Create service account ci?", "y")];
    for last in 0..questions.len() {
        let mut terminal = at_a_terminal(&sandbox, "create");
        let mode = terminal.initial;
        for (question, answer) in &questions[..last] {
            terminal.expect(question);
            terminal.type_in(answer);
        }
        terminal.expect(questions[last].0);
        terminal.type_in("\u{3}");
        // On a line of its own.
        terminal.expect("\n\u{1b}[1;31merror:\u{1b}[0m interrupted");
        assert_eq!(terminal.mode(), mode);
        let (shown, code) = terminal.finish();
        assert_eq!(code, 130, "{shown}");
        assert!(shown.rfind("\u{1b}[?25l") < shown.rfind("\u{1b}[?25h"), "the cursor is back: {shown}");
    }
    assert_eq!(count(&sandbox), "1\n");
}

#[test]
fn a_request_to_end_at_a_question_gives_the_terminal_back() {
    let sandbox = Sandbox::start();
    let mut terminal = at_a_terminal(&sandbox, "create");
    let mode = terminal.initial;
    terminal.expect("Name");
    rustix::process::kill_process(terminal.id(), rustix::process::Signal::TERM).unwrap();
    terminal.expect("interrupted");
    assert_eq!(terminal.mode(), mode);
    assert_eq!(terminal.finish().1, 130);
}

#[test]
fn a_terminal_that_goes_away_ends_the_command() {
    let sandbox = Sandbox::start();
    // Not the terminal of its session, which would end it by a signal.
    let mut command = sandbox.command("nscale");
    command.args(["sa", "create"]);
    let mut terminal = Terminal::start(command, 120);
    terminal.expect("Name");
    assert!(!terminal.hang_up().wait().unwrap().success());
    assert_eq!(count(&sandbox), "1\n");
}

#[test]
fn no_means_no() {
    let sandbox = Sandbox::start();
    let id = account(&sandbox, "ci");
    let path = sandbox.write("sa.json", r#"{"metadata":{"name":"renamed"},"spec":{"groupIDs":[]}}"#);
    let before = sandbox.sa("list --json").ok();
    for (line, question) in [
        (format!("create --file {path}"), "Create service account renamed?"),
        (format!("update --id {id} --file {path}"), "Update service account ci?"),
        (format!("rotate --id {id}"), "its old token stops working, normally at once; up to an hour later"),
        (format!("delete --id {id}"), "its token stops working, normally at once; up to an hour later"),
    ] {
        for answer in ["n", "\r"] {
            let mut terminal = at_a_terminal(&sandbox, &line);
            terminal.expect(question);
            terminal.expect("(y/n)");
            terminal.type_in(answer);
            let (shown, code) = terminal.finish();
            assert!(code == 130 && shown.contains("declined; nothing was changed"), "{line}: {code} {shown}");
        }
    }
    assert_eq!(sandbox.sa("list --json").ok(), before);
}

#[test]
fn yes_after_seeing_what_changes() {
    let sandbox = Sandbox::start();
    let id = account(&sandbox, "ci");
    let path = sandbox.write("sa.json", r#"{"metadata":{"name":"renamed","description":"x"},"spec":{"groupIDs":[]}}"#);
    let mut terminal = at_a_terminal(&sandbox, &format!("update --id {id} --file {path}"));
    terminal.expect("Changes to service account ci:\r\n  name: ci -> renamed\r\n  description: \"x\"\r\n");
    terminal.expect("Update service account ci?");
    terminal.type_in("y");
    assert_eq!(terminal.finish().1, 0);
    let mut terminal = at_a_terminal(&sandbox, &format!("rotate --id {id}"));
    terminal.expect("Service account renamed (");
    terminal.expect("Rotate the token?");
    terminal.type_in("y");
    terminal.expect("Access Token: eyJ");
    assert_eq!(terminal.finish().1, 0);
}

#[test]
fn an_account_that_is_not_there_is_not_asked_about() {
    let sandbox = Sandbox::start();
    for verb in ["rotate", "delete"] {
        let terminal = at_a_terminal(&sandbox, &format!("{verb} --id a1b2c3d4-1111-4222-8333-444455556666"));
        let (shown, code) = terminal.finish();
        assert!(code == 5 && shown.contains("there is no service account"), "{shown}");
    }
}

#[test]
fn a_list_fits_a_terminal_of_eighty_columns() {
    let sandbox = Sandbox::with(crate::support::World::new(), &["--accounts", "3"]);
    account(&sandbox, "ci-deployer-of-the-infra");
    for (columns, has_description) in [(80, false), (120, true)] {
        let mut command = sandbox.command("nscale");
        command.args(["sa", "list", "--color", "never"]);
        let (shown, _) = Terminal::start(command, columns).finish();
        assert!(shown.lines().all(|line| line.chars().count() <= columns.into()), "{shown}");
        assert!(shown.contains("ci-deployer-of-the-infra") && shown.contains("sandbox-administrator"), "{shown}");
        let head = shown.lines().next().unwrap();
        assert!(head.contains("EXPIRES") && head.contains("DESCRIPTION") == has_description, "{shown}");
    }
}
