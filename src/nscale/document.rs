//! Service accounts as JSON documents, which are checked before anything is sent.

use uuid::Uuid;

use crate::context::Context;
use crate::error::{Failure, Result};
use crate::input::document::Document;
use crate::input::node::Node;
use crate::nscale::messages::{AccountSpec, AccountWrite, Tag, WriteMetadata};
use crate::nscale::validate::{check_description, check_name};
use crate::text::nearest::nearest;
use crate::text::sanitize::shortened;

/// An example, for hints.
pub const FORMAT: &str = r#"a document looks like {"metadata":{"name":"ci","description":"…","tags":[{"name":"team","value":"infra"}]},"spec":{"groupIDs":[]}}"#;

/// The fields that can be set, each with the object that it belongs in.
const FIELDS: [(&str, &str); 6] = [
    ("metadata", DOCUMENT),
    ("spec", DOCUMENT),
    ("name", METADATA),
    ("description", METADATA),
    ("tags", METADATA),
    ("groupIDs", SPEC),
];

const DOCUMENT: &str = "the document";
const METADATA: &str = "\"metadata\"";
const SPEC: &str = "\"spec\"";

/// Fields that only the server sets. A document that was saved from a response contains
/// them, so they are ignored without a warning.
const READ_ONLY_FIELDS: [&str; 12] = [
    "createdBy",
    "creationTime",
    "deletionTime",
    "healthStatus",
    "healthStatusDetail",
    "id",
    "modifiedBy",
    "modifiedTime",
    "organizationId",
    "projectId",
    "provisioningStatus",
    "provisioningStatusDetail",
];

/// The fields of a document, `None` where it leaves one out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountDocument {
    pub name: Option<String>,
    pub description: Option<String>,
    pub tags: Option<Vec<Tag>>,
    /// Canonical UUIDs, each once.
    pub group_ids: Option<Vec<String>>,
    /// The account that the document was saved from.
    pub id: Option<String>,
}

impl AccountDocument {
    /// Reads a document. Unless `is_partial`, all fields that the server requires must be
    /// there.
    ///
    /// # Errors
    /// Usage, with the position of the first mistake.
    pub fn read(document: &Document, is_partial: bool, ctx: &mut Context) -> Result<Self> {
        let mut warnings = Vec::new();
        let read = Self::parse(document, is_partial, &mut warnings);
        for warning in &warnings {
            ctx.warn(warning);
        }
        read.map_err(|failure| failure.hint(FORMAT))
    }

    pub(crate) fn parse(document: &Document, is_partial: bool, warnings: &mut Vec<String>) -> Result<Self> {
        let mut account = Self::default();
        let root = Node::root(document)?;
        let (mut has_metadata, mut has_spec) = (false, false);
        for (key, value) in fields(root, DOCUMENT)? {
            match key.as_str() {
                "metadata" => {
                    has_metadata = true;
                    account.read_metadata(value, is_partial, warnings)?;
                }
                "spec" => {
                    has_spec = true;
                    account.read_spec(value, is_partial, warnings)?;
                }
                // In a saved response. It may contain a token, which is not sent.
                "status" => {}
                _ => warnings.push(unknown(DOCUMENT, &key)),
            }
        }
        for (name, exists) in [("metadata", has_metadata), ("spec", has_spec)] {
            if !exists && !is_partial {
                return Err(root.error(&format!("the document has no \"{name}\"")));
            }
        }
        if is_partial && !account.sets_anything() {
            return Err(root
                .error("the document sets nothing")
                .hint("fields that can be set: \"name\", \"description\" and \"tags\" in \"metadata\", \"groupIDs\" in \"spec\""));
        }
        Ok(account)
    }

    fn read_metadata(&mut self, metadata: Node<'_>, is_partial: bool, warnings: &mut Vec<String>) -> Result<()> {
        for (key, value) in fields(metadata, METADATA)? {
            match key.as_str() {
                "name" => {
                    let name = value.string("\"name\"")?;
                    check_name(&name).map_err(|why| value.error(&why))?;
                    self.name = Some(name);
                }
                "description" => {
                    let description = value.string("\"description\"")?;
                    check_description(&description).map_err(|why| value.error(&why))?;
                    self.description = Some(description);
                }
                "tags" => {
                    let tags = value.array("\"tags\"")?;
                    self.tags = Some(tags.into_iter().map(|tag| read_tag(tag, warnings)).collect::<Result<_>>()?);
                }
                "id" => self.id = value.string("\"id\"").ok(),
                key if READ_ONLY_FIELDS.contains(&key) => {}
                _ => warnings.push(unknown(METADATA, &key)),
            }
        }
        if self.name.is_none() && !is_partial {
            return Err(metadata.error("\"metadata\" has no \"name\""));
        }
        Ok(())
    }

    fn read_spec(&mut self, spec: Node<'_>, is_partial: bool, warnings: &mut Vec<String>) -> Result<()> {
        for (key, value) in fields(spec, SPEC)? {
            match key.as_str() {
                "groupIDs" => {
                    let mut ids = Vec::new();
                    for item in value.array("\"groupIDs\"")? {
                        let text = item.string("a group's id")?;
                        let id = Uuid::parse_str(text.trim())
                            .map_err(|_| {
                                let hint = "to choose groups by name, run `serviceaccounts create` at a terminal without a document";
                                item.error("a group's id must be a UUID").hint(hint)
                            })?
                            .to_string();
                        if !ids.contains(&id) {
                            ids.push(id);
                        }
                    }
                    self.group_ids = Some(ids);
                }
                _ => warnings.push(unknown(SPEC, &key)),
            }
        }
        if self.group_ids.is_none() && !is_partial {
            return Err(spec.error("\"spec\" has no \"groupIDs\"").hint("for no groups write \"groupIDs\":[]"));
        }
        Ok(())
    }

    fn sets_anything(&self) -> bool {
        self.name.is_some() || self.description.is_some() || self.tags.is_some() || self.group_ids.is_some()
    }

    /// The request for a document that is not partial.
    pub fn into_message(self) -> AccountWrite {
        AccountWrite {
            metadata: WriteMetadata {
                name: self.name.unwrap_or_default(),
                description: self.description,
                tags: self.tags,
            },
            spec: AccountSpec { group_ids: self.group_ids.unwrap_or_default() },
        }
    }

    /// # Errors
    /// Usage: the document was saved from another account.
    pub fn check_id(&self, id: &str) -> Result<()> {
        match &self.id {
            Some(own) if !own.eq_ignore_ascii_case(id) => Err(Failure::usage(format!(
                "the document belongs to another service account: its metadata.id is not {id}"
            ))
            .hint("remove \"id\" from the document to apply it to this account")),
            _ => Ok(()),
        }
    }
}

fn read_tag(tag: Node<'_>, warnings: &mut Vec<String>) -> Result<Tag> {
    let (mut name, mut value) = (None, None);
    for (key, member) in tag.object("a tag")? {
        match key.as_str() {
            "name" => name = Some(member.string("a tag's \"name\"")?),
            "value" => value = Some(member.string("a tag's \"value\"")?),
            _ => warnings.push(ignored("a tag", &key, &["name", "value"])),
        }
    }
    match (name, value) {
        (Some(name), Some(value)) => Ok(Tag { name, value }),
        (None, _) => Err(tag.error("a tag has no \"name\"")),
        (_, None) => Err(tag.error("a tag has no \"value\"")),
    }
}

/// The fields of an object. A field that belongs in another object is an error.
fn fields<'a>(object: Node<'a>, object_name: &str) -> Result<Vec<(String, Node<'a>)>> {
    let fields = object.object(object_name)?;
    for (key, value) in &fields {
        let misplaced = |(field, parent): &&(&str, &str)| *parent != object_name && field.eq_ignore_ascii_case(key);
        if let Some((field, parent)) = FIELDS.iter().find(misplaced) {
            return Err(value.error(&format!("\"{field}\" belongs in {parent}, not in {object_name}")));
        }
    }
    Ok(fields)
}

/// The warning about a field that belongs in none of the objects.
fn unknown(object_name: &str, key: &str) -> String {
    let known: Vec<&str> =
        FIELDS.iter().filter(|(_, parent)| *parent == object_name).map(|(field, _)| *field).collect();
    ignored(object_name, key, &known)
}

fn ignored(object_name: &str, key: &str, known: &[&str]) -> String {
    let suggestion = nearest(key, known.iter().copied()).map(|near| format!("; did you mean \"{near}\"?"));
    format!(
        "{object_name} has an unknown field \"{}\", which is ignored{}",
        shortened(key),
        suggestion.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "b3b1c0de-52a1-4c4e-9f7a-2f9f6f0c1d11";

    fn parse(text: &str, partial: bool) -> (std::result::Result<AccountDocument, String>, Vec<String>) {
        let mut warnings = Vec::new();
        let document = Document::inline("--file sa.json", text);
        let read = AccountDocument::parse(&document, partial, &mut warnings);
        (read.map_err(|failure| failure.to_text()), warnings)
    }

    #[test]
    fn a_whole_document_with_fields_of_the_server() {
        let text = format!(
            r#"{{"metadata":{{"id":"A1","name":"ci","description":"","tags":[{{"name":"a/b","value":""}}],"creationTime":"x"}},
                "spec":{{"groupIDs":["{}","{GROUP}"]}},"status":{{"accessToken":"CANARY"}}}}"#,
            GROUP.to_uppercase()
        );
        let (read, warnings) = parse(&text, false);
        let expected = AccountDocument {
            name: Some("ci".into()),
            description: Some(String::new()),
            tags: Some(vec![Tag { name: "a/b".into(), value: String::new() }]),
            group_ids: Some(vec![GROUP.into()]),
            id: Some("A1".into()),
        };
        assert_eq!((read, warnings), (Ok(expected), vec![]));
    }

    #[test]
    fn invalid_documents_and_their_messages() {
        let named = |name: &str| format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"groupIDs":[]}}}}"#);
        let tagged = |tag: &str| format!(r#"{{"metadata":{{"name":"a","tags":[{tag}]}},"spec":{{"groupIDs":[]}}}}"#);
        let grouped = |ids: &str| format!(r#"{{"metadata":{{"name":"a"}},"spec":{{"groupIDs":{ids}}}}}"#);
        for (text, words) in [
            ("{}".into(), "the document has no \"metadata\" (line 1, column 1)"),
            (r#"{"metadata":{"name":"a"}}"#.into(), "the document has no \"spec\""),
            (r#"{"metadata":{},"spec":{"groupIDs":[]}}"#.into(), "\"metadata\" has no \"name\" (line 1, column 13)"),
            (r#"{"metadata":{"name":"a"},"spec":{}}"#.into(), "\"spec\" has no \"groupIDs\" (line 1, column 33)"),
            (r#"{"metadata":7,"spec":{"groupIDs":[]}}"#.into(), "\"metadata\" must be an object"),
            (r#"{"metadata":{"name":7}}"#.into(), "\"name\" must be a string"),
            (r#"{"metadata":{"name":"a","description":null}}"#.into(), "\"description\" must be a string"),
            (r#"{"metadata":{"name":"a","tags":{}}}"#.into(), "\"tags\" must be an array"),
            (named(""), "the name is empty"),
            (named(&"a".repeat(64)), "has 64 characters"),
            (named("a b"), "contains \" \""),
            (named("é"), "contains \"é\""),
            (named("-a"), "begin and end with"),
            (named("nsrt_abcdefgh"), "is a secret"),
            (tagged("7"), "a tag must be an object"),
            (tagged(r#"{"name":"a"}"#), "a tag has no \"value\""),
            (tagged(r#"{"value":"a"}"#), "a tag has no \"name\""),
            (tagged(r#"{"name":1,"value":"a"}"#), "a tag's \"name\" must be a string"),
            (grouped("null"), "\"groupIDs\" must be an array"),
            (grouped("\"a\""), "\"groupIDs\" must be an array"),
            (grouped("[7]"), "a group's id must be a string"),
            (grouped("[\n\"administrators\"]"), "a group's id must be a UUID (line 2, column 1)"),
        ] {
            let refusal = parse(&text, false).0.err().unwrap_or_default();
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
    }

    #[test]
    fn an_unknown_field_is_a_warning_that_names_the_nearest() {
        let (read, warnings) = parse(r#"{"metadata":{"name":"a","tag":1},"spec":{"groupIds":[]},"kind":"x"}"#, true);
        assert!(read.is_ok());
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        for (warning, words) in warnings.iter().zip(["\"tags\"?", "\"groupIDs\"?", "\"kind\""]) {
            assert!(warning.contains(words), "{warning}");
        }
    }

    #[test]
    fn a_misplaced_field_is_an_error_that_names_its_object() {
        for (text, words) in [
            (
                r#"{"description":"x"}"#,
                "\"description\" belongs in \"metadata\", not in the document (line 1, column 16)",
            ),
            (r#"{"metadata":{},"Name":"x"}"#, "\"name\" belongs in \"metadata\", not in the document"),
            (r#"{"tags":[]}"#, "\"tags\" belongs in \"metadata\""),
            (r#"{"groupIds":[]}"#, "\"groupIDs\" belongs in \"spec\", not in the document"),
            (r#"{"metadata":{"groupIDs":[]}}"#, "\"groupIDs\" belongs in \"spec\", not in \"metadata\""),
            (r#"{"spec":{"name":"x"}}"#, "\"name\" belongs in \"metadata\", not in \"spec\""),
            (r#"{"spec":{"metadata":{}}}"#, "\"metadata\" belongs in the document, not in \"spec\""),
        ] {
            for partial in [false, true] {
                let refusal = parse(text, partial).0.err().unwrap_or_default();
                assert!(refusal.contains(words), "{text}: {refusal}");
            }
        }
    }
}
