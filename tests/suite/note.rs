//! Notes on cards, leads and tasks.

use kartoteka_tests::{app, json};

#[test]
fn a_note_hangs_on_exactly_one_thing() {
    let manager = app().workspace().manager();
    let contact = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let company = manager.post("/v1/companies", json!({"name": "Акме"})).created().id();
    let lead = manager.post("/v1/leads", json!({"contact_id": contact})).created().id();
    let task = manager.post("/v1/tasks", json!({"title": "x"})).created().id();
    for (field, id) in [("contact_id", &contact), ("company_id", &company), ("lead_id", &lead), ("task_id", &task)] {
        let note = manager.post("/v1/notes", json!({"body": "Заметка\nв две строки", field: id})).created();
        assert_eq!((&note[field], &note["body"], &note["pinned"]), (&json!(id), &json!("Заметка\nв две строки"), &json!(false)));
        assert_eq!(manager.get(&format!("/v1/notes?{field}={id}")).ok().ids(), [note.id()]);
        assert_eq!(manager.get(&note.path()).ok().text(), note.text());
    }
    manager.post("/v1/notes", json!({"body": "x"})).is_problem(422, "validation_failed").names_with("/contact_id", "required");
    manager
        .post("/v1/notes", json!({"body": "x", "contact_id": contact, "lead_id": lead}))
        .is_problem(422, "validation_failed")
        .names("/lead_id");
    manager
        .post("/v1/notes", json!({"body": "  ", "contact_id": contact}))
        .is_problem(422, "validation_failed")
        .names_with("/body", "required");
}

#[test]
fn a_note_on_what_is_not_there_is_refused() {
    let manager = app().workspace().manager();
    let body = json!({"body": "x", "contact_id": "01939d5a-0000-7000-8000-000000000000"});
    manager.post("/v1/notes", body).is_problem(422, "validation_failed").names_with("/contact_id", "reference_not_found");
}

#[test]
fn a_note_is_pinned_archived_and_restored() {
    let manager = app().workspace().manager();
    let contact = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let note = manager.post("/v1/notes", json!({"body": "x", "contact_id": contact})).created();
    assert_eq!(manager.patch(&note.path(), json!({"pinned": true})).ok()["pinned"], true);
    manager.delete(&note.path()).no_content();
    assert!(manager.get("/v1/notes").ok().items().is_empty());
    manager.post_nothing(&format!("{}/restore", note.path())).ok();
    assert_eq!(manager.get("/v1/notes").ok().ids(), [note.id()]);
}

#[test]
fn a_note_follows_its_card_out_of_sight() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let contact = anna.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let note = anna.post("/v1/notes", json!({"body": "тайна", "contact_id": contact})).created();
    boris.get(&note.path()).is_problem(404, "not_found");
    boris
        .post("/v1/notes", json!({"body": "x", "contact_id": contact}))
        .is_problem(422, "validation_failed")
        .names_with("/contact_id", "reference_not_found");
    assert!(boris.get("/v1/notes").ok().items().is_empty());
}
