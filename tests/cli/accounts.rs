//! Service accounts in the sandbox: the whole life, what is told before a
//! change, and who may do what.

use insta::assert_snapshot;
use serde_json::Value;

use crate::sandbox::{Sandbox, text};
use crate::support::{Run, World};

/// Runs a script inside a sandbox of its own, with a `world` that stays.
fn inside(world: &World, script: &str) -> Run {
    Run::of(world.command("nscred").args(["sandbox", "--", "sh", "-c", script]))
}

/// Makes an account in the groups with these names, and gives id and token.
fn make(sandbox: &Sandbox, name: &str, groups: &[&str]) -> (String, String) {
    let ids: Vec<String> = groups.iter().map(|name| format!("\"{}\"", group(sandbox, name))).collect();
    let document = format!(
        r#"{{"metadata":{{"name":"{name}","description":"of {name}","tags":[{{"name":"team","value":"infra"}}]}},"spec":{{"groupIDs":[{}]}}}}"#,
        ids.join(",")
    );
    let path = sandbox.write("make.json", document);
    let made = sandbox.sa(&format!("create --file {path} --yes --json")).json();
    (text(&made["metadata"]["id"]), text(&made["status"]["accessToken"]))
}

/// The id of a group.
fn group(sandbox: &Sandbox, name: &str) -> String {
    let organization = sandbox.get("NSCALE_ORGANIZATION_ID");
    let (_, _, body) = sandbox.raw(&format!(
        "GET /api/v1/organizations/{organization}/groups HTTP/1.1\r\nHost: sandbox\r\n\
         Authorization: Bearer {}\r\nConnection: close\r\n\r\n",
        sandbox.get("NSCALE_SERVICE_TOKEN")
    ));
    let groups: Vec<Value> = serde_json::from_str(&body).unwrap();
    text(&groups.iter().find(|group| group["metadata"]["name"] == name).unwrap()["metadata"]["id"])
}

#[test]
fn a_whole_life() {
    let mut sandbox = Sandbox::start();
    let (id, token) = make(&sandbox, "ci", &["auditors", "developers"]);
    let administrator = sandbox.get("NSCALE_SERVICE_TOKEN").to_owned();
    // Its token works, and its groups are what was asked for.
    sandbox.set("NSCALE_SERVICE_TOKEN", &token);
    let seen = sandbox.sa(&format!("get --id {id} --json")).json();
    assert_eq!(seen["spec"]["groupIDs"].as_array().unwrap().len(), 2);
    assert_eq!(sandbox.sa("list -q length").ok(), "2\n");
    // It renews itself with nothing but its own token.
    sandbox.set("NSCALE_ORGANIZATION_ID", "");
    let new = sandbox.sa("rotate --id self --yes -q .status.accessToken").ok();
    assert!(new.ends_with('\n') && new.trim().split('.').count() == 5);
    let stderr = sandbox.sa("list").says(4);
    assert_snapshot!(stderr, @"
    error: the server rejected the token from NSCALE_SERVICE_TOKEN: token validation failed
      request id: ID
    hint: it may have expired, been rotated, or its account deleted: the server does not say which
    hint: if it was minted a moment ago, try again in a second
    hint: with another credential `nscale serviceaccounts list` shows which accounts there are, and when their tokens expire
    ");
    sandbox.set("NSCALE_SERVICE_TOKEN", new);
    sandbox.sa("list").ok();
    // An update shows what changes; the token stays.
    let path = sandbox.write("sa.json", r#"{"metadata":{"name":"ci2"},"spec":{"groupIDs":[]}}"#);
    assert_snapshot!(sandbox.sa(&format!("update --id {id} --file {path} --yes")).says(3), @r#"
    Changes to service account ci:
      name: ci -> ci2
      description: "of ci" -> erased
      tags: team=infra -> erased
      groups: leaves developers (ID)
      groups: leaves auditors (ID)
    warning: the document replaces everything: what it leaves out is erased (--merge keeps it)
    error: not permitted: operation is not allowed by rbac: operation 'update' on endpoint 'identity:serviceaccounts' is not permitted
      request id: ID
    hint: rights come from groups: ask an administrator to add the account to one whose roles allow this
    "#);
    let own = sandbox.get("NSCALE_SERVICE_TOKEN").to_owned();
    sandbox.set("NSCALE_SERVICE_TOKEN", &administrator);
    let run = sandbox.sa(&format!("update --id {id} --file {path} --yes"));
    for words in [
        "  name: ci -> ci2\n",
        "  description: \"of ci\" -> erased\n",
        "  tags: team=infra -> erased\n",
        "  groups: leaves auditors (",
        "  groups: leaves developers (",
    ] {
        assert!(run.stderr.contains(words), "no {words:?} in {run:#?}");
    }
    run.ok();
    sandbox.set("NSCALE_SERVICE_TOKEN", &own);
    assert_eq!(sandbox.sa("list -q .[].metadata.name").ok(), "ci2\n", "without groups it sees itself alone");
    // Deleted, it is refused.
    sandbox.set("NSCALE_SERVICE_TOKEN", &administrator);
    sandbox.sa(&format!("delete --id {id} --yes")).ok();
    sandbox.sa(&format!("get --id {id}")).fails(5);
    sandbox.set("NSCALE_SERVICE_TOKEN", &own);
    sandbox.sa("list").fails(4);
}

#[test]
fn the_issue_of_capturing_a_new_token() {
    let world = World::new();
    world.write("sa.json", r#"{"metadata":{"name":"ci"},"spec":{"groupIDs":[]}}"#);
    let run = inside(
        &world,
        "ID=$(nscale sa create --file sa.json --yes -q .metadata.id 2> /dev/null)\n\
         NEW=$(nscale sa rotate --org \"$NSCALE_ORGANIZATION_ID\" --id \"$ID\" --yes -q .status.accessToken)\n\
         NSCALE_SERVICE_TOKEN=$NEW nscale sa list -q '.[].metadata.name'; printf %s \"$NEW\" | wc -l",
    );
    assert_eq!(run.stdout.split_whitespace().collect::<Vec<_>>(), ["ci", "0"], "{run:#?}");
    assert!(!run.stderr.contains("error"), "{run:#?}");
}

#[test]
fn a_dry_run_shows_the_payload_and_changes_nothing() {
    let sandbox = Sandbox::start();
    let (id, token) = make(&sandbox, "ci", &["developers"]);
    let before = sandbox.sa("list --json").ok();
    let path = sandbox.write("sa.json", r#"{"metadata":{"name":"new","description":"d"},"spec":{"groupIDs":[]}}"#);
    let organization = sandbox.get("NSCALE_ORGANIZATION_ID");
    let accounts = format!("http://{}/api/v1/organizations/{organization}/serviceaccounts", sandbox.address);
    let payload = "{\n  \"metadata\": {\n    \"name\": \"new\",\n    \"description\": \"d\"\n  },\n  \"spec\": {\n    \"groupIDs\": []\n  }\n}\n";
    let run = sandbox.sa(&format!("create --file {path} --dry-run"));
    assert!(
        run.stderr.contains(&format!("note: dry run: nothing was changed; this is the payload of POST {accounts}\n"))
    );
    assert_eq!(run.ok(), payload);
    let run = sandbox.sa(&format!("update --id {id} --file {path} --dry-run"));
    assert!(run.stderr.contains("  groups: leaves developers (") && run.stderr.contains("PUT "), "{run:#?}");
    assert_eq!(run.ok(), payload);
    let run = sandbox.sa(&format!("update --id {id} --file {path} --dry-run --json"));
    assert!(run.stderr.contains("warning: the update erases membership of developers ("), "{run:#?}");
    assert_eq!(run.ok(), payload);
    assert_eq!(sandbox.sa(&format!("create --file {path} --dry-run -q .metadata.name")).ok(), "new\n");
    assert_eq!(sandbox.sa(&format!("rotate --id {id} --dry-run")).ok(), format!("POST {accounts}/{id}/rotate\n"));
    assert_eq!(sandbox.sa(&format!("delete --id {id} --dry-run")).ok(), format!("DELETE {accounts}/{id}\n"));
    sandbox.sa("delete --id a1b2c3d4-1111-4222-8333-444455556666 --dry-run").fails(5);
    assert_eq!(sandbox.sa("list --json").ok(), before);
    let mut sandbox = sandbox;
    sandbox.set("NSCALE_SERVICE_TOKEN", token);
    sandbox.sa("list").ok();
}

#[test]
fn changes_need_a_yes_where_nobody_can_be_asked() {
    let sandbox = Sandbox::start();
    let (id, _) = make(&sandbox, "ci", &[]);
    let path = sandbox.write("sa.json", r#"{"metadata":{"name":"new"},"spec":{"groupIDs":[]}}"#);
    let before = sandbox.sa("list --json").ok();
    for line in [
        format!("create --file {path}"),
        format!("update --id {id} --file {path}"),
        format!("rotate --id {id}"),
        format!("delete --id {id}"),
    ] {
        let stderr = sandbox.sa(&line).fails_with(2, "nobody can be asked for confirmation");
        assert!(stderr.contains("--yes"), "{stderr}");
    }
    assert_eq!(sandbox.sa("list --json").ok(), before);
}

#[test]
fn unknown_groups_are_refused_and_the_known_ones_named() {
    let sandbox = Sandbox::start();
    let (id, _) = make(&sandbox, "ci", &[]);
    let unknown = "a1b2c3d4-1111-4222-8333-444455556666";
    let document = format!(r#"{{"metadata":{{"name":"new"}},"spec":{{"groupIDs":["{unknown}"]}}}}"#);
    let path = sandbox.write("sa.json", document);
    for line in [
        format!("create --file {path} --yes"),
        format!("create --file {path} --dry-run"),
        format!("update --id {id} --file {path} --yes"),
        format!("update --id {id} --file {path} --yes --merge"),
    ] {
        let stderr = sandbox.sa(&line).fails_with(2, &format!("there is no group with the id {unknown}"));
        assert!(stderr.contains(&format!("auditors ({})", group(&sandbox, "auditors"))), "{stderr}");
    }
    assert_eq!(sandbox.sa("list -q length").ok(), "2\n");
}

#[test]
fn an_update_that_changes_nothing_sends_nothing() {
    let sandbox = Sandbox::start();
    let (id, _) = make(&sandbox, "ci", &["developers"]);
    let path = sandbox.write("made.json", sandbox.sa(&format!("get --id {id} --json")).ok());
    // Nobody is asked either: there is no terminal here.
    for flags in ["--yes", "--yes --json", "--yes --merge"] {
        let run = sandbox.sa(&format!("update --id {id} --file {path} {flags}"));
        assert!(run.stderr.contains("nothing to change"), "{run:#?}");
        assert!(run.ok().contains(&id));
    }
    let seen = sandbox.sa(&format!("get --id {id} --json")).json();
    assert_eq!(seen["metadata"]["modifiedTime"], Value::Null);
}

#[test]
fn merge_keeps_what_the_document_leaves_out() {
    let sandbox = Sandbox::start();
    let (id, _) = make(&sandbox, "ci", &["developers"]);
    let path = sandbox.write("sa.json", r#"{"metadata":{"description":"nightly"}}"#);
    let run = sandbox.sa(&format!("update --id {id} --file {path} --yes --merge"));
    assert!(!run.stderr.contains("erased"), "{run:#?}");
    assert!(run.ok().contains(&format!("Groups:       {}", group(&sandbox, "developers"))));
    let seen = sandbox.sa(&format!("get --id {id} --json")).json();
    assert_eq!(seen["metadata"]["name"], "ci");
    assert_eq!(seen["metadata"]["description"], "nightly");
    assert_eq!(seen["metadata"]["tags"][0]["name"], "team");
    assert_eq!(seen["spec"]["groupIDs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_secret_that_does_not_come_out_is_kept() {
    let sandbox = Sandbox::start();
    let (id, _) = make(&sandbox, "ci", &[]);
    let mut kept = 0;
    for (script, code) in [
        (format!("nscale sa rotate --id {id} --yes -q .metadata.name"), 0),
        (format!("nscale sa rotate --id {id} --yes -q .metadata.name.x"), 1),
        (format!("nscale sa rotate --id {id} --yes -q 'def f: f; f' --timeout 1s"), 1),
        (format!("nscale sa rotate --id {id} --yes > /dev/null"), 0),
        (format!("nscale sa rotate --id {id} --yes --json > /dev/full"), 1),
    ] {
        let run = sandbox.sh(&script);
        assert_eq!(run.code, code, "{script}: {run:#?}");
        assert!(run.stderr.contains("kept in"), "{script}: {run:#?}");
        kept += 1;
        let directory = sandbox.path("home/.local/state/nscred/undelivered");
        assert_eq!(std::fs::read_dir(directory).unwrap().count(), kept, "{script}");
    }
    // The last one that was kept is the token now.
    let directory = sandbox.path("home/.local/state/nscred/undelivered");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_by_key(|path| std::fs::metadata(path).unwrap().modified().unwrap());
    let mut sandbox = sandbox;
    sandbox.set("NSCALE_SERVICE_TOKEN", "").set("NSCALE_SERVICE_TOKEN_FILE", files.last().unwrap().to_str().unwrap());
    assert_eq!(sandbox.sa("list -q .[].metadata.name").ok(), "ci\n");
    assert_snapshot!(sandbox.sh(&format!("nscale sa rotate --id {id} --yes >&-")).says(2), @"
    error: standard output is closed or cannot be written; the secret would be lost
    hint: write it to a file with --token-file PATH
    ");
    sandbox.sa("list").ok();
}

#[test]
fn a_filter_that_cannot_run_sends_nothing() {
    let mut world = World::new();
    world
        .set("NSCALE_IDENTITY_SERVICE_API_ENDPOINT", "http://127.0.0.1:1")
        .set("NSCALE_SERVICE_TOKEN", "eyJhbGciOiJ4In0.a.b.c.d");
    let id = "a1b2c3d4-1111-4222-8333-444455556666";
    for filter in [".[", "env", "$ENV", "nosuch", "input", "include \"x\"; ."] {
        world.run("nscale", ["sa", "rotate", "--id", id, "--org", id, "--yes", "-q", filter]).fails(2);
        world.run("nscale", ["sa", "list", "--org", id, "-q", filter]).fails(2);
    }
    assert_snapshot!(world.run("nscale", ["sa", "list", "--json", "-q", "."]).says(2), @r#"{"kind":"usage","message":"the argument '--json' cannot be used with '--query <FILTER>'","hints":[],"http_status":null,"request_id":null}"#);
}

#[test]
fn filters_run_in_order_and_cannot_eat_output() {
    let sandbox = Sandbox::start();
    let query = |filters: &[&str]| {
        let args = ["sa", "list"].into_iter().chain(filters.iter().flat_map(|filter| ["-q", *filter]));
        sandbox.run("nscale", args)
    };
    assert_eq!(query(&[".[0].metadata.name", "length", ".[0].spec.nosuch"]).ok(), "sandbox-administrator\n1\nnull\n");
    assert_eq!(query(&[".[0].metadata.name, halt, 7", "length"]).ok(), "sandbox-administrator\n1\n");
    assert_eq!(
        query(&[r#".[] | [.metadata.name, 1.50, null, "a,\"b"] | @csv"#]).ok(),
        "\"sandbox-administrator\",1.50,,\"a,\"\"b\"\n"
    );
    assert_eq!(query(&["empty"]).ok(), "");
    query(&["def f: f; f", "--timeout", "x"]).fails(2);
    let run = sandbox.run("nscale", ["sa", "list", "-q", "def f: f; f", "--timeout", "1s"]);
    assert_snapshot!(run.says(1), @r#"{"kind":"unexpected","message":"the filter did not end within 1s","hints":["allow more time with --timeout 2m"],"http_status":null,"request_id":null}"#);
}

#[test]
fn credentials_and_what_is_wrong_with_them() {
    let mut sandbox = Sandbox::start();
    let token = sandbox.get("NSCALE_SERVICE_TOKEN").to_owned();
    sandbox.set("NSCALE_SERVICE_TOKEN", format!(" {token}\n"));
    sandbox.sa("list").ok();
    sandbox.set("NSCALE_SERVICE_TOKEN", "");
    assert_snapshot!(sandbox.sa("list").says(4), @"
    error: there is no credential: NSCALE_SERVICE_TOKEN is set but empty
    hint: make a service token in the Nscale console, and set NSCALE_SERVICE_TOKEN to it or NSCALE_SERVICE_TOKEN_FILE to a file that holds it
    ");
    let path = sandbox.write("token", format!("{token}\r\n"));
    sandbox.set("NSCALE_SERVICE_TOKEN_FILE", &path);
    sandbox.sa("list").ok();
    sandbox.set("NSCALE_SERVICE_TOKEN_FILE", "nonexistent");
    assert_snapshot!(sandbox.sa("list").says(4), @r#"
    error: the file that NSCALE_SERVICE_TOKEN_FILE names does not exist
    hint: look at it with `ls -ld "$NSCALE_SERVICE_TOKEN_FILE"`
    "#);
    // A token one character off is another token.
    let mut other = token.clone();
    other.pop();
    sandbox.set("NSCALE_SERVICE_TOKEN", other);
    assert_snapshot!(sandbox.sa("list").says(4), @"
    error: the server rejected the token from NSCALE_SERVICE_TOKEN: token validation failed
      request id: ID
    hint: it may have expired, been rotated, or its account deleted: the server does not say which
    hint: if it was minted a moment ago, try again in a second
    hint: with another credential `nscale serviceaccounts list` shows which accounts there are, and when their tokens expire
    hint: NSCALE_SERVICE_TOKEN_FILE is set too, and was not used
    ");
}

#[test]
fn an_expired_token_is_refused_and_another_account_shows_why() {
    let mut sandbox = Sandbox::with(World::new(), &["--token-life", "0s"]);
    // The administrator's own lives on.
    let (id, token) = make(&sandbox, "ci", &[]);
    let list = sandbox.sa("list").ok();
    assert!(list.lines().any(|line| line.starts_with(&id) && line.ends_with("Expired")), "{list}");
    sandbox.set("NSCALE_SERVICE_TOKEN", &token);
    assert_snapshot!(sandbox.sa("list").says(4), @"
    error: the server rejected the token from NSCALE_SERVICE_TOKEN: token validation failed
      request id: ID
    hint: it may have expired, been rotated, or its account deleted: the server does not say which
    hint: if it was minted a moment ago, try again in a second
    hint: with another credential `nscale serviceaccounts list` shows which accounts there are, and when their tokens expire
    ");
    sandbox.set("NSCALE_SERVICE_TOKEN", "x.y");
    assert_snapshot!(sandbox.sa("list").says(4), @"
    error: the server rejected the token from NSCALE_SERVICE_TOKEN: unrecognized bearer token format
      request id: ID
    hint: it may have expired, been rotated, or its account deleted: the server does not say which
    hint: if it was minted a moment ago, try again in a second
    hint: with another credential `nscale serviceaccounts list` shows which accounts there are, and when their tokens expire
    ");
}

#[test]
fn a_sandbox_with_a_file_always_has_an_administrator() {
    let world = World::new();
    let data = world.path("box.db").to_str().unwrap().to_owned();
    let mut sandbox = Sandbox::with(world, &["--data", &data, "--accounts", "2"]);
    let path = sandbox.write("out.json", r#"{"spec":{"groupIDs":[]}}"#);
    // Out of its group, without its group, and gone.
    for round in 0..3 {
        let organization = sandbox.get("NSCALE_ORGANIZATION_ID").to_owned();
        let delete = |path: String| {
            let bearer = sandbox.get("NSCALE_SERVICE_TOKEN");
            let request = format!(
                "DELETE /api/v1/organizations/{organization}/{path} HTTP/1.1\r\nHost: sandbox\r\nAuthorization: Bearer {bearer}\r\nConnection: close\r\n\r\n"
            );
            assert_eq!(sandbox.raw(&request).0, 200);
        };
        match round {
            0 => drop(sandbox.sa(&format!("update --id self --file {path} --merge --yes")).ok()),
            1 => delete(format!("groups/{}", group(&sandbox, "administrators"))),
            _ => drop(sandbox.sa("delete --id self --yes").ok()),
        }
        sandbox.sa("list -q length");
        sandbox = Sandbox::with(sandbox.kill(), &["--data", &data, "--accounts", "2"]);
        assert_eq!(sandbox.sa("list -q length").ok(), "3\n");
    }
}

#[test]
fn a_name_in_the_place_of_an_id_is_told() {
    let sandbox = Sandbox::start();
    assert_snapshot!(sandbox.sa("get --id sandbox-administrator").says(5), @r#"
    error: there is no service account sandbox-administrator in the organization
    hint: "sandbox-administrator" is the name of the account with the id ID
    "#);
    for verb in ["rotate", "delete"] {
        sandbox.sa(&format!("{verb} --id sandbox-administrator --yes")).fails_with(2, "an id looks like");
    }
    assert_snapshot!(sandbox.sa("list --org sandbox").says(2), @r#"
    error: --org is "sandbox"; an id looks like ID
    hint: `nscale serviceaccounts list` without an organization uses the only one, or lists them
    "#);
    assert_snapshot!(sandbox.sa("list --org a1b2c3d4-1111-4222-8333-444455556666").says(5), @"
    error: not found: resource not found
      request id: ID
    hint: there is no organization ID, or this credential may not see it
    hint: the id comes from --org
    ");
}
