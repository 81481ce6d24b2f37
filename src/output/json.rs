//! JSON out: the server's answer laid out, with the field names as documented
//! and everything else as it came.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On one line.
    Compact,
    /// Over several, indented by two.
    Pretty,
}

/// Deeper than this, values are written as they came.
const DEEPEST: usize = 100;

/// The JSON text with every field name in snake_case. Order, numbers and
/// unknown fields stay as they are; where two names would become one, both
/// stay too.
///
/// # Errors
/// The text is not JSON.
pub fn snake_case_names(json: &str, layout: Layout) -> serde_json::Result<String> {
    let mut out = String::with_capacity(json.len() * 2);
    write(json.trim(), layout, snake_case, 0, &mut out)?;
    Ok(out)
}

/// The JSON text as it is, over several lines.
///
/// # Errors
/// The text is not JSON.
pub fn pretty(json: &str) -> serde_json::Result<String> {
    let mut out = String::with_capacity(json.len() * 2);
    write(json.trim(), Layout::Pretty, str::to_owned, 0, &mut out)?;
    Ok(out)
}

/// A field's name out of the one that it came with.
type Rename = fn(&str) -> String;

fn write(json: &str, layout: Layout, rename: Rename, depth: usize, out: &mut String) -> serde_json::Result<()> {
    match json.as_bytes().first() {
        Some(b'{') if depth < DEEPEST => {
            let Fields(fields) = serde_json::from_str(json)?;
            let mut uses: HashMap<String, usize> = HashMap::with_capacity(fields.len());
            for (name, _) in &fields {
                *uses.entry(rename(name)).or_default() += 1;
            }
            write_items(['{', '}'], &fields, layout, depth, out, |(name, value), out| {
                let renamed = rename(name);
                let name = if uses.get(&renamed) == Some(&1) { &renamed } else { name };
                out.push_str(&serde_json::to_string(name)?);
                out.push_str(if layout == Layout::Pretty { ": " } else { ":" });
                write(value.get(), layout, rename, depth + 1, out)
            })
        }
        Some(b'[') if depth < DEEPEST => {
            let items: Vec<&RawValue> = serde_json::from_str(json)?;
            write_items(['[', ']'], &items, layout, depth, out, |item, out| {
                write(item.get(), layout, rename, depth + 1, out)
            })
        }
        _ => {
            let _: serde::de::IgnoredAny = serde_json::from_str(json)?;
            out.push_str(json);
            Ok(())
        }
    }
}

fn write_items<T>(
    brackets: [char; 2],
    items: &[T],
    layout: Layout,
    depth: usize,
    out: &mut String,
    write_item: impl Fn(&T, &mut String) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    let new_line = |depth: usize, out: &mut String| {
        if layout == Layout::Pretty {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    out.push(brackets[0]);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        new_line(depth + 1, out);
        write_item(item, out)?;
    }
    if !items.is_empty() {
        new_line(depth, out);
    }
    out.push(brackets[1]);
    Ok(())
}

/// An object's fields in their order, values as they stand.
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

/// `tokenId` as `token_id`, by protobuf's rule backwards: a capital is an
/// underscore and its small letter.
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
    use super::*;
    use proptest::prelude::*;

    fn compact(json: &str) -> String {
        snake_case_names(json, Layout::Compact).unwrap()
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
        let pretty = snake_case_names(r#"{"a":[],"b":{},"cD":[1,{"e":2}]}"#, Layout::Pretty).unwrap();
        assert_eq!(pretty, "{\n  \"a\": [],\n  \"b\": {},\n  \"c_d\": [\n    1,\n    {\n      \"e\": 2\n    }\n  ]\n}");
    }

    #[test]
    fn what_is_no_json_is_an_error_and_depth_is_no_danger() {
        for json in ["", "{", "[1,]", "nul", "{\"a\":1}x"] {
            assert!(snake_case_names(json, Layout::Compact).is_err(), "{json}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(compact(&deep), deep);
    }

    proptest! {
        #![proptest_config(crate::testing::properties())]

        #[test]
        fn pretty_is_the_same_value(names in prop::collection::vec("[a-z_]{1,4}", 0..5), text in any::<String>(), number in any::<i64>()) {
            let object: serde_json::Map<_, _> = names.into_iter().map(|name| (name, serde_json::json!([text, number, {}]))).collect();
            let json = serde_json::Value::Object(object);
            let pretty = snake_case_names(&json.to_string(), Layout::Pretty).unwrap();
            prop_assert_eq!(pretty, serde_json::to_string_pretty(&json).unwrap());
        }

        #[test]
        fn no_text_panics(json in any::<String>()) {
            let _ = snake_case_names(&json, Layout::Pretty);
        }
    }
}
