//! Who is told of positions, and for how long they are kept.

use kartoteka_tests::{App, Database, Engine, Server, Value, app, eventually, json};

use super::{AWAY, SEND, THERE, Team, at, batch, consents, meeting, team, team_of, trace};
use crate::api_key::later;

#[test]
fn positions_are_told_to_who_may_see_them_and_every_look_is_written_down() {
    let Team { workspace, admin, head, manager } = team();
    consents(&manager);
    let times: Vec<String> = (0..3).map(|n| later(60 + n)).collect();
    let all: Vec<Value> = times.iter().map(|at| json!({"at": at, "latitude": AWAY, "longitude": 37.62})).collect();
    manager.post(SEND, batch(&all)).ok();
    let path = format!("/v1/positions?user_id={}", manager.user_id);
    let own = manager.get("/v1/positions").ok();
    assert_eq!(
        own.items().iter().map(|p| p["at"].as_str().unwrap()).collect::<Vec<_>>(),
        [&times[2], &times[1], &times[0]].map(String::as_str)
    );
    assert_eq!(
        (&own.items()[0]["latitude"], &own.items()[0]["accuracy_m"], &own.items()[0]["user_id"]),
        (&json!(AWAY), &Value::Null, &json!(manager.user_id))
    );
    assert_eq!(manager.get(&path).ok().items(), own.items());
    assert!(trace(&admin, &manager.user_id, "positions_read").is_empty(), "one's own is one's own");

    assert_eq!(head.get(&path).ok().items(), own.items());
    let told = trace(&admin, &manager.user_id, "positions_read");
    assert_eq!((told.len(), &told[0]["actor"]["id"], &told[0]["record_type"]), (1, &json!(head.user_id), &json!("user")));
    let first = admin.get(&format!("{path}&limit=2")).ok();
    let rest = admin.get(&format!("{path}&limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).ok();
    assert_eq!([first.items(), rest.items()].concat(), own.items());
    assert_eq!(rest["next_cursor"], Value::Null);
    assert_eq!(trace(&admin, &manager.user_id, "positions_read").len(), 3, "each request once");
    let window = format!("{path}&sort=at&after={}&before={}", times[1], times[2]);
    assert_eq!(admin.get(&window).ok().items(), &own.items()[1..2]);
    admin.get(&format!("{path}&sort=created_at")).is_problem(400, "invalid_parameter");

    // nobody else: a colleague, a head of others, another workspace, a key of integrations
    let before = trace(&admin, &manager.user_id, "positions_read").len();
    for stranger in [workspace.manager(), workspace.head(), app().workspace().administrator()] {
        let nothing = stranger.get(&format!("{path}&include_total=true")).ok();
        assert_eq!((nothing.items().len(), &nothing["total"]), (0, &json!(0)));
    }
    workspace.key("integration").get(&path).is_problem(403, "forbidden");
    let key = workspace.key("administrator");
    assert!(key.get("/v1/positions").ok().items().is_empty());
    assert_eq!(trace(&admin, &manager.user_id, "positions_read").len(), before);
    assert_eq!(key.get(&path).ok().items().len(), 3);
    assert_eq!(trace(&admin, &manager.user_id, "positions_read").len(), before + 1);
}

#[test]
fn the_outside_is_never_told_where_anybody_is() {
    let Team { admin, manager, .. } = team();
    consents(&manager);
    manager.post(SEND, batch(&[at(60, 55.123_456), at(300, 55.123_456)])).ok();
    admin.get(&format!("/v1/positions?user_id={}", manager.user_id)).ok();
    let mark = manager.post("/v1/contacts", json!({"last_name": "После"})).created().id();
    let told = eventually("the journal", || Some(admin.get("/v1/events?limit=200").ok()).filter(|told| told.text().contains(&mark)));
    assert!(told.text().contains("position_consent_given"));
    assert!(!told.text().contains("55.123456") && !told.text().contains("positions_re"), "{told}");
    let audit = admin.get("/v1/audit-events?limit=200").ok();
    assert!(!audit.text().contains("55.123456") && audit.text().contains("positions_received"), "{audit}");
}

#[test]
fn positions_are_kept_for_thirty_days() {
    let database = Database::fresh();
    let server = Server::start(&database, &[]);
    let Team { workspace, mut manager, .. } = team_of(App::of(&server));
    consents(&manager);
    let begun = meeting(&manager);
    manager.post(SEND, batch(&[at(60, THERE), at(61, THERE), at(62, THERE)])).ok();
    assert!(server.stop());
    let mine = format!("workspace_id = {}", database.uuid(&workspace.id));
    let (days_29, days_31) = match database.engine {
        Engine::Sqlite => ("at - 29 * 86400000000", "at - 31 * 86400000000"),
        Engine::Postgres => ("at - interval '29 days'", "at - interval '31 days'"),
    };
    let last = format!("(SELECT max(at) FROM kept_position WHERE {mine})");
    database.sql(&format!("UPDATE kept_position SET at = {days_31} WHERE {mine} AND at < {last}"));
    database.sql(&format!("UPDATE kept_position SET at = {days_29} WHERE {mine} AND at = {last}"));
    database.sql(&format!("UPDATE meeting_presence SET since = {} WHERE {mine}", days_31.replace("at", "since")));
    let server = Server::start(&database, &[]);
    manager.app = App::of(&server);
    eventually("old positions to be forgotten", || (manager.get("/v1/positions").ok().items().len() == 1).then_some(()));
    assert_eq!(database.number(&format!("SELECT count(*) FROM meeting_presence WHERE {mine}")), 0);
    manager.get(&begun.path()).ok();
}
