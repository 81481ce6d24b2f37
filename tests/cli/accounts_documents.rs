//! The document of an account: every way in, and every bad one refused before
//! anything is sent.

use std::io::Write;
use std::process::Stdio;

use insta::{allow_duplicates, assert_snapshot};

use crate::sandbox::Sandbox;
use crate::support::{Run, World};

const DOCUMENT: &str = r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#;

/// A world whose server nobody answers at: whatever fails otherwise than by
/// exit code 7 sent nothing.
fn offline() -> World {
    let mut world = World::new();
    world
        .set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", "http://127.0.0.1:1")
        .set("NSCALE_SERVICE_TOKEN", "eyJhbGciOiJ4In0.a.b.c.d")
        .set("NSCALE_ORGANIZATION_ID", "d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90");
    world
}

/// `sa create` with bytes on standard input.
fn piped(world: &World, line: &str, input: &[u8]) -> Run {
    let mut command = world.command("nscale");
    command.args(["sa", "create"]).args(line.split_whitespace());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended already, with a word about its flags.
    let _ = child.stdin.take().unwrap().write_all(input);
    Run::new(child.wait_with_output().unwrap(), &command)
}

#[test]
fn all_the_ways_in() {
    let sandbox = Sandbox::start();
    let path = sandbox.write("sa.json", DOCUMENT);
    for line in ["", "--stdin", "--file -", "-f-"] {
        let run = piped(&sandbox, &format!("{line} --yes -q .metadata.name"), DOCUMENT.as_bytes());
        assert_eq!(run.ok(), "ci\n", "{line}");
    }
    for script in [
        format!("nscale sa create -f {path} -y -q .metadata.name"),
        format!("nscale sa create --yes -q .metadata.name < {path}"),
        format!("mkfifo fifo; cat {path} > fifo & nscale sa create --file fifo --yes -q .metadata.name"),
    ] {
        let run = sandbox.sh(&script);
        allow_duplicates!(assert_snapshot!(run.scrubbed(), @"
        warning: the output does not contain the secret: the access token of service account ID cannot be shown again, and is kept in DIRECTORY/home/.local/state/nscred/undelivered/ID.token
        note: if you do not want it, undo it with `nscale serviceaccounts delete --org ID --id ID --yes`
        "));
        assert_eq!(run.ok(), "ci\n", "{script}");
    }
    assert_eq!(sandbox.sa("list -q length").ok(), "8\n");
}

#[test]
fn marks_and_line_ends_of_other_systems() {
    let sandbox = Sandbox::start();
    let text = "\u{feff}{\"metadata\":\r\n{\"name\":\"ci\"},\r\n\"spec\":{\"groupIDs\":[]}}\r\n\r\n";
    let path = sandbox.write("sa.json", text);
    assert_eq!(sandbox.sa(&format!("create --file {path} --yes -q .metadata.name")).ok(), "ci\n");
    assert_eq!(piped(&sandbox, "--stdin --yes -q .metadata.name", text.as_bytes()).ok(), "ci\n");
}

#[test]
fn what_is_no_document_is_refused_with_a_sentence() {
    let world = offline();
    let huge = format!("{{\"metadata\":\"{}\"}}", "x".repeat(1024 * 1024));
    let utf16: Vec<u8> = [0xfeff].into_iter().chain(DOCUMENT.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (bytes, words) in [
        (&b""[..], "is empty"),
        (b" \r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (huge.as_bytes(), "is over 1 MiB"),
        (b"{\"metadata\":{\"name\":\"\xff\"}}", "is not UTF-8 text (byte 21)"),
        (&utf16, "is UTF-16 text"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "is binary data"),
        (b"\x89PNG\r\n\x1a\n", "is not UTF-8 text (byte 0)"),
        (b"name: ci", "(line 1, column 2)"),
        (b"{\"metadata\":{\"name\":\"ci\"},}", "(line 1, column 27)"),
        (b"{\n  \"metadata\": {\"name\": \"a b\"},\n  \"spec\": {\"groupIDs\": []}}", "(line 2, column 24)"),
        (b"[]", "must be an object"),
        (DOCUMENT.replace("ci", "").as_bytes(), "the name is empty"),
        (DOCUMENT.replace("[]", "[\"admins\"]").as_bytes(), "a group's id must be a UUID"),
        (format!("{DOCUMENT}{DOCUMENT}").as_bytes(), "trailing characters"),
        ("[".repeat(100_000).as_bytes(), "EOF"),
    ] {
        let path = world.write("sa.json", bytes);
        let stderr = world.sa(&format!("create --file {path} --yes")).fails_with(2, words);
        assert!(stderr.starts_with("error: --file "), "{stderr}");
        // Only what was read can be compared with what a document looks like.
        let was_read = !["is over", "UTF-", "binary"].iter().any(|unread| words.contains(unread));
        assert_eq!(stderr.contains("hint: a document looks like"), was_read, "{stderr}");
        piped(&world, "--stdin --yes", bytes).fails_with(2, words);
        let stderr = world.sa(&format!("create --file {path} --yes --json")).fails(2);
        let json: serde_json::Value = serde_json::from_str(&stderr).unwrap();
        assert_eq!(json["kind"], "usage");
    }
}

#[test]
fn the_place_of_a_mistake_is_pointed_at() {
    let world = offline();
    let path = world.write("sa.json", "{\"metadata\": {\"name\": 7}}");
    assert_eq!(
        world.sa(&format!("create --file {path} --yes")).fails(2).lines().take(3).collect::<Vec<_>>(),
        [
            &format!("error: --file {path}: \"name\" must be a string (line 1, column 23)"),
            "  {\"metadata\": {\"name\": 7}}",
            "                        ^",
        ]
    );
}

#[test]
fn files_that_cannot_be_read() {
    let world = offline();
    assert_snapshot!(world.sa("create --file nonexistent.json --yes").says(2), @"
    error: --file nonexistent.json cannot be read
      cause: No such file or directory (os error 2)
    ");
    assert_snapshot!(world.sa("create --file . --yes").says(2), @"
    error: --file . cannot be read
      cause: Is a directory (os error 21)
    ");
    world.sh("nscale sa create --stdin --yes <&-").fails(2);
    assert_snapshot!(world.sa("create --file a.json --stdin").says(2), @"
    error: the argument '--file <PATH>' cannot be used with '--stdin'

    Usage: nscale serviceaccounts create --file <PATH>

    For more information, try '--help'.
    ");
}

#[test]
fn without_a_document_and_a_terminal_it_fails_at_once() {
    let world = offline();
    for line in ["create", "create --yes", "create --dry-run"] {
        allow_duplicates!(assert_snapshot!(world.sa(line).says(2), @r#"
        error: no document was given, and there is no terminal to ask for one
        hint: give the document with --file PATH or --stdin
        hint: a document looks like {"metadata":{"name":"ci","description":"…","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":[]}}
        "#));
    }
    assert_snapshot!(world.sa("update --id a1b2c3d4-1111-4222-8333-444455556666 --yes").says(2), @r#"
    error: no document was given
    hint: give the document with --file PATH or --stdin
    hint: a document looks like {"metadata":{"name":"ci","description":"…","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":[]}}
    "#);
    // A pipe that nobody writes to is not waited for for ever.
    let run = world.sh("mkfifo fifo; nscale sa create --yes --timeout 200ms <> fifo");
    assert_snapshot!(run.scrubbed(), @"
    error: the pipe on standard input sent nothing within 200ms
    hint: give the document with --file PATH or --stdin
    ");
}

#[test]
fn unknown_keys_are_warned_about_and_not_sent() {
    let sandbox = Sandbox::start();
    let path = sandbox.write(
        "sa.json",
        r#"{"kind":"x","metadata":{"name":"ci","tag":[],"creationTime":"t"},"spec":{"groupIDs":[],"roles":[]},"status":{}}"#,
    );
    let run = sandbox.sa(&format!("create --file {path} --dry-run"));
    for words in [
        "warning: the document has an unknown field \"kind\", which is ignored",
        "did you mean \"tags\"?",
        "\"spec\" has an unknown field \"roles\"",
    ] {
        assert!(run.stderr.contains(words), "{run:#?}");
    }
    assert!(!run.stderr.contains("creationTime") && !run.stderr.contains("status"), "{run:#?}");
    assert_eq!(run.json().to_string(), DOCUMENT);
}

#[test]
fn a_document_saved_from_one_account_does_not_go_into_another() {
    let sandbox = Sandbox::start();
    let path = sandbox.write("sa.json", DOCUMENT);
    let mut ids = [(); 2].map(|()| sandbox.sa(&format!("create --file {path} --yes -q .metadata.id")).ok());
    ids.iter_mut().for_each(|id| *id = id.trim().to_owned());
    let saved = sandbox.sa(&format!("get --id {} --json", ids[0])).ok();
    let saved = sandbox.write("saved.json", saved);
    sandbox.sa(&format!("update --id {} --file {saved} --yes", ids[0])).ok();
    assert_snapshot!(sandbox.sa(&format!("update --id {} --file {saved} --yes", ids[1])).says(2), @r#"
    error: the document belongs to another service account: its metadata.id is not ID
    hint: remove "id" from the document to apply it to this account
    "#);
}
