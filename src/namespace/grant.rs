//! `--grant`: one permission as JSON, or a file of them, checked strictly
//! before anything is sent.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Failure, Result};
use crate::input::document::Document;
use crate::namespace::message::Permission;
use crate::namespace::permissions::{actions_of, nearest_type};
use crate::text::nearest::nearest;

/// What a grant looks like, for hints.
const FORMAT: &str =
    r#"a grant looks like {"resource_type":"builder","resource_id":"*","actions":["ensure","access"]}"#;

/// A grant as it is written: both spellings, nothing unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
struct Written {
    #[serde(alias = "resourceType")]
    resource_type: Option<String>,
    #[serde(alias = "resourceId")]
    resource_id: Option<String>,
    actions: Option<Vec<String>>,
}

/// Reads the values of `--grant`, in order: JSON objects, or `@file` with one
/// object or an array of them.
///
/// # Errors
/// Usage: the first that is not a grant, with the place of the mistake.
pub fn read_all(values: &[String]) -> Result<Vec<Permission>> {
    let mut grants = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let name = if values.len() == 1 { "--grant".to_owned() } else { format!("--grant {}", index + 1) };
        match value.strip_prefix('@') {
            Some("") => return Err(Failure::usage(format!("{name}: @ needs the name of a file")).hint(FORMAT)),
            Some(path) => {
                let document = Document::from_file(format!("{name} file {path}"), Path::new(path))?;
                let read = read_file(&document)?;
                if read.is_empty() {
                    return Err(Failure::usage(format!("{} holds no grant", document.name)).hint(FORMAT));
                }
                grants.extend(read);
            }
            None => grants.push(read(&Document::inline(name, value))?),
        }
    }
    Ok(grants)
}

/// A file: one object, or an array of them.
fn read_file(document: &Document) -> Result<Vec<Permission>> {
    if !document.text.trim_start().starts_with('[') {
        return Ok(vec![read(document)?]);
    }
    // The array first, each element as it stands, so that a mistake within
    // one is placed in the whole file.
    let elements: Vec<&RawValue> =
        serde_json::from_str(&document.text).map_err(|error| document.mistake(&error).hint(FORMAT))?;
    elements
        .iter()
        .enumerate()
        .map(|(index, element)| {
            let start = element.get().as_ptr() as usize - document.text.as_ptr() as usize;
            // Everything before the element as blanks keeps lines and columns.
            let mut text: String =
                document.text[..start].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
            text.push_str(element.get());
            read(&Document { name: format!("{} [{index}]", document.name), text })
        })
        .collect()
}

/// One grant.
fn read(document: &Document) -> Result<Permission> {
    let refuse = |why: &str| Failure::usage(format!("{}: {why}", document.name)).hint(FORMAT);
    let text = document.text.trim();
    if text.is_empty() {
        return Err(refuse("is empty"));
    }
    // serde would take an array's elements for the fields.
    if text.starts_with('[') {
        return Err(refuse("is not a JSON object but an array; repeat --grant for several, or use --grant @file.json"));
    }
    let written: Written = serde_json::from_str(&document.text).map_err(|error| {
        let failure = document.mistake(&error).hint(FORMAT);
        if looks_like_file(text) { failure.hint(format!("for a file write --grant @{text}")) } else { failure }
    })?;
    let grant = Permission {
        resource_type: written.resource_type.unwrap_or_default(),
        resource_id: written.resource_id.unwrap_or_default(),
        actions: written.actions.unwrap_or_default(),
    };
    if grant.resource_type.is_empty() {
        return Err(refuse("has no resource_type"));
    }
    if grant.actions.is_empty() {
        return Err(refuse("has no actions"));
    }
    Ok(grant)
}

fn looks_like_file(text: &str) -> bool {
    text.ends_with(".json") && !text.contains(['{', '"', '\n'])
}

/// What may be a mistake in grants that are well formed: words outside the
/// known catalogue, and a missing id.
pub fn doubts(grants: &[Permission]) -> Vec<String> {
    let mut doubts = Vec::new();
    for grant in grants {
        let kind = &grant.resource_type;
        match actions_of(kind) {
            None => doubts.push(match nearest_type(kind) {
                Some(near) => format!("\"{kind}\" is not a known resource type; did you mean \"{near}\"?"),
                None => format!("\"{kind}\" is not a known resource type"),
            }),
            Some([]) => {}
            Some(known) => {
                for action in grant.actions.iter().filter(|action| *action != "*" && !known.contains(&action.as_str()))
                {
                    doubts.push(match nearest(action, known.iter().copied()) {
                        Some(near) => format!("\"{action}\" is not a known action of {kind}; did you mean \"{near}\"?"),
                        None => format!("\"{action}\" is not a known action of {kind}; it has {}", known.join(", ")),
                    });
                }
            }
        }
        if kind == "instance" && grant.actions.iter().any(|action| action == "*") {
            doubts.push("the server is known to refuse the action \"*\" on instance; name the actions".to_owned());
        }
        if grant.resource_id.is_empty() {
            doubts.push(format!(
                "the grant on {kind} has no resource_id and may not cover existing resources; write \"resource_id\":\"*\" for all"
            ));
        }
    }
    doubts
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
    fn what_is_refused_and_in_which_words() {
        for (text, words) in [
            ("", "is empty"),
            ("[]", "not a JSON object"),
            (r#"["builder","*",["ensure"]]"#, "not a JSON object"),
            ("7", "expected a JSON object"),
            ("\"builder\"", "expected a JSON object"),
            ("null", "expected a JSON object"),
            ("{}", "has no resource_type"),
            (r#"{"resource_type":"","actions":["a"]}"#, "has no resource_type"),
            (r#"{"resource_type":null,"actions":["a"]}"#, "has no resource_type"),
            (r#"{"resource_type":"a"}"#, "has no actions"),
            (r#"{"resource_type":"a","actions":[]}"#, "has no actions"),
            (r#"{"resource_type":"a","actions":"b"}"#, "expected a sequence"),
            (r#"{"resource_type":"a","actions":[7]}"#, "expected a string"),
            (r#"{"resource_type":7,"actions":["b"]}"#, "expected a string"),
            (r#"{"resource_type":"a","actions":["b"],"effect":"allow"}"#, "unknown field `effect`"),
            (r#"{"resource_type":"a","resource_type":"b","actions":["b"]}"#, "duplicate field"),
            (r#"{"resource_type":"a","resourceType":"b","actions":["b"]}"#, "duplicate field"),
            (r#"{"resource_type":"a","actions":["b"]} x"#, "trailing characters"),
            (r#"{"resource_type":"a","actions":["b"]"#, "EOF"),
            ("@", "needs the name of a file"),
            ("@/nonexistent/grants.json", "cannot be read"),
            ("grants.json", "--grant @grants.json"),
        ] {
            let refusal = refusal(text);
            assert!(refusal.starts_with("error: --grant") && refusal.contains(words), "{text}: {refusal}");
        }
    }

    #[test]
    fn the_place_of_a_mistake_is_shown() {
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
        assert!(
            refusal.contains("[1]: unknown field `resource`") && refusal.contains("(line 2, column 13)"),
            "{refusal}"
        );
        for bad in ["", "[]", "[7]", "[[]]"] {
            std::fs::write(&path, bad)?;
            assert!(read_all(&value).is_err(), "{bad}");
        }
        Ok(())
    }

    #[test]
    fn doubts_name_the_nearest() {
        let grant = |kind: &str, id: &str, action: &str| Permission {
            resource_type: kind.into(),
            resource_id: id.into(),
            actions: vec![action.into()],
        };
        assert!(doubts(&[grant("builder", "*", "ensure"), grant("github/runner-profile", "*", "*")]).is_empty());
        assert_eq!(
            doubts(&[grant("buidler", "*", "x")]),
            ["\"buidler\" is not a known resource type; did you mean \"builder\"?"]
        );
        assert_eq!(
            doubts(&[grant("instance", "*", "destory")]),
            ["\"destory\" is not a known action of instance; did you mean \"destroy\"?"]
        );
        assert_eq!(doubts(&[grant("artifact", "", "list")]).len(), 1);
        assert_eq!(doubts(&[grant("instance", "*", "*")]).len(), 1);
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn no_text_panics(text in any::<String>()) {
            prop_assume!(!text.starts_with('@'));
            let _ = read_one(&text);
        }

        /// The reference's rule, restated over a JSON value: an object of the
        /// three known fields, a type that is not empty, and an action.
        #[test]
        fn accepted_is_what_the_reference_accepts(
            kind in prop::option::of("[a-z/]{0,8}"),
            id in prop::option::of("[a-z*]{0,4}"),
            actions in prop::option::of(prop::collection::vec("[a-z*]{0,5}", 0..4)),
            stranger in prop::option::of("[a-z]{9,12}"),
            camel in any::<bool>(),
        ) {
            let mut object = serde_json::Map::new();
            let name = |snake: &str, camel_name: &str| if camel { camel_name.to_owned() } else { snake.to_owned() };
            if let Some(kind) = &kind { object.insert(name("resource_type", "resourceType"), kind.clone().into()); }
            if let Some(id) = &id { object.insert(name("resource_id", "resourceId"), id.clone().into()); }
            if let Some(actions) = &actions { object.insert("actions".into(), actions.clone().into()); }
            if let Some(stranger) = &stranger { object.insert(stranger.clone(), 1.into()); }
            let accepted = stranger.is_none()
                && kind.as_deref().is_some_and(|kind| !kind.is_empty())
                && actions.as_ref().is_some_and(|actions| !actions.is_empty());
            let read = read_one(&serde_json::Value::Object(object).to_string());
            prop_assert_eq!(read.is_ok(), accepted);
            if let Ok(grants) = read {
                prop_assert_eq!(&grants[0].resource_type, &kind.unwrap_or_default());
                prop_assert_eq!(&grants[0].resource_id, &id.unwrap_or_default());
                prop_assert_eq!(&grants[0].actions, &actions.unwrap_or_default());
            }
        }
    }
}
