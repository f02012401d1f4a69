//! The tests that remember: they walk the specification, so that a new endpoint is held to the conventions the day it exists.

mod body;

use std::collections::{BTreeMap, BTreeSet};

use kartoteka_tests::{
    Answer, App, Caller, Database, Server, Value, app, json,
    spec::{self, Operation, Spec},
};

use crate::{
    access,
    tenancy::{filled, one_of_each},
};

const NOBODY: &str = "01939d5a-0000-7000-8000-000000000000";

/// Operations that need no credential: a closed list, so that none becomes open by oversight.
const OPEN: [&str; 9] = [
    "get_calendar",
    "play_recording",
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

fn nowhere(template: &str) -> String {
    template.replace("{id}", NOBODY).replace("{external_id}", "x").replace("{form_key}", "f_x").replace("{secret}", "x")
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
        ("roles", "role"),
        ("departments", "department"),
        ("api-keys", "api_key"),
        ("workspace", "workspace"),
        ("assignment-rules", "workspace"),
        ("assignment-decisions", "lead"),
        ("sources", "source"),
        ("contact-statuses", "contact_status"),
        ("reject-reasons", "reject_reason"),
        ("tags", "tag"),
        ("contacts", "contact"),
        // whose clients one may change, one may hand over
        ("hand-overs", "contact"),
        ("companies", "company"),
        ("leads", "lead"),
        ("attention", "lead"),
        ("deals", "deal"),
        ("stuck-deals", "deal"),
        ("pipelines", "pipeline"),
        ("lost-reasons", "lost_reason"),
        ("forms", "form"),
        ("submissions", "submission"),
        ("tasks", "task"),
        ("communications", "communication"),
        ("communication-outcomes", "communication_outcome"),
        ("positions", "position"),
        ("notes", "note"),
        ("webhooks", "webhook"),
        ("integrations", "webhook"),
        ("webhook-deliveries", "webhook"),
        ("audit-events", "audit_event"),
    ];
    // taking changes back is a right of its own, whatever is changed
    if operation.path.ends_with("/revert-to") {
        return Some(("audit_event", 2));
    }
    if operation.path.starts_with("/v1/channels/telephony/") {
        return Some(("communication", 1));
    }
    if operation.path.ends_with("/listen") {
        return Some(("recording", 0));
    }
    // a board is made of deals
    if operation.path.ends_with("/board") {
        return Some(("deal", 0));
    }
    let mut segments = operation.path.trim_start_matches("/v1/").split('/');
    let first = segments.next().unwrap();
    if ["me", "my-day", "auth", "lookup", "access", "events", "notifications", "stream", "presence"].contains(&first) {
        return None;
    }
    let record = records.iter().find(|(path, _)| *path == first).unwrap_or_else(|| panic!("which right does {} need?", operation.id)).1;
    let verb = match operation.method.as_str() {
        // where somebody is signed in, what he left undone and what a role would see is for administrators
        "GET" if ["/sessions", "/open-work", "/preview"].iter().any(|end| operation.path.ends_with(end)) => 2,
        _ if first == "hand-overs" => 2,
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
    for role in ["administrator", "head", "manager", "operator", "marketer", "analyst", "integration"] {
        let caller = if role == "integration" { workspace.key(role) } else { workspace.somebody(role, json!({})) };
        for operation in guarded() {
            let Some((record, verb)) = need(operation) else { continue };
            // beside the right to read a card, the role must be one that reveals
            if operation.id == "reveal_contact" && !["administrator", "head"].contains(&role) {
                continue;
            }
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
    // a form is open to whatever a page sends
    for operation in specification().operations.iter().filter(|o| o.id != "submit_form") {
        let path = format!("{}?no_such_parameter=1", nowhere(&operation.path));
        let answer = match specification().json_body(operation).and_then(|media| specification().example(media)) {
            Some(example) => admin.send_json(&operation.method, &path, example),
            None => admin.send(&operation.method, &path, None, None),
        };
        answer.is_problem(400, "unknown_parameter").names_parameter("no_such_parameter");
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
        // a session has no version: it goes on or it ended
        if operation.id == "end_my_session" {
            continue;
        }
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
            // what was read is read: again does nothing
            || operation.path.starts_with("/v1/notifications")
            || ["create_password_link", "reveal_contact", "create_webhook", "rotate_webhook"].contains(&operation.id.as_str());
        let takes = operation.definition["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|p| specification().resolved(p)["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case("idempotency-key")));
        assert!(takes || exempt, "{} takes no Idempotency-Key", operation.id);
    }
}

/// Asks with the example of the body, where there is one.
fn ask(caller: &Caller, operation: &Operation, path: &str) -> Answer {
    match specification().json_body(operation).and_then(|media| specification().example(media)) {
        Some(example) => caller.send_json(&operation.method, path, example),
        None => caller.send(&operation.method, path, None, None),
    }
}

fn takes_if_match(operation: &Operation) -> bool {
    let parameters = operation.definition["parameters"].as_array();
    parameters
        .into_iter()
        .flatten()
        .any(|p| specification().resolved(p)["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case("if-match")))
}

#[test]
fn every_change_and_verb_that_takes_a_version_refuses_a_stale_one_and_none_where_one_is_demanded() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    let all: Vec<&Operation> = guarded().filter(|o| takes_if_match(o)).collect();
    assert!(all.len() > 30);
    for operation in &all {
        ask(&admin.with("if-match", "\"999\""), operation, &filled(&operation.path, &ids)).is_problem(412, "version_mismatch");
    }
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["if_match"] = json!("require");
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    for operation in &all {
        ask(&admin, operation, &filled(&operation.path, &ids)).is_problem(428, "precondition_required");
    }
}

#[test]
fn what_is_archived_is_changed_by_nothing_but_its_restoring() {
    let workspace = app().workspace();
    let (admin, ids) = (workspace.administrator(), one_of_each(&workspace));
    for restore in specification().operations.iter().filter(|o| o.path.ends_with("/restore")) {
        let path = filled(restore.path.trim_end_matches("/restore"), &ids);
        admin.delete(&path).no_content();
        admin.patch(&path, json!({})).is_problem(409, "archived");
        let back = admin.post_nothing(&format!("{path}/restore")).ok();
        assert_eq!(back["archived_at"], Value::Null);
        admin.post_nothing(&format!("{path}/restore")).is_problem(409, "not_archived");
        admin.patch(&path, json!({})).ok();
    }
}

#[test]
fn an_overloaded_server_says_so_on_every_operation() {
    let database = Database::fresh();
    let mut admin = {
        let server = Server::start(&database, &[]);
        App::of(&server).workspace().administrator()
    };
    let server = Server::start(&database, &[("KARTOTEKA_QUEUE_LENGTH", "0")]);
    admin.app = App::of(&server);
    // for a pass that this server did not seal nothing is asked
    let asks = |o: &&Operation| o.definition["responses"].get("503").is_some() && o.id != "play_recording";
    for operation in specification().operations.iter().filter(asks) {
        ask(&admin, operation, &nowhere(&operation.path)).is_problem(503, "overloaded");
    }
    admin.get("/healthz").ok();
}
