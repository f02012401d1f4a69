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
    let twins: BTreeSet<&String> = asked.intersection(&answered).filter(|name| differs(name, schemas)).collect();
    let names: BTreeMap<String, String> = asked
        .iter()
        .filter_map(|name| match name.strip_prefix("New") {
            // some generators make `NewContact` the maker of a `Contact`
            Some(made) => Some((name.clone(), format!("{made}Input"))),
            None if twins.contains(name) => Some((name.clone(), format!("{name}Input"))),
            None => None,
        })
        .collect();

    // the entries of a new card have no id yet, so that each must say what it holds
    let entries: BTreeMap<String, String> =
        ["Phone", "Email", "Messenger"].map(|kind| (format!("{kind}Input"), format!("Added{kind}"))).into();
    for name in &asked {
        let twin = twins.contains(name);
        let taken = if twin { schemas.get(name).cloned() } else { schemas.remove(name) };
        let Some(mut schema) = taken else { continue };
        if name.starts_with("New") {
            point(&mut schema, &entries);
        }
        point(&mut schema, &names);
        ask(&mut schema, twin);
        schemas.insert(names.get(name).unwrap_or(name).clone(), schema);
    }
    patches_cannot_empty(schemas);
    for name in &answered {
        if let Some(schema) = schemas.get_mut(name) {
            answer(schema);
        }
    }
    for operation in paths.values_mut().flat_map(Map::values_mut) {
        for part in ["requestBody", "parameters"] {
            if let Some(part) = operation.get_mut(part) {
                point(part, &names);
            }
        }
    }
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
fn point(value: &mut Value, names: &BTreeMap<String, String>) {
    let renamed =
        |text: &Value| text.as_str()?.strip_prefix(PREFIX).and_then(|name| names.get(name)).map(|name| json!(format!("{PREFIX}{name}")));
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
    each(value, &mut |inner| point(inner, names));
}

/// What a request says: closed, and nothing asked for that the server can do without. A type that is answered, too, tells
/// there that its properties are always present; of one that is only sent, what is required is meant, and never null.
fn ask(schema: &mut Value, twin: bool) {
    let Some(map) = schema.as_object_mut() else { return };
    let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let mut optional = BTreeSet::new();
    for (name, property) in properties.iter_mut() {
        let Some(property) = property.as_object_mut() else { continue };
        if let Some(items) = property.get_mut("items").and_then(Value::as_object_mut) {
            never_blank(items);
        }
        let default = property.get("default");
        if default.is_some() || (twin && nullable(property)) {
            optional.insert(name.clone());
        }
        // said in words: some generated clients would send it, and overwrite by it what a patch leaves out
        if let Some(default) = property.remove("default").filter(|default| !default.is_null())
            && let Some(Value::String(text)) = property.get_mut("description")
        {
            let scalar = !(default.is_array() || default.is_object());
            text.push_str(&if scalar {
                format!(" When made without: `{}`.", default.as_str().map_or_else(|| default.to_string(), ToOwned::to_owned))
            } else {
                String::new()
            });
        }
    }
    let mut required = map.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    required.retain(|name| name.as_str().is_none_or(|name| !optional.contains(name)));
    for name in required.iter().filter_map(Value::as_str) {
        if let Some(property) = map.get_mut("properties").and_then(|all| all.get_mut(name)) {
            never_null(property);
        }
    }
    if required.is_empty() { drop(map.remove("required")) } else { drop(map.insert("required".into(), required.into())) }
}

/// What a record cannot be made without, a patch cannot take from it.
fn patches_cannot_empty(schemas: &mut Schemas) {
    let names: Vec<String> = schemas.keys().filter_map(|name| name.strip_suffix("Patch").map(ToOwned::to_owned)).collect();
    for name in names {
        let required = schemas.get(&format!("{name}Input")).and_then(|input| input["required"].as_array().cloned()).unwrap_or_default();
        for field in required.iter().filter_map(Value::as_str) {
            if let Some(property) = schemas.get_mut(&format!("{name}Patch")).and_then(|patch| patch.get_mut("properties")?.get_mut(field)) {
                never_null(property);
            }
        }
        // nor by naming it among the fields to clear
        let Some(patch) = schemas.get(&format!("{name}Patch")) else { continue };
        let fields = patch
            .pointer("/properties/clear/items/$ref")
            .and_then(Value::as_str)
            .and_then(|r| r.strip_prefix(PREFIX))
            .map(ToOwned::to_owned);
        let properties = patch["properties"].as_object().cloned().unwrap_or_default();
        let may = |word: &Value| word.as_str().and_then(|word| properties.get(word)?.as_object()).is_some_and(nullable);
        if let Some(words) = fields.and_then(|fields| schemas.get_mut(&fields)?.get_mut("enum")?.as_array_mut()) {
            words.retain(may);
        }
    }
}

/// A text that says nothing is none: the server trims it, and asks for it.
fn never_blank(map: &mut Map<String, Value>) {
    if map.get("type").is_some_and(|kind| kind == "string")
        && ["format", "const", "pattern", "enum"].iter().all(|rule| !map.contains_key(*rule))
    {
        map.insert("minLength".into(), 1.into());
        map.insert("pattern".into(), "\\S".into());
    }
}

/// Takes null out of what a property may be.
fn never_null(property: &mut Value) {
    let Some(map) = property.as_object_mut().filter(|map| nullable(map)) else { return };
    if let Some(Value::Array(types)) = map.get("type")
        && let [one] = types.iter().filter(|t| *t != "null").collect::<Vec<_>>().as_slice()
    {
        let one = Value::clone(one);
        map.insert("type".into(), one);
    }
    if let Some(of) = map.get("oneOf").and_then(Value::as_array)
        && let [only] = of.iter().filter(|v| v["type"] != "null").collect::<Vec<_>>().as_slice()
        && let Some(only) = only.as_object().cloned()
    {
        map.remove("oneOf");
        map.extend(only);
    }
    never_blank(map);
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

fn nullable(property: &Map<String, Value>) -> bool {
    let has = |name: &str, null: &Value| property.get(name).and_then(Value::as_array).is_some_and(|all| all.contains(null));
    has("type", &json!("null")) || has("oneOf", &json!({"type": "null"}))
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
            ("NewCar", json!({"type": "object", "additionalProperties": false, "required": ["name"], "properties": {"name": {"type": ["null", "string"]}, "wheels": {"type": "array", "items": {"$ref": "#/components/schemas/Wheel"}}}})),
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
        assert_eq!(paths["/cars"]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/CarInput");
        assert_eq!(
            (&schemas["CarInput"]["properties"]["name"]["type"], &schemas["CarInput"]["required"]),
            (&json!("string"), &json!(["name"]))
        );
        assert_eq!(schemas["CarInput"]["properties"]["wheels"]["items"]["$ref"], "#/components/schemas/WheelInput");
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
