//! A document whose fields stand at the wrong level, and one that sets nothing:
//! neither is taken for a wish that is fulfilled already.

use std::process::Stdio;

use insta::{allow_duplicates, assert_snapshot};

use crate::sandbox::Sandbox;
use crate::support::{Run, World};

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

/// The verbs that take a document.
const VERBS: [&str; 3] = ["create", "update --id self", "update --id self --merge"];

/// A verb with a document, by each way that it can come in.
fn runs(world: &World, verb: &str, document: &str) -> Vec<Run> {
    let path = world.write("sa.json", document);
    let mut command = world.command("nscale");
    command.arg("sa").args(verb.split(' ')).args(["--yes", "--stdin"]);
    command.stdin(Stdio::from(std::fs::File::open(&path).unwrap()));
    vec![world.sa(&format!("{verb} --file {path} --yes")), Run::of(&mut command)]
}

#[test]
fn a_field_at_the_wrong_level_is_refused_with_the_right_place() {
    let world = offline();
    for (document, words, caret) in [
        (
            "{\"description\":\"x\"}",
            "\"description\" belongs in \"metadata\", not in the document (line 1, column 16)",
            "               ^",
        ),
        (
            "{\"metadata\":{\"name\":\"a\"},\n \"spec\":{\"groupIDs\":[],\n  \"tags\":[]}}",
            "\"tags\" belongs in \"metadata\", not in \"spec\" (line 3, column 10)",
            "         ^",
        ),
        (
            "{\"metadata\":{\"name\":\"a\",\"groupIds\":[]},\"spec\":{\"groupIDs\":[]}}",
            "\"groupIDs\" belongs in \"spec\", not in \"metadata\" (line 1, column 36)",
            "^",
        ),
    ] {
        for verb in VERBS {
            for run in runs(&world, verb, document) {
                let stderr = run.fails_with(2, words);
                assert!(stderr.contains(&format!("{caret}\n")), "{stderr}");
                assert!(stderr.contains("hint: a document looks like {\"metadata\":"), "{stderr}");
            }
        }
    }
}

#[test]
fn a_merge_that_sets_nothing_is_refused_and_says_what_can_be_set() {
    let world = offline();
    for document in [
        "{}",
        "{\"metadata\":{},\"spec\":{}}",
        "{\"status\":{\"expiry\":\"x\"}}",
        "{\"metadata\":{\"id\":\"x\",\"creationTime\":\"x\"}}",
        "{\"spec\":{\"groupIds\":[]}}",
        "{\"discription\":\"x\"}",
    ] {
        for run in runs(&world, "update --id self --merge", document) {
            let stderr = run.fails_with(2, "the document sets nothing (line 1, column 1)");
            assert!(stderr.contains("\"name\", \"description\" and \"tags\" in \"metadata\""), "{stderr}");
        }
    }
}

#[test]
fn a_misspelt_field_at_its_level_is_a_warning() {
    let sandbox = Sandbox::start();
    let path = sandbox
        .write("sa.json", r#"{"metadata":{"name":"ci","discription":"x"},"spec":{"groupIDs":[],"groupIds":[]}}"#);
    let run = sandbox.sa(&format!("create --file {path} --yes"));
    for near in ["did you mean \"description\"?", "did you mean \"groupIDs\"?"] {
        assert!(run.stderr.contains(near), "{run:#?}");
    }
    run.ok();
}

#[test]
fn what_get_prints_can_be_handed_back() {
    let sandbox = Sandbox::start();
    let path = sandbox.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    let id = sandbox.sa(&format!("create --file {path} --yes -q .metadata.id")).ok();
    let saved = sandbox.sa(&format!("get --id {id} --json")).ok();
    let path = sandbox.write("saved.json", saved);
    for flags in ["", "--merge"] {
        let run = sandbox.sa(&format!("update --id {} --file {path} --yes {flags}", id.trim()));
        allow_duplicates!(
            assert_snapshot!(run.scrubbed(), @"note: nothing to change: the account already matches the document")
        );
        run.ok();
    }
}
