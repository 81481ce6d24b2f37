//! The values of a JSON document with their positions, so that an error can show
//! the line and column of the value that is wrong.

use serde_json::value::RawValue;

use crate::error::{Failure, Result};
use crate::input::document::Document;
use crate::output::json::Fields;
use crate::text::sanitize::shortened;

/// A value in a document. The argument `what` of its methods names it in error
/// messages, as in `"tags"`.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    json: &'a str,
}

impl<'a> Node<'a> {
    /// The whole document.
    ///
    /// # Errors
    /// Usage: it is empty, or not JSON.
    pub fn root(document: &'a Document) -> Result<Self> {
        if document.text.trim().is_empty() {
            return Err(Failure::usage(format!("{} is empty", document.name)));
        }
        let value: &RawValue = serde_json::from_str(&document.text).map_err(|error| document.parse_error(&error))?;
        Ok(Self { document, json: value.get() })
    }

    /// The fields of an object, in their order.
    ///
    /// # Errors
    /// Usage: it is not an object, or has a field twice.
    pub fn object(self, what: &str) -> Result<Vec<(String, Self)>> {
        if !self.json.starts_with('{') {
            return Err(self.error(&format!("{what} must be an object")));
        }
        let Fields(fields) = self.read(what)?;
        let mut nodes: Vec<(String, Self)> = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let node = self.part(value);
            if nodes.iter().any(|(other, _)| *other == name) {
                return Err(node.error(&format!("{what} has \"{}\" twice", shortened(&name))));
            }
            nodes.push((name, node));
        }
        Ok(nodes)
    }

    /// The items of an array.
    ///
    /// # Errors
    /// Usage: it is not an array.
    pub fn array(self, what: &str) -> Result<Vec<Self>> {
        if !self.is_array() {
            return Err(self.error(&format!("{what} must be an array")));
        }
        let items: Vec<&RawValue> = self.read(what)?;
        Ok(items.into_iter().map(|item| self.part(item)).collect())
    }

    /// # Errors
    /// Usage: it is not a string.
    pub fn string(self, what: &str) -> Result<String> {
        if !self.json.starts_with('"') {
            return Err(self.error(&format!("{what} must be a string")));
        }
        self.read(what)
    }

    pub fn is_array(self) -> bool {
        self.json.starts_with('[')
    }

    pub fn is_null(self) -> bool {
        self.json == "null"
    }

    /// A usage error with the position of this value.
    pub fn error(self, message: &str) -> Failure {
        // The value is a slice of the document's text.
        let offset = (self.json.as_ptr() as usize).wrapping_sub(self.document.text.as_ptr() as usize);
        self.document.error_at(message, offset.min(self.document.text.len()))
    }

    fn part(self, value: &'a RawValue) -> Self {
        Self { document: self.document, json: value.get() }
    }

    fn read<T: serde::Deserialize<'a>>(self, what: &str) -> Result<T> {
        // `root` checked the syntax, but not for unpaired surrogates in strings.
        serde_json::from_str(self.json).map_err(|_| self.error(&format!("{what} contains invalid Unicode")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str, read: impl Fn(Node<'_>) -> Result<()>) -> String {
        let document = Document::inline("--file a.json", text);
        Node::root(&document).and_then(read).err().map(|failure| failure.to_text()).unwrap_or_default()
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        let text = "{\r\n \"a\": {\r\n  \"é\": 7}}";
        let shown = refusal(text, |root| {
            let a = root.object("it")?.remove(0).1;
            a.object("\"a\"")?.remove(0).1.string("\"é\"").map(|_| ())
        });
        let place = "\"é\" must be a string (line 3, column 9)";
        assert_eq!(shown, format!("error: --file a.json: {place}\n    \"é\": 7}}}}\n         ^\n"));
    }

    #[test]
    fn what_is_refused_and_in_which_words() {
        for (text, words) in [
            ("", "is empty"),
            (" \n", "is empty"),
            ("{", "EOF"),
            ("[]", "must be an object"),
            ("null", "must be an object"),
            (r#"{"a":1,"a":2}"#, "the document has \"a\" twice (line 1, column 12)"),
            (r#"{"\ud800":1}"#, "contains invalid Unicode"),
        ] {
            let refusal = refusal(text, |root| root.object("the document").map(|_| ()));
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn no_text_panics(text in "[{}\\[\\]\":,a1é\\\\\n ]{0,30}") {
            let document = Document::inline("x", &text);
            if let Ok(root) = Node::root(&document) {
                let _ = (root.object("x").map(|_| ()), root.array("x").map(|_| ()), root.string("x"));
                root.error("x");
            }
        }
    }
}
