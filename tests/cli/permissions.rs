//! `permissions`: the published catalogue.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::support::World;

#[test]
fn the_catalogue() {
    let world = World::new();
    let run = world.run("nscred", ["permissions"]);
    assert_eq!(run.stderr, "");
    let table = run.ok();
    let mut lines = table.lines();
    assert!(lines.next().unwrap().starts_with("TYPE "));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 33);
    assert!(lines.is_sorted());
    assert!(lines.contains(&"builder                       access, ensure"));
    let marked: Vec<&str> = lines.iter().filter(|line| line.ends_with("not published")).copied().collect();
    let types: Vec<&str> = marked.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(types, ["bazel/execution", "bazel/storage", "federation", "vault/object"]);
    assert!(marked[3].contains("unknown"), "its actions are not known");
    let all = world.run("nscred", ["permissions", "-o", "json"]).json();
    assert_eq!(all.as_array().unwrap().len(), 33);
    let of = |name: &str| all.as_array().unwrap().iter().find(|entry| entry["resource_type"] == name).unwrap().clone();
    assert_eq!(of("tenant"), json!({"resource_type": "tenant", "actions": ["get"], "published": true}));
    assert_eq!(of("vault/object"), json!({"resource_type": "vault/object", "actions": [], "published": false}));
    let filter = r#".[] | select(.resource_type | startswith("cache/")) | .resource_type"#;
    let filtered = world.run("nscred", ["permissions", "-q", filter]).ok();
    assert_eq!(filtered, "cache/gradle\ncache/httpcache\ncache/turborepo\n");
}

#[test]
fn a_type_of_it() {
    let world = World::new();
    let grant = r#"{"resource_type":"builder","resource_id":"*","actions":["access","ensure"]}"#;
    assert_eq!(
        world.run("nscred", ["permissions", "builder"]).ok(),
        format!("Type:    builder\nActions: access, ensure\nGrant:   {grant}\n")
    );
    let json = world.run("nscred", ["permissions", "builder", "-o", "json"]).json();
    assert_eq!(json["grant"], serde_json::from_str::<Value>(grant).unwrap());
    assert_eq!(world.run("nscred", ["permissions", "builder", "-q", ".actions[]"]).ok(), "access\nensure\n");
    let unknown = world.run("nscred", ["permissions", "vault/object"]).ok();
    assert_eq!(unknown, "Type:    vault/object\nActions: unknown\nNote:    not published\n");
    let stderr = world.run("nscred", ["permissions", "buidler"]).says(5);
    assert_snapshot!(stderr, @r#"
    error: there is no resource type "buidler" in the catalogue
    hint: did you mean `nscred permissions builder`?
    hint: `nscred permissions` lists the types; the server may know others
    "#);
    let stderr = world.run("nsc", ["permissions", "", "-o", "json"]).fails(5);
    assert_eq!(serde_json::from_str::<Value>(&stderr).unwrap()["kind"], "not_found");
}

#[test]
fn each_grant_of_it_can_be_asked_for() {
    let sandbox = Sandbox::start();
    let script = r#"set -e
for type in $(nscred permissions -q '.[] | select(.published) | .resource_type'); do
    set -- "$@" --grant "$(nscred permissions "$type" -q .grant)"
done
nscred token create --name all "$@" -q '.token.permissions | length' 2>/dev/null"#;
    assert_eq!(sandbox.sh(script).ok(), "29\n");
}
