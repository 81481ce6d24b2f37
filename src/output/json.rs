//! JSON out: the server's answer with the field names as documented.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The value with every field name in snake_case, in the same order, unknown
/// fields kept. Where two names would become one, both stay as they were.
pub fn snake_case_names(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(snake_case_names).collect(),
        Value::Object(fields) => {
            let mut named = Map::with_capacity(fields.len());
            let mut uses: HashMap<String, usize> = HashMap::with_capacity(fields.len());
            for name in fields.keys() {
                *uses.entry(snake_case(name)).or_default() += 1;
            }
            for (name, value) in fields {
                let snake = snake_case(&name);
                let unique = uses.get(&snake) == Some(&1);
                named.insert(if unique { snake } else { name }, snake_case_names(value));
            }
            Value::Object(named)
        }
        other => other,
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

/// The value over several lines, indented by two.
pub fn pretty(value: &Value) -> String {
    // A `Value` always serialises: its keys are strings and its numbers finite.
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_change_and_values_order_and_strangers_stay() {
        let value = json!({"tokenId": "tokenId", "new_field": 1, "aFutureThing": {"innerName": [{"deepName": null}]}});
        let expected = r#"{"token_id":"tokenId","new_field":1,"a_future_thing":{"inner_name":[{"deep_name":null}]}}"#;
        assert_eq!(snake_case_names(value).to_string(), expected);
    }

    #[test]
    fn names_that_would_collide_are_left_alone() {
        let value = json!({"tokenId": 1, "token_id": 2});
        assert_eq!(snake_case_names(value.clone()), value);
    }
}
