//! The ready-made roles: what each may do, and on whose records.

use kartoteka_tests::{Workspace, app, json};

#[test]
fn a_manager_works_with_his_own_clients_only() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let card = anna.post("/v1/contacts", json!({"last_name": "Клиент"})).created();
    for (method, path) in [
        ("GET", card.path()),
        ("DELETE", card.path()),
        ("GET", format!("{}/overview", card.path())),
        ("POST", format!("{}/restore", card.path())),
    ] {
        boris.send(method, &path, None, None).is_problem(404, "not_found");
    }
    boris.patch(&card.path(), json!({"comment": "x"})).is_problem(404, "not_found");
    assert!(boris.get("/v1/contacts").ok().items().is_empty());
    assert_eq!(boris.get("/v1/contacts?include_total=true").ok()["total"], 0);
    assert!(boris.get("/v1/contacts?q=клиент").ok().items().is_empty());
    boris
        .post("/v1/leads", json!({"contact_id": card.id()}))
        .is_problem(422, "validation_failed")
        .names_with("/contact_id", "reference_not_found");
}

#[test]
fn a_further_responsible_person_sees_the_card_too() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let card = anna
        .post("/v1/contacts", json!({"last_name": "Общий", "responsibles": [{"user_id": boris.user_id, "direction": "бетон"}]}))
        .created();
    boris.get(&card.path()).ok();
    assert_eq!(boris.get("/v1/contacts").ok().ids(), [card.id()]);
}

#[test]
fn a_task_on_a_foreign_card_shows_to_whom_it_is_given() {
    let workspace = app().workspace();
    let (admin, boris) = (workspace.administrator(), workspace.manager());
    let card = admin.post("/v1/contacts", json!({"last_name": "К"})).created();
    let task = admin.post("/v1/tasks", json!({"title": "x", "owner_id": boris.user_id, "contact_id": card.id()})).created();
    boris.get(&task.path()).ok();
    boris.post(&format!("{}/complete", task.path()), json!({"result": "да"})).ok();
}

#[test]
fn a_manager_cannot_give_his_client_to_somebody_out_of_his_reach() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let card = anna.post("/v1/contacts", json!({"last_name": "К"})).created();
    let given = anna.patch(&card.path(), json!({"owner_id": boris.user_id}));
    assert!(matches!(given.status, 403 | 422), "{given}");
}

#[test]
fn an_operator_makes_cards_but_does_not_change_them() {
    let operator = app().workspace().operator();
    let card = operator.post("/v1/contacts", json!({"last_name": "К"})).created();
    operator.get(&card.path()).ok();
    operator.patch(&card.path(), json!({"comment": "x"})).is_problem(403, "forbidden");
    operator.delete(&card.path()).is_problem(403, "forbidden");
}

#[test]
fn a_refusal_says_which_right_is_missing_and_comes_before_everything_else() {
    let operator = app().workspace().operator();
    let nowhere = "/v1/contacts/01939d5a-0000-7000-8000-000000000000";
    operator.patch(nowhere, json!({"no_such_field": 1})).is_problem(403, "forbidden");
    operator.send("PATCH", nowhere, Some("application/json"), Some(b"{".to_vec())).is_problem(403, "forbidden");
}

/// What each role may do at all, per record type: read, create, update. The matrix of the product, written down once more.
#[allow(clippy::match_same_arms, reason = "a matrix is read row by row")]
pub fn expected(role: &str, record: &str) -> [&'static str; 3] {
    match (role, record) {
        ("administrator", _) => ["all", "all", "all"],
        ("head" | "manager" | "integration", "tag") => ["all", "all", "none"],
        ("marketer", "tag") => ["all", "all", "all"],
        ("marketer" | "operator", "deal") => ["none", "none", "none"],
        (
            _,
            "workspace"
            | "user"
            | "department"
            | "role"
            | "source"
            | "contact_status"
            | "reject_reason"
            | "lost_reason"
            | "pipeline"
            | "communication_outcome"
            | "tag",
        ) => ["all", "none", "none"],
        ("head" | "manager" | "operator" | "integration", "recording") => ["all", "none", "none"],
        ("head", "position") => ["department", "none", "none"],
        ("manager" | "operator" | "marketer" | "analyst", "position") => ["own", "none", "none"],
        ("head", "submission") => ["all", "none", "all"],
        ("head" | "integration", "form" | "submission") => ["all", "none", "none"],
        ("head", "contact" | "company" | "lead" | "task" | "communication" | "note" | "deal") => ["department", "all", "department"],
        ("manager", "contact" | "company" | "lead" | "task" | "communication" | "note" | "deal") => ["own", "all", "own"],
        ("operator", "task" | "communication" | "note") => ["own", "all", "own"],
        ("operator", "contact" | "company" | "lead") => ["own", "all", "none"],
        ("integration", "contact" | "company" | "lead" | "task" | "communication" | "note" | "deal") => ["all", "all", "all"],
        ("marketer" | "analyst", "contact" | "company" | "lead") => ["all", "none", "none"],
        ("analyst", "task" | "communication" | "note" | "deal") => ["all", "none", "none"],
        _ => ["none", "none", "none"],
    }
}

#[test]
fn the_matrix_of_the_ready_made_roles_is_what_me_tells() {
    let workspace: Workspace = app().workspace();
    for role in ["administrator", "head", "manager", "operator", "marketer", "analyst", "integration"] {
        let me = if role == "integration" { workspace.key(role) } else { workspace.somebody(role, json!({})) }.get("/v1/me").ok();
        for record in [
            "workspace",
            "user",
            "department",
            "role",
            "api_key",
            "contact",
            "company",
            "lead",
            "task",
            "communication",
            "note",
            "form",
            "submission",
            "source",
            "contact_status",
            "reject_reason",
            "lost_reason",
            "communication_outcome",
            "recording",
            "pipeline",
            "deal",
            "tag",
            "webhook",
            "position",
        ] {
            let right = me["rights"]
                .as_array()
                .unwrap()
                .iter()
                .find(|r| r["record"] == record)
                .unwrap_or_else(|| panic!("{role} {record}: no right told"));
            let told = [&right["read"], &right["create"], &right["update"]];
            assert_eq!(told, expected(role, record), "{role} {record}");
        }
    }
}
