//! The identity API when somebody else writes at the same time.

use insta::assert_snapshot;

use crate::account_errors::*;
use crate::accounts::{CREATED, GROUP, GROUPS, ID, LIST, ORG, check};
use crate::nscale_world;
use crate::server::{answer, json};

#[test]
fn rotate_and_delete_try_again_after_a_conflict() {
    let (world, server) = nscale_world([conflict(), conflict(), json(200, CREATED)]);
    sa(&world, "rotate", &format!("--id {ID} --yes")).ok();
    server.requests(3);
    let (world, server) = nscale_world([conflict(), answer(200, "", "")]);
    sa(&world, "delete", &format!("--id {ID} --yes")).ok();
    server.requests(2);
    // It was there, and is gone by now.
    let (world, server) = nscale_world([conflict(), error(404, "not_found", "resource not found")]);
    sa(&world, "delete", &format!("--id {ID} --yes")).ok();
    server.requests(2);
    let (world, server) = nscale_world([answer(502, "Retry-After: 0\r\n", ""), answer(429, "Retry-After: 99\r\n", "")]);
    sa(&world, "delete", &format!("--id {ID} --yes")).fails(8);
    server.requests(2);
    let (world, server) = nscale_world(std::iter::repeat_n(conflict(), 9));
    assert_snapshot!(sa(&world, "rotate", &format!("--id {ID} --yes")).says(6), @"
    error: someone else changed the service account at the same time
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: run it again: `nscale serviceaccounts rotate --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90 --id a1b2c3d4-1111-4222-8333-444455556666 --yes`
    ");
    server.requests(4);
}

#[test]
fn a_conflict_on_create_says_that_there_may_be_an_account_now() {
    let (world, server) = nscale_world([conflict()]);
    let path = document(&world);
    assert_snapshot!(sa(&world, "create", &format!("--file {path} --yes")).says(6), @r#"
    error: someone else changed the service account at the same time
      request id: 0af7651916cd43dd8448eb211c80319c
    hint: the account may have been created, in any of its groups, and then its token is lost; look for "ci" in `nscale serviceaccounts list --org d0e1f2a3-0b1c-4d2e-8f3a-4b5c6d7e8f90`, and delete it before you run this again
    "#);
    server.requests(1);
}

/// The one account of the list, with another description and other groups.
fn changed(from: &str, to: &str) -> String {
    LIST.replace(from, to)
}

#[test]
fn an_update_goes_on_after_a_conflict_that_is_none_of_its_own() {
    let now = changed("pipeline bot", "by somebody else");
    let one = now.trim_start_matches('[').trim_end_matches(']');
    let (world, server) = nscale_world([json(200, LIST), conflict(), json(200, &now), json(200, one)]);
    let path = world.write("sa.json", r#"{"metadata":{"name":"renamed"}}"#);
    let run = sa(&world, "update", &format!("--id {ID} --file {path} --merge --yes"));
    assert_snapshot!(run.scrubbed(), @"
    Changes to service account ci-deployer:
      name: ci-deployer -> renamed
    note: someone else changed the account at the same time, but nothing that this update sets: it was sent again
    ");
    run.ok();
    let requests = server.requests(4);
    assert!(requests[1].body.contains("pipeline bot"), "{requests:#?}");
    // What it keeps is what there is now, not what there was.
    let body = r#"{"metadata":{"name":"renamed","description":"by somebody else","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":["b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11"]}}"#;
    let path = format!("PUT /api/v1/organizations/{ORG}/serviceaccounts/{ID}");
    check(&requests[3], &path, body);
}

#[test]
fn an_update_stops_at_a_conflict_about_what_it_sets() {
    let mut said = String::new();
    for (document, flags, now) in [
        (r#"{"metadata":{"name":"renamed"}}"#, "--merge", changed("ci-deployer", "by-somebody-else")),
        (r#"{"metadata":{"name":"ci-deployer"},"spec":{"groupIDs":[]}}"#, "", changed("pipeline bot", "other")),
    ] {
        // The names of groups that it leaves are looked up.
        let before = if flags.is_empty() { vec![LIST, GROUPS] } else { vec![LIST] };
        let count = before.len() + 2;
        let answers = before.into_iter().map(|body| json(200, body));
        let (world, server) = nscale_world(answers.chain([conflict(), json(200, &now)]));
        let path = world.write("sa.json", document);
        said += &sa(&world, "update", &format!("--id {ID} --file {path} --yes {flags}")).says(6);
        server.requests(count);
    }
    assert_snapshot!(said, @r#"
    Changes to service account ci-deployer:
      name: ci-deployer -> renamed
    error: someone else changed the account's name at the same time
    hint: the update may have been carried out in part
    hint: look at it with --dry-run, which shows what would change now, then run it again
    Changes to service account ci-deployer:
      description: "pipeline bot" -> erased
      tags: team=infra -> erased
      groups: leaves deployers (b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11)
    warning: the document replaces everything: what it leaves out is erased (--merge keeps it)
    error: someone else changed the account's description at the same time
    hint: the update may have been carried out in part
    hint: look at it with --dry-run, which shows what would change now, then run it again
    "#);
}

#[test]
fn an_update_whose_own_first_half_landed_goes_on() {
    // The name was written before the conflict about a group came up.
    let now = changed("ci-deployer", "renamed");
    let one = now.trim_start_matches('[').trim_end_matches(']');
    let (world, server) = nscale_world([json(200, LIST), conflict(), json(200, &now), json(200, one)]);
    let path = world.write("sa.json", r#"{"metadata":{"name":"renamed"}}"#);
    sa(&world, "update", &format!("--id {ID} --file {path} --merge --yes")).ok();
    server.requests(4);
}

#[test]
fn groups_that_a_conflict_left_in_part_are_its_own() {
    let wanted = "c3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11";
    let more = "d3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11";
    let all = format!(
        "{},{},{}",
        GROUPS.trim_matches(['[', ']']),
        GROUPS.trim_matches(['[', ']']).replace(GROUP, wanted),
        GROUPS.trim_matches(['[', ']']).replace(GROUP, more)
    );
    let now = changed(GROUP, &format!("{GROUP}\",\"{wanted}"));
    let one = now.trim_start_matches('[').trim_end_matches(']');
    let (world, server) =
        nscale_world([json(200, LIST), json(200, &format!("[{all}]")), conflict(), json(200, &now), json(200, one)]);
    let path = world.write("sa.json", format!(r#"{{"spec":{{"groupIDs":["{GROUP}","{wanted}","{more}"]}}}}"#));
    sa(&world, "update", &format!("--id {ID} --file {path} --merge --yes")).ok();
    server.requests(5);
}
