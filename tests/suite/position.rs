//! Positions of the mobile application: by consent, in working time, told to few; and the meetings that they end.

mod told;

use kartoteka_tests::{Answer, App, Caller, Value, Workspace, app, eventually, json};

use crate::api_key::later;

const CONSENT: &str = "/v1/me/position-consent";
const SEND: &str = "/v1/me/positions";
/// A latitude that stands nowhere else: half a kilometre from the meeting.
const AWAY: f64 = 55.754_517;
const THERE: f64 = 55.75;

struct Team {
    workspace: Workspace,
    admin: Caller,
    head: Caller,
    manager: Caller,
}

fn team() -> Team {
    team_of(app())
}

/// A team that works day and night.
fn team_of(app: App) -> Team {
    let workspace = app.workspace();
    let admin = workspace.administrator();
    works(&admin, &json!([{"from": "00:00", "until": "24:00"}]));
    let department = admin.post("/v1/departments", json!({"name": "Север"})).created();
    let of = json!({"department_id": department["id"]});
    // who belongs to his department is believed for a second: the head comes last
    let (manager, head) = (workspace.somebody("manager", of.clone()), workspace.somebody("head", of));
    admin.patch(&department.path(), json!({"head_id": head.user_id})).ok();
    Team { workspace, admin, head, manager }
}

fn works(admin: &Caller, hours: &Value) {
    let week: serde_json::Map<String, Value> = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
        .into_iter()
        .map(|day| (day.to_owned(), hours.clone()))
        .collect();
    admin.patch("/v1/workspace", json!({"working_calendar": {"weekly": week}})).ok();
}

fn consents(who: &Caller) {
    who.put(CONSENT, json!({"given": true})).ok();
}

/// Somewhere, so many seconds from now.
fn at(seconds: u64, latitude: f64) -> Value {
    json!({"at": later(seconds), "latitude": latitude, "longitude": 37.62, "accuracy_m": 10})
}

fn batch(positions: &[Value]) -> Value {
    json!({"positions": positions})
}

/// A meeting that began just now, where it was planned.
fn meeting(caller: &Caller) -> Answer {
    let contact = caller.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let body = json!({"channel": "meeting", "direction": "outbound", "status": "planned", "occurred_at": "2090-01-01T00:00:00Z", "contact_id": contact,
        "coordinates": {"latitude": THERE, "longitude": 37.62}});
    let plan = caller.post("/v1/communications", body).created();
    caller.post(&format!("{}/check-in", plan.path()), json!({"coordinates": {"latitude": THERE, "longitude": 37.62}})).ok();
    plan
}

/// What the audit tells of somebody by an action.
fn trace(admin: &Caller, of: &str, action: &str) -> Vec<Value> {
    admin.get(&format!("/v1/audit-events?record_id={of}&action={action}")).ok().items().to_vec()
}

#[test]
fn nothing_is_taken_without_a_consent_that_only_the_person_gives() {
    let Team { workspace, admin, manager, .. } = team();
    let never = json!({"given": false, "given_at": null, "withdrawn_at": null});
    assert_eq!(manager.get(CONSENT).ok().json(), &never);
    assert_eq!(manager.put(CONSENT, json!({"given": false})).ok().json(), &never);
    manager.post(SEND, batch(&[at(60, THERE)])).is_problem(409, "position_consent_missing");
    // a colleague's is his own, and a key is nobody
    admin.put(CONSENT, json!({"given": true})).ok();
    assert_eq!(manager.get(CONSENT).ok().json(), &never);
    let key = workspace.key("administrator");
    key.put(CONSENT, json!({"given": true})).is_problem(403, "forbidden");
    key.get(CONSENT).is_problem(403, "forbidden");
    key.post(SEND, batch(&[at(60, THERE)])).is_problem(403, "forbidden");
    manager.put(CONSENT, json!({})).is_problem(422, "validation_failed").names_with("/given", "required");
    manager.put(CONSENT, json!({"given": true, "user_id": admin.user_id})).status(400);

    let given = manager.put(CONSENT, json!({"given": true})).ok();
    assert_eq!((&given["given"], given["given_at"].is_string(), &given["withdrawn_at"]), (&json!(true), true, &Value::Null));
    assert_eq!(manager.put(CONSENT, json!({"given": true})).ok().text(), given.text(), "it stands since it was given");
    assert_eq!(manager.post(SEND, batch(&[at(60, THERE), at(61, THERE)])).ok()["kept"], 2);
    assert_eq!(manager.get("/v1/positions").ok().items().len(), 2);

    let withdrawn = manager.put(CONSENT, json!({"given": false})).ok();
    assert_eq!((&withdrawn["given"], &withdrawn["given_at"]), (&json!(false), &given["given_at"]));
    assert!(withdrawn["withdrawn_at"].is_string());
    assert!(manager.get("/v1/positions").ok().items().is_empty(), "deleted at once");
    manager.post(SEND, batch(&[at(62, THERE)])).is_problem(409, "position_consent_missing");
    for action in ["position_consent_given", "position_consent_withdrawn"] {
        let told = trace(&admin, &manager.user_id, action);
        assert_eq!((told.len(), &told[0]["actor"]["id"]), (1, &json!(manager.user_id)), "{action}");
    }
}

#[test]
fn what_is_kept_is_counted_and_everything_else_told_why_not() {
    let Team { admin, manager, .. } = team();
    consents(&manager);
    let old = json!({"at": manager.get(CONSENT).ok()["given_at"].as_str().unwrap().replace("2026", "2025"), "latitude": 1, "longitude": 1});
    let refused = manager.post(SEND, batch(&[old])).is_problem(422, "validation_failed");
    refused.names_with("/positions/0/at", "in_the_past");
    let taken = manager.post(SEND, batch(&[at(60, 1.0), at(60, 2.0), at(120, 1.0)])).ok();
    let told = json!([taken["kept"], taken["outside_working_hours"], taken["before_consent"], taken["repeated"]]);
    assert_eq!(told, json!([2, 0, 0, 1]));
    assert_eq!((&taken["ended_meetings"], &taken["resumed_meetings"]), (&json!([]), &json!([])));
    let again = manager.post(SEND, batch(&[at(90, 1.0)])).ok();
    assert_eq!(again["kept"], 1);
    // the consent does not reach back
    manager.put(CONSENT, json!({"given": false})).ok();
    consents(&manager);
    let before = the_day_before(&manager.get(CONSENT).ok()["given_at"]);
    let early = json!({"at": before, "latitude": 1, "longitude": 1});
    assert_eq!(manager.post(SEND, batch(&[early])).ok()["before_consent"], 1);
    // nobody works: nothing is kept
    works(&admin, &json!([]));
    let off = manager.post(SEND, batch(&[at(200, 1.0), at(201, 1.0)])).ok();
    assert_eq!((&off["kept"], &off["outside_working_hours"]), (&json!(0), &json!(2)));
    assert!(manager.get("/v1/positions").ok().items().is_empty());
    // only what was kept is written down, and never where it was
    let told = trace(&admin, &manager.user_id, "positions_received");
    assert_eq!(told.len(), 2);
    let reasons: Vec<&str> = told.iter().filter_map(|event| event["reason"].as_str()).collect();
    assert!(reasons.contains(&"2 kept, 0 outside working hours, 0 before the consent, 1 repeated"), "{reasons:?}");
    assert!(told.iter().all(|event| event["changes"] == json!({})));
}

/// The day of the week of a moment, Sunday first (Sakamoto).
fn weekday(moment: &str) -> usize {
    let part = |from: usize, until: usize| moment[from..until].parse::<usize>().unwrap();
    let (year, month, day) = (part(0, 4), part(5, 7), part(8, 10));
    let year = if month < 3 { year - 1 } else { year };
    (year + year / 4 - year / 100 + year / 400 + [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4][month - 1] + day) % 7
}

/// The day before a moment.
fn the_day_before(moment: &Value) -> String {
    let moment = moment.as_str().unwrap();
    let day: u32 = moment[8..10].parse().unwrap();
    let month: u32 = moment[5..7].parse().unwrap();
    let (month, day) = if day > 1 { (month, day - 1) } else { ((month + 10) % 12 + 1, 28) };
    format!("{}-{month:02}-{day:02}{}", &moment[..4], &moment[10..])
}

#[test]
fn every_fault_is_told_at_once_and_nothing_is_kept() {
    let Team { manager, .. } = team();
    consents(&manager);
    let mut far = at(700, 90.5);
    far["accuracy_m"] = json!(-1);
    let refused = manager.post(SEND, batch(&[at(60, 1.0), far, json!({"at": later(61), "latitude": 0, "longitude": -180.5})]));
    let refused = refused.is_problem(422, "validation_failed");
    let refused = refused.names_with("/positions/1/at", "in_the_future").names_with("/positions/1/latitude", "out_of_range");
    refused.names("/positions/1/accuracy_m").names("/positions/2/longitude");
    manager.post(SEND, batch(&[])).is_problem(422, "validation_failed").names_with("/positions", "too_short");
    let many: Vec<Value> = (0..501).map(|n| at(n % 500, 1.0)).collect();
    manager.post(SEND, batch(&many)).is_problem(422, "validation_failed").names_with("/positions", "too_long");
    manager.post(SEND, json!({})).is_problem(422, "validation_failed").names_with("/positions", "required");
    manager.post(SEND, batch(&[json!({"latitude": 1, "longitude": 1})])).is_problem(422, "validation_failed").names("/positions/0/at");
    manager.post(SEND, batch(&[json!({"at": later(60), "latitude": 1, "longitude": 1, "speed": 5})])).status(400);
    assert!(manager.get("/v1/positions").ok().items().is_empty());
    let most: Vec<Value> = (0..500).map(|n| at(n, 1.0)).collect();
    assert_eq!(manager.post(SEND, batch(&most)).ok()["kept"], 500);
}

#[test]
fn whoever_leaves_ends_his_meeting() {
    let Team { admin, manager, .. } = team();
    consents(&manager);
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["outcome"] = json!("require");
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    let begun = meeting(&manager);
    let still = manager.post(SEND, batch(&[at(30, THERE), at(60, AWAY)])).ok();
    assert_eq!((&still["kept"], &still["ended_meetings"]), (&json!(2), &json!([])), "one position may be wrong");
    let last = later(200);
    let left = manager.post(SEND, batch(&[json!({"at": last, "latitude": AWAY, "longitude": 37.62})])).ok();
    assert_eq!(left["ended_meetings"], json!([begun.id()]));
    let ended = manager.get(&begun.path()).ok();
    assert_eq!(ended.at("/check_out/coordinates/latitude"), &json!(AWAY));
    assert_eq!((ended.at("/check_out/by_positions"), ended.at("/check_out/distance_m")), (&json!(true), &json!(502)));
    assert_eq!(ended.at("/check_in/by_positions"), &json!(false));
    let seconds = ended["duration_seconds"].as_i64().unwrap();
    assert!((50..=60).contains(&seconds), "{seconds}: the first position away is the end");
    // it was where it was planned: nobody is told otherwise
    assert_eq!((&ended["place_matches"], &ended["place_mismatch"]), (&json!(true), &Value::Null));
    assert!(admin.get("/v1/tasks?kind=control").ok().items().is_empty());
    // the outcome is missed, not demanded
    assert_eq!(manager.get("/v1/communications?outcome_missing=true").ok().ids(), [begun.id()]);
    assert_eq!(ended["version"], 3);
    let told = trace(&admin, &begun.id(), "updated");
    let end = told.iter().find(|event| event["changes"]["check_out"].is_object()).unwrap();
    assert_eq!(
        (&end["reason"], &end["actor"]["id"]),
        (&json!("left the place of the meeting, as positions tell"), &json!(manager.user_id))
    );
    manager
        .post(&format!("{}/check-out", begun.path()), json!({"coordinates": {"latitude": 1, "longitude": 1}, "outcome": "x"}))
        .is_problem(409, "already_checked_in");
    manager.patch(&begun.path(), json!({"outcome": "подписали"})).ok();
    assert!(manager.get("/v1/communications?outcome_missing=true").ok().items().is_empty());
    // what was concluded stays with the meeting when the positions go
    manager.put(CONSENT, json!({"given": false})).ok();
    assert_eq!(manager.get(&begun.path()).ok()["check_out"], ended["check_out"]);
}

#[test]
fn late_positions_move_the_end_or_take_it_back() {
    let Team { manager, .. } = team();
    consents(&manager);
    let begun = meeting(&manager);
    let id = json!([begun.id()]);
    let send = |positions: &[Value]| manager.post(SEND, batch(positions)).ok();
    let out = || manager.get(&begun.path()).ok().at("/check_out/at").clone();
    let (t120, t240, t300, t360, t500) = (later(120), later(240), later(300), later(360), later(500));
    let position = |at: &str, latitude: f64| json!({"at": at, "latitude": latitude, "longitude": 37.62, "accuracy_m": 5});
    assert_eq!(send(&[position(&t360, AWAY), position(&t240, AWAY)])["ended_meetings"], id);
    assert_eq!(out(), json!(t240));
    assert_eq!(send(&[position(&t120, AWAY)])["ended_meetings"], id, "he had left before");
    assert_eq!(out(), json!(t120));
    let back = send(&[position(&t300, THERE)]);
    assert_eq!((&back["ended_meetings"], &back["resumed_meetings"]), (&json!([]), &json!([])), "he was back, but had left before");
    assert_eq!(out(), json!(t120));
    // of another meeting of his all of it is known when he comes
    let second = meeting(&manager);
    assert_eq!(manager.get(&second.path()).ok().at("/check_out/at"), &json!(t120));

    let Team { manager, .. } = team();
    consents(&manager);
    let begun = meeting(&manager);
    let send = |positions: &[Value]| manager.post(SEND, batch(positions)).ok();
    assert_eq!(send(&[position(&t240, AWAY), position(&t360, AWAY)])["ended_meetings"], json!([begun.id()]));
    let resumed = send(&[position(&t300, THERE)]);
    assert_eq!((&resumed["ended_meetings"], &resumed["resumed_meetings"]), (&json!([]), &json!([begun.id()])));
    let goes_on = manager.get(&begun.path()).ok();
    assert_eq!((&goes_on["check_out"], &goes_on["duration_seconds"]), (&Value::Null, &Value::Null));
    assert_eq!(send(&[position(&t500, AWAY)])["ended_meetings"], json!([begun.id()]));
    assert_eq!(manager.get(&begun.path()).ok().at("/check_out/at"), &json!(t360));
}

#[test]
fn what_a_person_said_himself_stands_and_only_whoever_came_ends_it() {
    let Team { workspace, manager, head, .. } = team();
    consents(&manager);
    consents(&head);
    let said = meeting(&manager);
    manager.post(&format!("{}/check-out", said.path()), json!({"coordinates": {"latitude": THERE, "longitude": 37.62}})).ok();
    let open = meeting(&manager);
    // a colleague is elsewhere, a jump of the phone comes back, a coarse position may be anywhere
    assert_eq!(head.post(SEND, batch(&[at(60, AWAY), at(300, AWAY)])).ok()["ended_meetings"], json!([]));
    let coarse = |seconds| json!({"at": later(seconds), "latitude": AWAY, "longitude": 37.62, "accuracy_m": 2000});
    let sent = manager.post(SEND, batch(&[at(60, AWAY), at(90, THERE), coarse(120), coarse(300)])).ok();
    assert_eq!((&sent["kept"], &sent["ended_meetings"]), (&json!(4), &json!([])));
    assert_eq!(manager.get(&open.path()).ok()["check_out"], Value::Null);
    // the workspace says how far is too far
    workspace.administrator().patch("/v1/workspace", json!({"meeting_radius_m": 1000})).ok();
    assert_eq!(manager.post(SEND, batch(&[at(320, AWAY), at(480, AWAY)])).ok()["ended_meetings"], json!([]));
    // an archived one is left alone
    manager.delete(&open.path()).no_content();
    assert_eq!(manager.post(SEND, batch(&[at(490, 56.5)])).ok()["ended_meetings"], json!([]));
    assert_eq!(manager.get(&said.path()).ok()["version"], 3);
}

#[test]
fn a_check_in_that_comes_after_the_positions_is_ended_by_them_too() {
    let Team { manager, .. } = team();
    consents(&manager);
    manager.post(SEND, batch(&[at(100, AWAY), at(20, AWAY), at(60, THERE), at(300, AWAY)])).ok();
    let contact = manager.post("/v1/contacts", json!({"last_name": "Блок"})).created().id();
    let new = json!({"channel": "meeting", "direction": "outbound", "status": "planned", "contact_id": contact});
    let plan = manager.post("/v1/communications", new).created();
    let here = json!({"coordinates": {"latitude": THERE, "longitude": 37.62}, "at": later(30)});
    let come = manager.post(&format!("{}/check-in", plan.path()), here).ok();
    assert_eq!((come.at("/check_out/by_positions"), come.at("/check_out/coordinates/latitude")), (&json!(true), &json!(AWAY)));
    assert!((69..=71).contains(&come["duration_seconds"].as_i64().unwrap()), "{come}");
    assert_eq!((manager.get(&plan.path()).ok().text(), &come["version"]), (come.text(), &json!(3)));
}

#[test]
fn working_hours_are_those_where_the_person_is() {
    let Team { admin, manager, head, .. } = team();
    // twenty-five hours apart: never the same day
    for (who, zone) in [(&manager, "Pacific/Kiritimati"), (&head, "Pacific/Pago_Pago")] {
        admin.patch(&format!("/v1/users/{}", who.user_id), json!({"time_zone": zone})).ok();
        consents(who);
    }
    let sent = at(60, THERE);
    let days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    let today = days[weekday(&later(60 + 14 * 3600))];
    let mut week: serde_json::Map<String, Value> = days.iter().map(|day| ((*day).to_owned(), json!([]))).collect();
    week.insert(today.to_owned(), json!([{"from": "00:00", "until": "24:00"}]));
    admin.patch("/v1/workspace", json!({"working_calendar": {"weekly": week}})).ok();
    let counts = |who: &Caller| {
        let taken = who.post(SEND, batch(std::slice::from_ref(&sent))).ok();
        (taken["kept"].as_i64().unwrap(), taken["outside_working_hours"].as_i64().unwrap())
    };
    assert_eq!((counts(&manager), counts(&head)), ((1, 0), (0, 1)));
}

#[test]
fn whoever_may_not_write_communications_leaves_a_meeting_all_the_same() {
    let Team { workspace, admin, manager, .. } = team();
    consents(&manager);
    let begun = meeting(&manager);
    let rights =
        json!([{"record": "communication", "read": "own"}, {"record": "user", "read": "all"}, {"record": "workspace", "read": "all"}]);
    let rules = json!([{"record": "communication", "field": "duration_seconds", "effect": "read_only"}]);
    let key = format!("looker_{}", workspace.slug.replace('-', "_"));
    admin.post("/v1/roles", json!({"key": key, "name": "Looker", "rights": rights, "field_rules": rules})).created();
    admin.patch(&format!("/v1/users/{}", manager.user_id), json!({"role": key})).ok();
    let sent = || manager.post(SEND, batch(&[at(60, AWAY), at(300, AWAY)]));
    // rights are believed for a moment, and asked about anew after it
    eventually("the new role", || (manager.get("/v1/me").ok()["user"]["role"] == key.as_str()).then_some(()));
    assert_eq!(sent().ok()["ended_meetings"], json!([begun.id()]));
}

#[test]
fn two_batches_at_once_double_nothing_and_end_a_meeting_once() {
    let Team { admin, manager, .. } = team();
    consents(&manager);
    let begun = meeting(&manager);
    let shared: Vec<Value> = (0..40).map(|n| at(10 * n + 1, if n < 10 { THERE } else { AWAY })).collect();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..6).map(|_| scope.spawn(|| manager.post(SEND, batch(&shared)).ok())).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let sum = |field: &str| answers.iter().map(|answer| answer[field].as_i64().unwrap()).sum::<i64>();
    assert_eq!((sum("kept"), sum("repeated")), (40, 200));
    assert_eq!(answers.iter().filter(|answer| answer["ended_meetings"] == json!([begun.id()])).count(), 1);
    assert_eq!(manager.get("/v1/positions?limit=1&include_total=true").ok()["total"], 40);
    assert_eq!(manager.get(&begun.path()).ok()["version"], 3);
    assert_eq!(trace(&admin, &manager.user_id, "positions_received").len(), 1);
}

#[test]
fn a_batch_sent_again_under_its_key_is_answered_as_before() {
    let Team { manager, .. } = team();
    consents(&manager);
    let keyed = manager.with("idempotency-key", "walk-1");
    let positions = batch(&[at(60, THERE), at(61, THERE)]);
    let first = keyed.post(SEND, positions.clone()).ok();
    assert_eq!(keyed.post(SEND, positions).ok().text(), first.text());
    assert_eq!(first["kept"], 2);
}
