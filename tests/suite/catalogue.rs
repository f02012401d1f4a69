//! The choice lists: sources, contact statuses, reject reasons, tags. One test walks all four.

use kartoteka_tests::{app, json};

const LISTS: [&str; 4] = ["/v1/sources", "/v1/contact-statuses", "/v1/reject-reasons", "/v1/tags"];

#[test]
fn an_entry_is_made_changed_archived_and_restored() {
    for list in LISTS {
        let admin = app().workspace().administrator();
        let made = admin.post(list, json!({"name": "Ёлка", "key": "fir_tree", "position": 900, "color": "#00FF7f"})).created();
        assert_eq!(
            (&made["name"], &made["key"], &made["position"], &made["color"]),
            (&json!("Ёлка"), &json!("fir_tree"), &json!(900), &json!("#00FF7f")),
            "{list}"
        );
        assert_eq!(admin.get(&made.path()).ok().text(), made.text());
        assert_eq!(admin.get(&format!("{list}?q=елка")).ok().ids(), [made.id()], "{list}");
        assert_eq!(admin.patch(&made.path(), json!({"color": null, "name": "Пихта"})).ok()["name"], "Пихта");
        admin.delete(&made.path()).no_content();
        assert!(!admin.get(list).ok().ids().contains(&made.id()));
        assert_eq!(admin.post_nothing(&format!("{}/restore", made.path())).ok()["archived_at"], json!(null));
        assert!(admin.get(list).ok().ids().contains(&made.id()));
    }
}

#[test]
fn a_name_is_unique_in_its_list_whatever_its_case() {
    for list in LISTS {
        let admin = app().workspace().administrator();
        admin.post(list, json!({"name": "Ёлка", "key": "tree"})).created();
        admin.post(list, json!({"name": " елка "})).is_problem(422, "validation_failed").names_with("/name", "already_taken");
        admin.post(list, json!({"name": "Другая", "key": "tree"})).is_problem(422, "validation_failed").names_with("/key", "already_taken");
    }
}

#[test]
fn faults_of_an_entry_are_told_at_once() {
    for list in LISTS {
        let refused = app()
            .workspace()
            .administrator()
            .post(list, json!({"key": "Ключ", "position": -1, "color": "green"}))
            .is_problem(422, "validation_failed");
        refused.names_with("/name", "required").names("/key").names_with("/position", "out_of_range").names("/color");
    }
}

#[test]
fn entries_stand_in_their_order_or_by_name() {
    let admin = app().workspace().administrator();
    let mut made = Vec::new();
    for (name, position) in [("Ёлка-я", 900_003), ("Елка-б", 900_002), ("яблоня", 900_001)] {
        made.push(admin.post("/v1/sources", json!({"name": name, "position": position})).created().id());
    }
    let ours = |page: kartoteka_tests::Answer| page.ids().into_iter().filter(|id| made.contains(id)).collect::<Vec<_>>();
    assert_eq!(ours(admin.get("/v1/sources?sort=position").ok()), [made[2].clone(), made[1].clone(), made[0].clone()]);
    assert_eq!(ours(admin.get("/v1/sources?sort=name").ok()), [made[1].clone(), made[0].clone(), made[2].clone()], "ё sorts with е");
}

#[test]
fn a_tag_written_on_a_card_joins_the_list_once() {
    let manager = app().workspace().manager();
    manager.post("/v1/contacts", json!({"last_name": "А", "tags": ["Опт", "VIP"]})).created();
    let second = manager.post("/v1/contacts", json!({"last_name": "Б", "tags": ["опт"]})).created();
    assert_eq!(second["tags"], json!(["Опт"]), "as it is written in the list");
    assert_eq!(manager.get("/v1/tags?q=опт").ok().items().len(), 1);
    assert_eq!(manager.get("/v1/contacts?tag=ОПТ").ok().items().len(), 2);
}
