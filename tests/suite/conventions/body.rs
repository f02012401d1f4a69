//! Walks over the bodies of all operations: what each of them must refuse, whatever its fields are.

use kartoteka_tests::{
    Value, app, json,
    spec::{Operation, Spec},
};

use super::{nowhere, specification};
use crate::tenancy::{filled, one_of_each};

fn with_body() -> impl Iterator<Item = (&'static Operation, Value)> {
    let body = |o: &'static Operation| {
        let media = specification().json_body(o)?;
        Some((o, specification().example(media).unwrap_or_else(|| panic!("{} has no example of its body", o.id)).clone()))
    };
    specification().operations.iter().filter(|o| o.path.starts_with("/v1/")).filter_map(body)
}

/// The properties of an operation's body, resolved.
fn properties(operation: &Operation) -> Vec<(String, Value)> {
    let specification = specification();
    let schema = specification.resolved(&specification.json_body(operation).unwrap()["schema"]);
    let all = schema["properties"].as_object().cloned().unwrap_or_default();
    all.into_iter().map(|(name, property)| (name, bare(specification, &property))).collect()
}

/// A property's schema without the alternative of null.
fn bare(specification: &Spec, property: &Value) -> Value {
    let property = specification.resolved(property);
    for union in ["oneOf", "anyOf"] {
        if let Some(items) = property[union].as_array().filter(|_| property.get("discriminator").is_none()) {
            let other: Vec<&Value> = items.iter().filter(|item| item["type"] != "null").collect();
            if let [only] = other.as_slice() {
                return bare(specification, only);
            }
        }
    }
    property.clone()
}

fn has_type(schema: &Value, name: &str) -> bool {
    schema["type"] == name || schema["type"].as_array().is_some_and(|types| types.iter().any(|t| t == name))
}

#[test]
fn every_body_refuses_an_unknown_field() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    for (operation, mut body) in with_body().filter(|(o, _)| o.id != "test_form") {
        body["no_such_field"] = json!(1);
        admin.send_json(&operation.method, &filled(&operation.path, &ids), &body).is_problem(400, "unknown_field").names("/no_such_field");
    }
}

#[test]
fn every_text_of_every_body_refuses_a_null_character() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    for (operation, example) in with_body().filter(|(o, _)| o.id != "test_form") {
        for (name, schema) in properties(operation) {
            if has_type(&schema, "string") && schema.get("format").is_none() && schema.get("enum").is_none() {
                let mut body = example.clone();
                body[&name] = json!("a\u{0}b");
                admin
                    .send_json(&operation.method, &filled(&operation.path, &ids), &body)
                    .is_problem(400, "invalid_text")
                    .names(&format!("/{name}"));
            }
        }
    }
}

#[test]
fn every_field_of_every_body_refuses_another_type_by_its_name() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    for (operation, example) in with_body().filter(|(o, _)| o.id != "test_form") {
        for (name, schema) in properties(operation) {
            let mut body = example.clone();
            body[&name] = if has_type(&schema, "boolean") { json!("yes") } else { json!(true) };
            admin
                .send_json(&operation.method, &filled(&operation.path, &ids), &body)
                .is_problem(400, "wrong_type")
                .names(&format!("/{name}"));
        }
    }
}

#[test]
fn every_formatted_or_closed_text_refuses_nonsense_with_422() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    for (operation, example) in with_body().filter(|(o, _)| o.id != "test_form") {
        for (name, schema) in properties(operation) {
            let closed = schema.get("enum").is_some() || matches!(schema["format"].as_str(), Some("uuid" | "date" | "date-time"));
            if has_type(&schema, "string") && closed {
                let mut body = example.clone();
                body[&name] = json!("nonsense");
                admin
                    .send_json(&operation.method, &filled(&operation.path, &ids), &body)
                    .is_problem(422, "validation_failed")
                    .names(&format!("/{name}"));
            }
        }
    }
}

#[test]
fn every_body_is_json_and_nothing_else() {
    let admin = app().workspace().administrator();
    for (operation, example) in with_body().filter(|(o, _)| o.id != "test_form") {
        let path = nowhere(&operation.path);
        let bytes = example.to_string().into_bytes();
        for content_type in [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=b",
            "application/jsonx",
            "nonsense",
        ] {
            admin.send(&operation.method, &path, Some(content_type), Some(bytes.clone())).is_problem(415, "unsupported_media_type");
        }
        for malformed in ["{", "{]", "\u{feff}"] {
            admin
                .send(&operation.method, &path, Some("application/json"), Some(malformed.as_bytes().to_vec()))
                .is_problem(400, "malformed_json");
        }
    }
}

#[test]
fn every_body_has_a_size_it_may_not_pass() {
    let admin = app().workspace().administrator();
    let huge = format!("{{\"x\": \"{}\"}}", "x".repeat(2_500_000)).into_bytes();
    for (operation, _) in with_body() {
        admin
            .send(&operation.method, &nowhere(&operation.path), Some("application/json"), Some(huge.clone()))
            .is_problem(413, "payload_too_large");
    }
}

#[test]
fn every_text_of_every_body_has_a_length_it_may_not_pass() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    for (operation, example) in with_body().filter(|(o, _)| o.id != "test_form") {
        for (name, schema) in properties(operation) {
            if let Some(most) = schema["maxLength"].as_u64().filter(|_| has_type(&schema, "string")) {
                let mut body = example.clone();
                // what the example clears beside could be this very field
                body.as_object_mut().unwrap().remove("clear");
                body[&name] = json!("x".repeat(usize::try_from(most).unwrap() + 1));
                admin
                    .send_json(&operation.method, &filled(&operation.path, &ids), &body)
                    .is_problem(422, "validation_failed")
                    .names(&format!("/{name}"));
            }
        }
    }
}
