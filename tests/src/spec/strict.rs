//! Schemas made strict for judging answers, and cut to what one of them needs.

use serde_json::{Map, Value, json};

/// Closes every object schema that lists properties and does not say whether others may come, and every open list of
/// words: this server knows all it says.
pub fn close(schemas: &mut Value) {
    match schemas {
        Value::Object(schema) => {
            let lists = schema.get("properties").is_some_and(|p| p.as_object().is_some_and(|p| !p.is_empty()));
            if lists && schema.get("type").is_some_and(|t| t != "string") && schema.get("additionalProperties").is_none() {
                schema.insert("unevaluatedProperties".into(), json!(false));
            }
            if let Some(words) = schema.remove("x-extensible-enum") {
                schema.insert("enum".into(), words);
            }
            // parts of an allOf see only their own properties: closing them would refuse their siblings'
            for (_, inner) in
                schema.iter_mut().filter(|(keyword, _)| *keyword != "allOf" && *keyword != "example" && *keyword != "examples")
            {
                close(inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The components a schema leads to, directly or through others.
pub fn reachable(schema: &Value, components: &Value) -> Value {
    let mut found = Map::new();
    let mut todo = vec![schema];
    while let Some(next) = todo.pop() {
        match next {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/components/schemas/"))
                    && !found.contains_key(name)
                {
                    let target = components.get(name).unwrap_or_else(|| panic!("dangling reference to {name}"));
                    found.insert(name.to_owned(), target.clone());
                    todo.push(target);
                }
                todo.extend(map.iter().filter(|(key, _)| *key != "discriminator").map(|(_, inner)| inner));
            }
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    Value::Object(found)
}
