//! Recordings: uploaded, listened to by a right of its own, played by ranges, forgotten in time.

use kartoteka_tests::{Answer, App, Caller, Database, Engine, Server, Value, Workspace, app, eventually, json, workspace};

const LINK: &str = "https://pbx.example/rec/1.mp3";

/// A sound of so many bytes that nobody has heard before; longer than a piece if need be.
pub fn sound(size: usize) -> Vec<u8> {
    let mut bytes = b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00".to_vec();
    bytes.extend(workspace::unique().to_be_bytes());
    let mut noise = 1_u32;
    while bytes.len() < size {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push(noise.to_be_bytes()[0]);
    }
    bytes
}

fn upload(who: &Caller, talk: &str, bytes: &[u8]) -> Answer {
    who.send("PUT", &format!("{talk}/recording"), Some("audio/wav"), Some(bytes.to_vec()))
}

/// A call of somebody's with a client of his own.
fn call(who: &Caller, more: Value) -> String {
    let contact = who.post("/v1/contacts", json!({"last_name": format!("Звонящий {}", workspace::unique())})).created().id();
    let mut body = json!({"channel": "call", "direction": "inbound", "contact_id": contact, "outcome": "ok"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    who.post("/v1/communications", body).created().path()
}

fn listen(who: &Caller, talk: &str) -> Answer {
    who.post_nothing(&format!("{talk}/listen"))
}

/// The path that a listening plays at, on whatever server.
fn plays_at(answer: &Answer) -> String {
    let url = answer["url"].as_str().unwrap();
    url[url.find("/public/").unwrap()..].to_owned()
}

fn played(admin: &Caller, talk: &str) -> Vec<Value> {
    let id = talk.rsplit('/').next().unwrap();
    admin.get(&format!("/v1/audit-events?record_id={id}&action=recording_played")).ok().items().to_vec()
}

fn office() -> (Workspace, Caller, Caller) {
    let workspace = app().workspace();
    let (admin, manager) = (workspace.administrator(), workspace.manager());
    (workspace, admin, manager)
}

#[test]
fn what_is_uploaded_is_played_byte_by_byte() {
    let (_, admin, manager) = office();
    let talk = call(&manager, json!({"recording_url": LINK}));
    let bytes = sound(700_001);
    let kept = upload(&manager, &talk, &bytes).ok();
    assert_eq!((&kept["recording"]["media_type"], &kept["recording"]["size_bytes"]), (&json!("audio/wav"), &json!(700_001)));
    assert_eq!((&kept["recording_url"], &kept["version"]), (&json!(LINK), &json!(2)));
    assert_eq!(manager.get(&talk).ok()["recording"], kept["recording"]);
    // the same once more is nothing new
    assert_eq!(upload(&manager, &talk, &bytes).ok()["version"], 2);

    let answer = listen(&manager, &talk).status(201);
    assert_eq!((&answer["media_type"], &answer["size_bytes"]), (&json!("audio/wav"), &json!(700_001)));
    let path = plays_at(&answer);
    let anyone = app().anyone();
    let whole = anyone.get(&path).ok();
    assert!(whole.body == bytes, "what is played is what was uploaded");
    assert_eq!((whole.header("content-type"), whole.header("accept-ranges")), (Some("audio/wav"), Some("bytes")));
    assert_eq!(whole.header("cache-control"), Some("private, no-store"));
    let tag = whole.header("etag").unwrap().to_owned();
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=262143-262144", 262_143, 262_144),
        ("bytes=100000-600000", 100_000, 600_000),
        ("bytes=700000-", 700_000, 700_000),
        ("bytes=-300000", 400_001, 700_000),
        ("bytes=524288-9999999", 524_288, 700_000),
    ] {
        for caller in [anyone.with("range", range), anyone.with("range", range).with("if-range", &tag)] {
            let part = caller.get(&path).status(206);
            assert!(part.body == bytes[first..=last], "{range}");
            assert_eq!(part.header("content-range"), Some(format!("bytes {first}-{last}/700001").as_str()));
        }
    }
    for (range, of) in [("bytes=0-9", "\"another\""), ("bytes=0-1,5-6", tag.as_str()), ("bytes=9-1", tag.as_str()), ("what", tag.as_str())]
    {
        assert!(anyone.with("range", range).with("if-range", of).get(&path).ok().body == bytes, "{range} of {of}");
    }
    let beyond = anyone.with("range", "bytes=700001-").get(&path).is_problem(416, "range_not_satisfiable");
    assert_eq!(beyond.header("content-range"), Some("bytes */700001"));

    // what comes in its place has another address
    let other = sound(1000);
    upload(&manager, &talk, &other).ok();
    anyone.get(&path).is_problem(404, "not_found");
    assert!(anyone.get(&plays_at(&listen(&manager, &talk).status(201))).ok().body == other);
    let told = played(&admin, &talk);
    assert_eq!((told.len(), &told[0]["actor"]["id"]), (2, &json!(manager.user_id)));
}

#[test]
fn each_listening_is_written_down_and_a_repeated_request_is_one() {
    let (workspace, admin, manager) = office();
    let talk = call(&manager, json!({"recording_url": LINK}));
    let linked = listen(&manager, &talk).status(201);
    assert_eq!(linked.json(), &json!({"url": LINK, "media_type": null, "size_bytes": null, "expires_at": null}));
    listen(&admin, &talk).status(201);
    let key = workspace.key("integration");
    listen(&key, &talk).status(201);
    upload(&manager, &talk, &sound(100)).ok();
    let once = manager.with("idempotency-key", "a1");
    let first = listen(&once, &talk).status(201);
    let again = listen(&once, &talk).status(201);
    assert_eq!((again.json(), again.header("idempotent-replayed")), (first.json(), Some("true")));
    let who: Vec<Value> = played(&admin, &talk).iter().map(|event| event["actor"]["type"].clone()).collect();
    assert_eq!(who, ["user", "api_key", "user", "user"]);
    // the outside is told of the upload, and not of who listened
    let mark = manager.post("/v1/contacts", json!({"last_name": "После"})).created().id();
    let told = eventually("the journal", || Some(admin.get("/v1/events?limit=200").ok()).filter(|told| told.text().contains(&mark)));
    assert!(told.text().contains("\"sha256\"") && !told.text().contains("recording_played"), "{told}");
}

#[test]
fn who_may_not_listen_sees_no_link_either() {
    let (workspace, admin, manager) = office();
    let talk = call(&manager, json!({"recording_url": LINK}));
    upload(&manager, &talk, &sound(100)).ok();
    let analyst = workspace.somebody("analyst", json!({}));
    let seen = analyst.get(&talk).ok();
    assert_eq!((&seen["recording_url"], &seen["access"]["hidden"]), (&Value::Null, &json!(["recording_url"])));
    assert!(!analyst.get("/v1/communications").ok().text().contains(LINK));
    listen(&analyst, &talk).is_problem(403, "forbidden");
    // another manager's talk is not there for him
    listen(&workspace.manager(), &talk).is_problem(404, "not_found");
    listen(&app().workspace().administrator(), &talk).is_problem(404, "not_found");
    app().anyone().post_nothing(&format!("{talk}/listen")).is_problem(401, "unauthenticated");

    // a role whose right is to what one led oneself: a client taken over brings no old talks
    let rights = json!([
        {"record": "contact", "read": "all"}, {"record": "communication", "read": "all", "update": "all"}, {"record": "recording", "read": "own"},
    ]);
    admin.post("/v1/roles", json!({"key": "listener", "name": "Слушатель", "rights": rights})).created();
    let listener = workspace.somebody("listener", json!({}));
    let seen = listener.get(&talk).ok();
    assert_eq!((&seen["recording_url"], &seen["access"]["hidden"]), (&Value::Null, &json!(["recording_url"])));
    listen(&listener, &talk).is_problem(403, "forbidden");
    listener.patch(&talk, json!({"recording_url": "https://pbx.example/other.mp3"})).is_problem(403, "field_not_permitted");
    admin.patch(&talk, json!({"owner_id": listener.user_id})).ok();
    assert_eq!(listener.get(&talk).ok()["recording_url"], LINK);
    listen(&listener, &talk).status(201);
    // hidden by a rule, a link is told by listening alone, which is written down
    let rights =
        json!([{"record": "contact", "read": "all"}, {"record": "communication", "read": "all"}, {"record": "recording", "read": "all"}]);
    let hidden = json!([{"record": "communication", "field": "recording_url", "effect": "hidden"}]);
    admin.post("/v1/roles", json!({"key": "auditor", "name": "Контроль", "rights": rights, "field_rules": hidden})).created();
    let auditor = workspace.somebody("auditor", json!({}));
    let linked = call(&manager, json!({"recording_url": LINK}));
    assert_eq!(auditor.get(&linked).ok()["recording_url"], Value::Null);
    assert_eq!(listen(&auditor, &linked).status(201)["url"], LINK);
    assert_eq!(played(&admin, &linked)[0]["actor"]["id"], json!(auditor.user_id));
    // the right to listen is not given by who does not have it
    let told = admin.get("/v1/roles?q=analyst").ok();
    assert!(told.items()[0]["rights"].as_array().unwrap().iter().any(|right| right["record"] == "recording" && right["read"] == "none"));
}

#[test]
fn what_is_no_sound_too_long_or_of_an_archived_talk_is_not_kept() {
    let (_, admin, manager) = office();
    let talk = call(&manager, json!({}));
    listen(&manager, &talk).is_problem(409, "no_recording");
    let at = format!("{talk}/recording");
    let put = |kind: Option<&str>, bytes: &[u8]| manager.send("PUT", &at, kind, Some(bytes.to_vec()));
    for bytes in [b"<html><script>alert(1)</script>".as_slice(), b"", b"%PDF-1.7 ", &[0; 4000]] {
        put(Some("audio/mpeg"), bytes).is_problem(415, "not_a_sound");
    }
    for kind in [None, Some("application/json"), Some("text/html"), Some("multipart/form-data; boundary=x")] {
        put(kind, &sound(100)).is_problem(415, "unsupported_media_type");
    }
    put(Some("application/octet-stream"), &sound(26_214_401)).is_problem(413, "payload_too_large");
    assert_eq!(manager.get(&talk).ok()["version"], 1);
    let largest = put(Some("application/octet-stream"), &sound(26_214_400)).ok();
    assert_eq!((&largest["recording"]["size_bytes"], &largest["version"]), (&json!(26_214_400), &json!(2)));
    let path = plays_at(&listen(&manager, &talk).status(201));
    let end = app().anyone().with("range", "bytes=-3").get(&path).status(206);
    assert_eq!((end.body.len(), end.header("content-range")), (3, Some("bytes 26214397-26214399/26214400")));

    manager.with("if-match", "\"1\"").send("PUT", &at, Some("audio/wav"), Some(sound(50))).is_problem(412, "version_mismatch");
    manager.with("if-match", "\"1\"").delete(&at).is_problem(412, "version_mismatch");
    admin.delete(&talk).no_content();
    put(Some("audio/wav"), &sound(50)).is_problem(409, "archived");
    // what must go goes, from an archived talk, too
    manager.delete(&at).no_content();
    manager.delete(&at).no_content();
    app().anyone().get(&path).is_problem(404, "not_found");
    assert_eq!(admin.get(&talk).ok()["recording"], Value::Null);
}

#[test]
fn a_link_opens_nothing_but_its_recording_and_only_for_who_still_works_here() {
    let (workspace, admin, _) = office();
    let leaving = workspace.manager();
    let talk = call(&leaving, json!({}));
    let bytes = sound(5000);
    upload(&leaving, &talk, &bytes).ok();
    let path = plays_at(&listen(&leaving, &talk).status(201));
    let (anyone, beginning) = (app().anyone(), &path[..path.len() - 1]);
    assert!(anyone.get(&path).ok().body == bytes);
    for forged in
        [beginning.to_owned(), format!("{path}A"), "/public/v1/recordings/x".into(), format!("/public/v1/recordings/{}", "A".repeat(123))]
    {
        anyone.get(&forged).is_problem(404, "not_found");
    }
    // links of other kinds are sealed with the same key
    let calendar = leaving.post("/v1/me/calendar-link", Value::Null).status(201);
    let secret = calendar["url"].as_str().unwrap().rsplit('/').next().unwrap().trim_end_matches(".ics").to_owned();
    anyone.get(&format!("/public/v1/recordings/{secret}")).is_problem(404, "not_found");
    admin.patch(&format!("/v1/users/{}", leaving.user_id), json!({"active": false})).ok();
    anyone.get(&path).is_problem(404, "not_found");
    // nor for whoever may listen no longer: by his role, by his reach, by a key that was revoked
    let rights = |listening: &str| json!([{"record": "contact", "read": "all"}, {"record": "communication", "read": "all"}, {"record": "recording", "read": listening}]);
    let role = admin.post("/v1/roles", json!({"key": "hears", "name": "Слышит", "rights": rights("all")})).created().path();
    let key = admin.post("/v1/api-keys", json!({"name": "Речь", "role": "hears"})).created();
    let robot = app().anyone().bearer(key["secret"].as_str().unwrap());
    let paths = [workspace.somebody("hears", json!({})), robot].map(|who| plays_at(&listen(&who, &talk).status(201)));
    for path in &paths {
        anyone.get(path).ok();
    }
    admin.delete(&key.path()).no_content();
    anyone.get(&paths[1]).is_problem(404, "not_found");
    admin.patch(&role, json!({"rights": rights("own")})).ok();
    anyone.get(&paths[0]).is_problem(404, "not_found");
}

#[test]
fn an_exchange_that_may_not_listen_tells_links_all_the_same() {
    let (_, admin, _) = office();
    let all = |record: &str| json!({"record": record, "read": "all", "create": "all", "update": "all", "assign": "all"});
    let rights: Vec<Value> = ["contact", "communication", "lead", "task"].into_iter().map(all).collect();
    admin.post("/v1/roles", json!({"key": "exchange", "name": "АТС", "rights": rights})).created();
    let key = admin.post("/v1/api-keys", json!({"name": "АТС", "role": "exchange"})).created();
    let exchange = app().anyone().bearer(key["secret"].as_str().unwrap());
    let phone = format!("+7912{:07}", workspace::unique());
    let told = |event: &str, more: Value| {
        let mut body = json!({"call_id": "1", "event": event, "direction": "inbound", "from": phone, "to": "+74951234567", "occurred_at": "2026-11-20T10:00:00Z"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        exchange.post("/v1/channels/telephony/events", body).ok()
    };
    told("finished", json!({"duration_seconds": 60}));
    let call = told("recorded", json!({"recording_url": LINK}));
    assert_eq!(call["communication"]["recording_url"], Value::Null, "{call}");
    let talk = format!("/v1/communications/{}", call["communication"]["id"].as_str().unwrap());
    assert_eq!(admin.get(&talk).ok()["recording_url"], LINK);
    let own = json!({"channel": "call", "direction": "inbound", "party": {"phone": phone}, "recording_url": LINK});
    let made = exchange.post("/v1/communications", own).created();
    assert_eq!((&made["recording_url"], &admin.get(&made.path()).ok()["recording_url"]), (&Value::Null, &json!(LINK)));
    // a guess at what is there tells nothing
    exchange.patch(&talk, json!({"recording_url": LINK})).is_problem(403, "field_not_permitted");
    listen(&exchange, &talk).is_problem(403, "forbidden");
}

#[test]
fn uploads_that_do_not_come_keep_nobody_waiting() {
    use std::io::Write;
    let (_, _, manager) = office();
    let talk = call(&manager, json!({}));
    let head = format!(
        "PUT {talk}/recording HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: audio/wav\r\ncontent-length: 26214400\r\n\r\nRIFF",
        manager.token()
    );
    let hanging: Vec<std::net::TcpStream> = (0..12)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(app().address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(upload(&manager, &talk, &sound(600_000)).ok()["version"], 2);
    drop(hanging);
}

#[test]
fn a_required_recording_is_one_that_was_uploaded_too() {
    let (_, admin, manager) = office();
    let demanding = json!({"name": "Записан", "required_fields": ["recording_url"]});
    let outcome = admin.post("/v1/communication-outcomes", demanding).created().id();
    let talk = call(&manager, json!({}));
    manager.patch(&talk, json!({"outcome_id": outcome})).is_problem(422, "validation_failed").names("/recording_url");
    upload(&manager, &talk, &sound(100)).ok();
    manager.patch(&talk, json!({"outcome_id": outcome})).ok();
    // taking a change back does not bring a recording back
    manager.delete(&format!("{talk}/recording")).no_content();
    let id = talk.rsplit('/').next().unwrap();
    let events = admin.get(&format!("/v1/audit-events?record_id={id}&action=updated")).ok();
    let deleted = events.items().iter().find(|event| !event["changes"]["recording"]["before"].is_null()).unwrap();
    let taken_back = admin.post_nothing(&format!("/v1/audit-events/{}/revert", deleted["id"].as_str().unwrap()));
    assert!(taken_back.status < 500, "{taken_back}");
    assert_eq!(manager.get(&talk).ok()["recording"], Value::Null);
    listen(&manager, &talk).is_problem(409, "no_recording");
}

#[test]
fn recordings_are_kept_for_as_long_as_the_workspace_says() {
    let database = Database::fresh();
    let server = Server::start(&database, &[]);
    let mut manager = App::of(&server).workspace().administrator();
    let (old, young) = (call(&manager, json!({"recording_url": LINK})), call(&manager, json!({})));
    for talk in [&old, &young] {
        upload(&manager, talk, &sound(300_000)).ok();
    }
    manager
        .patch("/v1/workspace", json!({"recording_retention_days": 0}))
        .is_problem(422, "validation_failed")
        .names("/recording_retention_days");
    let settings = manager.patch("/v1/workspace", json!({"recording_retention_days": 30})).ok();
    assert_eq!(settings["recording_retention_days"], 30);
    assert!(server.stop());
    let id = database.uuid(old.rsplit('/').next().unwrap());
    let long_ago = match database.engine {
        Engine::Sqlite => "created_at - 31 * 86400000000",
        Engine::Postgres => "created_at - interval '31 days'",
    };
    database.sql(&format!("UPDATE recording SET created_at = {long_ago} WHERE communication_id = {id}"));
    let server = Server::start(&database, &[]);
    manager.app = App::of(&server);
    eventually("the old recording to be forgotten", || manager.get(&old).ok()["recording"].is_null().then_some(()));
    assert_eq!((database.number("SELECT count(*) FROM recording"), database.number("SELECT count(*) FROM recording_piece")), (1, 2));
    assert_eq!(manager.get(&old).ok()["recording_url"], LINK);
    assert!(!manager.get(&young).ok()["recording"].is_null());
    let id = old.rsplit('/').next().unwrap();
    let told = manager.get(&format!("/v1/audit-events?record_id={id}&action=updated&limit=1")).ok();
    assert_eq!(
        (&told.items()[0]["actor"]["type"], &told.items()[0]["reason"]),
        (&json!("system"), &json!("recordings are kept for 30 days"))
    );
}
