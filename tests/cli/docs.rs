//! Every example of the documented `nsc token create` page, as printed, in a
//! shell inside the sandbox.

use serde_json::{Value, json};

use crate::support::{Run, World, mode, script};

/// Runs a script by `nscred sandbox -- sh`, and lists the tokens behind it.
fn inside(world: &World, lines: &str) -> (String, String, Vec<Value>) {
    let script = format!("set -e\n{lines}\nnsc token list --output json > listed.json");
    let run = Run::of(world.command("nscred").args(["sandbox", "--", "sh", "-c", &script]));
    let stderr = run.stderr.clone();
    let stdout = run.ok();
    (stdout, stderr, serde_json::from_str(&world.read("listed.json")).unwrap())
}

/// The value behind a label of the details.
fn value<'a>(stdout: &'a str, label: &str) -> &'a str {
    let line = stdout.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("no {label} in {stdout}"));
    line[label.len()..].trim()
}

fn seconds_of_life(token: &Value) -> i64 {
    let at = |name: &str| token[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    at("expires_at") - at("created_at")
}

#[test]
fn a_token_with_a_name_description_and_grant() {
    let world = World::new();
    let (stdout, _, tokens) = inside(
        &world,
        r#"nsc token create \
--name "ci-pipeline-token" \
--description "Token for GitHub Actions CI pipeline" \
--grant '{"resource_type":"github/runner-profile","resource_id":"*","actions":["*"]}'"#,
    );
    assert_eq!(value(&stdout, "Name:"), "ci-pipeline-token");
    assert_eq!(value(&stdout, "Description:"), "Token for GitHub Actions CI pipeline");
    assert!(value(&stdout, "Bearer Token:").starts_with("nsrt_"));
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0]["token_id"], value(&stdout, "Token ID:"));
    assert_eq!(tokens[0]["description"], "Token for GitHub Actions CI pipeline");
    assert_eq!(
        tokens[0]["permissions"],
        json!([{"resource_type": "github/runner-profile", "resource_id": "*", "actions": ["*"]}])
    );
    assert_eq!(tokens[0]["scope"], "TENANT_SCOPE");
    assert!((86_399..=86_400).contains(&seconds_of_life(&tokens[0])), "the default is 24 hours");
}

#[test]
fn a_token_with_custom_expiration() {
    let world = World::new();
    let (_, _, tokens) = inside(
        &world,
        r#"nsc token create \
--name "short-lived-builder-token" \
--grant '{"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}' \
--expires_in 1h"#,
    );
    assert_eq!(tokens[0]["name"], "short-lived-builder-token");
    assert!((3_599..=3_600).contains(&seconds_of_life(&tokens[0])));
}

#[test]
fn a_token_with_specific_permissions() {
    let world = World::new();
    let (_, _, tokens) = inside(
        &world,
        r#"nsc token create \
--name "builder-token" \
--grant '{"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}' \
--grant '{"resource_type":"artifact","resource_id":"*","actions":["create","resolve","list"]}'"#,
    );
    assert_eq!(
        tokens[0]["permissions"],
        json!([
            {"resource_type": "builder", "resource_id": "*", "actions": ["ensure", "access"]},
            {"resource_type": "artifact", "resource_id": "*", "actions": ["create", "resolve", "list"]},
        ])
    );
}

#[test]
fn a_token_saved_to_a_file() {
    let world = World::new();
    let (stdout, stderr, tokens) = inside(
        &world,
        r#"nsc token create \
--name "automation-token" \
--grant '{"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}' \
--token_file token.json"#,
    );
    let file: Value = serde_json::from_str(&world.read("token.json")).unwrap();
    let secret = file["bearer_token"].as_str().unwrap();
    assert!(secret.starts_with("nsrt_"));
    let keys: Vec<&str> = file.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["bearer_token", "token_id", "name", "expires_at"]);
    assert_eq!(mode(world.path("token.json")), 0o600);
    assert!(!stdout.contains(secret) && !stderr.contains(secret), "the file alone holds the secret");
    assert!(stderr.contains("written to token.json"));
    assert_eq!(tokens[0]["name"], "automation-token");
}

#[test]
fn only_the_token_value() {
    let world = World::new();
    let (stdout, _, tokens) = inside(
        &world,
        r#"nsc token create \
--name "quick-token" \
--grant '{"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}' \
--output token"#,
    );
    let secret = stdout.strip_suffix('\n').unwrap();
    assert!(secret.starts_with("nsrt_") && secret.bytes().all(|byte| byte.is_ascii_graphic()), "{stdout:?}");
    assert_eq!(tokens[0]["name"], "quick-token");
}

#[test]
fn the_token_captured_by_a_script_is_exactly_the_secret() {
    let world = World::new();
    inside(
        &world,
        r#"TOKEN=$(nsc token create --name "quick-token" --output token \
--grant '{"resource_type":"token/revokable","resource_id":"*","actions":["list"]}')
printf %s "$TOKEN" > bare
NSC_TOKEN_FILE=bare nsc token list --output json > by_token.json"#,
    );
    assert!(world.read("bare").starts_with("nsrt_"));
    assert!(world.read("by_token.json").contains("quick-token"), "the captured secret works as it is");
}

/// The page's two-step recipe. `nsc instance list` is the official program's
/// command: a stand-in for it sees the variable, and without one a sentence
/// says so.
const RECIPE: &str = r#"# 1. Create the token and save it to a file.
nsc token create \
--name "cli-token" \
--grant '{"resource_type":"instance","resource_id":"*","actions":["create","get","list","destroy"]}' \
--token_file token.json
# 2. Use it for subsequent nsc CLI commands.
NSC_TOKEN_FILE="./token.json" nsc instance list"#;

#[test]
fn the_token_used_with_the_official_program() {
    let world = World::new();
    let official = world.path("official");
    script(
        &official.join("nsc"),
        "#!/bin/sh\necho \"official: $* with $NSC_TOKEN_FILE\"\ncat \"$NSC_TOKEN_FILE\" > seen\n",
    );
    let path = format!("export PATH=\"$PATH:{}\"\n", official.display());
    let (stdout, ..) = inside(&world, &format!("{path}{RECIPE}"));
    assert!(stdout.ends_with("official: instance list with ./token.json\n"), "{stdout}");
    assert_eq!(world.read("seen"), world.read("token.json"));

    std::fs::remove_file(world.path("token.json")).unwrap();
    let exported = RECIPE.replace(
        "NSC_TOKEN_FILE=\"./token.json\" nsc instance list",
        "export NSC_TOKEN_FILE=\"$(pwd)/token.json\"\nnsc instance list\nexport NSC_TOKEN_FILE=\"$NSCRED_SANDBOX/admin.json\"",
    );
    let (stdout, ..) = inside(&world, &format!("{path}{exported}"));
    let expected = format!("official: instance list with {}/token.json\n", world.directory.path().display());
    assert!(stdout.ends_with(&expected), "{stdout}");
}

#[test]
fn the_token_used_where_there_is_no_official_program() {
    let world = World::new();
    let run = Run::of(world.command("nscred").args(["sandbox", "--", "sh", "-c", RECIPE]));
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no official nsc was found after it on the PATH"), "{}", run.stderr);
    assert!(world.path("token.json").exists());
}

#[test]
fn the_documented_durations() {
    for (text, seconds) in [("1h", 3_600), ("24h", 86_400), ("7d", 604_800), ("1w", 604_800), ("1y", 31_536_000)] {
        let world = World::new();
        let (_, _, tokens) = inside(
            &world,
            &format!(
                r#"nsc token create --name t --expires_in {text} \
--grant '{{"resource_type":"builder","resource_id":"*","actions":["ensure"]}}'"#
            ),
        );
        let life = seconds_of_life(&tokens[0]);
        assert!((seconds - 1..=seconds).contains(&life), "{text}: {life}");
    }
}

#[test]
fn the_documented_output_formats() {
    for format in ["table", "json", "token"] {
        let world = World::new();
        let (stdout, ..) = inside(
            &world,
            &format!(
                r#"nsc token create --name t --output {format} \
--grant '{{"resource_type":"builder","resource_id":"*","actions":["ensure"]}}'"#
            ),
        );
        match format {
            "table" => assert!(stdout.starts_with("Token ID: ")),
            "json" => {
                let made: Value = serde_json::from_str(&stdout).unwrap();
                assert!(made["bearer_token"].is_string() && made["token"]["token_id"].is_string());
            }
            _ => assert!(stdout.starts_with("nsrt_")),
        }
    }
}

#[test]
fn the_user_flag_and_the_related_commands() {
    let world = World::new();
    let (stdout, _, tokens) = inside(
        &world,
        r#"NSC_TOKEN_FILE=$NSCRED_SANDBOX/member.json nsc token create --name mine --user \
--grant '{"resource_type":"builder","resource_id":"*","actions":["ensure"]}' --token_file token.json
nsc token list
nsc token revoke --token_id "$(nsc token list -q '.[].token_id')""#,
    );
    assert!(stdout.contains("Successfully revoked token tok_"), "{stdout}");
    assert!(stdout.contains("user\n"), "the scope is shown: {stdout}");
    assert!(tokens.is_empty());
}
