//! Reads JSON into the value that a filter runs over. Strings without escapes are
//! not copied but refer to the answer.

use bytes::Bytes;
use jaq_json::{Map, Val};

use crate::output::json::tokens;

pub struct Source(Bytes);

impl Source {
    pub fn new(json: String) -> Self {
        Self(Bytes::from(json))
    }

    pub fn json(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether it is an array. The answer must be JSON.
    pub fn is_array(&self) -> bool {
        // Without `json`, which would check all of it for UTF-8.
        self.0.trim_ascii_start().starts_with(b"[")
    }

    /// Reads a part of it, which must be valid JSON.
    ///
    /// # Errors
    /// It is nested too deeply for the filter's stack, or contains invalid Unicode.
    pub fn tree(&self, part: &str) -> Result<Val, String> {
        /// Levels that fit on the stack.
        const MAX_DEPTH: usize = 10_000;
        // Each level takes two brackets.
        if part.len() > 2 * MAX_DEPTH && depth(part) > MAX_DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let mut tokens = tokens(part);
        tokens.next().map_or(Ok(Val::Null), |first| self.value(first, &mut tokens))
    }

    /// The value that begins with a token.
    fn value<'a>(&self, first: &'a str, tokens: &mut impl Iterator<Item = &'a str>) -> Result<Val, String> {
        Ok(match first {
            "{" => {
                let mut object = Map::default();
                while let Some(name) = tokens.next().filter(|token| *token != "}") {
                    if name != "," {
                        let first = tokens.by_ref().find(|token| *token != ":").unwrap_or_default();
                        object.insert(self.value(name, tokens)?, self.value(first, tokens)?);
                    }
                }
                object.shrink_to_fit();
                Val::obj(object)
            }
            "[" => {
                let mut array = Vec::new();
                while let Some(first) = tokens.next().filter(|token| *token != "]") {
                    if first != "," {
                        array.push(self.value(first, tokens)?);
                    }
                }
                array.into_iter().collect()
            }
            string if string.starts_with('"') && !string.contains('\\') => {
                Val::utf8_str(self.0.slice_ref(string.trim_matches('"').as_bytes()))
            }
            // The library's error would have a position within this part, not the answer.
            other => jaq_json::read::parse_single(other.as_bytes()).map_err(|_| "invalid Unicode in a string")?,
        })
    }
}

/// How deeply brackets are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for token in tokens(json) {
        match token {
            "[" | "{" => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::query::projection::Projection;

    #[test]
    fn what_is_nested_too_deeply_is_an_error() {
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(Projection::All.read(&Source::new(deep)).is_err());
        assert_eq!(depth(r#"[{"a":"[[[\"[","b":[]}]"#), 3);
    }

    fn check(json: &str) {
        let theirs = jaq_json::read::parse_single(json.as_bytes()).ok();
        assert_eq!(
            Projection::All.read(&Source::new(json.to_owned())).ok().map(|value| value.to_string()),
            theirs.map(|value| value.to_string()),
            "{json}"
        );
    }

    #[test]
    fn the_tree_is_the_library_s() {
        for json in [
            r#" {"a" : [1, 2.50, -0, 1e400, 12345678901234567890123], "b\n" : {"é\"":"\u00e9","":""} , "a":null} "#,
            r#"[[],{},"",[{}],"\\","a\\",true,false,null]"#,
            r#""{,}[:]""#,
            "7",
            "[",
            "{\"a\"}",
            "[1,]",
            "",
        ] {
            check(json);
        }
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn the_tree_is_the_library_s_for_any_texts(texts in prop::collection::vec(any::<String>(), 0..4), number in any::<f64>()) {
            check(&serde_json::json!({ "texts": texts, "number": number, texts.concat(): [texts] }).to_string());
        }
    }
}
