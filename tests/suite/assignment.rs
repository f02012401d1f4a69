//! Rules of assignment: the first that fits decides, fairly, and says why.

use std::collections::BTreeMap;

use kartoteka_tests::{Answer, Caller, Value, Workspace, app, eventually, json, workspace::unique};

const RULES: &str = "/v1/assignment-rules";

fn rule(admin: &Caller, more: &Value) -> Answer {
    let mut body = json!({"name": format!("Правило {}", unique())});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post(RULES, body).created()
}

/// An enquiry through the website.
struct Site {
    admin: Caller,
    door: String,
}

impl Site {
    fn of(workspace: &Workspace, more: Value) -> Self {
        let form = workspace.form(more);
        Self { admin: workspace.administrator(), door: format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap()) }
    }
    fn enquire(&self, fields: Value) -> Value {
        let receipt = app().anyone().post(&self.door, json!({"fields": fields})).accepted();
        let path = format!("/v1/submissions/{}", receipt["submission_id"].as_str().unwrap());
        let done = eventually("the submission", || Some(self.admin.get(&path).ok()).filter(|s| s["state"] == "processed"));
        self.admin.get(&format!("/v1/leads/{}", done["lead_id"].as_str().unwrap())).ok().json().clone()
    }
    fn somebody(&self) -> Value {
        self.enquire(json!({"name": "Анна", "phone": format!("+7912{:07}", unique() % 10_000_000)}))
    }
}

fn decision(admin: &Caller, lead: &Value) -> Value {
    let all = admin.get(&format!("/v1/assignment-decisions?lead_id={}", lead["id"].as_str().unwrap())).ok();
    all.items()[0].clone()
}

#[test]
fn the_first_rule_that_fits_decides_and_the_ledger_says_why() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (anna, boris, vera) = (workspace.manager(), workspace.manager(), workspace.manager());
    let site = Site::of(&workspace, json!({}));
    let moscow = json!({"position": 1, "conditions": {"phone_prefixes": ["+7 495"]}, "method": "user", "user_ids": [anna.user_id]});
    let audit = json!({"position": 2, "conditions": {"answers": [{"key": "услуга", "operator": "contains", "value": "аудит"}]}, "method": "user", "user_ids": [boris.user_id]});
    let (moscow, audit) = (rule(&admin, &moscow), rule(&admin, &audit));
    rule(&admin, &json!({"position": 3, "method": "user", "user_ids": [vera.user_id]}));
    let lead = site.enquire(json!({"name": "А", "phone": "+74951234567", "услуга": "Аудит"}));
    assert_eq!(lead["owner_id"], anna.user_id.as_str());
    let told = decision(&admin, &lead);
    assert_eq!(
        json!([told["rule_id"], told["rule_name"], told["method"], told["user_id"], told["occasion"], told["reason"]]),
        json!([moscow["id"], moscow["name"], "user", anna.user_id, "submission", lead["assignment_reason"]])
    );
    assert_eq!(told["candidates"], json!([{"user_id": anna.user_id, "skipped": null, "open_leads": 0, "open_tasks": 0}]));
    let lead = site.enquire(json!({"name": "Б", "phone": "+78121234567", "Услуга": "аудит сайта"}));
    assert_eq!((&lead["owner_id"], &decision(&admin, &lead)["rule_id"]), (&json!(boris.user_id), &audit["id"]));
    assert_eq!(site.somebody()["owner_id"], vera.user_id.as_str());
    // who is away is passed over
    admin.patch(&format!("/v1/users/{}", boris.user_id), json!({"absent_until": "2090-01-01T00:00:00Z"})).ok();
    let lead = site.enquire(json!({"name": "В", "phone": "+78127654321", "услуга": "аудит"}));
    assert_eq!(lead["owner_id"], vera.user_id.as_str());
    // a rule that is switched off or archived is not asked
    admin.patch(&moscow.path(), json!({"active": false})).ok();
    admin.delete(&audit.path()).no_content();
    assert_eq!(site.enquire(json!({"name": "Г", "phone": "+74957654321", "услуга": "аудит"}))["owner_id"], vera.user_id.as_str());
    assert_eq!(admin.get(&format!("{RULES}?active=true")).ok().items().len(), 1);
}

#[test]
fn a_round_is_fair_however_many_enquiries_come_at_once() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let people = [workspace.manager(), workspace.manager(), workspace.manager()];
    let ids: Vec<&str> = people.iter().map(|p| p.user_id.as_str()).collect();
    rule(&admin, &json!({"method": "round_robin", "user_ids": ids}));
    let site = Site::of(&workspace, json!({"rate_per_minute": 1000}));
    let leads: Vec<Value> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|_| scope.spawn(|| site.somebody())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for lead in &leads {
        *counts.entry(lead["owner_id"].as_str().unwrap()).or_default() += 1;
    }
    assert!(counts.len() == 3 && counts.values().all(|count| (3..=4).contains(count)), "{counts:?}");
}

#[test]
fn the_least_loaded_of_a_department_is_chosen() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created();
    let of = json!({"department_id": department["id"]});
    let (busy, free) = (workspace.somebody("manager", of.clone()), workspace.somebody("manager", of));
    let card = busy.post("/v1/contacts", json!({"last_name": "К"})).created();
    for _ in 0..2 {
        busy.post("/v1/leads", json!({"contact_id": card["id"]})).created();
    }
    rule(&admin, &json!({"method": "least_loaded", "department_id": department["id"]}));
    let lead = Site::of(&workspace, json!({})).somebody();
    assert_eq!(lead["owner_id"], free.user_id.as_str());
    let candidates = decision(&admin, &lead)["candidates"].clone();
    assert_eq!(candidates[1], json!({"user_id": busy.user_id, "skipped": "busy_more", "open_leads": 2, "open_tasks": 0}));
}

#[test]
fn a_form_s_own_assignment_goes_before_the_rules_and_a_call_goes_by_them() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    rule(&admin, &json!({"method": "user", "user_ids": [boris.user_id]}));
    let own = Site::of(&workspace, json!({"assignment": {"kind": "user", "user_id": anna.user_id}}));
    let lead = own.somebody();
    assert_eq!((&lead["owner_id"], &decision(&admin, &lead)["rule_id"]), (&json!(anna.user_id), &Value::Null));
    let call = json!({"call_id": "1", "event": "ringing", "direction": "inbound", "from": "+79120000077", "to": "101", "occurred_at": "2026-03-01T09:00:00Z"});
    let call = workspace.key("integration").post("/v1/channels/telephony/events", call).ok();
    assert_eq!((call.at("/contact/owner_id"), call.at("/lead/owner_id")), (&json!(boris.user_id), &json!(boris.user_id)));
    assert_eq!(decision(&admin, &call["lead"])["occasion"], "call");
}

#[test]
fn a_lead_is_assigned_anew_by_request() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let card = anna.post("/v1/contacts", json!({"last_name": "К"})).created();
    let step = json!({"title": "Перезвонить", "due_at": "2090-01-02T10:00:00Z"});
    let lead = anna.post("/v1/leads", json!({"contact_id": card["id"], "next_task": step})).created();
    let others = admin.post("/v1/tasks", json!({"title": "Проверить", "lead_id": lead.id()})).created();
    let assign = format!("{}/assign", lead.path());
    let kept = admin.post_nothing(&assign).ok();
    assert_eq!((&kept["owner_id"], kept.at("/warnings/0/code")), (&json!(anna.user_id), &json!("nobody_available")));
    rule(&admin, &json!({"method": "user", "user_ids": [boris.user_id]}));
    let given = admin.post_nothing(&assign).ok();
    assert_eq!(given["owner_id"], boris.user_id.as_str());
    assert_eq!(decision(&admin, given.json())["occasion"], "request");
    // what was hers to do about it is his, what was somebody else's stays
    let task = boris.get(&format!("/v1/tasks?lead_id={}&owner_id={}", lead.id(), boris.user_id)).ok().ids().remove(0);
    let changes = admin.get(&format!("/v1/audit-events?record_type=task&record_id={task}")).ok();
    assert!(changes.items().iter().any(|event| event["changes"]["owner_id"]["after"] == boris.user_id.as_str()), "{changes}");
    assert_eq!(admin.get(&others.path()).ok()["owner_id"], admin.user_id.as_str());
    // whoever does not see the lead sees no decision about it
    assert!(workspace.manager().get("/v1/assignment-decisions").ok().items().is_empty());
    assert_eq!(anna.get("/v1/assignment-decisions").ok().items().len(), 2, "it is her client's");
}

#[test]
fn a_rule_that_cannot_choose_is_refused() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    admin.post(RULES, json!({})).is_problem(422, "validation_failed").names("/name").names("/method");
    let wrong = json!({"name": "x", "method": "round_robin", "user_ids": [], "conditions": {"phone_prefixes": ["495"], "regions": [" "]}});
    let refused = admin.post(RULES, wrong).is_problem(422, "validation_failed").names_with("/user_ids", "required");
    refused.names_with("/conditions/phone_prefixes/0", "invalid_phone").names_with("/conditions/regions/0", "required");
    let nobody = json!({"name": "x", "method": "user", "user_ids": ["01939d5a-0000-7000-8000-000000000000"]});
    admin.post(RULES, nobody).is_problem(422, "validation_failed").names_with("/user_ids/0", "reference_not_found");
    workspace.manager().post(RULES, json!({"name": "x", "method": "keep_present"})).is_problem(403, "forbidden");
    assert!(admin.get(RULES).ok().items().is_empty());
}
