//! `--grant`: a permission as JSON, or a file of them, checked before anything is sent.

use std::path::Path;

use crate::error::{Failure, Result};
use crate::input::document::Document;
use crate::input::node::Node;
use crate::namespace::messages::Permission;
use crate::namespace::permissions::{actions_of, nearest_type};
use crate::text::nearest::nearest;
use crate::text::sanitize::shortened;

/// An example, for hints.
const FORMAT: &str =
    r#"a grant looks like {"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}"#;

/// Reads the values of `--grant` in order: JSON objects, or `@file` with an object or an
/// array of them.
///
/// # Errors
/// Usage: a value is not a grant, with the position of the mistake.
pub fn read_all(values: &[String]) -> Result<Vec<Permission>> {
    let mut grants = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let name = if values.len() == 1 { "--grant".to_owned() } else { format!("--grant {}", index + 1) };
        let read = match value.strip_prefix('@') {
            Some("") => Err(Failure::usage(format!("{name}: a file name must follow @"))),
            Some(path) => read_file(&Document::from_file(format!("{name} file {path}"), Path::new(path))?),
            None => read_inline(&Document::inline(name, value)).map(|grant| vec![grant]),
        };
        grants.extend(read.map_err(|failure| failure.hint(FORMAT))?);
    }
    Ok(grants)
}

fn read_inline(document: &Document) -> Result<Permission> {
    let root = Node::root(document).map_err(|failure| match document.text.trim() {
        path if looks_like_file(path) => failure.hint(format!("to read a file, write --grant @{path}")),
        _ => failure,
    })?;
    read(root, "the grant").map_err(|failure| {
        if root.is_array() {
            failure.hint("repeat --grant for several grants, or use --grant @file.json")
        } else {
            failure
        }
    })
}

/// The file contains an object or an array of them.
fn read_file(document: &Document) -> Result<Vec<Permission>> {
    let root = Node::root(document)?;
    if !root.is_array() {
        return Ok(vec![read(root, "the grant")?]);
    }
    let grants = root.array("the file")?;
    if grants.is_empty() {
        return Err(Failure::usage(format!("{} contains no grants", document.name)));
    }
    grants.into_iter().enumerate().map(|(index, grant)| read(grant, &format!("grant {}", index + 1))).collect()
}

/// Reads a grant, its field names in either spelling. `null` counts as missing.
fn read(node: Node<'_>, what: &str) -> Result<Permission> {
    let mut grant = Permission { resource_type: String::new(), resource_id: String::new(), actions: Vec::new() };
    let mut seen = Vec::new();
    for (name, value) in node.object(what)? {
        let field = match name.as_str() {
            "resource_type" | "resourceType" => "resource_type",
            "resource_id" | "resourceId" => "resource_id",
            "actions" => "actions",
            _ => return Err(value.error(&format!("{what} has an unknown field \"{}\"", shortened(&name)))),
        };
        if seen.contains(&field) {
            return Err(value.error(&format!("{what} has \"{field}\" twice, in both spellings")));
        }
        seen.push(field);
        if value.is_null() {
            continue;
        }
        match field {
            "resource_type" => grant.resource_type = value.string("\"resource_type\"")?,
            "resource_id" => grant.resource_id = value.string("\"resource_id\"")?,
            _ => {
                let actions = value.array("\"actions\"")?;
                grant.actions = actions.into_iter().map(|action| action.string("an action")).collect::<Result<_>>()?;
            }
        }
    }
    if grant.resource_type.is_empty() {
        return Err(node.error(&format!("{what} has no \"resource_type\"")));
    }
    if grant.actions.is_empty() {
        return Err(node.error(&format!("{what} has no \"actions\"")));
    }
    Ok(grant)
}

fn looks_like_file(text: &str) -> bool {
    text.ends_with(".json") && !text.contains(['{', '"', '\n'])
}

/// Warnings about valid grants: unknown types and actions, and a missing id.
pub fn lint(grants: &[Permission]) -> Vec<String> {
    let mut warnings = Vec::new();
    for grant in grants {
        let kind = &grant.resource_type;
        match actions_of(kind) {
            None => warnings.push(match nearest_type(kind) {
                Some(near) => format!("\"{kind}\" is not a known resource type; did you mean \"{near}\"?"),
                None => format!("\"{kind}\" is not a known resource type"),
            }),
            Some([]) => {}
            Some(known) => {
                for action in grant.actions.iter().filter(|action| *action != "*" && !known.contains(&action.as_str()))
                {
                    warnings.push(match nearest(action, known.iter().copied()) {
                        Some(near) => format!("\"{action}\" is not a known action of {kind}; did you mean \"{near}\"?"),
                        None => format!("\"{action}\" is not a known action of {kind}; it has {}", known.join(", ")),
                    });
                }
            }
        }
        if kind == "instance" && grant.actions.iter().any(|action| action == "*") {
            warnings.push("the server refuses the action \"*\" on instance; list the actions".to_owned());
        }
        if grant.resource_id.is_empty() {
            warnings.push(format!(
                "the grant on {kind} has no resource_id and may not cover existing resources; write \"resource_id\":\"*\" for all"
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_one(text: &str) -> Result<Vec<Permission>> {
        read_all(&[text.to_owned()])
    }

    fn refusal(text: &str) -> String {
        read_one(text).err().map(|failure| failure.to_text()).unwrap_or_default()
    }

    #[test]
    fn both_spellings_and_a_missing_or_null_id() {
        for text in [
            r#"{"resource_type":"builder","resource_id":"","actions":["ensure"]}"#,
            r#"{"resourceType":"builder","resourceId":null,"actions":["ensure"]}"#,
            " {\"actions\":[\"ensure\"],\n\"resource_type\":\"builder\"} ",
        ] {
            let expected = Permission {
                resource_type: "builder".into(),
                resource_id: String::new(),
                actions: vec!["ensure".into()],
            };
            assert_eq!(read_one(text).ok(), Some(vec![expected]), "{text}");
        }
    }

    #[test]
    fn invalid_grants_and_their_messages() {
        for (text, words) in [
            ("", "is empty"),
            ("[]", "the grant must be an object"),
            (r#"["builder","*",["ensure"]]"#, "repeat --grant for several"),
            ("7", "the grant must be an object (line 1, column 1)"),
            ("\"builder\"", "the grant must be an object"),
            ("null", "the grant must be an object"),
            ("{}", "the grant has no \"resource_type\""),
            (r#"{"resource_type":"","actions":["a"]}"#, "has no \"resource_type\""),
            (r#"{"resource_type":null,"actions":["a"]}"#, "has no \"resource_type\""),
            (r#"{"resource_type":"a"}"#, "has no \"actions\""),
            (r#"{"resource_type":"a","actions":[]}"#, "has no \"actions\""),
            (r#"{"resource_type":"a","actions":"b"}"#, "\"actions\" must be an array (line 1, column 32)"),
            (r#"{"resource_type":"a","actions":[7]}"#, "an action must be a string (line 1, column 33)"),
            (r#"{"resource_type":7,"actions":["b"]}"#, "\"resource_type\" must be a string"),
            (r#"{"resource_type":"a","actions":["b"],"effect":"allow"}"#, "has an unknown field \"effect\""),
            (r#"{"resource_type":"a","resource_type":"b","actions":["b"]}"#, "has \"resource_type\" twice"),
            (r#"{"resource_type":"a","resourceType":"b","actions":["b"]}"#, "has \"resource_type\" twice"),
            (r#"{"resource_type":"a","actions":["b"]} x"#, "trailing characters"),
            (r#"{"resource_type":"a","actions":["b"]"#, "EOF"),
            ("@", "a file name must follow @"),
            ("@/nonexistent/grants.json", "cannot be read"),
            ("grants.json", "--grant @grants.json"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.starts_with("error: --grant") && refusal.contains(words), "{text}: {refusal}");
        }
    }

    #[test]
    fn the_position_of_a_mistake_is_shown() {
        let refusal = refusal(r#"{"resource_type":"a","actions":[b]}"#);
        assert!(refusal.contains("(line 1, column 33)"), "{refusal}");
        assert!(
            refusal.contains("\n  {\"resource_type\":\"a\",\"actions\":[b]}\n                                  ^\n"),
            "{refusal}"
        );
    }

    #[test]
    fn a_file_may_hold_several() -> std::io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("grants.json");
        let value = vec![format!("@{}", path.display())];
        let grant = |kind: &str| format!(r#"{{"resource_type":"{kind}","resource_id":"*","actions":["list"]}}"#);
        std::fs::write(&path, format!("\u{feff}[{},\r\n{}]\r\n", grant("artifact"), grant("instance")))?;
        let kinds: Option<Vec<String>> =
            read_all(&value).ok().map(|grants| grants.into_iter().map(|grant| grant.resource_type).collect());
        assert_eq!(kinds, Some(vec!["artifact".to_owned(), "instance".to_owned()]));
        std::fs::write(&path, grant("artifact"))?;
        assert_eq!(read_all(&value).map(|grants| grants.len()).ok(), Some(1));
        std::fs::write(&path, format!("[{},\n  {{\"resource\":1}}]", grant("artifact")))?;
        let refusal = read_all(&value).err().map(|failure| failure.to_text()).unwrap_or_default();
        assert!(refusal.contains("grant 2 has an unknown field \"resource\" (line 2, column 15)"), "{refusal}");
        for bad in ["", "[]", "[7]", "[[]]"] {
            std::fs::write(&path, bad)?;
            assert!(read_all(&value).is_err(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn warnings_name_the_nearest() {
        let grant = |kind: &str, id: &str, action: &str| Permission {
            resource_type: kind.into(),
            resource_id: id.into(),
            actions: vec![action.into()],
        };
        assert!(lint(&[grant("builder", "*", "ensure"), grant("github/runner-profile", "*", "*")]).is_empty());
        assert_eq!(
            lint(&[grant("buidler", "*", "x")]),
            ["\"buidler\" is not a known resource type; did you mean \"builder\"?"]
        );
        assert_eq!(
            lint(&[grant("instance", "*", "destory")]),
            ["\"destory\" is not a known action of instance; did you mean \"destroy\"?"]
        );
        assert_eq!(lint(&[grant("artifact", "", "list")]).len(), 1);
        assert_eq!(lint(&[grant("instance", "*", "*")]).len(), 1);
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn no_text_panics(text in any::<String>()) {
            prop_assume!(!text.starts_with('@'));
            let _ = read_one(&text);
        }

        /// A grant is an object of the three known fields with a type that is not empty and
        /// at least one action.
        #[test]
        fn only_valid_grants_are_accepted(
            kind in prop::option::of("[a-z/]{0,8}"),
            id in prop::option::of("[a-z*]{0,4}"),
            actions in prop::option::of(prop::collection::vec("[a-z*]{0,5}", 0..4)),
            unknown in prop::option::of("[a-z]{9,12}"),
            camel in any::<bool>(),
        ) {
            let mut object = serde_json::Map::new();
            let name = |snake: &str, camel_name: &str| if camel { camel_name.to_owned() } else { snake.to_owned() };
            if let Some(kind) = &kind { object.insert(name("resource_type", "resourceType"), kind.clone().into()); }
            if let Some(id) = &id { object.insert(name("resource_id", "resourceId"), id.clone().into()); }
            if let Some(actions) = &actions { object.insert("actions".into(), actions.clone().into()); }
            if let Some(unknown) = &unknown { object.insert(unknown.clone(), 1.into()); }
            let is_valid = unknown.is_none()
                && kind.as_deref().is_some_and(|kind| !kind.is_empty())
                && actions.as_ref().is_some_and(|actions| !actions.is_empty());
            let read = read_one(&serde_json::Value::Object(object).to_string());
            prop_assert_eq!(read.is_ok(), is_valid);
            if let Ok(grants) = read {
                prop_assert_eq!(&grants[0].resource_type, &kind.unwrap_or_default());
                prop_assert_eq!(&grants[0].resource_id, &id.unwrap_or_default());
                prop_assert_eq!(&grants[0].actions, &actions.unwrap_or_default());
            }
        }
    }
}
