//! Departments: the tree that decides what a head sees.

use kartoteka_tests::{app, eventually, json};

#[test]
fn a_head_sees_his_department_with_those_below_and_nothing_beside() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let sales = admin.post("/v1/departments", json!({"name": "Продажи"})).created().id();
    let north = admin.post("/v1/departments", json!({"name": "Север", "parent_id": sales})).created().id();
    let service = admin.post("/v1/departments", json!({"name": "Сервис"})).created().id();
    let head = workspace.somebody("head", json!({"department_id": sales}));
    let near = workspace.somebody("manager", json!({"department_id": sales}));
    let below = workspace.somebody("manager", json!({"department_id": north}));
    let beside = workspace.somebody("manager", json!({"department_id": service}));
    let card = |who: &kartoteka_tests::Caller, name: &str| who.post("/v1/contacts", json!({"last_name": name})).created();
    let (a, b, c) = (card(&near, "Ближний"), card(&below, "Нижний"), card(&beside, "Чужой"));
    let mut seen = eventually("the head to see both", || Some(head.get("/v1/contacts").ok().ids()).filter(|ids| ids.len() == 2));
    seen.sort();
    let mut expected = [a.id(), b.id()];
    expected.sort();
    assert_eq!(seen, expected);
    head.patch(&b.path(), json!({"comment": "вижу"})).ok();
    head.get(&c.path()).is_problem(404, "not_found");
    head.patch(&c.path(), json!({"comment": "x"})).is_problem(404, "not_found");
    assert_eq!(near.get("/v1/contacts").ok().ids(), [a.id()]);
}

#[test]
fn the_tree_never_contains_itself() {
    let admin = app().workspace().administrator();
    let a = admin.post("/v1/departments", json!({"name": "А"})).created();
    let b = admin.post("/v1/departments", json!({"name": "Б", "parent_id": a.id()})).created();
    let c = admin.post("/v1/departments", json!({"name": "В", "parent_id": b.id()})).created();
    admin.patch(&a.path(), json!({"parent_id": a.id()})).is_problem(422, "validation_failed").names_with("/parent_id", "cycle");
    admin.patch(&a.path(), json!({"parent_id": c.id()})).is_problem(422, "validation_failed").names_with("/parent_id", "cycle");
}

#[test]
fn a_department_is_listed_changed_archived_and_restored() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let made = admin.post("/v1/departments", json!({"name": "Продажи", "head_id": workspace.head().user_id})).created();
    assert_eq!(admin.get(&made.path()).ok().text(), made.text());
    assert_eq!(admin.get("/v1/departments?q=продаж").ok().ids(), [made.id()]);
    assert_eq!(admin.patch(&made.path(), json!({"head_id": null})).ok()["head_id"], json!(null));
    admin.delete(&made.path()).no_content();
    assert!(admin.get("/v1/departments").ok().items().is_empty());
    admin.post_nothing(&format!("{}/restore", made.path())).ok();
    admin.post("/v1/departments", json!({})).is_problem(422, "validation_failed").names_with("/name", "required");
}
