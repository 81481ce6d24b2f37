//! What was asked for and what is known of it: groups that nobody can check,
//! answers that show those from before, and values that are too long to be
//! shown or sent.

use insta::{allow_duplicates, assert_snapshot};

use crate::account_errors::{conflict, document, error, sa};
use crate::accounts::{CREATED, DOCUMENT, GROUP, GROUPS, ID, LIST};
use crate::nscale_world;
use crate::server::json;

fn forbidden() -> String {
    error(403, "forbidden", "rbac")
}

/// The one account of the list.
fn one() -> String {
    LIST.trim_start_matches('[').trim_end_matches(']').to_owned()
}

#[test]
fn groups_that_could_not_be_checked_are_not_said_to_be_set() {
    // A server passes over a group that it does not have, and says nothing.
    let (world, _server) = nscale_world([forbidden(), json(201, CREATED)]);
    let path = world.write("sa.json", DOCUMENT);
    let shown = sa(&world, "create", &format!("--file {path} --yes")).ok();
    assert!(shown.contains(&format!("Groups:       {GROUP} (requested; could not be checked)\n")), "{shown}");
    for flags in ["--json", "-q .metadata.id"] {
        let (world, _server) = nscale_world([forbidden(), json(201, CREATED)]);
        let path = world.write("sa.json", DOCUMENT);
        let run = sa(&world, "create", &format!("--file {path} --yes --token-file new.token {flags}"));
        allow_duplicates!(assert_snapshot!(run.scrubbed(), @"
        note: this credential may not read groups, so the ids were not checked: the server silently ignores unknown ids
        note: the server's answer shows the previous groups; the requested groups could not be checked, and the server ignores unknown ids
        note: the access token of service account a1b2c3d4-1111-4222-8333-444455556666 written to new.token
        "));
        assert!(!run.stderr.contains("have been set") && !run.stderr.contains("are set"), "{run:#?}");
        run.ok();
    }
    // What it was a member of before is known to be there.
    let more = "c3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11";
    for flag in ["", "--json"] {
        let (world, _server) = nscale_world([json(200, LIST), forbidden(), json(200, &one())]);
        let path = world.write("sa.json", format!(r#"{{"spec":{{"groupIDs":["{GROUP}","{more}"]}}}}"#));
        let run = sa(&world, "update", &format!("--id {ID} --file {path} --merge --yes {flag}"));
        if flag.is_empty() {
            assert!(run.stdout.contains(&format!("Groups:       {GROUP}\n")), "{run:#?}");
            assert!(run.stdout.contains(&format!("{more} (requested; could not be checked)\n")), "{run:#?}");
        } else {
            allow_duplicates!(assert_snapshot!(run.scrubbed(), @"
            note: this credential may not read groups, so the ids were not checked: the server silently ignores unknown ids
            note: the server's answer shows the previous groups; the requested groups could not be checked, and the server ignores unknown ids
            "));
        }
        run.ok();
    }
    let (world, _server) = nscale_world([json(200, LIST), forbidden(), json(200, &one())]);
    let path = world.write("sa.json", format!(r#"{{"metadata":{{"name":"x"}},"spec":{{"groupIDs":["{GROUP}"]}}}}"#));
    let run = sa(&world, "update", &format!("--id {ID} --file {path} --yes --json"));
    assert!(!run.stderr.contains("previous groups"), "{run:#?}");
}

#[test]
fn a_filter_is_told_of_stale_groups_as_json_is() {
    for flags in ["--json", "-q .spec.groupIDs"] {
        let (world, _server) = nscale_world([json(200, GROUPS), json(201, CREATED)]);
        let path = world.write("sa.json", DOCUMENT);
        let run = sa(&world, "create", &format!("--file {path} --yes --token-file new.token {flags}"));
        allow_duplicates!(assert_snapshot!(run.scrubbed(), @"
        note: the server's answer shows the previous groups; the requested groups have been set
        note: the access token of service account a1b2c3d4-1111-4222-8333-444455556666 written to new.token
        "));
        run.ok();
        let (world, _server) = nscale_world([json(200, LIST), json(200, GROUPS), json(200, &one())]);
        let path = world.write("sa.json", r#"{"spec":{"groupIDs":[]}}"#);
        let run = sa(&world, "update", &format!("--id {ID} --file {path} --merge --yes {flags}"));
        allow_duplicates!(assert_snapshot!(run.scrubbed(), @"
        warning: the update erases membership of deployers (b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11)
        note: the server's answer shows the previous groups; the requested groups have been set
        "));
        run.ok();
    }
}

#[test]
fn a_description_that_no_server_keeps_is_not_sent() {
    let write = |length: usize| {
        format!(r#"{{"metadata":{{"name":"ci","description":"{}"}},"spec":{{"groupIDs":[]}}}}"#, "x".repeat(length))
    };
    let (world, server) = nscale_world([]);
    let path = world.write("sa.json", write(256 * 1024 + 1));
    for (verb, flags) in [("create", ""), ("update", "--id self"), ("update", "--id self --merge")] {
        let stderr = sa(&world, verb, &format!("--file {path} --yes {flags}")).says(2);
        allow_duplicates!(assert_snapshot!(stderr, @r#"
        error: --file DIRECTORY/sa.json: the description has 257 KiB; at most 256 KiB are allowed (line 1, column 40)
          {"metadata":{"name":"ci","description":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
                                                 ^
        hint: a document looks like {"metadata":{"name":"ci","description":"…","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":[]}}
        "#));
        assert!(stderr.len() < 1_000, "{} bytes", stderr.len());
    }
    server.requests(0);
    let (world, _server) = nscale_world([json(201, CREATED)]);
    let path = world.write("sa.json", write(256 * 1024));
    sa(&world, "create", &format!("--file {path} --yes")).ok();
}

#[test]
fn no_message_shows_a_huge_value_whole() {
    let huge = "x".repeat(200 * 1024);
    let (world, _server) = nscale_world([json(200, LIST), json(200, LIST), json(200, LIST)]);
    let tagged = format!(r#"{{"metadata":{{"description":"{huge}","tags":[{{"name":"{huge}","value":""}}]}}}}"#);
    let path = world.write("sa.json", tagged);
    let run = sa(&world, "update", &format!("--id {ID} --file {path} --merge --dry-run"));
    assert_snapshot!(run.scrubbed(), @r#"
    Changes to service account ci-deployer:
      description: "pipeline bot" -> "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… (200 KiB)
      tags: team=infra -> xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (201 KiB)
    note: dry run: nothing was changed; this is the payload of PUT http://127.0.0.1:PORT/api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/serviceaccounts/a1b2c3d4-1111-4222-8333-444455556666
    "#);
    assert!(run.stderr.len() < 5_000, "{} bytes", run.stderr.len());
    let unknown = format!(r#"{{"metadata":{{"description":"a","{huge}":1}}}}"#);
    let path = world.write("sa.json", unknown);
    let run = sa(&world, "update", &format!("--id {ID} --file {path} --merge --dry-run"));
    assert_snapshot!(run.scrubbed(), @r#"
    warning: "metadata" has an unknown field "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (200 KiB)", which is ignored
    Changes to service account ci-deployer:
      description: "pipeline bot" -> "a"
    note: dry run: nothing was changed; this is the payload of PUT http://127.0.0.1:PORT/api/v1/organizations/d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90/serviceaccounts/a1b2c3d4-1111-4222-8333-444455556666
    "#);
    let twice = format!(r#"{{"metadata":{{"{huge}":1,"{huge}":1}}}}"#);
    let path = world.write("sa.json", twice);
    let stderr = sa(&world, "update", &format!("--id {ID} --file {path} --merge --dry-run")).says(2);
    assert_snapshot!(stderr, @r#"
    error: --file DIRECTORY/sa.json: "metadata" has "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (200 KiB)" twice (line 1, column 409622)
      xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx":1}}
                                                                  ^
    hint: a document looks like {"metadata":{"name":"ci","description":"…","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":[]}}
    "#);
    let id = "x".repeat(100 * 1024);
    for verb in ["get", "rotate", "delete"] {
        let stderr = sa(&world, verb, &format!("--id {id}")).fails(if verb == "get" { 5 } else { 2 });
        assert!(stderr.len() < 2_000, "{verb}: {} bytes", stderr.len());
    }
}

#[test]
fn after_a_conflict_on_create_the_groups_are_not_known() {
    let (world, _server) = nscale_world([conflict()]);
    let path = document(&world);
    let stderr = sa(&world, "create", &format!("--file {path} --yes")).says(6);
    assert_snapshot!(stderr, @r#"
    error: someone else changed the service account at the same time
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: the account may have been created, in any of its groups, and then its token is lost; look for "ci" in `nscale serviceaccounts list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90`, and delete it before you run this again
    "#);
    assert!(!stderr.contains("without its groups"), "{stderr}");
}
