//! The server's JSON for output: indented, with the documented field names, and
//! otherwise unchanged.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// In deeper levels names are not changed, and values are on one line.
const MAX_DEPTH: usize = 100;

/// Rewrites JSON with every field name in snake_case, without spaces. Order, numbers
/// and unknown fields are unchanged, and so are names that would become the same.
///
/// # Errors
/// It is not JSON.
pub fn snake_case_names(json: &str) -> serde_json::Result<String> {
    let mut out = String::with_capacity(json.len());
    rename(json.trim(), 0, &mut out)?;
    Ok(out)
}

/// Indents JSON that is otherwise unchanged.
///
/// # Errors
/// It is not JSON.
pub fn pretty(json: &str) -> serde_json::Result<String> {
    let _: IgnoredAny = serde_json::from_str(json)?;
    Ok(indented(json))
}

fn rename(json: &str, depth: usize, out: &mut String) -> serde_json::Result<()> {
    match json.as_bytes().first() {
        Some(b'{') if depth < MAX_DEPTH => {
            let Fields(fields) = serde_json::from_str(json)?;
            let mut uses: HashMap<String, usize> = HashMap::with_capacity(fields.len());
            for (name, _) in &fields {
                *uses.entry(snake_case(name)).or_default() += 1;
            }
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                let renamed = snake_case(name);
                let name = if uses.get(&renamed) == Some(&1) { &renamed } else { name };
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&serde_json::to_string(name)?);
                out.push(':');
                rename(value.get(), depth + 1, out)?;
            }
            out.push('}');
        }
        Some(b'[') if depth < MAX_DEPTH => {
            let items: Vec<&RawValue> = serde_json::from_str(json)?;
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                rename(item.get(), depth + 1, out)?;
            }
            out.push(']');
        }
        _ => {
            let _: IgnoredAny = serde_json::from_str(json)?;
            out.push_str(json);
        }
    }
    Ok(())
}

/// The input must be JSON.
fn indented(json: &str) -> String {
    let spaces = " ".repeat(2 * MAX_DEPTH);
    let mut out = String::with_capacity(json.len() + json.len() / 2);
    let mut depth: usize = 0;
    let new_line = |depth: usize, out: &mut String| {
        if let Some(spaces) = spaces.get(..2 * depth) {
            out.push('\n');
            out.push_str(spaces);
        }
    };
    let mut last = b' ';
    for token in tokens(json) {
        let first = token.as_bytes().first().copied().unwrap_or(last);
        match first {
            b'}' | b']' => {
                // Only where the opening bracket is at the end of a line.
                if !matches!(last, b'{' | b'[') && depth <= MAX_DEPTH {
                    new_line(depth.saturating_sub(1), &mut out);
                }
                depth = depth.saturating_sub(1);
            }
            b',' | b':' => {}
            _ if matches!(last, b'{' | b'[' | b',') => new_line(depth, &mut out),
            _ => {}
        }
        out.push_str(token);
        match first {
            b'{' | b'[' => depth += 1,
            b':' if depth <= MAX_DEPTH => out.push(' '),
            _ => {}
        }
        last = first;
    }
    out
}

/// The tokens of JSON: strings with their quotes, other scalars, and punctuation. Other
/// input is split somehow, without an error.
pub fn tokens(json: &str) -> impl Iterator<Item = &str> {
    let is_punctuation = |byte: u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':');
    let ends_value = move |byte: &u8| is_punctuation(*byte) || *byte == b'"' || byte.is_ascii_whitespace();
    let mut rest = json;
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let bytes = rest.as_bytes();
        let length = match bytes.first()? {
            b'"' => string_length(bytes),
            first if is_punctuation(*first) => 1,
            _ => bytes.iter().position(ends_value).unwrap_or(bytes.len()),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// The length of the string that the bytes begin with, quotes included.
fn string_length(bytes: &[u8]) -> usize {
    let mut length = 1;
    while let Some(next) = bytes[length..].iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        length += next + 1;
        if bytes[length - 1] == b'"' {
            return length;
        }
        // The character after a backslash belongs to the string.
        length += 1;
        if length > bytes.len() {
            break;
        }
    }
    bytes.len()
}

/// Calls `visit` with each element of a JSON array, read by the seed, until it breaks.
/// `null` counts as an empty array, because some servers write it so.
///
/// # Errors
/// It is not an array, or an element is not valid. After a break only the syntax is
/// checked.
pub fn each<'de, S: DeserializeSeed<'de> + Copy>(
    json: &'de str,
    seed: S,
    visit: impl FnMut(S::Value) -> ControlFlow<()>,
) -> serde_json::Result<()> {
    struct Elements<S, V>(S, V);
    impl<'de, S: DeserializeSeed<'de> + Copy, V: FnMut(S::Value) -> ControlFlow<()>> Visitor<'de> for Elements<S, V> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON array")
        }

        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
            while let Some(element) = elements.next_element_seed(self.0)? {
                if self.1(element).is_break() {
                    while elements.next_element::<IgnoredAny>()?.is_some() {}
                }
            }
            Ok(())
        }
    }
    // As bytes, as responses are read: of a string, a second decoder would be in the
    // binary for each type.
    let mut deserializer = serde_json::Deserializer::from_slice(json.as_bytes());
    deserializer.deserialize_any(Elements(seed, visit))?;
    deserializer.end()
}

/// The fields of an object in their order, with unparsed values.
pub struct Fields<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(FieldsVisitor).map(Fields)
    }
}

/// `tokenId` as `token_id`, the inverse of protobuf's rule: a capital becomes an
/// underscore and its lower case letter.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if !snake.is_empty() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        } else {
            snake.push(c);
        }
    }
    snake
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use super::*;
    use proptest::prelude::*;

    fn compact(json: &str) -> String {
        snake_case_names(json).unwrap()
    }

    #[test]
    fn names_change_and_values_order_and_strangers_stay() {
        let json = r#" {"tokenId": "tokenId", "new_field": 1.50, "aFutureThing": {"innerName": [{"deepName": null}, 1e400]}, "é\"": "\u00e9"} "#;
        let expected = r#"{"token_id":"tokenId","new_field":1.50,"a_future_thing":{"inner_name":[{"deep_name":null},1e400]},"é\"":"\u00e9"}"#;
        assert_eq!(compact(json), expected);
    }

    #[test]
    fn names_that_would_collide_are_left_alone() {
        let json = r#"{"tokenId":1,"token_id":2}"#;
        assert_eq!(compact(json), json);
    }

    #[test]
    fn over_several_lines() {
        let pretty = pretty(&snake_case_names(r#"{"a":[],"b":{},"cD":[1,{"e":2}]}"#).unwrap()).unwrap();
        assert_eq!(pretty, "{\n  \"a\": [],\n  \"b\": {},\n  \"c_d\": [\n    1,\n    {\n      \"e\": 2\n    }\n  ]\n}");
    }

    #[test]
    fn elements_one_at_a_time() {
        let first = |json: &str, max: usize| {
            let mut numbers = Vec::new();
            let result = each(json, PhantomData::<u32>, |number| {
                numbers.push(number);
                if numbers.len() < max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            (numbers, result.is_ok())
        };
        assert_eq!(first("[1, 2,3 ]", 9), (vec![1, 2, 3], true));
        assert_eq!(first("[1,2,3]", 2), (vec![1, 2], true));
        assert_eq!(first(" null ", 9), (vec![], true));
        assert_eq!(first("[]", 9), (vec![], true));
        assert_eq!(first("[1,2", 1), (vec![1], false));
        assert_eq!(first("[1]2", 9), (vec![1], false));
        assert_eq!(first("{}", 9), (vec![], false));
        assert_eq!(first("", 9), (vec![], false));
    }

    #[test]
    fn what_is_no_json_is_an_error_and_depth_is_no_danger() {
        for json in ["", "{", "[1,]", "nul", "{\"a\":1}x"] {
            assert!(snake_case_names(json).is_err(), "{json}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(compact(&deep), deep);
        let shown = pretty(&deep).unwrap();
        assert_eq!(shown.split_whitespace().collect::<String>(), deep);
        assert!(shown.len() < 3 * deep.len(), "{}", shown.len());
        let shown = pretty(&format!("{}1, 2{}", "[".repeat(102), "]".repeat(102))).unwrap();
        assert!(shown.contains("\n") && shown.lines().any(|line| line.trim() == "[[1,2]]"), "{shown}");
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn pretty_is_the_same_value(names in prop::collection::vec("[a-z_]{1,4}", 0..5), text in any::<String>(), number in any::<i64>()) {
            let object: serde_json::Map<_, _> = names.into_iter().map(|name| (name, serde_json::json!([text, number, {}]))).collect();
            let json = serde_json::Value::Object(object);
            let pretty = pretty(&snake_case_names(&json.to_string()).unwrap()).unwrap();
            prop_assert_eq!(pretty, serde_json::to_string_pretty(&json).unwrap());
        }

        #[test]
        fn no_text_panics(json in any::<String>()) {
            let _ = snake_case_names(&json);
            prop_assert!(tokens(&json).all(|token| !token.is_empty()));
        }
    }
}
