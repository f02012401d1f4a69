//! Contacts: names, contact points, patches, archive.

use kartoteka_tests::{Value, app, json};

#[test]
fn what_post_answers_is_what_get_answers_byte_for_byte() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Ахматова", "first_name": "Анна", "birthday": "1889-06-23"})).created();
    let read = manager.get(&made.path()).ok();
    assert_eq!(made.text(), read.text());
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(made["display_name"], "Ахматова Анна");
    assert_eq!(made["created_by"]["type"], "user");
    assert_eq!(made["created_by"]["id"], manager.user_id.as_str());
}

#[test]
fn a_phone_is_kept_as_typed_and_in_e164_of_the_workspace_s_country() {
    let russian = app().workspace().manager().post("/v1/contacts", json!({"phones": [{"value": "8 (912) 345-67-89 доб. 12"}]})).created();
    assert_eq!(russian.at("/phones/0/value"), "8 (912) 345-67-89 доб. 12");
    assert_eq!(russian.at("/phones/0/e164"), "+79123456789");
    assert_eq!(russian.at("/phones/0/extension"), "12");
    assert_eq!(russian.at("/phones/0/primary"), true);
    assert_eq!(russian.at("/phones/0/validity"), "unknown");
    let ukrainian = app().workspace_in("UA").manager().post("/v1/contacts", json!({"phones": [{"value": "050 123 45 67"}]})).created();
    assert_eq!(ukrainian.at("/phones/0/e164"), "+380501234567");
}

#[test]
fn one_string_with_the_whole_name_is_split_into_its_parts() {
    let manager = app().workspace().manager();
    let anna = manager.post("/v1/contacts", json!({"display_name": "Ахматова Анна Андреевна"})).created();
    assert_eq!((&anna["last_name"], &anna["first_name"], &anna["middle_name"]), (&json!("Ахматова"), &json!("Анна"), &json!("Андреевна")));
    let john = manager.post("/v1/contacts", json!({"display_name": "John Smith"})).created();
    assert_eq!((&john["first_name"], &john["last_name"]), (&json!("John"), &json!("Smith")));
}

#[test]
fn a_card_without_any_name_is_called_by_its_phone() {
    let made = app().workspace().manager().post("/v1/contacts", json!({"phones": [{"value": "+7 912 345-67-89"}]})).created();
    assert_eq!(made["display_name"], "+79123456789");
}

#[test]
fn whoever_creates_a_card_is_responsible_for_it() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    assert_eq!(anna.post("/v1/contacts", json!({"last_name": "А"})).created()["owner_id"], anna.user_id.as_str());
    let given = workspace.administrator().post("/v1/contacts", json!({"last_name": "Б", "owner_id": boris.user_id})).created();
    assert_eq!(given["owner_id"], boris.user_id.as_str());
}

#[test]
fn every_field_of_a_card_is_kept() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let company = admin.post("/v1/companies", json!({"name": "Акме"})).created().id();
    let source = admin.post("/v1/sources", json!({"name": "Ярмарка"})).created().id();
    admin.post("/v1/contact-statuses", json!({"key": "warm", "name": "Тёплый"})).created();
    let colleague = workspace.manager().user_id;
    let card = json!({
        "external_id": "1C-000123", "type": "customer", "status": "warm", "last_name": "Цветаева", "first_name": "Марина",
        "middle_name": "Ивановна", "position": "Директор", "company_id": company, "source_id": source,
        "responsibles": [{"user_id": colleague, "direction": "бетон"}], "interests": ["щебень", "песок"],
        "phones": [{"value": "+79123456789", "label": "личный", "validity": "valid"}],
        "emails": [{"value": "Marina@Example.com", "label": "рабочий"}],
        "messengers": [{"network": "telegram", "handle": "@marina"}],
        "preferred_channel": "telegram", "convenient_hours": "после 18", "language": "ru", "time_zone": "Asia/Yekaterinburg",
        "birthday": "1892-10-08", "dates": [{"label": "годовщина", "on": "1912-01-29"}],
        "address": {"country": "RU", "city": "Москва", "street": "Борисоглебский пер., 6", "postal_code": "121069"},
        "tags": ["VIP"], "comment": "Первая строка\nвторая 🙂"
    });
    let made = admin.post("/v1/contacts", card.clone()).created();
    for field in [
        "external_id",
        "type",
        "status",
        "last_name",
        "company_id",
        "source_id",
        "interests",
        "preferred_channel",
        "convenient_hours",
        "language",
        "time_zone",
        "birthday",
        "dates",
        "tags",
        "comment",
        "position",
    ] {
        assert_eq!(made[field], card[field], "{field}");
    }
    assert_eq!(made.at("/address/city"), "Москва");
    assert_eq!(made.at("/responsibles/0/direction"), "бетон");
    assert_eq!(made.at("/messengers/0/network"), "telegram");
    assert_eq!(made.at("/emails/0/value"), "Marina@example.com");
    assert_eq!(admin.get(&made.path()).ok().text(), made.text());
}

#[test]
fn a_merge_patch_changes_what_it_names_and_null_clears() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Блок", "comment": "поэт", "position": "инженер"})).created();
    let patched = manager.patch(&made.path(), json!({"comment": null, "first_name": "Александр"})).ok();
    assert_eq!((&patched["comment"], &patched["first_name"], &patched["position"]), (&json!(null), &json!("Александр"), &json!("инженер")));
    assert_eq!((&patched["version"], patched.header("etag")), (&json!(2), Some("\"2\"")));
    assert_eq!(manager.get(&made.path()).ok().text(), patched.text());
}

#[test]
fn clear_does_what_null_does_for_clients_that_cannot_send_it() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Блок", "comment": "поэт"})).created();
    assert_eq!(manager.patch(&made.path(), json!({"clear": ["comment"]})).ok()["comment"], json!(null));
    let unknown = manager.patch(&made.path(), json!({"clear": ["coment"]}));
    assert!(matches!(unknown.status, 400 | 422), "{unknown}");
}

#[test]
fn merge_patch_is_taken_under_its_own_content_type_too() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    let body = json!({"comment": "x"}).to_string().into_bytes();
    manager.send("PATCH", &made.path(), Some("application/merge-patch+json"), Some(body)).ok();
}

#[test]
fn an_empty_patch_changes_nothing_not_even_the_version() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    let same = manager.patch(&made.path(), json!({})).ok();
    assert_eq!((&same["version"], &same["updated_at"]), (&made["version"], &made["updated_at"]));
}

#[test]
fn in_a_patch_an_item_with_a_known_id_keeps_what_it_omits_and_items_left_out_are_removed() {
    let manager = app().workspace().manager();
    let made = manager
        .post("/v1/contacts", json!({"phones": [{"value": "+79123456781", "label": "первый"}, {"value": "+79123456782"}]}))
        .created();
    let first = made.at("/phones/0/id").clone();
    let patched = manager.patch(&made.path(), json!({"phones": [{"id": first, "validity": "valid"}]})).ok();
    assert_eq!(patched["phones"].as_array().unwrap().len(), 1);
    assert_eq!(patched.at("/phones/0/id"), &first);
    assert_eq!(patched.at("/phones/0/e164"), "+79123456781");
    assert_eq!(patched.at("/phones/0/label"), "первый");
    assert_eq!(patched.at("/phones/0/validity"), "valid");
    // absent keeps, null clears: in an item as in the card
    let cleared = manager.patch(&made.path(), json!({"phones": [{"id": first, "label": null}]})).ok();
    assert_eq!((cleared.at("/phones/0/label"), cleared.at("/phones/0/validity")), (&Value::Null, &json!("valid")));
}

#[test]
fn a_contact_point_sent_again_without_its_id_is_the_same_one() {
    let manager = app().workspace().manager();
    let body = || json!({"last_name": "Блок", "phones": [{"value": "8 921 100-20-30"}], "emails": [{"value": "Blok@Example.com"}], "messengers": [{"network": "telegram", "handle": "@blok"}]});
    let made = manager.put("/v1/contacts/by-external-id/blok", body()).created();
    let labelled =
        manager.patch(&made.path(), json!({"phones": [{"id": made.at("/phones/0/id"), "label": "дом", "validity": "valid"}]})).ok();
    let again = manager.put("/v1/contacts/by-external-id/blok", body()).ok();
    assert_eq!((&again["version"], &again["phones"]), (&labelled["version"], &labelled["phones"]));
    let typed_otherwise = manager.patch(&made.path(), json!({"phones": [{"value": "+7 (921) 100 20 30"}]})).ok();
    assert_eq!(typed_otherwise.at("/phones/0/id"), made.at("/phones/0/id"));
    assert_eq!(typed_otherwise.at("/phones/0/label"), "дом");
}

#[test]
fn a_contact_point_is_added_without_sending_the_list() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"phones": [{"value": "+79123456781"}]})).created();
    let path = made.path();
    manager.post(&format!("{path}/phones"), json!({"value": "8 912 345-67-82", "label": "дача"})).created();
    manager.post(&format!("{path}/emails"), json!({"value": "a@example.com"})).created();
    let all = manager.post(&format!("{path}/messengers"), json!({"network": "telegram", "handle": "@anna"})).created();
    assert_eq!(all.at("/phones/1/e164"), "+79123456782");
    assert_eq!(all.at("/emails/0/value"), "a@example.com");
    assert_eq!(all.at("/messengers/0/handle"), "@anna");
    assert_eq!(all["version"], 4);
    manager.post(&format!("{path}/phones"), json!({"value": "12"})).is_problem(422, "validation_failed");
    assert_eq!(manager.get(&path).ok()["version"], 4);
}

#[test]
fn an_upsert_by_the_integrator_s_own_key_makes_and_then_changes_one_card() {
    let integration = app().workspace().key("integration");
    let path = "/v1/contacts/by-external-id/1C%2D%D0%96%2F7";
    let made = integration.put(path, json!({"last_name": "Блок"})).created();
    assert_eq!(made["external_id"], "1C-Ж/7");
    let changed = integration.put(path, json!({"last_name": "Блок", "first_name": "Александр"})).ok();
    assert_eq!((changed.id(), &changed["first_name"]), (made.id(), &json!("Александр")));
    assert_eq!(integration.get("/v1/contacts").ok().items().len(), 1);
}

#[test]
fn an_external_id_is_taken_once() {
    let admin = app().workspace().administrator();
    admin.post("/v1/contacts", json!({"last_name": "А", "external_id": "x-1"})).created();
    admin
        .post("/v1/contacts", json!({"last_name": "Б", "external_id": "x-1"}))
        .is_problem(422, "validation_failed")
        .names_with("/external_id", "already_taken");
    let other = admin.post("/v1/contacts", json!({"last_name": "В"})).created();
    admin
        .patch(&other.path(), json!({"external_id": "x-1"}))
        .is_problem(422, "validation_failed")
        .names_with("/external_id", "already_taken");
}

#[test]
fn an_archived_card_leaves_the_lists_but_answers_by_id_and_comes_back() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    manager.delete(&made.path()).no_content();
    assert!(manager.get("/v1/contacts").ok().items().is_empty());
    assert_eq!(manager.get("/v1/contacts?archived=only").ok().ids(), [made.id()]);
    assert_eq!(manager.get("/v1/contacts?archived=include").ok().ids(), [made.id()]);
    assert!(manager.get(&made.path()).ok()["archived_at"].is_string());
    let back = manager.post_nothing(&format!("{}/restore", made.path())).ok();
    assert_eq!(back["archived_at"], json!(null));
    assert_eq!(manager.get("/v1/contacts").ok().ids(), [made.id()]);
}

#[test]
fn archiving_twice_or_restoring_what_is_in_use_is_a_conflict() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    manager.post_nothing(&format!("{}/restore", made.path())).is_problem(409, "not_archived");
    manager.delete(&made.path()).no_content();
    let again = manager.delete(&made.path());
    assert!(matches!(again.status, 204 | 409), "{again}");
    manager.patch(&made.path(), json!({"comment": "x"})).is_problem(409, "archived");
}

#[test]
fn all_faults_of_a_card_are_told_at_once() {
    let manager = app().workspace().manager();
    let card = json!({
        "phones": [{"value": "+79123456789"}, {"value": "12"}], "emails": [{"value": "a@b"}], "type": "alien", "language": "по-русски",
        "time_zone": "Mars/Olympus", "birthday": "1066-10-14", "last_name": "Ж".repeat(201)
    });
    let refused = manager.post("/v1/contacts", card).is_problem(422, "validation_failed");
    let refused = refused.names_with("/phones/1/value", "invalid_phone").names_with("/emails/0/value", "invalid_email").names("/type");
    refused.names("/language").names_with("/time_zone", "invalid_time_zone").names("/birthday").names_with("/last_name", "too_long");
    assert!(manager.get("/v1/contacts").ok().items().is_empty());
}

#[test]
fn a_card_of_nothing_is_refused() {
    let manager = app().workspace().manager();
    manager.post("/v1/contacts", json!({})).is_problem(422, "validation_failed").names_with("/display_name", "required");
    manager.post("/v1/contacts", json!({"last_name": "   "})).is_problem(422, "validation_failed").names("/display_name");
}

#[test]
fn references_to_what_is_not_there_are_named() {
    let workspace = app().workspace();
    let nobody = "01939d5a-0000-7000-8000-000000000000";
    let admin = workspace.administrator();
    let refused = admin.post(
        "/v1/contacts",
        json!({"last_name": "А", "company_id": nobody, "owner_id": nobody, "source_id": nobody, "status": "no_such"}),
    );
    let refused = refused.is_problem(422, "validation_failed").names_with("/company_id", "reference_not_found");
    refused.names_with("/owner_id", "reference_not_found").names_with("/source_id", "reference_not_found").names("/status");
}

#[test]
fn a_stale_version_is_refused_and_the_present_one_told() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    manager.with("if-match", "\"1\"").patch(&made.path(), json!({"comment": "первый"})).ok();
    let stale = manager.with("if-match", "\"1\"").patch(&made.path(), json!({"comment": "второй"})).is_problem(412, "version_mismatch");
    assert_eq!(stale["current_version"], 2);
    manager.with("if-match", "\"1\"").delete(&made.path()).is_problem(412, "version_mismatch");
    manager.with("if-match", "\"2\"").delete(&made.path()).no_content();
}

#[test]
fn a_workspace_can_demand_the_version_on_every_change() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let made = admin.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    let policies = admin.get("/v1/workspace").ok()["policies"].clone();
    let mut strict = policies;
    strict["if_match"] = json!("require");
    admin.patch("/v1/workspace", json!({"policies": strict})).ok();
    admin.patch(&made.path(), json!({"comment": "x"})).is_problem(428, "precondition_required");
    admin.delete(&made.path()).is_problem(428, "precondition_required");
    admin.with("if-match", "\"1\"").patch(&made.path(), json!({"comment": "x"})).ok();
}

#[test]
fn a_new_whole_name_overrules_the_parts_it_was_split_into() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/contacts", json!({"display_name": "Ахматова Анна Андреевна"})).created();
    let renamed = manager.patch(&made.path(), json!({"display_name": "Горенко Анна"})).ok();
    assert_eq!((&renamed["last_name"], &renamed["display_name"]), (&json!("Горенко"), &json!("Горенко Анна")));
}

#[test]
fn the_overview_shows_the_client_with_company_tasks_leads_and_talks() {
    let manager = app().workspace().manager();
    let company = manager.post("/v1/companies", json!({"name": "Акме"})).created().id();
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "company_id": company})).created();
    let later = manager.post("/v1/tasks", json!({"title": "Потом", "due_at": "2030-01-02T00:00:00Z", "contact_id": card.id()})).created();
    let next = manager.post("/v1/tasks", json!({"title": "Сначала", "due_at": "2030-01-01T00:00:00Z", "contact_id": card.id()})).created();
    let lead = manager.post("/v1/leads", json!({"contact_id": card.id(), "title": "Щебень"})).created();
    let call = manager.post("/v1/communications", json!({"channel": "call", "direction": "inbound", "contact_id": card.id()})).created();
    let note = manager.post("/v1/notes", json!({"body": "Любит стихи", "contact_id": card.id()})).created();
    let view = manager.get(&format!("{}/overview", card.path())).ok();
    assert_eq!(view.at("/contact/id"), card.id().as_str());
    assert_eq!(view.at("/company/id"), company.as_str());
    assert_eq!(view.at("/next_task/id"), next.id().as_str());
    assert_eq!(view.at("/open_tasks/1/id"), later.id().as_str());
    assert_eq!(view.at("/open_leads/0/id"), lead.id().as_str());
    assert_eq!(view.at("/recent_communications/0/id"), call.id().as_str());
    assert_eq!(view.at("/recent_notes/0/id"), note.id().as_str());
    assert_eq!(view["client_since"], card["created_at"]);
}

#[test]
fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let manager = app().workspace().manager();
    let dry = manager.post("/v1/contacts?dry_run=true", json!({"display_name": "Ахматова Анна"}));
    assert!(matches!(dry.status, 200 | 201), "{dry}");
    assert_eq!(dry["last_name"], "Ахматова");
    assert!(manager.get("/v1/contacts").ok().items().is_empty());
    manager.post("/v1/contacts?dry_run=true", json!({"phones": [{"value": "12"}]})).is_problem(422, "validation_failed");
}

#[test]
fn a_version_that_cannot_be_is_another_version() {
    let manager = app().workspace().manager();
    let card = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    for sent in ["\"-9223372036854775808\"", "\"9223372036854775807\"", "\"x\"", "W/\"7\""] {
        manager.with("if-match", sent).patch(&card.path(), json!({"comment": "x"})).is_problem(412, "version_mismatch");
    }
}
