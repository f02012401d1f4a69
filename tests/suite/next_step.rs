//! Always a next step: with `require` no request leaves an open lead, an open deal or a customer without one, whatever door it comes through and
//! however many come at once.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use kartoteka_tests::{Caller, Value, Workspace, app, json};

use crate::pipeline::first;

const DUE: &str = "2030-01-02T10:00:00Z";

fn next_task() -> Value {
    json!({"title": "Дальше", "due_at": DUE})
}

/// Sets the guarantee for leads, deals and contacts.
pub fn demand(workspace: &Workspace, policy: &str) {
    let admin = workspace.administrator();
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["next_step"] = json!({"lead": policy, "deal": policy, "contact": policy});
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
}

fn missing(caller: &Caller) -> usize {
    ["lead", "deal", "contact"].iter().map(|kind| caller.get(&format!("/v1/attention?record_type={kind}")).ok().items().len()).sum()
}

#[test]
fn nothing_is_made_without_a_next_step_or_a_reason() {
    let workspace = app().workspace();
    demand(&workspace, "require");
    let manager = workspace.manager();
    let contact = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let bodies = [
        ("/v1/leads", json!({"contact_id": contact})),
        ("/v1/deals", json!({"name": "x"})),
        ("/v1/contacts", json!({"last_name": "Белый", "type": "customer"})),
    ];
    for (path, body) in bodies {
        let with = |field: &str, value: Value| {
            let mut body = body.clone();
            body[field] = value;
            manager.post(path, body)
        };
        manager.post(path, body.clone()).is_problem(422, "validation_failed").names_with("/next_task", "next_step_required");
        with("next_task", json!({"title": "без срока"}))
            .is_problem(422, "validation_failed")
            .names_with("/next_task", "next_step_required");
        let planned = with("next_task", next_task()).created();
        assert_eq!(planned["next_task_at"], DUE);
        let mut other = body.clone();
        if path == "/v1/contacts" {
            other["last_name"] = json!("Чёрный");
        }
        other["no_next_step_reason"] = json!("ждём весны");
        let reasoned = manager.post(path, other).created();
        assert_eq!(reasoned["no_next_step_reason"], "ждём весны");
        assert_eq!(manager.get(&reasoned.path()).ok().text(), reasoned.text());
    }
    assert_eq!(missing(&manager), 0);
}

#[test]
fn the_last_step_is_not_taken_away_by_any_door() {
    let workspace = app().workspace();
    demand(&workspace, "require");
    let (admin, manager, colleague) = (workspace.administrator(), workspace.manager(), workspace.manager());
    let deal = manager.post("/v1/deals", json!({"name": "x", "next_task": next_task()})).created();
    let task = manager.get(&format!("/v1/tasks?deal_id={}", deal.id())).ok().items()[0].clone();
    let task = format!("/v1/tasks/{}", task["id"].as_str().unwrap());
    let wanted = |answer: kartoteka_tests::Answer, pointer: &str| {
        answer.is_problem(422, "validation_failed").names_with(pointer, "next_step_required")
    };
    wanted(manager.post(&format!("{task}/complete"), json!({})), "/next_task");
    wanted(manager.post(&format!("{task}/cancel"), json!({})), "/reason");
    wanted(manager.patch(&task, json!({"due_at": null})), "/due_at");
    wanted(manager.patch(&task, json!({"deal_id": null})), "/due_at");
    wanted(manager.delete(&task), "");
    // a task of somebody who is gone is no next step
    admin.patch(&task, json!({"owner_id": colleague.user_id})).ok();
    wanted(admin.patch(&format!("/v1/users/{}", colleague.user_id), json!({"active": false})), "/active");
    admin.patch(&task, json!({"owner_id": manager.user_id})).ok();
    admin.patch(&format!("/v1/users/{}", colleague.user_id), json!({"active": false})).ok();
    let next = manager.post(&format!("{task}/complete"), json!({"next_task": next_task()})).ok();
    let next = format!("/v1/tasks/{}", next.at("/next_task/id").as_str().unwrap());
    manager.post(&format!("{next}/complete"), json!({"no_next_step_reason": "уехал"})).ok();
    assert_eq!(manager.get(&deal.path()).ok()["no_next_step_reason"], "уехал");
    // the next task takes the place of the reason
    manager.post("/v1/tasks", json!({"title": "x", "deal_id": deal.id(), "due_at": DUE})).created();
    assert_eq!(manager.get(&deal.path()).ok()["no_next_step_reason"], Value::Null);
    assert_eq!(missing(&manager), 0);
}

#[test]
fn a_closed_deal_needs_none_and_one_opened_again_does() {
    let workspace = app().workspace();
    demand(&workspace, "require");
    let admin = workspace.administrator();
    let (_, stages) = first(&admin);
    let amount = json!({"amount": 1, "currency": "RUB"});
    let deal = admin.post("/v1/deals", json!({"name": "x", "amount": amount, "next_task": next_task()})).created();
    let go = |body: Value| admin.post(&format!("{}/move", deal.path()), body);
    let task = admin.get(&format!("/v1/tasks?deal_id={}", deal.id())).ok().ids().remove(0);
    go(json!({"stage_id": stages[5]})).ok();
    admin.post(&format!("/v1/tasks/{task}/complete"), json!({})).ok();
    go(json!({"stage_id": stages[0]})).is_problem(422, "validation_failed").names_with("/next_task", "next_step_required");
    assert_eq!(go(json!({"stage_id": stages[0], "next_task": next_task()})).ok()["next_task_at"], DUE);
}

/// Ends the only task of a record, for a reason that is no longer one when the record is opened again.
fn end(caller: &Caller, of: &str) {
    let task = caller.get(&format!("/v1/tasks?status=open&{of}")).ok().ids().remove(0);
    caller.post(&format!("/v1/tasks/{task}/complete"), json!({"no_next_step_reason": "всё кончено"})).ok();
}

fn is_wanted(answer: kartoteka_tests::Answer) {
    answer.is_problem(422, "validation_failed").names_with("/next_task", "next_step_required");
}

#[test]
fn a_deal_opened_or_restored_needs_its_reason_anew() {
    let workspace = app().workspace();
    demand(&workspace, "require");
    let admin = workspace.administrator();
    let (_, stages) = first(&admin);
    let lost = admin.get("/v1/lost-reasons").ok().ids().remove(0);
    let deal = admin.post("/v1/deals", json!({"name": "x", "next_task": next_task()})).created();
    let go = |body: Value| admin.post(&format!("{}/move", deal.path()), body);
    end(&admin, &format!("deal_id={}", deal.id()));
    go(json!({"stage_id": stages[6], "lost_reason_id": lost})).ok();
    is_wanted(go(json!({"stage_id": stages[0]})));
    let opened = go(json!({"stage_id": stages[0], "no_next_step_reason": "ждём весны"})).ok();
    assert_eq!(opened["no_next_step_reason"], "ждём весны");
    assert_eq!(admin.get(&deal.path()).ok().text(), opened.text());
    // an archived one is brought back with a step
    admin.delete(&deal.path()).no_content();
    is_wanted(admin.post_nothing(&format!("{}/restore", deal.path())));
    demand(&workspace, "warn");
    let restored = admin.post_nothing(&format!("{}/restore", deal.path())).ok();
    assert_eq!((restored.warnings(), &restored["no_next_step_reason"]), (vec!["next_step_missing".to_owned()], &Value::Null));
    assert_eq!(admin.get(&deal.path()).ok()["no_next_step_reason"], Value::Null);
    assert_eq!(missing(&admin), 1);
}

#[test]
fn a_lead_taken_up_again_needs_its_reason_anew() {
    let workspace = app().workspace();
    demand(&workspace, "require");
    let admin = workspace.administrator();
    let reason = admin.get("/v1/reject-reasons").ok().ids().remove(0);
    let contact = admin.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let lead = admin.post("/v1/leads", json!({"contact_id": contact, "next_task": next_task()})).created();
    admin.post(&format!("{}/reject", lead.path()), json!({"reject_reason_id": reason})).ok();
    end(&admin, &format!("lead_id={}", lead.id()));
    is_wanted(admin.patch(&lead.path(), json!({"status": "new"})));
    assert_eq!(admin.patch(&lead.path(), json!({"status": "new", "next_task": next_task()})).ok()["next_task_at"], DUE);
}

#[test]
fn a_client_who_becomes_one_again_needs_his_reason_anew() {
    let workspace = app().workspace();
    demand(&workspace, "require");
    let admin = workspace.administrator();
    let contact = admin.post("/v1/contacts", json!({"last_name": "Блок", "type": "customer", "no_next_step_reason": "уехал"})).created();
    // as long as he is one, the reason stands
    assert_eq!(admin.patch(&contact.path(), json!({"comment": "до весны"})).ok()["no_next_step_reason"], "уехал");
    admin.patch(&contact.path(), json!({"type": "lead"})).ok();
    is_wanted(admin.patch(&contact.path(), json!({"type": "customer"})));
    let back = admin.patch(&contact.path(), json!({"type": "customer", "no_next_step_reason": "уехал"})).ok();
    assert_eq!(back["no_next_step_reason"], "уехал");
    assert_eq!(missing(&admin), 0);
}

#[test]
fn with_warn_the_answer_says_so_and_the_list_names_it() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    let deal = manager.post("/v1/deals", json!({"name": "x"})).created();
    assert_eq!(deal.warnings(), ["next_step_missing"]);
    let listed = manager.get("/v1/attention?record_type=deal").ok();
    assert_eq!((&listed.items()[0]["record_id"], listed.items().len()), (&json!(deal.id()), 1));
    assert!(workspace.manager().get("/v1/attention?record_type=deal").ok().items().is_empty(), "who does not see it is not told of it");
    demand(&workspace, "off");
    assert!(manager.post("/v1/deals", json!({"name": "y"})).created().warnings().is_empty());
}

/// A small generator: the same seed makes the same steps.
struct Dice(u64);
impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % sides.max(1)
    }
    fn pick<'a>(&mut self, from: &'a [String]) -> Option<&'a String> {
        from.get(self.roll(from.len()))
    }
}

#[derive(Default)]
struct Known {
    leads: Vec<String>,
    deals: Vec<String>,
    tasks: Vec<String>,
    customers: Vec<String>,
}

/// One random step; what it made is known to everybody afterwards.
fn step(caller: &Caller, dice: &mut Dice, known: &Mutex<Known>, people: &[String], stages: &[String], reason: &str) -> u16 {
    let (lead, deal, task, customer) = {
        let known = known.lock().unwrap();
        let mut of = |list: &[String]| {
            dice.pick(&list[list.len().saturating_sub(30)..]).cloned().unwrap_or_else(|| "01939d5a-0000-7000-8000-000000000000".into())
        };
        (of(&known.leads), of(&known.deals), of(&known.tasks), of(&known.customers))
    };
    let person = people[dice.roll(people.len())].clone();
    let next = match dice.roll(4) {
        0 => Value::Null,
        1 => json!({"title": "без срока"}),
        _ => json!({"title": "Дальше", "due_at": DUE, "owner_id": person}),
    };
    let number = kartoteka_tests::workspace::unique();
    let answer = match dice.roll(18) {
        0 => caller.post("/v1/leads", json!({"contact_id": customer, "next_task": next})),
        1 => caller.post("/v1/deals", json!({"name": "x", "amount": {"amount": 1, "currency": "RUB"}, "next_task": next})),
        2 => caller.post("/v1/contacts", json!({"last_name": format!("К{number}"), "type": "customer", "next_task": next})),
        3..=5 => caller.post(&format!("/v1/tasks/{task}/complete"), json!({"next_task": next})),
        6 => caller.post(&format!("/v1/tasks/{task}/cancel"), json!({})),
        7 => caller.delete(&format!("/v1/tasks/{task}")),
        8 => caller.patch(&format!("/v1/tasks/{task}"), json!({"due_at": null})),
        9 => caller.patch(&format!("/v1/tasks/{task}"), json!({"owner_id": person})),
        10 => caller.patch(&format!("/v1/tasks/{task}"), json!({"deal_id": deal, "lead_id": null, "contact_id": null})),
        11 => caller.post("/v1/tasks", json!({"title": "ещё", "deal_id": deal, "due_at": DUE, "owner_id": person})),
        12 => {
            let to = dice.roll(stages.len());
            let lost = if to == 6 { json!(reason) } else { Value::Null };
            caller.post(&format!("/v1/deals/{deal}/move"), json!({"stage_id": stages[to], "lost_reason_id": lost, "next_task": next}))
        }
        13 => caller.post(&format!("/v1/leads/{lead}/qualify"), json!({"next_task": next})),
        14 => caller.post(&format!("/v1/leads/{lead}/reject"), json!({"reject_reason_id": null})),
        15 => caller.patch(&format!("/v1/users/{person}"), json!({"active": dice.roll(2) == 0})),
        16 => caller.post("/v1/communications", json!({"channel": "call", "direction": "inbound", "deal_id": deal, "next_task": next})),
        _ => caller.post_nothing(&format!("/v1/tasks/{task}/reopen")),
    };
    assert!(answer.status < 500 || answer.status == 503, "{answer}");
    if answer.status < 300 && answer.status != 204 {
        let mut known = known.lock().unwrap();
        let body = answer.json();
        let is = |field: &str| body[field].is_string() || body[field].is_object();
        match () {
            () if is("received_at") => known.leads.push(answer.id()),
            () if is("stage_entered_at") => known.deals.push(answer.id()),
            () if body["display_name"].is_string() && body["type"] == "customer" => known.customers.push(answer.id()),
            () if body["deal"].is_object() => known.deals.push(body["deal"]["id"].as_str().unwrap().to_owned()),
            () => {}
        }
        let made = [&body["id"], &body["next_task"]["id"]];
        if body["due_at"].is_string() && body["status"] == "open" {
            known.tasks.extend(made[0].as_str().map(ToOwned::to_owned));
        }
        known.tasks.extend(made[1].as_str().map(ToOwned::to_owned));
    }
    answer.status
}

/// Eight clients at random for a while, one that looks all the time; how many times it saw a record without its next step.
fn storm(policy: &str, steps: usize) -> (usize, usize, usize) {
    let workspace = app().workspace();
    demand(&workspace, policy);
    let admin = workspace.administrator();
    let (_, stages) = first(&admin);
    let reason = admin.get("/v1/lost-reasons").ok().ids().remove(0);
    let people: Vec<String> = (0..4).map(|_| workspace.manager().user_id.clone()).collect();
    let known = Mutex::new(Known::default());
    for number in 0..6 {
        let body = json!({"last_name": format!("Начало {number}"), "type": "customer", "next_task": next_task()});
        known.lock().unwrap().customers.push(admin.post("/v1/contacts", body).created().id());
        known.lock().unwrap().deals.push(admin.post("/v1/deals", json!({"name": "x", "next_task": next_task()})).created().id());
    }
    known.lock().unwrap().tasks.extend(admin.get("/v1/tasks?limit=200").ok().ids());
    let (left, done, seen, looks) = (AtomicUsize::new(steps), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..8_u64)
            .map(|seed| {
                let (caller, left, done, known, people, stages, reason) =
                    (workspace.administrator(), &left, &done, &known, &people, &stages, &reason);
                scope.spawn(move || {
                    let mut dice = Dice(seed * 7919 + 17);
                    while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                        if step(&caller, &mut dice, known, people, stages, reason) < 300 {
                            done.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                seen.fetch_add(missing(&admin), Ordering::SeqCst);
                looks.fetch_add(1, Ordering::SeqCst);
            }
        });
        let ended: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        watcher.join().unwrap();
        for client in ended {
            client.unwrap();
        }
    });
    seen.fetch_add(missing(&admin), Ordering::SeqCst);
    println!("{policy}: {steps} steps, {} took effect, {} looks", done.load(Ordering::SeqCst), looks.load(Ordering::SeqCst));
    (seen.load(Ordering::SeqCst), done.load(Ordering::SeqCst), looks.load(Ordering::SeqCst))
}

#[test]
fn eight_clients_at_random_never_leave_a_record_without_its_next_step() {
    let steps = if std::env::var_os("SUITE_LONG").is_some() { 50_000 } else { 1_200 };
    let (seen, done, looks) = storm("require", steps);
    assert!(done * 5 > steps && looks > 3, "{done} of {steps} steps took effect, {looks} looks: nothing was tried");
    assert_eq!(seen, 0, "a record without its next step was seen");
}

#[test]
fn the_storm_leaves_records_without_a_next_step_where_nothing_demands_one() {
    assert!(storm("off", 300).0 > 0, "the test could not have seen it");
}
