//! A JSON document part by part, each with its place, so that whatever is
//! wrong with a part can be shown where it stands.

use serde_json::value::RawValue;

use crate::error::{Failure, Result};
use crate::input::document::Document;
use crate::output::json::Fields;
use crate::text::sanitize::shortened;

/// A value within a document.
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
        let value: &RawValue = serde_json::from_str(&document.text).map_err(|error| document.mistake(&error))?;
        Ok(Self { document, json: value.get() })
    }

    /// The members of an object, in their order. `what` names the value in
    /// the sentence where it is none.
    ///
    /// # Errors
    /// Usage: it is no object, or has two members of one name.
    pub fn members(self, what: &str) -> Result<Vec<(String, Self)>> {
        if !self.json.starts_with('{') {
            return Err(self.refuse(&format!("{what} must be an object, in braces")));
        }
        let Fields(fields) = self.read(what)?;
        let mut members: Vec<(String, Self)> = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let member = self.part(value);
            if members.iter().any(|(known, _)| *known == name) {
                return Err(member.refuse(&format!("{what} has a second \"{}\"", shortened(&name))));
            }
            members.push((name, member));
        }
        Ok(members)
    }

    /// The items of an array.
    ///
    /// # Errors
    /// Usage: it is none.
    pub fn items(self, what: &str) -> Result<Vec<Self>> {
        if !self.json.starts_with('[') {
            return Err(self.refuse(&format!("{what} must be an array, in brackets")));
        }
        let items: Vec<&RawValue> = self.read(what)?;
        Ok(items.into_iter().map(|item| self.part(item)).collect())
    }

    /// A text.
    ///
    /// # Errors
    /// Usage: it is none.
    pub fn text(self, what: &str) -> Result<String> {
        if !self.json.starts_with('"') {
            return Err(self.refuse(&format!("{what} must be a text, in quotes")));
        }
        self.read(what)
    }

    /// Says what is wrong with this value, and shows where it stands.
    pub fn refuse(self, what: &str) -> Failure {
        let at = (self.json.as_ptr() as usize).wrapping_sub(self.document.text.as_ptr() as usize);
        self.document.mistake_in(what, at.min(self.document.text.len()))
    }

    fn part(self, value: &'a RawValue) -> Self {
        Self { document: self.document, json: value.get() }
    }

    fn read<T: serde::Deserialize<'a>>(self, what: &str) -> Result<T> {
        // Its form is JSON's; what may still be wrong is half a surrogate.
        serde_json::from_str(self.json).map_err(|_| self.refuse(&format!("{what} is not valid text")))
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
            let a = root.members("it")?.remove(0).1;
            a.members("\"a\"")?.remove(0).1.text("\"é\"").map(|_| ())
        });
        let place = "\"é\" must be a text, in quotes (line 3, column 9)";
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
            (r#"{"a":1,"a":2}"#, "has a second \"a\" (line 1, column 12)"),
            (r#"{"\ud800":1}"#, "not valid text"),
        ] {
            let refusal = refusal(text, |root| root.members("the document").map(|_| ()));
            assert!(refusal.contains(words), "{text}: {refusal}");
        }
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn no_text_panics(text in "[{}\\[\\]\":,a1é\\\\\n ]{0,30}") {
            let document = Document::inline("x", &text);
            if let Ok(root) = Node::root(&document) {
                let _ = (root.members("x").map(|_| ()), root.items("x").map(|_| ()), root.text("x"));
                root.refuse("x");
            }
        }
    }
}
