//! No silent breaks: the specification against the last released one, and the comparison against planted breaks.

use kartoteka_tests::{Value, app, breaking::breaks, json, spec};

/// Breaks that are meant, each as the comparison tells it, with the reason.
const MEANT: &[(&str, &str)] = &[];

fn released() -> Value {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/contract/released.yaml")).expect("tests/contract/released.yaml");
    serde_saphyr::from_str(&text).expect("YAML")
}

#[test]
fn nothing_that_was_released_is_broken() {
    let found = breaks(&released(), &spec::of(app().address).document);
    let found: Vec<&String> = found.iter().filter(|f| !MEANT.iter().any(|(meant, _)| meant == f)).collect();
    assert!(found.is_empty(), "whoever built on the released specification would be broken by:\n{found:#?}");
}

/// A small API that takes, answers, refuses.
fn small() -> Value {
    json!({
        "paths": {"/v1/cars": {
            "post": {
                "operationId": "create_car", "tags": ["cars"], "security": [],
                "parameters": [{"name": "dry_run", "in": "query", "schema": {"type": "boolean"}}, {"name": "sort", "in": "query", "schema": {"type": "string", "enum": ["name", "-name"]}}],
                "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewCar"}}}},
                "responses": {
                    "201": {"headers": {"ETag": {}}, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Car"}}}},
                    "409": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                },
            },
        }},
        "components": {"schemas": {
            "NewCar": {"type": "object", "additionalProperties": false, "required": ["name"], "properties": {
                "name": {"type": "string", "maxLength": 100}, "note": {"type": ["string", "null"]}, "kind": {"type": "string", "enum": ["a", "b"]}}},
            "Car": {"type": "object", "required": ["name", "note", "state", "events"], "properties": {
                "name": {"type": "string"}, "note": {"type": ["string", "null"]}, "state": {"type": "string", "x-extensible-enum": ["new"]},
                "size": {"type": "string", "enum": ["s", "m"]}, "events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}}},
            "Event": {"discriminator": {"propertyName": "kind"}, "oneOf": [{"$ref": "#/components/schemas/Sold"}]},
            "Sold": {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "sold"}, "at": {"type": "string", "format": "date-time"}}},
        }},
    })
}

fn after(pointer: &str, value: Value) -> Vec<String> {
    let mut changed = small();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = changed.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")).as_object_mut().expect("an object");
    if value.is_null() {
        parent.remove(name).unwrap_or_else(|| panic!("{name} was not there"));
    } else {
        parent.insert(name.into(), value);
    }
    breaks(&small(), &changed)
}

const POST: &str = "/paths/~1v1~1cars/post";
const SCHEMAS: &str = "/components/schemas";

#[test]
fn every_planted_break_is_found() {
    let null = Value::Null;
    for (pointer, value, told) in [
        ("/paths/~1v1~1cars/post".to_owned(), null.clone(), "post /v1/cars is gone"),
        (format!("{POST}/operationId"), json!("make_car"), "operationId"),
        (format!("{POST}/tags"), json!(["vehicles"]), "tags"),
        (format!("{POST}/security"), json!([{"bearer": []}]), "needs a credential"),
        (format!("{POST}/parameters"), json!([]), "query parameter dry_run is gone"),
        (
            format!("{POST}/parameters"),
            json!([{"name": "dry_run", "in": "query", "required": true, "schema": {"type": "boolean"}}, {"name": "sort", "in": "query", "schema": {"type": "string", "enum": ["name"]}}]),
            "no longer taken",
        ),
        (format!("{POST}/requestBody/content"), json!({"text/csv": {}}), "application/json is no longer taken"),
        (format!("{POST}/responses/201"), null.clone(), "201 is no longer answered"),
        (format!("{POST}/responses/201/headers/ETag"), null.clone(), "header ETag"),
        (format!("{POST}/responses/202"), json!({}), "answers 202"),
        (format!("{SCHEMAS}/Sold"), null.clone(), "schema Sold is gone"),
        (format!("{SCHEMAS}/NewCar/required"), json!(["name", "note"]), "NewCar.note is required now"),
        (format!("{SCHEMAS}/NewCar/properties/note"), null.clone(), "NewCar.note is gone"),
        (format!("{SCHEMAS}/NewCar/properties/note/type"), json!("string"), "NewCar.note: type"),
        (format!("{SCHEMAS}/NewCar/properties/name/maxLength"), json!(50), "NewCar.name: maxLength"),
        (format!("{SCHEMAS}/NewCar/properties/kind/enum"), json!(["a"]), "NewCar.kind: words"),
        (format!("{SCHEMAS}/Car/properties/name"), null.clone(), "Car.name is gone"),
        (format!("{SCHEMAS}/Car/properties/name/type"), json!(["string", "null"]), "Car.name: type"),
        (format!("{SCHEMAS}/Car/required"), json!(["name", "note", "state"]), "Car.events may be absent"),
        (format!("{SCHEMAS}/Car/properties/size/enum"), json!(["s", "m", "l"]), "new in a closed list"),
        (format!("{SCHEMAS}/Sold/properties/at/format"), json!("date"), "Sold.at: format"),
    ] {
        let found = after(&pointer, value);
        assert!(found.iter().any(|f| f.contains(told)), "{pointer}: wanted «{told}», found {found:?}");
    }
}

#[test]
fn what_only_adds_breaks_nobody() {
    assert_eq!(breaks(&small(), &small()), Vec::<String>::new());
    for (pointer, value) in [
        ("/paths/~1v1~1boats".to_owned(), json!({"get": {"operationId": "list_boats"}})),
        (format!("{POST}/responses/429"), json!({})),
        (format!("{SCHEMAS}/NewCar/properties/colour"), json!({"type": "string"})),
        (format!("{SCHEMAS}/NewCar/properties/name/maxLength"), json!(200)),
        (format!("{SCHEMAS}/NewCar/required"), json!([])),
        (format!("{SCHEMAS}/NewCar/properties/kind/enum"), json!(["a", "b", "c"])),
        (format!("{SCHEMAS}/Car/properties/colour"), json!({"type": "string"})),
        (format!("{SCHEMAS}/Car/properties/state/x-extensible-enum"), json!(["new", "sold"])),
        (format!("{SCHEMAS}/Event/oneOf"), json!([{"$ref": "#/components/schemas/Sold"}, {"$ref": "#/components/schemas/Crashed"}])),
    ] {
        assert_eq!(after(&pointer, value), Vec::<String>::new(), "{pointer}");
    }
}
