//! Deals: line items, moves by the pipeline's rules, the board, stuck ones, leads that become deals.

use std::collections::BTreeMap;

use kartoteka_tests::{Caller, Value, app, json};

use crate::pipeline::first;

fn card(caller: &Caller) -> String {
    caller.post("/v1/contacts", json!({"last_name": format!("Клиент {}", kartoteka_tests::workspace::unique())})).created().id()
}

fn next_task() -> Value {
    json!({"title": "Позвонить", "due_at": "2030-01-02T10:00:00Z"})
}

#[test]
fn a_deal_keeps_all_its_fields() {
    let manager = app().workspace().manager();
    let contact = card(&manager);
    let deal = json!({
        "name": "Бетон", "contacts": [{"contact_id": contact, "role": "решает"}], "budget": {"amount": 500, "currency": "USD"}, "expected_close_on": "2030-02-03",
        "utm": {"source": "yandex", "medium": null, "campaign": null, "term": null, "content": null}, "comment": "срочно", "amount": {"amount": 100, "currency": "RUB"},
        "next_task": next_task()
    });
    let made = manager.post("/v1/deals", deal.clone()).created();
    for (field, value) in deal.as_object().unwrap().iter().filter(|(field, _)| *field != "next_task") {
        assert_eq!(&made[field.as_str()], value, "{field}");
    }
    assert_eq!(made["next_task_at"], "2030-01-02T10:00:00Z");
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
    let task = manager.get(&format!("/v1/tasks?deal_id={}", made.id())).ok().items()[0].clone();
    assert_eq!((&task["contact_id"], &task["title"]), (&json!(contact), &json!("Позвонить")));
}

#[test]
fn line_items_are_counted_exactly_and_a_known_one_keeps_what_it_leaves_out() {
    let manager = app().workspace().manager();
    let lines = json!([
        {"name": "Бетон", "quantity": "3", "price": 3333, "discount_percent": "10", "tax_percent": "20"},
        {"name": "Доставка", "price": 100_000, "tax_percent": "20", "tax_included": true}]);
    let made = manager.post("/v1/deals", json!({"name": "x", "line_items": lines, "next_task": next_task()})).created();
    let line = |deal: &Value, at: usize, field: &str| deal["line_items"][at][field].clone();
    assert_eq!([line(made.json(), 0, "net"), line(made.json(), 0, "tax"), line(made.json(), 0, "total")], [8999, 1800, 10_799]);
    assert_eq!([line(made.json(), 1, "net"), line(made.json(), 1, "tax"), line(made.json(), 1, "total")], [83_333, 16_667, 100_000]);
    assert_eq!(made["amount"], json!({"amount": 110_799, "currency": "RUB"}));
    let change = json!({"line_items": [{"id": line(made.json(), 1, "id")}, {"id": line(made.json(), 0, "id"), "quantity": "1.5"}]});
    let changed = manager.patch(&made.path(), change).ok();
    assert_eq!(line(changed.json(), 0, "total"), 100_000);
    assert_eq!((line(changed.json(), 1, "quantity"), line(changed.json(), 1, "price")), (json!("1.5"), json!(3333)));
    assert_eq!(manager.get(&made.path()).ok().text(), changed.text());
    assert_eq!(manager.patch(&made.path(), json!({"line_items": []})).ok()["line_items"], json!([]));
}

#[test]
fn null_clears_a_field_of_a_line_that_stays() {
    let manager = app().workspace().manager();
    let line = json!({"name": "Бетон", "price": 100, "code": "Б1", "unit": "м³", "discount_percent": "10"});
    let made = manager.post("/v1/deals", json!({"name": "x", "line_items": [line]})).created();
    let id = &made["line_items"][0]["id"];
    let clear = json!({"line_items": [{"id": id, "unit": null, "discount_percent": null, "code": ""}]});
    let cleared = manager.patch(&made.path(), clear).ok();
    let line = &cleared["line_items"][0];
    assert_eq!((&line["id"], &line["price"], &line["unit"], &line["code"]), (id, &json!(100), &json!(null), &json!(null)));
    assert_eq!((&line["discount_percent"], &line["total"]), (&json!("0"), &json!(100)));
    assert_eq!(manager.get(&made.path()).ok().text(), cleared.text());
}

#[test]
fn a_deal_begins_where_it_has_what_the_stages_ask_for() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let (_, stages) = first(&admin);
    let amount = json!({"amount": 1, "currency": "RUB"});
    for stage in [&stages[1], &stages[3]] {
        let deal = json!({"name": "x", "stage_id": stage});
        manager.post("/v1/deals", deal).is_problem(422, "validation_failed").names_with("/amount", "required");
    }
    manager.post("/v1/deals", json!({"name": "x", "stage_id": stages[1], "amount": amount})).created();
    let strict = json!({"name": "Опт", "stages": [{"name": "А"}, {"name": "Б", "required_fields": ["expected_close_on", "amount"]},
        {"name": "В", "kind": "won"}, {"name": "Г", "kind": "lost"}]});
    let strict = admin.post("/v1/pipelines", strict).created();
    let into = |place: usize| {
        let lead = manager.post("/v1/leads", json!({"contact_id": card(&manager)})).created();
        manager.post(&format!("{}/qualify", lead.path()), json!({"stage_id": strict["stages"][place]["id"]}))
    };
    into(1).is_problem(422, "validation_failed").names_with("/amount", "required").names_with("/stage_id", "fields_missing");
    into(0).ok();
}

#[test]
fn a_step_that_no_stage_has_is_not_checked_and_one_that_was_stays() {
    let admin = app().workspace().administrator();
    let stages = json!([{"name": "А", "checklist": [{"text": "Объём"}]}, {"name": "Б", "kind": "won"}, {"name": "В", "kind": "lost"}]);
    let pipeline = admin.post("/v1/pipelines", json!({"name": "Опт", "stages": stages})).created();
    let (step, nobodys) = (pipeline.at("/stages/0/checklist/0/id").clone(), "01939d5a-0000-7000-8000-000000000000");
    let new = |checked: Value| admin.post("/v1/deals", json!({"name": "x", "pipeline_id": pipeline.id(), "checked": checked}));
    new(json!([step, nobodys])).is_problem(422, "validation_failed").names_with("/checked/1", "reference_not_found");
    let deal = new(json!([step])).created();
    let check = |checked: Value| admin.patch(&deal.path(), json!({"checked": checked}));
    check(json!([nobodys, step])).is_problem(422, "validation_failed").names_with("/checked/0", "reference_not_found");
    let ids = [0, 1, 2].map(|place: usize| pipeline["stages"][place]["id"].clone());
    let gone = json!({"stages": [{"id": ids[0], "checklist": [{"text": "Срок"}]}, {"id": ids[1]}, {"id": ids[2]}]});
    let other = admin.patch(&pipeline.path(), gone).ok().at("/stages/0/checklist/0/id").clone();
    assert_eq!(check(json!([step, other])).ok()["checked"].as_array().unwrap().len(), 2, "what is kept stays");
    assert_eq!(check(json!([other])).ok()["checked"], json!([other]));
    check(json!([step])).is_problem(422, "validation_failed").names("/checked/0");
}

#[test]
fn what_was_lost_is_opened_again_before_it_is_won() {
    let admin = app().workspace().administrator();
    let (pipeline, stages) = first(&admin);
    let reason = admin.get("/v1/lost-reasons").ok().ids().remove(0);
    admin.patch(&format!("/v1/pipelines/{pipeline}"), json!({"skipping": "nobody"})).ok();
    let deal = admin.post("/v1/deals", json!({"name": "x", "stage_id": stages[4], "amount": {"amount": 1, "currency": "RUB"}})).created();
    let go = |body: Value| admin.post(&format!("{}/move", deal.path()), body);
    go(json!({"stage_id": stages[6], "lost_reason_id": reason})).ok();
    let refused = go(json!({"stage_id": stages[5]})).is_problem(409, "move_refused");
    assert_eq!(refused["reason"], "skipping_not_allowed");
    let legal = refused["legal_moves"].as_array().unwrap();
    assert!(legal.len() == 5 && legal.iter().all(|m| m["kind"] == "open"), "{legal:?}");
    go(json!({"stage_id": stages[4]})).ok();
    assert_eq!(go(json!({"stage_id": stages[5]})).ok()["outcome"], "won");
}

#[test]
fn what_cannot_be_sold_is_refused() {
    let manager = app().workspace().manager();
    let refused = |body: Value| manager.post("/v1/deals", body).is_problem(422, "validation_failed");
    refused(json!({"name": "x", "amount": {"amount": -1, "currency": "RUB"}})).names("/amount/amount");
    refused(json!({"name": "x", "amount": {"amount": 1, "currency": "QQQ"}})).names_with("/amount/currency", "invalid_currency");
    let line = |price: i64, quantity: &str| json!({"name": "x", "line_items": [{"name": "y", "price": price, "quantity": quantity}]});
    refused(line(9_007_199_254_740_991, "2")).names_with("/line_items/0/price", "amount_too_large");
    refused(line(1, "-2")).names_with("/line_items/0/quantity", "invalid_number");
    let many: Vec<Value> = (0..201).map(|_| json!({"name": "y", "price": 1})).collect();
    refused(json!({"name": "x", "line_items": many})).names_with("/line_items", "too_long");
    refused(json!({"name": "x", "expected_close_on": "9999-01-01"})).names_with("/expected_close_on", "invalid_time");
    refused(json!({"contacts": []})).names_with("/name", "required");
}

#[test]
fn a_deal_is_moved_by_the_rules_of_its_pipeline() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let (pipeline, stages) = first(&admin);
    let deal = manager.post("/v1/deals", json!({"name": "x", "next_task": next_task()})).created();
    let to = |caller: &Caller, place: usize| caller.post(&format!("{}/move", deal.path()), json!({"stage_id": stages[place]}));
    let refused = to(&manager, 1).is_problem(409, "move_refused");
    assert_eq!((&refused["reason"], &refused["missing_fields"]), (&json!("fields_missing"), &json!(["amount"])));
    assert_eq!(refused["legal_moves"][0]["stage_id"], stages[1].as_str());
    manager.patch(&deal.path(), json!({"amount": {"amount": 100, "currency": "RUB"}})).ok();
    assert_eq!(to(&manager, 1).ok()["stage_id"], stages[1].as_str());
    to(&manager, 1).is_problem(422, "validation_failed").names_with("/stage_id", "same_stage");
    admin.patch(&format!("/v1/pipelines/{pipeline}"), json!({"skipping": "nobody", "going_back": "heads"})).ok();
    let refused = to(&manager, 4).is_problem(409, "move_refused");
    assert_eq!(refused["reason"], "skipping_not_allowed");
    let legal: Vec<&str> = refused["legal_moves"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!(legal, ["Переговоры", "Не состоялась"]);
    assert_eq!(to(&manager, 0).is_problem(409, "move_refused")["reason"], "going_back_not_allowed");
    assert_eq!(to(&admin, 0).ok()["stage_id"], stages[0].as_str(), "who changes other people's deals may go back");
    let moves = manager.get(&format!("{}/moves", deal.path())).ok();
    assert_eq!(moves["data"].as_array().unwrap().len(), 2);
    let other = admin.post("/v1/pipelines", json!({"name": "Другая"})).created();
    manager
        .post(&format!("{}/move", deal.path()), json!({"stage_id": other["stages"][1]["id"]}))
        .is_problem(422, "validation_failed")
        .names_with("/stage_id", "other_pipeline");
}

#[test]
fn a_deal_is_won_lost_with_its_reason_and_opened_again() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let (_, stages) = first(&admin);
    let reason = admin.get("/v1/lost-reasons").ok().ids().remove(0);
    let deal = manager.post("/v1/deals", json!({"name": "x", "amount": {"amount": 1, "currency": "RUB"}})).created();
    let go = |caller: &Caller, body: Value| caller.post(&format!("{}/move", deal.path()), body);
    go(&manager, json!({"stage_id": stages[6]})).is_problem(422, "validation_failed").names_with("/lost_reason_id", "required");
    let lost = go(&manager, json!({"stage_id": stages[6], "lost_reason_id": reason, "comment": "дорого"})).ok();
    assert_eq!((&lost["outcome"], &lost["lost_reason_id"], &lost["lost_comment"]), (&json!("lost"), &json!(reason), &json!("дорого")));
    assert!(lost["closed_at"].is_string());
    assert_eq!(go(&manager, json!({"stage_id": stages[0]})).is_problem(409, "move_refused")["reason"], "reopening_not_allowed");
    let open = go(&admin, json!({"stage_id": stages[0]})).ok();
    assert_eq!((&open["outcome"], &open["lost_reason_id"], &open["closed_at"]), (&json!("open"), &json!(null), &json!(null)));
    let won = go(&manager, json!({"stage_id": stages[5]})).ok();
    assert_eq!(won["outcome"], "won");
    let way = manager.get(&format!("{}/stage-changes", deal.path())).ok();
    let names: Vec<&str> = way.items().iter().map(|step| step["to_stage_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Успешно завершена", "Первый контакт", "Не состоялась", "Первый контакт"]);
    assert_eq!(way.items()[2]["reason"], "дорого");
    let page = manager.get(&format!("{}/stage-changes?limit=3", deal.path())).ok();
    let rest = manager.get(&format!("{}/stage-changes?cursor={}", deal.path(), page["next_cursor"].as_str().unwrap())).ok();
    assert_eq!(rest.items().len(), 1);
}

#[test]
fn the_board_is_the_sum_of_its_cards_in_their_manual_order() {
    let manager = app().workspace().manager();
    let (pipeline, stages) = first(&manager);
    let mut sums: BTreeMap<(usize, &str), i64> = BTreeMap::new();
    for number in 0..12_i64 {
        let (place, currency) = (usize::try_from(number % 3).unwrap(), ["RUB", "JPY", "KWD"][usize::try_from(number % 2).unwrap()]);
        let amount = json!({"amount": number * 1001, "currency": currency});
        manager.post("/v1/deals", json!({"name": number.to_string(), "stage_id": stages[place], "amount": amount})).created();
        *sums.entry((place, currency)).or_default() += number * 1001;
    }
    let board = manager.get(&format!("/v1/pipelines/{pipeline}/board?limit=3")).ok();
    for place in 0..3 {
        let column = &board["stages"][place];
        assert_eq!(column["count"], 4);
        for sum in column["sums"].as_array().unwrap() {
            assert_eq!(sum["amount"], sums[&(place, sum["currency"].as_str().unwrap())]);
        }
        assert_eq!(column["deals"].as_array().unwrap().len(), 3);
    }
    let column = &board["stages"][0];
    let list = |more: &str| manager.get(&format!("/v1/deals?stage_id={}&sort=board{more}", stages[0])).ok();
    let rest = list(&format!("&cursor={}", column["next_cursor"].as_str().unwrap()));
    let all = list("").ids();
    assert_eq!((rest.items().len(), &rest.ids()[0]), (1, &all[3]), "the list goes on where the board ends");
    let name = |id: &str| manager.get(&format!("/v1/deals/{id}")).ok()["name"].as_str().unwrap().to_owned();
    assert_eq!(all.iter().map(|id| name(id)).collect::<Vec<_>>(), ["9", "6", "3", "0"], "the newest is on top");
    manager.post(&format!("/v1/deals/{}/place", all[0]), json!({"below_deal_id": all[2]})).ok();
    assert_eq!(list("").ids(), [&all[1], &all[2], &all[0], &all[3]].map(Clone::clone));
    manager.post(&format!("/v1/deals/{}/place", all[3]), json!({})).ok();
    assert_eq!(list("").ids(), [&all[3], &all[1], &all[2], &all[0]].map(Clone::clone));
    let elsewhere = manager.get(&format!("/v1/deals?stage_id={}", stages[1])).ok().ids().remove(0);
    manager.post(&format!("/v1/deals/{}/place", all[3]), json!({"below_deal_id": elsewhere})).is_problem(422, "validation_failed");
}

#[test]
fn a_stuck_deal_says_why() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/deals", json!({"name": "x"})).created();
    let stuck = manager.get("/v1/stuck-deals").ok();
    assert_eq!((&stuck.items()[0]["deal"]["id"], &stuck.items()[0]["reasons"][0]["code"]), (&json!(made.id()), &json!("no_next_step")));
    manager.post("/v1/tasks", json!({"title": "x", "deal_id": made.id(), "due_at": "2030-01-01T00:00:00Z"})).created();
    assert!(manager.get("/v1/stuck-deals").ok().items().is_empty());
}

#[test]
fn a_qualified_lead_is_a_deal_with_its_client_source_and_tasks() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let source = admin.get("/v1/sources").ok().ids().remove(0);
    let contact = card(&manager);
    let lead =
        json!({"contact_id": contact, "title": "Щебень", "source_id": source, "utm": {"campaign": "весна"}, "next_task": next_task()});
    let lead = manager.post("/v1/leads", lead).created();
    let path = format!("{}/qualify", lead.path());
    manager
        .post(&path, json!({"stage_id": "01939d5a-0000-7000-8000-000000000000"}))
        .is_problem(422, "validation_failed")
        .names("/stage_id");
    let nobody = json!({"contact_id": "01939d5a-0000-7000-8000-000000000000"});
    manager.post(&path, nobody).is_problem(422, "validation_failed").names_with("/contact_id", "reference_not_found");
    let done = manager.post(&path, json!({})).ok();
    let deal = done["deal"].clone();
    assert_eq!((done.at("/lead/status"), done.at("/lead/deal_id")), (&json!("qualified"), &deal["id"]));
    assert!(done.at("/lead/first_response_at").is_string());
    assert_eq!((&deal["name"], &deal["source_id"], &deal["utm"]["campaign"]), (&json!("Щебень"), &json!(source), &json!("весна")));
    assert_eq!((&deal["contacts"][0]["contact_id"], &deal["lead_id"]), (&json!(contact), &json!(lead.id())));
    assert_eq!(deal["next_task_at"], "2030-01-02T10:00:00Z", "the lead's open task is the deal's");
    assert_eq!(manager.get(&format!("/v1/deals/{}", deal["id"].as_str().unwrap())).ok().json(), &deal);
    manager.post(&path, json!({})).is_problem(409, "lead_closed");
    workspace.operator().post(&path, json!({})).is_problem(403, "forbidden");
}

#[test]
fn a_manager_sees_his_own_deals_and_those_of_his_clients() {
    let workspace = app().workspace();
    let (admin, anna, boris) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let contact = card(&anna);
    let of = |owner: &Caller, body: Value| {
        let mut body = body;
        body["owner_id"] = json!(owner.user_id);
        admin.post("/v1/deals", body).created().id()
    };
    let hers = of(&anna, json!({"name": "a"}));
    let of_her_client = of(&boris, json!({"name": "b", "contacts": [{"contact_id": contact}]}));
    let his = of(&boris, json!({"name": "c"}));
    let mut seen = anna.get("/v1/deals").ok().ids();
    seen.sort();
    let mut expected = vec![hers, of_her_client];
    expected.sort();
    assert_eq!(seen, expected);
    anna.get(&format!("/v1/deals/{his}")).is_problem(404, "not_found");
    let (pipeline, _) = first(&anna);
    assert_eq!(anna.get(&format!("/v1/pipelines/{pipeline}/board")).ok()["stages"][0]["count"], 2);
}
