//! Companies: tax ids, addresses, heads, tree.

use kartoteka_tests::{app, json};

#[test]
fn a_company_keeps_all_its_fields() {
    let manager = app().workspace().manager();
    let head = manager.post("/v1/contacts", json!({"last_name": "Директоров"})).created().id();
    let parent = manager.post("/v1/companies", json!({"name": "Холдинг"})).created().id();
    let company = json!({
        "external_id": "k-1", "name": "Акме", "legal_name": "ООО «Акме»", "tax_id": "7707083893", "site": "https://acme.example",
        "industry": "Стройка", "parent_id": parent, "requisites": {"БИК": "044525225"}, "phones": [{"value": "8 495 123-45-67"}],
        "emails": [{"value": "info@acme.example"}],
        "addresses": [{"kind": "legal", "address": {"city": "Москва", "text": "Москва, Тверская, 1"}}, {"kind": "delivery", "address": {"city": "Тула"}}],
        "opening_hours": "пн–пт 9–18", "heads": [{"name": "Директоров И. И.", "position": "Генеральный директор", "contact_id": head}],
        "tags": ["опт"], "comment": "с 1998 года"
    });
    let made = manager.post("/v1/companies", company.clone()).created();
    for field in [
        "external_id",
        "name",
        "legal_name",
        "tax_id",
        "site",
        "industry",
        "parent_id",
        "requisites",
        "opening_hours",
        "heads",
        "tags",
        "comment",
    ] {
        assert_eq!(made[field], company[field], "{field}");
    }
    assert_eq!(made["tax_id_kind"], "inn");
    assert_eq!(made.at("/phones/0/e164"), "+74951234567");
    assert_eq!(made.at("/addresses/1/address/city"), "Тула");
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
}

#[test]
fn a_tax_id_with_a_wrong_checksum_is_refused() {
    let manager = app().workspace().manager();
    manager
        .post("/v1/companies", json!({"name": "А", "tax_id": "7707083894"}))
        .is_problem(422, "validation_failed")
        .names_with("/tax_id", "invalid_tax_id");
    manager.post("/v1/companies", json!({"name": "А", "tax_id": "77070838"})).is_problem(422, "validation_failed").names("/tax_id");
}

#[test]
fn a_company_without_a_name_is_refused() {
    app()
        .workspace()
        .manager()
        .post("/v1/companies", json!({"tax_id": "7707083893"}))
        .is_problem(422, "validation_failed")
        .names_with("/name", "required");
}

#[test]
fn the_second_company_of_a_tax_id_is_a_duplicate() {
    let manager = app().workspace().manager();
    let first = manager.post("/v1/companies", json!({"name": "Акме", "tax_id": "7707083893"})).created();
    let second = manager.post("/v1/companies", json!({"name": "ACME", "tax_id": "770 708 3893"})).is_problem(409, "duplicate_found");
    assert_eq!(second["existing_id"], first.id().as_str());
    assert_eq!(second.at("/candidates/0/evidence/0/field"), "tax_id");
    let attached = manager
        .post("/v1/companies?on_duplicate=attach", json!({"name": "ACME", "tax_id": "7707083893", "site": "https://acme.example"}))
        .ok();
    assert_eq!((attached.id(), &attached["name"], &attached["site"]), (first.id(), &json!("Акме"), &json!("https://acme.example")));
}

#[test]
fn a_company_is_not_its_own_parent() {
    let manager = app().workspace().manager();
    let a = manager.post("/v1/companies", json!({"name": "А"})).created();
    let b = manager.post("/v1/companies", json!({"name": "Б", "parent_id": a.id()})).created();
    manager.patch(&a.path(), json!({"parent_id": a.id()})).is_problem(422, "validation_failed").names_with("/parent_id", "cycle");
    manager.patch(&a.path(), json!({"parent_id": b.id()})).is_problem(422, "validation_failed").names_with("/parent_id", "cycle");
}

#[test]
fn opening_a_company_shows_its_contacts_and_back() {
    let manager = app().workspace().manager();
    let company = manager.post("/v1/companies", json!({"name": "Акме"})).created();
    let anna = manager.post("/v1/contacts", json!({"last_name": "А", "company_id": company.id()})).created();
    let there = manager.get("/v1/companies?expand=contacts,owner").ok();
    assert_eq!(there.at("/data/0/expanded/contacts/0/id"), anna.id().as_str());
    assert_eq!(there.at("/data/0/expanded/owner/id"), manager.user_id.as_str());
    let back = manager.get("/v1/contacts?expand=company").ok();
    assert_eq!(back.at("/data/0/expanded/company/id"), company.id().as_str());
}

#[test]
fn companies_are_found_by_name_tax_id_and_mail() {
    let manager = app().workspace().manager();
    let acme = manager
        .post("/v1/companies", json!({"name": "Акме Щёлково", "tax_id": "7707083893", "emails": [{"value": "info@acme.example"}]}))
        .created();
    manager.post("/v1/companies", json!({"name": "Другая"})).created();
    for q in ["щелково акме", "АКМЕ", "7083893", "acme.ex"] {
        assert_eq!(manager.get(&format!("/v1/companies?q={q}")).ok().ids(), [acme.id()], "{q}");
    }
}

#[test]
fn companies_are_filtered_by_each_of_their_references() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let parent = manager.post("/v1/companies", json!({"name": "Холдинг"})).created();
    let child = admin
        .post(
            "/v1/companies",
            json!({"name": "Дочка", "parent_id": parent.id(), "tags": ["опт"], "tax_id": "7707083893", "external_id": "e1"}),
        )
        .created();
    for filter in [
        format!("parent_id={}", parent.id()),
        format!("owner_id={}", admin.user_id),
        "tag=опт".into(),
        "tax_id=7707083893".into(),
        "external_id=e1,e2".into(),
    ] {
        assert_eq!(admin.get(&format!("/v1/companies?{filter}")).ok().ids(), [child.id()], "{filter}");
    }
}

#[test]
fn a_company_is_patched_archived_and_restored() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/companies", json!({"name": "Акме", "site": "https://acme.example"})).created();
    let patched = manager.patch(&made.path(), json!({"site": null, "industry": "Стройка"})).ok();
    assert_eq!((&patched["site"], &patched["industry"], &patched["name"]), (&json!(null), &json!("Стройка"), &json!("Акме")));
    manager.delete(&made.path()).no_content();
    assert!(manager.get("/v1/companies").ok().items().is_empty());
    manager.post_nothing(&format!("{}/restore", made.path())).ok();
    assert_eq!(manager.get("/v1/companies").ok().ids(), [made.id()]);
}

#[test]
fn an_upsert_by_external_id_makes_and_then_changes_one_company() {
    let integration = app().workspace().key("integration");
    let made = integration.put("/v1/companies/by-external-id/c-1", json!({"name": "Акме"})).created();
    let changed = integration.put("/v1/companies/by-external-id/c-1", json!({"name": "Акме-2"})).ok();
    assert_eq!((changed.id(), &changed["name"]), (made.id(), &json!("Акме-2")));
}

#[test]
fn a_site_is_a_web_address() {
    for site in ["javascript:alert(1)", "acme", "ftp://acme.example", "https://"] {
        app()
            .workspace()
            .manager()
            .post("/v1/companies", json!({"name": "А", "site": site}))
            .is_problem(422, "validation_failed")
            .names_with("/site", "invalid_url");
    }
}
