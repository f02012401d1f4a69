//! Lists: pages, sorts, filters, search.

use kartoteka_tests::{Caller, app, json, wire::encode};

/// All ids of a list, page by page.
fn walked(caller: &Caller, query: &str, limit: usize) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller.get(&format!("{query}&limit={limit}{cursor}")).ok();
        assert!(page.items().len() <= limit);
        ids.extend(page.ids());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={}", encode(next)),
            None => return ids,
        }
    }
}

#[test]
fn pages_skip_and_repeat_nothing_in_every_order() {
    let manager = app().workspace().manager();
    let mut made: Vec<String> =
        (0..11).map(|n| manager.post("/v1/contacts", json!({"last_name": format!("Имя {}", n % 3)})).created().id()).collect();
    made.sort();
    for sort in ["-updated_at", "updated_at", "-created_at", "created_at", "display_name", "-display_name", "next_task_at"] {
        let query = format!("/v1/contacts?sort={sort}");
        let whole = walked(&manager, &query, 200);
        for limit in [1, 3, 5, 11] {
            assert_eq!(walked(&manager, &query, limit), whole, "{sort} by {limit}");
        }
        let mut sorted = whole.clone();
        sorted.sort();
        assert_eq!(sorted, made, "{sort}");
    }
}

#[test]
fn opposite_orders_are_each_other_s_mirror() {
    let manager = app().workspace().manager();
    for name in ["Ёлкин", "Елкин", "Жуков", "абрамов", "Ґава", "Zed", "Adam"] {
        manager.post("/v1/contacts", json!({"last_name": name})).created();
    }
    let up = manager.get("/v1/contacts?sort=display_name").ok();
    let names: Vec<&str> = up.items().iter().map(|c| c["display_name"].as_str().unwrap()).collect();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap();
    assert!(at("абрамов") < at("Ёлкин") && at("Ёлкин") < at("Жуков") && at("Adam") < at("Zed"), "{names:?}");
    let mut down = manager.get("/v1/contacts?sort=-display_name").ok().ids();
    down.reverse();
    assert_eq!(down, up.ids());
}

#[test]
fn what_appears_meanwhile_disturbs_no_page() {
    let manager = app().workspace().manager();
    let made: Vec<String> = (0..6).map(|n| manager.post("/v1/contacts", json!({"last_name": format!("{n}")})).created().id()).collect();
    let first = manager.get("/v1/contacts?sort=created_at&limit=3").ok();
    manager.post("/v1/contacts", json!({"last_name": "новый"})).created();
    manager.delete(&format!("/v1/contacts/{}", made[0])).no_content();
    let rest = walked(&manager, &format!("/v1/contacts?sort=created_at&cursor={}", encode(first["next_cursor"].as_str().unwrap())), 200);
    assert_eq!(rest[..3], made[3..]);
}

#[test]
fn the_total_counts_all_matches_only_when_asked() {
    let manager = app().workspace().manager();
    for n in 0..4 {
        manager.post("/v1/contacts", json!({"last_name": format!("{n}"), "type": if n == 0 { "partner" } else { "lead" }})).created();
    }
    assert!(manager.get("/v1/contacts").ok()["total"].is_null());
    assert_eq!(manager.get("/v1/contacts?include_total=true&limit=1").ok()["total"], 4);
    assert_eq!(manager.get("/v1/contacts?include_total=true&type=lead").ok()["total"], 3);
}

#[test]
fn a_page_size_outside_1_to_200_is_refused() {
    let manager = app().workspace().manager();
    for limit in ["0", "201", "-1", "ten", "1e2", "99999999999999999999"] {
        manager.get(&format!("/v1/contacts?limit={limit}")).is_problem(400, "invalid_parameter").names_parameter("limit");
    }
    manager.get("/v1/contacts?limit=200").ok();
}

#[test]
fn unknown_parameters_sorts_and_values_are_refused() {
    let manager = app().workspace().manager();
    manager.get("/v1/contacts?owner=me").is_problem(400, "unknown_parameter").names_parameter("owner");
    for wrong in [
        "sort=name",
        "sort=updated_at,created_at",
        "archived=yes",
        "owner_id=me",
        "updated_after=yesterday",
        "expand=secrets",
        "include_total=1",
        "limit=1&limit=2",
    ] {
        let refused = manager.get(&format!("/v1/contacts?{wrong}"));
        assert_eq!(refused.status, 400, "{wrong}: {refused}");
    }
    manager.get("/v1/contacts?expand=contacts").is_problem(400, "invalid_parameter");
}

#[test]
fn a_cursor_of_another_list_order_or_hand_is_refused() {
    let manager = app().workspace().manager();
    for n in 0..3 {
        manager.post("/v1/contacts", json!({"last_name": format!("{n}")})).created();
    }
    let cursor = encode(manager.get("/v1/contacts?limit=1&sort=created_at").ok()["next_cursor"].as_str().unwrap());
    for query in [
        format!("/v1/contacts?sort=display_name&cursor={cursor}"),
        format!("/v1/companies?cursor={cursor}"),
        "/v1/contacts?cursor=AAAA".into(),
        "/v1/contacts?cursor=%00%FF".into(),
        format!("/v1/contacts?cursor={}", "A".repeat(900)),
    ] {
        let refused = manager.get(&query);
        assert_eq!(refused.status, 400, "{query}: {refused}");
    }
}

#[test]
fn a_search_finds_names_in_any_case_and_order_digits_and_parts_of_mails() {
    let manager = app().workspace().manager();
    let anna = manager.post("/v1/contacts", json!({"display_name": "Королёва Алёна Игоревна", "phones": [{"value": "8 (912) 345-67-89"}], "emails": [{"value": "alena.k@example.com"}]})).created();
    manager.post("/v1/contacts", json!({"display_name": "Петров Пётр", "phones": [{"value": "+79990001122"}]})).created();
    for q in ["королева", "АЛЁНА королё", "алена игоревна", "ролев", "3456789", "912345", "345-67", "alena.k", "K@EXAMPLE", "  королева  "]
    {
        assert_eq!(manager.get(&format!("/v1/contacts?q={}", encode(q))).ok().ids(), [anna.id()], "{q}");
    }
    for q in ["королева пётр", "ничего", "%", "_", "%'", "\\", "*", "OR 1=1", "🙂"] {
        assert!(manager.get(&format!("/v1/contacts?q={}", encode(q))).ok().items().is_empty(), "{q}");
    }
}

#[test]
fn contacts_are_filtered_by_each_of_their_references() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let company = admin.post("/v1/companies", json!({"name": "Акме"})).created().id();
    let source = admin.post("/v1/sources", json!({"name": "Ярмарка"})).created().id();
    admin.post("/v1/contact-statuses", json!({"key": "warm", "name": "Тёплый"})).created();
    admin.post("/v1/contacts", json!({"last_name": "Б"})).created();
    let a = admin.post("/v1/contacts", json!({"last_name": "А", "owner_id": manager.user_id, "company_id": company, "source_id": source, "status": "warm", "type": "supplier", "tags": ["VIP"], "external_id": "e,1"})).created();
    let b = admin.post("/v1/contacts", json!({"last_name": "В", "external_id": "e2"})).created();
    let filters = [
        format!("owner_id={}", manager.user_id),
        format!("company_id={company}"),
        format!("source_id={source},{company}"),
        "status=warm,cold".into(),
        "type=supplier,partner".into(),
        "tag=vip".into(),
        format!("owner_id={}&tag=VIP&status=warm", manager.user_id),
    ];
    for filter in filters {
        assert_eq!(admin.get(&format!("/v1/contacts?{filter}")).ok().ids(), [a.id()], "{filter}");
    }
    assert_eq!(admin.get("/v1/contacts?external_id=e2,e3").ok().ids(), [b.id()]);
    let expanded = admin.get("/v1/contacts?tag=VIP&expand=owner,company,source").ok();
    for (what, id) in [("owner", &manager.user_id), ("company", &company), ("source", &source)] {
        assert_eq!(expanded.at(&format!("/data/0/expanded/{what}/id")), id.as_str());
    }
}

#[test]
fn what_changed_since_is_found_by_time() {
    let manager = app().workspace().manager();
    let first = manager.post("/v1/contacts", json!({"last_name": "А"})).created();
    let second = manager.post("/v1/contacts", json!({"last_name": "Б"})).created();
    let since = encode(second["updated_at"].as_str().unwrap());
    assert_eq!(manager.get(&format!("/v1/contacts?updated_after={since}")).ok().ids(), [second.id()]);
    assert_eq!(manager.get(&format!("/v1/contacts?created_after={since}")).ok().ids(), [second.id()]);
    let changed = manager.patch(&first.path(), json!({"comment": "x"})).ok();
    assert_eq!(manager.get(&format!("/v1/contacts?updated_after={since}&sort=updated_at")).ok().ids(), [second.id(), changed.id()]);
}

#[test]
fn what_was_just_written_is_in_the_very_next_list_and_search() {
    let manager = app().workspace().manager();
    for n in 0..20 {
        let made = manager.post("/v1/contacts", json!({"last_name": format!("Мгновенный{n}")})).created();
        assert_eq!(manager.get("/v1/contacts?limit=1&sort=-created_at").ok().ids(), [made.id()]);
        assert_eq!(manager.get(&format!("/v1/contacts?q=мгновенный{n}&sort=-created_at&limit=1")).ok().ids(), [made.id()]);
    }
}
