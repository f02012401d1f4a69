//! The tests that remember: they walk the specification, so that a new endpoint is held to the conventions the day it exists.

use std::collections::{BTreeMap, BTreeSet};

use kartoteka_tests::{
    Value, app, json,
    spec::{self, Operation, Spec},
};

use crate::{
    access,
    tenancy::{filled, one_of_each},
};

const NOBODY: &str = "01939d5a-0000-7000-8000-000000000000";

/// Operations that need no credential: a closed list, so that none becomes open by oversight.
const OPEN: [&str; 7] = [
    "create_token",
    "refresh_token",
    "request_password_reset",
    "confirm_password_reset",
    "list_signing_keys",
    "get_public_form",
    "submit_form",
];

fn specification() -> &'static Spec {
    spec::of(app().address)
}

fn is_service(operation: &Operation) -> bool {
    !operation.path.starts_with("/v1/") && !operation.path.starts_with("/public/")
}

fn guarded() -> impl Iterator<Item = &'static Operation> {
    specification().operations.iter().filter(|o| !is_service(o) && !OPEN.contains(&o.id.as_str()))
}

fn with_body() -> impl Iterator<Item = (&'static Operation, Value)> {
    let body = |o: &'static Operation| {
        let media = specification().json_body(o)?;
        Some((o, specification().example(media).unwrap_or_else(|| panic!("{} has no example of its body", o.id)).clone()))
    };
    specification().operations.iter().filter(|o| o.path.starts_with("/v1/")).filter_map(body)
}

fn nowhere(template: &str) -> String {
    template.replace("{id}", NOBODY).replace("{external_id}", "x").replace("{form_key}", "f_x")
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
fn every_operation_without_a_token_answers_401() {
    let anyone = app().anyone();
    for operation in guarded() {
        for caller in [anyone.clone(), anyone.bearer("nonsense")] {
            let answer = caller.send(&operation.method, &nowhere(&operation.path), None, None).status(401);
            assert!(matches!(answer["code"].as_str(), Some("unauthenticated" | "invalid_token")), "{answer}");
        }
    }
}

#[test]
fn only_the_listed_operations_are_open_and_the_specification_says_so() {
    for operation in specification().operations.iter().filter(|o| !is_service(o)) {
        let security = operation.definition["security"].as_array();
        let open =
            security.is_some_and(|all| all.is_empty() || all.iter().all(|one| one.as_object().is_some_and(serde_json::Map::is_empty)));
        assert_eq!(open, OPEN.contains(&operation.id.as_str()), "security of {}", operation.id);
    }
}

/// The right an operation needs: record type and place of the verb in the matrix; none for what everybody may.
fn need(operation: &Operation) -> Option<(&'static str, usize)> {
    let records = [
        ("users", "user"),
        ("departments", "department"),
        ("api-keys", "api_key"),
        ("workspace", "workspace"),
        ("sources", "source"),
        ("contact-statuses", "contact_status"),
        ("reject-reasons", "reject_reason"),
        ("tags", "tag"),
        ("contacts", "contact"),
        ("companies", "company"),
        ("leads", "lead"),
        ("forms", "form"),
        ("submissions", "submission"),
        ("tasks", "task"),
        ("communications", "communication"),
        ("notes", "note"),
    ];
    let mut segments = operation.path.trim_start_matches("/v1/").split('/');
    let first = segments.next().unwrap();
    if ["me", "my-day", "auth", "lookup"].contains(&first) {
        return None;
    }
    let record = records.iter().find(|(path, _)| *path == first).unwrap_or_else(|| panic!("which right does {} need?", operation.id)).1;
    let verb = match operation.method.as_str() {
        "GET" => 0,
        "POST" if segments.next().is_none() => 1,
        "PUT" => 1,
        _ => 2,
    };
    Some((record, verb))
}

#[test]
fn every_operation_is_refused_to_a_role_without_the_right_and_to_no_other() {
    let workspace = app().workspace();
    for role in ["administrator", "head", "manager", "operator", "integration"] {
        let caller = if role == "integration" { workspace.key(role) } else { workspace.somebody(role, json!({})) };
        for operation in guarded() {
            let Some((record, verb)) = need(operation) else { continue };
            let rights = access::expected(role, record);
            let body = specification().json_body(operation).map(|_| json!({"no_such_field": 1}).to_string().into_bytes());
            let answer = caller.send(&operation.method, &nowhere(&operation.path), body.as_ref().map(|_| "application/json"), body.clone());
            if rights[verb] == "none" {
                answer.is_problem(403, "forbidden");
            } else if operation.method != "PUT" || rights[2] != "none" {
                assert_ne!(answer.status, 403, "{role} may {}\n{answer}", operation.id);
            }
        }
    }
}

#[test]
fn a_stranger_s_id_an_unknown_one_and_no_uuid_are_answered_alike() {
    let (theirs, ours) = (app().workspace(), app().workspace());
    let ids = one_of_each(&theirs);
    let admin = ours.administrator();
    for operation in guarded().filter(|o| o.path.contains("{id}")) {
        let example = specification().json_body(operation).and_then(|media| specification().example(media));
        let ask = |path: &str| {
            let answer = match example {
                Some(example) => admin.send_json(&operation.method, path, example),
                None => admin.send(&operation.method, path, None, None),
            };
            let answer = answer.is_problem(404, "not_found");
            answer.text().replace(answer["request_id"].as_str().unwrap(), "")
        };
        let stranger = ask(&filled(&operation.path, &ids));
        for id in [NOBODY, "no-uuid", "1", "01939d5a00007000800000000000000", "%D0%B6", "{id}"] {
            assert_eq!(ask(&operation.path.replace("{id}", id)), stranger, "{} with {id}", operation.id);
        }
    }
}

#[test]
fn every_operation_refuses_an_unknown_query_parameter() {
    let admin = app().workspace().administrator();
    for operation in specification().operations.iter().filter(|o| o.path.starts_with("/v1/")) {
        let path = format!("{}?no_such_parameter=1", nowhere(&operation.path));
        let answer = match specification().json_body(operation).and_then(|media| specification().example(media)) {
            Some(example) => admin.send_json(&operation.method, &path, example),
            None => admin.send(&operation.method, &path, None, None),
        };
        answer.is_problem(400, "unknown_parameter").names_parameter("no_such_parameter");
    }
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
        for malformed in ["{\"a\":", "{]", "\u{feff}"] {
            admin
                .send(&operation.method, &path, Some("application/json"), Some(malformed.as_bytes().to_vec()))
                .is_problem(400, "malformed_json");
        }
    }
}

#[test]
fn every_path_answers_a_foreign_method_with_405_and_what_it_allows() {
    let admin = app().workspace().administrator();
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for operation in &specification().operations {
        known.entry(&operation.path).or_default().insert(&operation.method);
    }
    for (path, methods) in known {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"].into_iter().filter(|m| !methods.contains(m)) {
            let path = nowhere(path);
            if methods.is_empty() || specification().template(&path).is_none() {
                continue;
            }
            let refused = admin.send(method, &path, None, None).is_problem(405, "method_not_allowed");
            let allowed: BTreeSet<&str> =
                refused.header("allow").unwrap().split(',').map(str::trim).filter(|m| !matches!(*m, "HEAD" | "OPTIONS")).collect();
            assert_eq!(allowed, methods, "{refused}");
        }
    }
}

#[test]
fn every_list_has_the_same_shape_and_parameters() {
    let admin = app().workspace().administrator();
    for operation in guarded().filter(|o| o.id.starts_with("list_")) {
        let names: Vec<&str> = operation.definition["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|p| specification().resolved(p)["name"].as_str().unwrap())
            .collect();
        for parameter in ["limit", "cursor", "sort", "include_total"] {
            assert!(names.contains(&parameter), "{} takes no {parameter}", operation.id);
        }
        let page = admin.get(&format!("{}?limit=1&include_total=true", operation.path)).ok();
        assert!(page["total"].is_i64() && page["data"].is_array(), "{page}");
        admin.get(&format!("{}?limit=0", operation.path)).is_problem(400, "invalid_parameter");
        admin.get(&format!("{}?sort=nonsense", operation.path)).is_problem(400, "invalid_parameter");
    }
}

#[test]
fn every_change_by_id_honours_if_match() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    for operation in guarded().filter(|o| matches!(o.method.as_str(), "PATCH" | "DELETE") && o.path.contains("{id}")) {
        let stale = admin.with("if-match", "\"999\"");
        let path = filled(&operation.path, &ids);
        let answer = if operation.method == "PATCH" { stale.patch(&path, json!({})) } else { stale.delete(&path) };
        let answer = answer.is_problem(412, "version_mismatch");
        assert!(answer["current_version"].is_i64(), "{answer}");
    }
}

#[test]
fn every_post_with_effects_takes_an_idempotency_key() {
    for operation in guarded().filter(|o| o.method == "POST") {
        let exempt = operation.path.starts_with("/v1/auth/")
            || operation.path.starts_with("/v1/api-keys")
            || operation.path.starts_with("/v1/me/")
            || operation.id == "create_password_link";
        let takes = operation.definition["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|p| specification().resolved(p)["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case("idempotency-key")));
        assert!(takes || exempt, "{} takes no Idempotency-Key", operation.id);
    }
}
