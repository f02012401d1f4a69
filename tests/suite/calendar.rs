//! The calendar to subscribe to: whose it is, what it shows, how it ends.

use kartoteka_tests::{Answer, Caller, app, json};

use crate::api_key::later;

/// The path of a link's address.
fn path(link: &Answer) -> String {
    let url = link["url"].as_str().unwrap();
    url[url.find("/public/").unwrap()..].to_owned()
}

fn subscribe(who: &Caller) -> String {
    path(&who.post_nothing("/v1/me/calendar-link").status(201))
}

/// Content lines, unfolded.
fn lines(feed: &Answer) -> Vec<String> {
    feed.text().replace("\r\n ", "").split("\r\n").map(str::to_owned).collect()
}

/// Nine o'clock in Greenwich, so many days ahead.
fn in_days(days: u64) -> String {
    format!("{}T09:00:00Z", &later(days * 86_400)[..10])
}

#[test]
fn a_link_shows_one_s_open_tasks_to_whoever_has_it() {
    let workspace = app().workspace();
    let manager = workspace.manager();
    assert_eq!(manager.get("/v1/me/calendar-link").ok()["active"], false);
    let soon = in_days(3);
    let task = json!({"title": "Встреча; с Анной, в офисе", "description": "взять\nпрайс", "due_at": soon, "priority": "high"});
    let task = manager.post("/v1/tasks", task).created();
    for (title, due) in [("давно", "2026-01-01T09:00:00Z".to_owned()), ("нескоро", in_days(500))] {
        manager.post("/v1/tasks", json!({"title": title, "due_at": due})).created();
    }
    manager.post("/v1/tasks", json!({"title": "когда-нибудь"})).created();
    let done = manager.post("/v1/tasks", json!({"title": "сделано", "due_at": soon})).created();
    manager.post(&format!("{}/complete", done.path()), json!({"result": "да"})).ok();
    workspace.manager().post("/v1/tasks", json!({"title": "чужое", "due_at": soon})).created();
    let path = subscribe(&manager);
    let feed = app().anyone().get(&path).ok();
    assert_eq!(feed.header("content-type"), Some("text/calendar; charset=utf-8"));
    let lines = lines(&feed);
    assert_eq!(lines.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1, "{feed}");
    for line in [
        &format!("UID:{}@kartoteka", task.id()),
        r"SUMMARY:Встреча\; с Анной\, в офисе",
        r"DESCRIPTION:взять\nпрайс",
        "PRIORITY:1",
        "SEQUENCE:1",
        "BEGIN:VTIMEZONE",
        &format!("DTSTART;TZID=Europe/Moscow:{}T120000", soon[..10].replace('-', "")),
    ] {
        assert!(lines.contains(&line.to_owned()), "{line}\n{feed}");
    }
    let state = manager.get("/v1/me/calendar-link").ok();
    assert!(state["active"] == true && state["created_at"].is_string() && state["read_at"].is_string(), "{state}");
}

#[test]
fn a_calendar_that_did_not_change_is_not_sent_again() {
    let manager = app().workspace().manager();
    let path = subscribe(&manager);
    let task = manager.post("/v1/tasks", json!({"title": "x", "due_at": in_days(1)})).created();
    let feed = app().anyone().get(&path).ok();
    let tag = feed.header("etag").unwrap().to_owned();
    let again = app().anyone().with("if-none-match", &tag).get(&path).status(304);
    assert!(again.body.is_empty() && again.header("etag") == Some(tag.as_str()), "{again}");
    manager.patch(&task.path(), json!({"title": "y"})).ok();
    let changed = app().anyone().with("if-none-match", &tag).get(&path).ok();
    assert!(lines(&changed).contains(&"SEQUENCE:2".to_owned()), "{changed}");
    let packed = app().anyone().with("accept-encoding", "gzip").get(&path).ok();
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.header("ratelimit").is_some());
}

#[test]
fn a_link_ends_when_another_is_made_when_it_is_given_up_and_when_its_person_goes() {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let (anyone, gone) = (app().anyone(), |path: &str| drop(app().anyone().get(path).is_problem(404, "not_found")));
    let first = subscribe(&manager);
    let second = subscribe(&manager);
    gone(&first);
    anyone.get(&second).ok();
    manager.delete("/v1/me/calendar-link").no_content();
    manager.delete("/v1/me/calendar-link").no_content();
    gone(&second);
    let third = subscribe(&manager);
    admin.patch(&format!("/v1/users/{}", manager.user_id), json!({"active": false})).ok();
    gone(&third);
    for unknown in ["/public/v1/calendars/x.ics", "/public/v1/calendars/.ics", "/public/v1/calendars/x"] {
        gone(unknown);
    }
    let told = admin.get(&format!("/v1/audit-events?record_id={}&limit=50", manager.user_id)).ok();
    let actions: Vec<&str> = told.items().iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"calendar_link_made") && actions.contains(&"calendar_link_revoked"), "{actions:?}");
    assert!(!told.text().contains(third.trim_start_matches("/public/v1/calendars/").trim_end_matches(".ics")), "no secret in the audit");
}

#[test]
fn a_key_has_no_calendar_and_whoever_needs_a_second_factor_has_none_either() {
    let workspace = app().workspace();
    workspace.key("integration").post_nothing("/v1/me/calendar-link").is_problem(403, "forbidden");
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    let path = subscribe(&manager);
    let mut policies = admin.get("/v1/workspace").ok()["policies"].clone();
    policies["second_factor"] = json!("require");
    admin.patch("/v1/workspace", json!({"policies": policies})).ok();
    app().anyone().get(&path).is_problem(404, "not_found");
}

#[test]
fn what_a_role_hides_is_not_in_the_calendar() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let rights = json!([{"record": "task", "read": "own", "create": "own", "update": "own"}]);
    let rules = json!([{"record": "task", "field": "description", "effect": "hidden"}]);
    let key = format!("reader_{}", kartoteka_tests::workspace::unique());
    admin.post("/v1/roles", json!({"key": key, "name": "Читатель", "rights": rights, "field_rules": rules})).created();
    let reader = workspace.somebody(&key, json!({}));
    let due = in_days(1);
    admin.post("/v1/tasks", json!({"title": "Видно", "description": "скрыто", "due_at": due, "owner_id": reader.user_id})).created();
    let feed = app().anyone().get(&subscribe(&reader)).ok();
    assert!(feed.text().contains("Видно") && !feed.text().contains("скрыто") && !feed.text().contains("DESCRIPTION"), "{feed}");
}

#[test]
fn birthdays_and_other_dates_of_one_s_clients_come_every_year() {
    let workspace = app().workspace();
    let (manager, admin) = (workspace.manager(), workspace.administrator());
    let day = |lines: &[String], at: &str, what: &str| {
        let event = lines.split(|line| line == "BEGIN:VEVENT").find(|event| event.iter().any(|line| line == what));
        event.is_some_and(|event| event.contains(&format!("DTSTART;VALUE=DATE:{at}")) && event.contains(&"RRULE:FREQ=YEARLY".to_owned()))
    };
    let card = json!({"last_name": "Ахматова", "birthday": "1989-06-23", "dates": [{"label": "Свадьба", "on": "2010-04-25"}]});
    let card = manager.post("/v1/contacts", card).created();
    manager.post("/v1/contacts", json!({"last_name": "Без дат"})).created();
    admin.post("/v1/contacts", json!({"last_name": "Чужая", "birthday": "1990-01-01"})).created();
    let path = subscribe(&manager);
    let read = || lines(&app().anyone().get(&path).ok());
    let shown = read();
    assert_eq!(shown.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 2, "{shown:#?}");
    assert!(
        day(&shown, "19890623", "SUMMARY:День рождения: Ахматова") && day(&shown, "20100425", "SUMMARY:Свадьба: Ахматова"),
        "{shown:#?}"
    );
    manager.patch(&card.path(), json!({"birthday": "1989-06-24", "dates": []})).ok();
    let shown = read();
    assert_eq!(shown.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1, "{shown:#?}");
    assert!(day(&shown, "19890624", "SUMMARY:День рождения: Ахматова"), "{shown:#?}");
    manager.patch(&card.path(), json!({"birthday": null})).ok();
    assert!(!read().contains(&"BEGIN:VEVENT".to_owned()));
    // of a card that goes to somebody else, that is put away, or whose day is hidden nothing is told
    manager.patch(&card.path(), json!({"birthday": "1989-06-23"})).ok();
    assert!(read().contains(&"BEGIN:VEVENT".to_owned()));
    admin.patch(&card.path(), json!({"owner_id": admin.user_id})).ok();
    assert!(!read().contains(&"BEGIN:VEVENT".to_owned()));
    let rights = json!([{"record": "contact", "read": "own"}, {"record": "task", "read": "own"}]);
    let key = format!("reader_{}", kartoteka_tests::workspace::unique());
    let rules = json!([{"record": "contact", "field": "birthday", "effect": "hidden"}]);
    admin.post("/v1/roles", json!({"key": key, "name": "Читатель", "rights": rights, "field_rules": rules})).created();
    let reader = workspace.somebody(&key, json!({}));
    let dates = json!([{"label": "Свадьба", "on": "2010-04-25"}]);
    let hidden = json!({"last_name": "Тайная", "birthday": "1989-06-23", "dates": dates, "owner_id": reader.user_id});
    admin.post("/v1/contacts", hidden).created();
    let shown = lines(&app().anyone().get(&subscribe(&reader)).ok());
    assert_eq!(shown.iter().filter(|line| *line == "BEGIN:VEVENT").count(), 1, "{shown:#?}");
    assert!(day(&shown, "20100425", "SUMMARY:Свадьба: Тайная"), "{shown:#?}");
}
