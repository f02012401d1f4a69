//! Telephony: a call is one communication, however its events come; unknown numbers, missed calls, whom to switch to.

use kartoteka_tests::{Answer, Caller, Value, Workspace, app, json, workspace::unique};

const EVENTS: &str = "/v1/channels/telephony/events";

/// One call from outside.
struct Line {
    exchange: Caller,
    call_id: String,
    number: String,
}

impl Line {
    fn new(workspace: &Workspace) -> Self {
        let number = unique();
        Self {
            exchange: workspace.key("integration"),
            call_id: format!("call-{number}"),
            number: format!("+7912{:07}", number % 10_000_000),
        }
    }
    fn body(&self, event: &str, second: u32, more: &Value) -> Value {
        let mut body = json!({"call_id": self.call_id, "event": event, "direction": "inbound", "from": self.number, "to": "+74951234567",
            "occurred_at": format!("2026-03-01T09:00:{second:02}Z")});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        if body["direction"] == "outbound" {
            (body["from"], body["to"]) = (body["to"].clone(), body["from"].clone());
        }
        body
    }
    fn tell(&self, event: &str, second: u32, more: &Value) -> Answer {
        self.exchange.post(EVENTS, self.body(event, second, more)).ok()
    }
    fn again(&self) -> Self {
        Self { exchange: self.exchange.clone(), call_id: format!("call-{}", unique()), number: self.number.clone() }
    }
}

fn extensions(workspace: &Workspace, people: &[(&str, &Caller)]) {
    let all: Vec<Value> = people.iter().map(|(extension, person)| json!({"extension": extension, "user_id": person.user_id})).collect();
    workspace.administrator().patch("/v1/workspace", json!({"telephony": {"extensions": all}})).ok();
}

fn tasks(admin: &Caller, contact: &Value) -> Vec<Value> {
    admin.get(&format!("/v1/tasks?contact_id={}&sort=created_at", contact.as_str().unwrap())).ok().items().to_vec()
}

#[test]
fn an_answered_call_is_one_communication_of_who_answered() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    extensions(&workspace, &[("101", &manager)]);
    let line = Line::new(&workspace);
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": line.number}]})).created();
    let lead = manager.post("/v1/leads", json!({"contact_id": card["id"], "received_at": "2026-03-01T08:00:00Z"})).created();
    let ringing = line.tell("ringing", 0, &json!({}));
    assert_eq!((ringing.at("/contact/id"), ringing.at("/communication/status")), (&card["id"], &json!("planned")));
    let who = &ringing["responsible"];
    assert_eq!((&who["user_id"], &who["extension"], &who["available"]), (&json!(manager.user_id), &json!("101"), &json!(true)));
    line.tell("answered", 5, &json!({"user_extension": "101"}));
    line.tell("finished", 50, &json!({"user_extension": "101", "duration_seconds": 45}));
    let last = line.tell("recorded", 55, &json!({"recording_url": "https://pbx.example/1.mp3", "transcript": "Добрый день"}));
    let call = &last["communication"];
    assert_eq!(
        json!([
            call["status"],
            call["owner_id"],
            call["duration_seconds"],
            call["recording_url"],
            call["transcript"],
            call["occurred_at"],
            call["planned_at"]
        ]),
        json!(["done", manager.user_id, 45, "https://pbx.example/1.mp3", "Добрый день", "2026-03-01T09:00:00Z", null])
    );
    assert_eq!((&last["created_contact"], &last["created_lead"]), (&json!(false), &json!(false)));
    assert_eq!(admin.get("/v1/communications").ok().ids(), [call["id"].as_str().unwrap()]);
    let lead = admin.get(&lead.path()).ok();
    assert_eq!((&lead["first_response_at"], &lead["status"]), (&json!("2026-03-01T09:00:05Z"), &json!("in_work")));
    assert_eq!(admin.get(&card.path()).ok()["last_communication_at"], "2026-03-01T09:00:00Z");
    // what a person writes into it stays whatever comes late
    let path = format!("/v1/communications/{}", call["id"].as_str().unwrap());
    admin.patch(&path, json!({"owner_id": admin.user_id, "outcome": "договорились"})).ok();
    line.tell("recorded", 59, &json!({"transcript": "Добрый день, Анна"}));
    let kept = admin.get(&path).ok();
    assert_eq!(json!([kept["owner_id"], kept["outcome"], kept["transcript"]]), json!([admin.user_id, "договорились", "Добрый день, Анна"]));
}

#[test]
fn events_in_any_order_and_twice_make_the_same_call_once() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    extensions(&workspace, &[("101", &manager)]);
    let events = [
        ("ringing", 0, json!({})),
        ("answered", 5, json!({"user_extension": "101"})),
        ("finished", 50, json!({"duration_seconds": 45})),
        ("recorded", 55, json!({"recording_url": "https://pbx.example/1.mp3"})),
    ];
    let mut told = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let line = Line::new(&workspace);
        let mut last = Value::Null;
        for at in order.into_iter().chain(order) {
            let (event, second, more) = &events[at];
            last = line.tell(event, *second, more).json().clone();
        }
        let call = &last["communication"];
        let version = call["version"].as_i64().unwrap();
        // the second round wrote nothing
        assert!(version <= 4, "{version}");
        let contact = admin.get(&format!("/v1/contacts/{}", call["contact_id"].as_str().unwrap())).ok();
        let lead = admin.get(&format!("/v1/leads?contact_id={}", call["contact_id"].as_str().unwrap())).ok();
        assert_eq!((lead.items().len(), &last["created_contact"], &last["created_lead"]), (1, &json!(true), &json!(true)));
        let open: Vec<Value> = tasks(&admin, &call["contact_id"]).into_iter().filter(|task| task["status"] == "open").collect();
        assert!(open.is_empty(), "{open:?}");
        told.push(json!([
            call["status"],
            call["owner_id"],
            call["duration_seconds"],
            call["recording_url"],
            call["occurred_at"],
            call["planned_at"],
            contact["owner_id"],
            lead.at("/data/0/owner_id"),
            lead.at("/data/0/first_response_at"),
            lead.at("/data/0/status")
        ]));
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
    assert_eq!(told[0][1], manager.user_id.as_str());
    assert_eq!(admin.get("/v1/communications?limit=200").ok().items().len(), 4);
}

#[test]
fn an_unknown_number_makes_what_the_workspace_says() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let made = Line::new(&workspace).tell("ringing", 0, &json!({}));
    assert_eq!((&made["created_contact"], &made["created_lead"], made.at("/lead/status")), (&json!(true), &json!(true), &json!("new")));
    assert_eq!(made.at("/communication/lead_id"), made.at("/lead/id"));
    let outbound = Line::new(&workspace).tell("ringing", 0, &json!({"direction": "outbound"}));
    assert_eq!((&outbound["created_contact"], &outbound["created_lead"]), (&json!(true), &json!(false)), "we asked, not they");
    admin.patch("/v1/workspace", json!({"telephony": {"unknown_number": "card"}})).ok();
    let card = Line::new(&workspace).tell("ringing", 0, &json!({}));
    assert_eq!((&card["created_contact"], &card["created_lead"], &card["lead"]), (&json!(true), &json!(false), &Value::Null));
    admin.patch("/v1/workspace", json!({"telephony": {"unknown_number": "ignore"}})).ok();
    let ignored = Line::new(&workspace);
    let answer = ignored.tell("ringing", 0, &json!({}));
    assert_eq!((&answer["communication"], &answer["contact"], &answer["created_contact"]), (&Value::Null, &Value::Null, &json!(false)));
    let before = admin.get("/v1/contacts?limit=200").ok().items().len();
    // an extension or a withheld number is nobody's
    admin.patch("/v1/workspace", json!({"telephony": {"unknown_number": "card_and_lead"}})).ok();
    for from in ["anonymous", "101"] {
        let line = Line { number: from.into(), ..Line::new(&workspace) };
        assert_eq!(line.tell("missed", 0, &json!({}))["communication"], Value::Null);
    }
    assert_eq!(admin.get("/v1/contacts?limit=200").ok().items().len(), before);
}

#[test]
fn a_missed_call_is_called_back_by_the_responsible_person_once() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    admin.patch("/v1/workspace", json!({"telephony": {"callback_minutes": 20}})).ok();
    let line = Line::new(&workspace);
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": line.number}]})).created();
    line.tell("ringing", 0, &json!({}));
    for _ in 0..3 {
        assert_eq!(line.tell("missed", 30, &json!({})).at("/communication/status"), "missed");
    }
    // the client tries again at once
    line.again().tell("missed", 40, &json!({}));
    let made = tasks(&admin, &card["id"]);
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!((&made[0]["owner_id"], &made[0]["due_at"]), (&json!(manager.user_id), &json!("2026-03-01T09:20:00Z")));
    // that it was answered is told late: nobody has to call back
    line.tell("answered", 10, &json!({"user_id": manager.user_id}));
    let task = &tasks(&admin, &card["id"])[0];
    assert_eq!((&task["status"], tasks(&admin, &card["id"]).len()), (&json!("cancelled"), 1));
    // of somebody nobody is responsible for, an administrator is told
    let unknown = Line::new(&workspace).tell("missed", 0, &json!({}));
    let task = &tasks(&admin, unknown.at("/contact/id"))[0];
    assert_eq!((&task["owner_id"], &task["lead_id"]), (&json!(admin.user_id), unknown.at("/lead/id")));
}

#[test]
fn who_does_not_pick_up_is_tried_again_as_the_workspace_says() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    admin.patch("/v1/workspace", json!({"repeat_contact": {"delays": [{"working_days": 0, "seconds": 7200}], "most": 3}})).ok();
    let line = Line::new(&workspace);
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": line.number}]})).created();
    for (attempt, tasks_then) in [(1, 1), (2, 2), (3, 2)] {
        let line = line.again();
        for _ in 0..2 {
            line.tell("missed", attempt, &json!({"direction": "outbound", "user_id": manager.user_id}));
        }
        let all = tasks(&admin, &card["id"]);
        assert_eq!(all.len(), tasks_then, "attempt {attempt}: {all:?}");
        assert!(all.iter().all(|task| task["owner_id"] == manager.user_id.as_str()));
    }
    let last = &tasks(&admin, &card["id"])[1];
    assert_eq!((&last["status"], last["no_next_step_reason"].is_string()), (&json!("done"), true));
    // whoever calls for nobody known leaves it to the responsible person, in the language of the workspace
    for (language, title) in [("ru", "Перезвонить"), ("uk", "Передзвонити"), ("en", "Call again")] {
        admin.patch("/v1/workspace", json!({"languages": [language]})).ok();
        let answer = Line::new(&workspace).tell("missed", 0, &json!({"direction": "outbound"}));
        let task = tasks(&admin, answer.at("/contact/id")).remove(0);
        assert_eq!((&task["owner_id"], &task["title"]), (&json!(admin.user_id), &json!(title)));
    }
}

#[test]
fn a_call_is_kept_also_where_everything_must_have_a_next_step() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["next_step"] = json!({"lead": "require", "deal": "require", "contact": "require"});
    policies["outcome"] = json!("require");
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    let line = Line::new(&workspace);
    for (event, second) in [("ringing", 0), ("answered", 4), ("finished", 9)] {
        line.tell(event, second, &json!({}));
    }
    assert_eq!(admin.get("/v1/communications?outcome_missing=true").ok().items().len(), 1);
}

#[test]
fn two_events_of_one_call_at_once_make_one_communication() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    for _ in 0..5 {
        let line = Line::new(&workspace);
        let bodies = [
            line.body("ringing", 0, &json!({})),
            line.body("answered", 3, &json!({})),
            line.body("finished", 9, &json!({"duration_seconds": 6})),
            line.body("ringing", 0, &json!({})),
        ];
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let all: Vec<_> = bodies.iter().map(|body| scope.spawn(|| line.exchange.post(EVENTS, body.clone()).ok())).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let contact = answers[0].at("/contact/id").as_str().unwrap().to_owned();
        assert!(answers.iter().all(|answer| answer.at("/contact/id") == contact.as_str()));
        let calls = admin.get(&format!("/v1/communications?contact_id={contact}")).ok();
        assert_eq!((calls.items().len(), calls.at("/data/0/status"), calls.at("/data/0/duration_seconds")), (1, &json!("done"), &json!(6)));
        assert_eq!(admin.get(&format!("/v1/leads?contact_id={contact}")).ok().items().len(), 1);
    }
}

#[test]
fn an_event_that_cannot_be_meant_is_refused_and_nothing_is_kept() {
    let workspace = app().workspace();
    let line = Line::new(&workspace);
    line.exchange.post(EVENTS, json!({})).is_problem(422, "validation_failed").names("/call_id").names("/event").names("/occurred_at");
    let wrong = json!({"user_id": "01939d5a-0000-7000-8000-000000000000", "occurred_at": "2090-01-01T00:00:00Z", "duration_seconds": -1, "recording_url": "file:///x"});
    let refused = line.exchange.post(EVENTS, line.body("ringing", 0, &wrong)).is_problem(422, "validation_failed");
    refused
        .names_with("/user_id", "reference_not_found")
        .names_with("/occurred_at", "in_the_future")
        .names("/duration_seconds")
        .names("/recording_url");
    line.exchange.post(EVENTS, line.body("ringing", 0, &json!({"colour": "red"}))).is_problem(400, "unknown_field");
    assert!(workspace.administrator().get("/v1/contacts").ok().items().is_empty());
    let admin = workspace.administrator();
    let twice =
        json!({"telephony": {"extensions": [{"extension": "1", "user_id": admin.user_id}, {"extension": "1", "user_id": admin.user_id}]}});
    admin
        .patch("/v1/workspace", twice)
        .is_problem(422, "validation_failed")
        .names_with("/telephony/extensions/1/extension", "already_taken");
    let nobody = json!({"telephony": {"extensions": [{"extension": "1", "user_id": "01939d5a-0000-7000-8000-000000000000"}]}});
    admin
        .patch("/v1/workspace", nobody)
        .is_problem(422, "validation_failed")
        .names_with("/telephony/extensions/0/user_id", "reference_not_found");
}

#[test]
fn a_call_of_somebody_else_s_client_does_not_show_him() {
    let workspace = app().workspace();
    let (anna, boris) = (workspace.manager(), workspace.manager());
    let line = Line::new(&workspace);
    anna.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": line.number}]})).created();
    let answer = boris.post(EVENTS, line.body("ringing", 0, &json!({}))).ok();
    assert_eq!((&answer["contact"], &answer["communication"], &answer["responsible"]), (&Value::Null, &Value::Null, &Value::Null));
    assert!(!answer.text().contains(&anna.user_id));
}

#[test]
fn looking_a_number_up_tells_whom_to_switch_to_and_what_is_open() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    extensions(&workspace, &[("105", &manager)]);
    let line = Line::new(&workspace);
    let card = manager.post("/v1/contacts", json!({"last_name": "Блок", "phones": [{"value": line.number}]})).created();
    let lead = manager.post("/v1/leads", json!({"contact_id": card["id"]})).created();
    let task = manager.post("/v1/tasks", json!({"title": "x", "contact_id": card["id"]})).created();
    let call = manager.post("/v1/communications", json!({"channel": "call", "direction": "outbound", "contact_id": card["id"]})).created();
    let found = manager.get(&format!("/v1/lookup?phone={}", line.number.replace('+', "%2B"))).ok();
    assert_eq!((found.at("/responsible/extension"), found.at("/responsible/user_id")), (&json!("105"), &json!(manager.user_id)));
    assert_eq!((found.at("/open_leads/0/id"), found.at("/open_tasks/0/id")), (&lead["id"], &task["id"]));
    assert_eq!(found.at("/last_communication/id"), &call["id"]);
    let nobody = manager.get("/v1/lookup?phone=%2B79998887766").ok();
    assert_eq!((&nobody["responsible"], &nobody["last_communication"], &nobody["open_leads"]), (&Value::Null, &Value::Null, &json!([])));
}
