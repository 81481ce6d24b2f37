//! Every line of the documented `nscale serviceaccounts` page, as printed, at
//! a terminal inside the sandbox. Only the placeholders are filled in.

use crate::support::World;
use crate::support::terminal::Terminal;

const DOCUMENT: &str = r#"{"metadata":{"name":"documented","description":"as printed"},"spec":{"groupIDs":[]}}"#;

/// Runs a line in a shell inside the sandbox, which has an account named
/// `documented` beside the administrator, and answers what is asked. Gives
/// what was shown, with the number of accounts at the end.
#[track_caller]
fn run(program: &str, line: &str, answers: &[(&str, &str)]) -> String {
    let world = World::new();
    world.write("serviceaccount.json", DOCUMENT);
    world.write("first.json", DOCUMENT.replace("as printed", "before"));
    let line = line.replace("nscale ", &format!("{program} "));
    let line = line.replace("<org-id>", "\"$NSCALE_ORGANIZATION_ID\"").replace("<sa-id>", "\"$ID\"");
    let script = format!(
        "ID=$(nscred sa create --file first.json --yes -q .metadata.id 2> /dev/null)\n\
         {line} || exit\n\
         echo \"then $(nscred sa list -q length) accounts\""
    );
    let mut command = world.command("nscred");
    command.args(["sandbox", "--", "sh", "-c", &script]);
    let mut terminal = Terminal::in_session(&command, 200);
    for (question, answer) in answers {
        terminal.expect(question);
        terminal.type_in(answer);
    }
    let (shown, code) = terminal.finish();
    assert_eq!(code, 0, "{line}: {shown}");
    shown
}

/// As [`run`], under each name of the program.
#[track_caller]
fn check(line: &str, answers: &[(&str, &str)], expected: &[&str]) {
    for program in ["nscale", "nscred"] {
        let shown = run(program, line, answers);
        for words in expected {
            assert!(shown.contains(words), "{line}: no {words:?} in {shown}");
        }
    }
}

const CREATED: [&str; 3] = ["Name:         documented", "Access Token: eyJ", "then 3 accounts"];
const UPDATED: [&str; 3] = ["description: \"before\" -> \"as printed\"", "Modified At:", "then 2 accounts"];

#[test]
fn list() {
    check("nscale serviceaccounts list --org <org-id>", &[], &["documented  ", "sandbox-administrator", "then 2"]);
}

#[test]
fn get() {
    let expected = ["Name:         documented", "Description:  before", "Expires At:   in "];
    check("nscale serviceaccounts get --id <sa-id> --org <org-id>", &[], &expected);
}

#[test]
fn create_from_a_file() {
    let line = "nscale serviceaccounts create --org <org-id> --file serviceaccount.json";
    check(line, &[("Create service account documented?", "y")], &CREATED);
}

#[test]
fn create_from_standard_input() {
    let line = "nscale serviceaccounts create --org <org-id> --stdin < serviceaccount.json";
    check(line, &[("Create service account documented?", "y")], &CREATED);
}

#[test]
fn create_from_a_pipe() {
    let line = "cat serviceaccount.json | nscale serviceaccounts create --org <org-id> --stdin";
    check(line, &[("Create service account documented?", "y")], &CREATED);
}

#[test]
fn create_in_interactive_mode() {
    let answers =
        [("Name", "by-hand\r"), ("Description", "\r"), ("Groups", "\r"), ("Create service account by-hand?", "y")];
    check(
        "nscale serviceaccounts create",
        &answers,
        &["Name:         by-hand", "Access Token: eyJ", "then 3 accounts"],
    );
}

#[test]
fn update_from_a_file() {
    let line = "nscale serviceaccounts update --org <org-id> --id <sa-id> --file serviceaccount.json";
    check(line, &[("Update service account documented?", "y")], &UPDATED);
}

#[test]
fn update_from_standard_input() {
    let line = "nscale serviceaccounts update --org <org-id> --id <sa-id> --stdin < serviceaccount.json";
    check(line, &[("Update service account documented?", "y")], &UPDATED);
}

#[test]
fn update_from_a_pipe() {
    let line = "cat serviceaccount.json | nscale serviceaccounts update --org <org-id> --id <sa-id> --stdin";
    check(line, &[("Update service account documented?", "y")], &UPDATED);
}

#[test]
fn rotate() {
    let line = "nscale serviceaccounts rotate --org <org-id> --id <sa-id> --yes";
    check(
        line,
        &[],
        &[
            "Name:         documented",
            "Access Token: eyJ",
            "the old token stops working, normally at once; up to an hour later",
        ],
    );
}

#[test]
fn delete() {
    let answers = [("Service account documented (", ""), ("Delete the account?", "y")];
    let expected = ["Successfully deleted service account", "then 1 accounts"];
    check("nscale serviceaccounts delete --org <org-id> --id <sa-id>", &answers, &expected);
}

/// The flags of the page, verb by verb.
#[test]
fn every_flag_and_alias_is_there() {
    let world = World::new();
    for (verb, flags) in [
        ("list", &["--org", "--json", "-q, --query"][..]),
        ("get", &["--id", "--org", "--json", "-q, --query"]),
        ("create", &["--org", "-f, --file", "--stdin", "--dry-run", "-y, --yes", "--json", "-q, --query"]),
        ("update", &["--id", "--org", "-f, --file", "--stdin", "--dry-run", "-y, --yes", "--json", "-q, --query"]),
        ("rotate", &["--id", "--org", "--dry-run", "-y, --yes", "--json", "-q, --query"]),
        ("delete", &["--id", "--org", "--dry-run", "-y, --yes"]),
    ] {
        for name in ["serviceaccounts", "sa"] {
            let help = world.run("nscale", [name, verb, "--help"]).ok();
            for flag in flags {
                let is_there = help.lines().any(|line| line.trim_start().starts_with(flag));
                assert!(is_there, "{verb} has no {flag} in {help}");
            }
        }
    }
}
