//! Batches: many operations in one request, each with the result it would have got alone.

use kartoteka_tests::{Answer, Caller, Value, app, json};

use crate::next_step::demand;

fn operations(body: &[Value]) -> Value {
    json!({"operations": body})
}

fn create(name: &str, record: Value) -> Value {
    json!({"kind": "create", "ref": name, "record": record})
}

fn upsert(name: &str, key: &str, record: Value) -> Value {
    json!({"kind": "upsert", "ref": name, "external_id": key, "record": record})
}

/// Reference, status and, where it was refused, the problem's code of each result.
fn told(answer: &Answer) -> Vec<(String, String, Option<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("{answer}"));
    results.iter().map(|one| (text(&one["ref"]), text(&one["status"]), one.pointer("/problem/code").map(text))).collect()
}

fn as_told(expected: &[(&str, &str, Option<&str>)]) -> Vec<(String, String, Option<String>)> {
    expected.iter().map(|(name, status, code)| ((*name).to_owned(), (*status).to_owned(), code.map(ToOwned::to_owned))).collect()
}

fn contacts(caller: &Caller) -> usize {
    caller.get("/v1/contacts?limit=200").ok().items().len()
}

#[test]
fn each_operation_gets_the_result_it_would_have_got_alone() {
    let admin = app().workspace().administrator();
    let phone = |value: &str| json!({"last_name": "Тестов", "phones": [{"value": value}]});
    let body = operations(&[
        create("new", phone("+79990001122")),
        create("twin", phone("8 (999) 000-11-22")),
        create("wrong", phone("12")),
        upsert("made", "x-1", json!({"last_name": "Ключов"})),
        upsert("same", "x-1", json!({"last_name": "Ключов"})),
        json!({"kind": "update", "ref": "changed", "external_id": "x-1", "record": {"position": "Директор"}}),
        json!({"kind": "update", "ref": "cleared", "external_id": "x-1", "version": 2, "record": {"position": null}}),
        json!({"kind": "update", "ref": "stale", "external_id": "x-1", "version": 1, "record": {"position": "Шеф"}}),
        json!({"kind": "update", "ref": "nobody", "external_id": "x-2", "record": {}}),
        json!({"kind": "create", "ref": "both", "external_id": "x-3", "record": {}}),
    ]);
    let answer = admin.post("/v1/contacts/batch", body).ok();
    let expected = [
        ("new", "created", None),
        ("twin", "duplicate", Some("duplicate_found")),
        ("wrong", "rejected", Some("validation_failed")),
        ("made", "created", None),
        ("same", "unchanged", None),
        ("changed", "updated", None),
        ("cleared", "updated", None),
        ("stale", "rejected", Some("version_mismatch")),
        ("nobody", "rejected", Some("not_found")),
        ("both", "rejected", Some("validation_failed")),
    ];
    assert_eq!(told(&answer), as_told(&expected));
    assert_eq!(
        (&answer["created"], &answer["updated"], &answer["unchanged"], &answer["duplicates"], &answer["rejected"]),
        (&json!(2), &json!(2), &json!(1), &json!(1), &json!(4))
    );
    assert_eq!(answer.at("/results/2/problem/errors/0/pointer"), "/phones/0/value");
    assert_eq!(answer.at("/results/1/id"), answer.at("/results/0/id"));
    let made = admin.get(&format!("/v1/contacts/{}", answer.at("/results/3/id").as_str().unwrap())).ok();
    assert_eq!((&made["version"], &made["position"], &made["external_id"]), (&json!(3), &Value::Null, &json!("x-1")));
    assert_eq!(answer.at("/results/6/version"), &json!(3));
    assert_eq!(contacts(&admin), 2);
}

#[test]
fn what_does_not_fit_the_description_refuses_the_whole_request_and_names_the_place() {
    let admin = app().workspace().administrator();
    let good = create("1", json!({"last_name": "Первый"}));
    let refused = |bad: Value| admin.post("/v1/contacts/batch", operations(&[good.clone(), bad]));
    refused(create("2", json!({"last_nam": "x"}))).is_problem(400, "unknown_field").names("/operations/1/record/last_nam");
    refused(create("2", json!({"last_name": 7}))).is_problem(400, "wrong_type").names("/operations/1/record/last_name");
    refused(json!(7)).is_problem(400, "wrong_type").names("/operations/1");
    let invalid = |bad: Value, pointer: &str, code: &str| {
        refused(bad).is_problem(422, "validation_failed").names_with(pointer, code);
    };
    invalid(json!({"kind": "delete", "ref": "2", "record": {}}), "/operations/1/kind", "invalid_value");
    invalid(json!({"kind": "create", "record": {}}), "/operations/1/ref", "required");
    invalid(create("", json!({})), "/operations/1/ref", "too_short");
    invalid(create(&"r".repeat(201), json!({})), "/operations/1/ref", "too_long");
    invalid(create("2", json!({"comment": "x".repeat(200_001)})), "/operations/1/record/comment", "too_long");
    invalid(create("2", json!({"birthday": "nonsense"})), "/operations/1/record/birthday", "invalid_value");
    let both = operations(&[create("", json!({})), create("", json!({}))]);
    let told = admin.post("/v1/contacts/batch", both).is_problem(422, "validation_failed");
    assert_eq!(told["errors"].as_array().map(Vec::len), Some(2));
    assert_eq!(contacts(&admin), 0);
}

#[test]
fn all_or_nothing_writes_nothing_when_one_cannot_be_done() {
    let admin = app().workspace().administrator();
    let mut body = operations(&[create("1", json!({"last_name": "Первый"})), create("2", json!({"phones": [{"value": "12"}]}))]);
    body["atomic"] = json!(true);
    let keyed = admin.with("idempotency-key", "once");
    let refused = keyed.post("/v1/contacts/batch", body.clone()).is_problem(422, "batch_rejected");
    assert_eq!(told(&refused), as_told(&[("1", "created", None), ("2", "rejected", Some("validation_failed"))]));
    assert_eq!(refused.at("/results/0/id"), &Value::Null);
    assert_eq!(contacts(&admin), 0);
    let again = keyed.post("/v1/contacts/batch", body.clone()).is_problem(422, "batch_rejected");
    assert_eq!((again.header("idempotent-replayed"), &again["results"]), (Some("true"), &refused["results"]));
    body["operations"][1]["record"] = json!({"last_name": "Второй"});
    admin.post("/v1/contacts/batch", body).ok();
    assert_eq!(contacts(&admin), 2);
}

#[test]
fn a_batch_is_done_once_under_its_key_and_not_at_all_when_rehearsed() {
    let admin = app().workspace().administrator();
    let body = operations(&[create("1", json!({"last_name": "Первый"})), upsert("2", "k", json!({"last_name": "Второй"}))]);
    let rehearsed = admin.post("/v1/contacts/batch?dry_run=true", body.clone()).ok();
    assert_eq!((&rehearsed["created"], &rehearsed["dry_run"], rehearsed.at("/results/0/id")), (&json!(2), &json!(true), &Value::Null));
    assert_eq!(contacts(&admin), 0);
    let keyed = admin.with("idempotency-key", "once");
    let (one, two) = (keyed.post("/v1/contacts/batch", body.clone()).ok(), keyed.post("/v1/contacts/batch", body).ok());
    assert_eq!((one.text(), two.header("idempotent-replayed")), (two.text(), Some("true")));
    assert_eq!(contacts(&admin), 2);
}

#[test]
fn a_batch_holds_one_to_five_hundred_operations() {
    let admin = app().workspace().administrator();
    let many = |count: usize| {
        operations(
            &(0..count).map(|n| upsert(&n.to_string(), &format!("k-{n}"), json!({"name": format!("Фирма {n}")}))).collect::<Vec<_>>(),
        )
    };
    admin.post("/v1/companies/batch", many(0)).is_problem(422, "validation_failed").names_with("/operations", "too_short");
    admin.post("/v1/companies/batch", many(501)).is_problem(422, "validation_failed").names_with("/operations", "too_long");
    let answer = admin.post("/v1/companies/batch", many(500)).ok();
    assert_eq!(answer["created"], 500);
    let names: Vec<String> = told(&answer).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(admin.post("/v1/companies/batch", many(500)).ok()["unchanged"], 500);
}

#[test]
fn an_operation_without_its_next_step_is_refused_alone() {
    let workspace = app().workspace();
    demand(&workspace, "require");
    let manager = workspace.manager();
    let next = json!({"title": "Дальше", "due_at": "2030-01-02T10:00:00Z"});
    let body = operations(&[
        create("without", json!({"name": "Без шага"})),
        create("with", json!({"name": "С шагом", "next_task": next})),
        create("reason", json!({"name": "С причиной", "no_next_step_reason": "ждём весны"})),
    ]);
    let answer = manager.post("/v1/deals/batch", body).ok();
    assert_eq!(
        told(&answer),
        as_told(&[("without", "rejected", Some("validation_failed")), ("with", "created", None), ("reason", "created", None)])
    );
    assert_eq!(answer.at("/results/0/problem/errors/0/code"), "next_step_required");
    assert_eq!(manager.get("/v1/deals").ok().items().len(), 2);
    assert_eq!(manager.get("/v1/attention?record_type=deal").ok().items().len(), 0);
    demand(&workspace, "warn");
    let warned = manager.post("/v1/deals/batch", operations(&[create("1", json!({"name": "Без шага"}))])).ok();
    assert_eq!(warned.at("/results/0/warnings/0/code"), "next_step_missing");
}

#[test]
fn an_upsert_brings_its_next_step_along_whether_the_card_is_new_or_not() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let next = |title: &str| json!({"title": title, "due_at": "2030-01-02T10:00:00Z"});
    let record = |title: &str| json!({"last_name": "Ключов", "owner_id": manager.user_id, "next_task": next(title)});
    manager.post("/v1/contacts/batch", operations(&[upsert("1", "k", record("Первое"))])).ok();
    let again = manager.post("/v1/contacts/batch", operations(&[upsert("2", "k", record("Второе"))])).ok();
    assert_eq!(told(&again), as_told(&[("2", "updated", None)]));
    manager.put("/v1/contacts/by-external-id/k", record("Третье")).ok();
    assert_eq!(manager.get("/v1/tasks?status=open").ok().items().len(), 3);
    // where a next step is demanded it is found in the request
    manager.put("/v1/contacts/by-external-id/c", json!({"last_name": "Белый", "owner_id": manager.user_id})).created();
    demand(&workspace, "require");
    let customer = json!({"type": "customer", "no_next_step_reason": "до весны"});
    let answer = manager.post("/v1/contacts/batch", operations(&[upsert("3", "c", customer)])).ok();
    assert_eq!(told(&answer), as_told(&[("3", "updated", None)]));
}

#[test]
fn what_would_be_new_is_nowhere_named_where_nothing_was_written() {
    let admin = app().workspace().administrator();
    let phone = json!({"last_name": "А", "phones": [{"value": "+79990001122"}]});
    let body = || {
        operations(&[
            create("1", phone.clone()),
            create("2", phone.clone()),
            upsert("3", "k", json!({"last_name": "Б"})),
            upsert("4", "k", json!({"last_name": "В"})),
        ])
    };
    let nameless = |answer: &Answer| {
        assert_eq!(told(answer)[1].1, "duplicate");
        assert!(answer["results"].as_array().unwrap().iter().all(|result| result["id"].is_null()), "{answer}");
        assert_eq!((answer.at("/results/1/problem/existing_id"), answer.at("/results/1/problem/candidates")), (&Value::Null, &json!([])));
    };
    nameless(&admin.post("/v1/contacts/batch?dry_run=true", body()).ok());
    let mut atomic = body();
    atomic["atomic"] = json!(true);
    nameless(&admin.post("/v1/contacts/batch", atomic).is_problem(422, "batch_rejected"));
}

#[test]
fn a_hidden_field_cannot_be_guessed() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let rights = json!([{"record": "contact", "read": "all", "create": "all", "update": "all", "assign": "all"}]);
    let rules = json!([{"record": "contact", "field": "comment", "effect": "hidden"}, {"record": "contact", "field": "external_id", "effect": "hidden"}]);
    admin.post("/v1/roles", json!({"key": "blind", "name": "Без", "rights": rights, "field_rules": rules})).created();
    let blind = workspace.somebody("blind", json!({}));
    let card = admin.post("/v1/contacts", json!({"last_name": "А", "comment": "тайна", "external_id": "x"})).created();
    for guess in ["тайна", "не она"] {
        blind.patch(&card.path(), json!({"comment": guess})).is_problem(403, "field_not_permitted").names("/comment");
        let guesses = operations(&[json!({"kind": "update", "ref": "1", "id": card.id(), "record": {"comment": guess}})]);
        let answer = blind.post("/v1/contacts/batch?dry_run=true", guesses).ok();
        assert_eq!(told(&answer), as_told(&[("1", "rejected", Some("field_not_permitted"))]));
    }
    let by_key = json!({"kind": "update", "ref": "1", "external_id": "x", "record": {"position": "шеф"}});
    let answer = blind.post("/v1/contacts/batch", operations(&[by_key])).ok();
    assert_eq!(told(&answer), as_told(&[("1", "rejected", Some("field_not_permitted"))]));
    blind.put("/v1/contacts/by-external-id/x", json!({"position": "шеф"})).is_problem(403, "field_not_permitted");
    blind.patch(&card.path(), json!({"position": "шеф"})).ok();
}

#[test]
fn each_operation_needs_the_right_it_would_need_alone() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let rights = json!([{"record": "contact", "read": "all", "update": "all", "assign": "all"}]);
    admin.post("/v1/roles", json!({"key": "editor", "name": "Редактор", "rights": rights, "field_rules": []})).created();
    let editor = workspace.somebody("editor", json!({}));
    let of_admin = admin.post("/v1/contacts", json!({"last_name": "Чужой", "owner_id": admin.user_id})).created().id();
    let body = operations(&[
        create("create", json!({"last_name": "Новый"})),
        upsert("upsert", "k", json!({"last_name": "Новый"})),
        json!({"kind": "update", "ref": "update", "id": of_admin, "record": {"position": "Шеф"}}),
    ]);
    let answer = editor.post("/v1/contacts/batch", body.clone()).ok();
    let expected = [("create", "rejected", Some("forbidden")), ("upsert", "rejected", Some("forbidden")), ("update", "updated", None)];
    assert_eq!(told(&answer), as_told(&expected));
    editor.put("/v1/contacts/by-external-id/k", json!({"last_name": "Новый"})).is_problem(403, "forbidden");
    let expected = [("create", "created", None), ("upsert", "created", None), ("update", "rejected", Some("not_found"))];
    assert_eq!(told(&manager.post("/v1/contacts/batch", body.clone()).ok()), as_told(&expected));
    let stranger = app().workspace().administrator();
    assert_eq!(told(&stranger.post("/v1/contacts/batch", body).ok())[2].2.as_deref(), Some("not_found"));
}

#[test]
fn every_kind_of_record_is_made_and_changed_by_batches() {
    let admin = app().workspace().administrator();
    let contact = admin.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let kinds = [
        ("contacts", json!({"last_name": "Белый"}), json!({"position": "поэт"})),
        ("companies", json!({"name": "Весы"}), json!({"industry": "печать"})),
        ("leads", json!({"contact_id": contact}), json!({"status": "in_work"})),
        ("deals", json!({"name": "Сборник", "contacts": [{"contact_id": contact}]}), json!({"name": "Том"})),
        ("tasks", json!({"title": "Позвонить", "contact_id": contact}), json!({"clear": ["due_at"], "priority": "high"})),
        ("communications", json!({"channel": "call", "direction": "outbound", "contact_id": contact}), json!({"outcome": "договорились"})),
        ("notes", json!({"body": "Любит чай", "contact_id": contact}), json!({"pinned": true})),
    ];
    for (kind, new, change) in kinds {
        let path = format!("/v1/{kind}/batch");
        let made = admin.post(&path, operations(&[create("1", new)])).ok();
        assert_eq!(told(&made), as_told(&[("1", "created", None)]), "{made}");
        let id = made.at("/results/0/id").clone();
        let changed =
            admin.post(&path, operations(&[json!({"kind": "update", "ref": "2", "id": id, "version": 1, "record": change})])).ok();
        assert_eq!((told(&changed), changed.at("/results/0/version")), (as_told(&[("2", "updated", None)]), &json!(2)), "{changed}");
        let record = admin.get(&format!("/v1/{kind}/{}", id.as_str().unwrap())).ok();
        assert_eq!(record["version"], 2);
        if !matches!(kind, "contacts" | "companies") {
            let by_key = operations(&[upsert("3", "k", json!({}))]);
            admin.post(&path, by_key).is_problem(400, "unknown_field").names("/operations/0/external_id");
        }
    }
}

#[test]
fn batches_at_the_same_moment_make_each_record_once() {
    let admin = app().workspace().administrator();
    // the same records in opposite orders: whoever waits for the other comes second
    let batch = |turned: bool| {
        let mut numbers: Vec<usize> = (0..25).collect();
        if turned {
            numbers.reverse();
        }
        operations(
            &numbers
                .into_iter()
                .map(|n| upsert(&n.to_string(), &format!("k-{n}"), json!({"last_name": format!("Имя {n}")})))
                .collect::<Vec<_>>(),
        )
    };
    std::thread::scope(|scope| {
        for turn in 0..6 {
            let (admin, body) = (&admin, batch(turn % 2 == 0));
            scope.spawn(move || {
                admin.post("/v1/contacts/batch", body).ok();
            });
        }
    });
    admin.post("/v1/contacts/batch", batch(false)).ok();
    assert_eq!(contacts(&admin), 25);
}
