//! Requests and answers are described by schemas of their own, although one Rust type may read and write both.
//!
//! A request is closed and its lists of words are closed; what has a default may be left out. An answer has all its
//! properties and is open to new ones, and so are its lists of words: a client made from this document must read the
//! answers of a later server. A type that goes both ways keeps its name for the answer; the request's is `…Input`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

const PREFIX: &str = "#/components/schemas/";

/// Names schemas, as components do.
pub type Schemas = BTreeMap<String, Value>;

/// Divides the schemas and points requests at theirs.
pub fn divide(schemas: &mut Schemas, paths: &mut BTreeMap<String, Map<String, Value>>) {
    for item in paths.values_mut() {
        item.values_mut().for_each(plain_ids);
    }
    schemas.values_mut().for_each(plain_ids);
    schemas.remove("Id");

    let operations = || paths.values().flat_map(Map::values);
    let asked = reach(schemas, operations().flat_map(|o| [&o["requestBody"], &o["parameters"]]));
    // the shared problem documents are answers, too
    let answered: BTreeSet<String> =
        &reach(schemas, operations().map(|o| &o["responses"])) | &reach(schemas, [&json!({"$ref": format!("{PREFIX}Problem")})]);
    let twins: BTreeSet<String> = asked.intersection(&answered).filter(|name| differs(name, schemas)).cloned().collect();

    for name in &asked {
        let Some(mut schema) = schemas.get(name).cloned() else { continue };
        point(&mut schema, &twins);
        ask(&mut schema);
        schemas.insert(if twins.contains(name) { input_name(name) } else { name.clone() }, schema);
    }
    for name in &answered {
        if let Some(schema) = schemas.get_mut(name) {
            answer(schema);
        }
    }
    for operation in paths.values_mut().flat_map(Map::values_mut) {
        for part in ["requestBody", "parameters"] {
            if let Some(part) = operation.get_mut(part) {
                point(part, &twins);
            }
        }
    }
}

fn input_name(name: &str) -> String {
    format!("{name}Input")
}

/// Whether a schema says something else to a client that sends it than to one that reads it.
fn differs(name: &str, schemas: &Schemas) -> bool {
    let Some(schema) = schemas.get(name) else { return false };
    schema["enum"].is_array()
        || schema["properties"].is_object()
        || reach(schemas, [schema]).iter().any(|inner| inner != name && differs(inner, schemas))
}

/// Every schema that some values lead to.
fn reach<'a>(schemas: &'a Schemas, from: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&Value> = from.into_iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix(PREFIX))
                    && found.insert(name.to_owned())
                {
                    open.extend(schemas.get(name));
                }
                open.extend(map.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// An id is a word like any other to a generator: a type of its own for it only gets in the way.
fn plain_ids(value: &mut Value) {
    let is_id = |v: &Value| v["$ref"] == format!("{PREFIX}Id");
    if let Some(map) = value.as_object_mut() {
        let optional = map
            .get("oneOf")
            .and_then(Value::as_array)
            .is_some_and(|of| of.len() == 2 && of.iter().any(is_id) && of.contains(&json!({"type": "null"})));
        if optional {
            map.remove("oneOf");
            map.insert("type".into(), json!(["string", "null"]));
            map.insert("format".into(), "uuid".into());
        } else if map.get("$ref").is_some_and(|r| *r == format!("{PREFIX}Id")) {
            map.remove("$ref");
            map.insert("type".into(), "string".into());
            map.insert("format".into(), "uuid".into());
        }
    }
    each(value, &mut plain_ids);
}

/// Points references at the requests' own schemas, a union's mapping with them.
fn point(value: &mut Value, twins: &BTreeSet<String>) {
    let renamed = |text: &Value| {
        text.as_str()?.strip_prefix(PREFIX).filter(|name| twins.contains(*name)).map(|name| json!(format!("{PREFIX}{}", input_name(name))))
    };
    if let Some(to) = value.get("$ref").and_then(renamed)
        && let Some(map) = value.as_object_mut()
    {
        map.insert("$ref".into(), to);
    }
    for target in value.pointer_mut("/discriminator/mapping").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(to) = renamed(target) {
            *target = to;
        }
    }
    each(value, &mut |inner| point(inner, twins));
}

/// What a request says: closed, and nothing asked for that the server can do without.
fn ask(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    let optional: BTreeSet<String> = map
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, property)| property.get("default").is_some() || nullable(property))
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(required) = map.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name.as_str().is_none_or(|name| !optional.contains(name)));
        if required.is_empty() {
            map.remove("required");
        }
    }
    for property in map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        // absent and null mean the same
        if property.get("default").is_some_and(Value::is_null)
            && let Some(property) = property.as_object_mut()
        {
            property.remove("default");
        }
    }
}

/// What an answer says: whole, and open to later additions.
fn answer(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    if map.get("additionalProperties") == Some(&Value::Bool(false)) {
        map.remove("additionalProperties");
    }
    if let Some(words) = map.remove("enum") {
        map.insert("x-extensible-enum".into(), words);
        let text = map.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{text} Open: a later server may answer a word that is not in the list.").trim().to_owned();
        map.insert("description".into(), text.into());
    }
    for property in map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Some(property) = property.as_object_mut() {
            for rule in ["default", "maxLength", "minLength", "maxItems", "minItems"] {
                property.remove(rule);
            }
        }
    }
}

fn nullable(property: &Value) -> bool {
    let null = json!({"type": "null"});
    property["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
        || property["oneOf"].as_array().is_some_and(|of| of.contains(&null))
}

fn each(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(map) => map.values_mut().for_each(visit),
        Value::Array(items) => items.iter_mut().for_each(visit),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided() -> (Schemas, BTreeMap<String, Map<String, Value>>) {
        let mut schemas: Schemas = [
            ("Id", json!({"type": "string", "format": "uuid"})),
            ("Colour", json!({"type": "string", "description": "A colour.", "enum": ["red", "blue"]})),
            (
                "Wheel",
                json!({"type": "object", "additionalProperties": false, "required": ["colour", "size", "owner_id"], "properties": {
                    "colour": {"$ref": "#/components/schemas/Colour"}, "size": {"type": "integer", "default": 1},
                    "owner_id": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Id"}]}}}),
            ),
            ("NewCar", json!({"type": "object", "additionalProperties": false, "properties": {"wheels": {"type": "array", "items": {"$ref": "#/components/schemas/Wheel"}}}})),
        ]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into();
        let operation = json!({
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewCar"}}}},
            "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wheel"}}}}},
        });
        let mut paths = BTreeMap::from([("/cars".to_owned(), Map::from_iter([("post".to_owned(), operation)]))]);
        divide(&mut schemas, &mut paths);
        (schemas, paths)
    }

    #[test]
    fn a_request_asks_for_what_has_no_default_and_is_closed() {
        let (schemas, paths) = divided();
        assert_eq!(paths["/cars"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/NewCar");
        assert_eq!(schemas["NewCar"]["properties"]["wheels"]["items"]["$ref"], "#/components/schemas/WheelInput");
        assert_eq!(schemas["WheelInput"]["required"], json!(["colour"]));
        assert_eq!(schemas["WheelInput"]["additionalProperties"], json!(false));
        assert_eq!(schemas["WheelInput"]["properties"]["colour"]["$ref"], "#/components/schemas/ColourInput");
        assert_eq!(schemas["ColourInput"]["enum"], json!(["red", "blue"]));
    }

    #[test]
    fn an_answer_is_whole_and_open() {
        let (schemas, _) = divided();
        assert_eq!(schemas["Wheel"]["required"], json!(["colour", "size", "owner_id"]));
        assert!(schemas["Wheel"].get("additionalProperties").is_none());
        assert_eq!(schemas["Wheel"]["properties"]["owner_id"], json!({"type": ["string", "null"], "format": "uuid"}));
        assert_eq!((&schemas["Colour"]["enum"], &schemas["Colour"]["x-extensible-enum"]), (&Value::Null, &json!(["red", "blue"])));
        assert!(!schemas.contains_key("Id"));
    }
}
