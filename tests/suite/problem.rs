//! Bad input: a problem document with the right status naming the field, nothing written, never a 500 or a closed connection.

use kartoteka_tests::{Caller, app, json, wire};

fn count(caller: &Caller) -> usize {
    caller.get("/v1/contacts?limit=200").ok().items().len()
}

fn raw(caller: &Caller, body: &[u8]) -> kartoteka_tests::Answer {
    caller.send("POST", "/v1/contacts", Some("application/json"), Some(body.to_vec()))
}

#[test]
fn what_is_not_json_is_refused() {
    let manager = app().workspace().manager();
    let bodies: [&[u8]; 14] = [
        b"",
        b" ",
        b"{",
        b"{\"last_name\": \"A\"",
        b"{\"last_name\": \"A\"} x",
        b"{'last_name': 'A'}",
        b"\xff\xfe{\"",
        b"{\"last_name\": \"\xc3\x28\"}",
        b"\xef\xbb\xbf",
        b"NaN",
        b"{\"last_name\": \"\\ud800\"}",
        b"{\"comment\": 1e999}",
        b"{,}",
        b"\x00",
    ];
    for body in bodies {
        let refused = raw(&manager, body);
        assert_eq!(refused.status, 400, "{refused}");
    }
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    assert_eq!(raw(&manager, &deep).status, 400);
    let deep = [br#"{"comment": "#.to_vec(), vec![b'['; 50_000]].concat();
    assert_eq!(raw(&manager, &deep).status, 400);
    assert_eq!(count(&manager), 0);
}

#[test]
fn a_body_of_another_json_type_is_refused() {
    let manager = app().workspace().manager();
    for body in ["null", "[]", "5", "\"text\"", "true", "[{\"last_name\": \"A\"}]"] {
        assert_eq!(raw(&manager, body.as_bytes()).status, 400, "{body}");
    }
}

#[test]
fn a_wrong_type_is_named_by_its_place() {
    let manager = app().workspace().manager();
    let cases = [
        (json!({"last_name": 5}), "/last_name"),
        (json!({"phones": {"value": "+79123456789"}}), "/phones"),
        (json!({"phones": [{"value": 79_123_456_789_i64}]}), "/phones/0/value"),
        (json!({"phones": [{"value": "+79123456789"}, {"value": "+79123456780", "primary": "yes"}]}), "/phones/1/primary"),
        (json!({"tags": ["a", 5]}), "/tags/1"),
        (json!({"address": []}), "/address"),
        (json!({"address": {"city": {}}}), "/address/city"),
    ];
    for (body, pointer) in cases {
        manager.post("/v1/contacts", body).is_problem(400, "wrong_type").names(pointer);
    }
    let call =
        json!({"channel": "call", "direction": "inbound", "duration_seconds": 1.5, "contact_id": "01939d5a-0000-7000-8000-000000000000"});
    manager.post("/v1/communications", call).is_problem(400, "wrong_type").names("/duration_seconds");
    assert_eq!(count(&manager), 0);
}

#[test]
fn a_misspelt_name_is_never_silently_dropped() {
    let manager = app().workspace().manager();
    for (body, pointer) in [
        (json!({"lastname": "A"}), "/lastname"),
        (json!({"last_name": "A", "phones": [{"value": "+79123456789", "lable": "x"}]}), "/phones/0/lable"),
        (json!({"last_name": "A", "address": {"town": "x"}}), "/address/town"),
        (json!({"last_name": "A", "id": "01939d5a-0000-7000-8000-000000000000"}), "/id"),
        (json!({"last_name": "A", "workspace_id": "01939d5a-0000-7000-8000-000000000000"}), "/workspace_id"),
        (json!({"last_name": "A", "a/b~c": 1}), "/a~1b~0c"),
    ] {
        manager.post("/v1/contacts", body).is_problem(400, "unknown_field").names(pointer);
    }
    assert_eq!(count(&manager), 0);
}

#[test]
fn a_null_character_is_refused_wherever_it_stands() {
    let manager = app().workspace().manager();
    for (body, pointer) in [
        (json!({"last_name": "A\u{0}"}), "/last_name"),
        (json!({"tags": ["a", "\u{0}"]}), "/tags/1"),
        (json!({"last_name": "A", "address": {"city": "\u{0}x"}}), "/address/city"),
    ] {
        manager.post("/v1/contacts", body).is_problem(400, "invalid_text").names(pointer);
    }
    manager.get("/v1/contacts?q=%00").is_problem(400, "invalid_text");
    manager.get("/v1/lookup?email=a%00@example.com").is_problem(400, "invalid_text");
    manager.put("/v1/contacts/by-external-id/a%00b", json!({"last_name": "A"})).is_problem(400, "invalid_text");
    manager.put("/v1/contacts/by-external-id/a%FFb", json!({"last_name": "A"})).is_problem(400, "invalid_text");
    assert_eq!(count(&manager), 0);
}

#[test]
fn every_field_that_cannot_be_read_is_told_at_once() {
    let manager = app().workspace().manager();
    let wrong = json!({"kind": "call", "title": "A", "owner_id": "nobody", "contact_id": "12", "priority": "loud", "due_at": "soon"});
    let told = manager.post("/v1/tasks", wrong).is_problem(422, "validation_failed");
    told.names("/owner_id").names("/contact_id").names("/priority").names("/due_at");
    // what cannot be read outweighs what is merely wrong
    let told = manager.post("/v1/tasks", json!({"priority": "loud", "titel": "A", "kind": 7})).status(400);
    told.names("/priority").names("/titel").names("/kind");
}

#[test]
fn any_script_emoji_and_right_to_left_text_are_kept() {
    let manager = app().workspace().manager();
    for name in ["👩‍👩‍👧 Семья", "ליאור כהן", "محمد الأحمد", "张伟", "Ýános Ő", "Ӓнна Ҳасан", "O’Brien-Smith", "х\u{301}"]
    {
        let made = manager.post("/v1/contacts", json!({"display_name": name, "comment": format!("{name}\n\t{name}")})).created();
        let read = manager.get(&made.path()).ok();
        assert_eq!(read.text(), made.text());
        assert!(
            read["display_name"].as_str().unwrap().contains(name.split(' ').next().unwrap().trim_end_matches('\u{301}')),
            "{name}: {read}"
        );
    }
}

#[test]
fn texts_beyond_their_length_are_refused_and_those_at_it_kept() {
    let manager = app().workspace().manager();
    manager.post("/v1/contacts", json!({"last_name": "Ж".repeat(200), "comment": "🙂".repeat(20_000)})).created();
    for (body, pointer) in [
        (json!({"last_name": "Ж".repeat(10_000)}), "/last_name"),
        (json!({"last_name": "A", "comment": "x".repeat(20_001)}), "/comment"),
        (json!({"last_name": "A", "phones": [{"value": "1".repeat(101)}]}), "/phones/0/value"),
        (json!({"last_name": "A", "address": {"city": "x".repeat(201)}}), "/address/city"),
        (json!({"last_name": "A", "tags": vec!["x"; 51]}), "/tags"),
    ] {
        manager.post("/v1/contacts", body).is_problem(422, "validation_failed").names_with(pointer, "too_long");
    }
}

#[test]
fn phones_mails_and_dates_that_are_none_are_named() {
    let manager = app().workspace().manager();
    for phone in ["12", "", "телефон", "+7912345678", "112", "0000000000", "+", "💬", "+79123456789012345"] {
        manager.post("/v1/contacts", json!({"phones": [{"value": phone}]})).is_problem(422, "validation_failed").names("/phones/0/value");
    }
    for email in [
        "a@b",
        "",
        "a",
        "@example.com",
        "a@@example.com",
        "a b@example.com",
        "a@example",
        "<a@example.com",
        &format!("{}@example.com", "a".repeat(300)),
    ] {
        manager.post("/v1/contacts", json!({"emails": [{"value": email}]})).is_problem(422, "validation_failed").names("/emails/0/value");
    }
    for day in ["2026-02-30", "9999-12-31", "0000-01-01", "31.12.1990", "1990", ""] {
        manager.post("/v1/contacts", json!({"last_name": "A", "birthday": day})).is_problem(422, "validation_failed").names("/birthday");
    }
    for due in ["9999-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "2026-01-01", "tomorrow", "2026-01-01T25:00:00Z"] {
        manager.post("/v1/tasks", json!({"title": "x", "due_at": due})).is_problem(422, "validation_failed").names("/due_at");
    }
    assert_eq!(count(&manager), 0);
}

#[test]
fn enum_values_and_ids_that_are_none_are_named() {
    let manager = app().workspace().manager();
    let call = json!({"channel": "telepathy", "direction": "inbound", "contact_id": "not-a-uuid"});
    let refused = manager.post("/v1/communications", call);
    assert_eq!(refused.status, 422, "{refused}");
    refused.names("/channel");
    manager.post("/v1/tasks", json!({"title": "x", "priority": "urgent"})).is_problem(422, "validation_failed").names("/priority");
    manager.post("/v1/tasks", json!({"title": "x", "owner_id": "me"})).is_problem(422, "validation_failed").names("/owner_id");
}

#[test]
fn times_of_any_zone_are_taken_and_answered_in_utc() {
    let manager = app().workspace().manager();
    let made = manager.post("/v1/tasks", json!({"title": "x", "due_at": "2030-01-01T03:00:00.123456789+03:00"})).created();
    assert_eq!(made["due_at"], "2030-01-01T00:00:00.123456Z");
    assert_eq!(manager.get(&made.path()).ok().text(), made.text());
}

#[test]
fn another_workspace_s_ids_are_refused_like_unknown_ones() {
    let (ours, theirs) = (app().workspace().manager(), app().workspace().manager());
    let card = theirs.post("/v1/contacts", json!({"last_name": "A"})).created().id();
    let company = theirs.post("/v1/companies", json!({"name": "A"})).created().id();
    ours.post("/v1/contacts", json!({"last_name": "B", "company_id": company, "owner_id": theirs.user_id}))
        .is_problem(422, "validation_failed")
        .names_with("/company_id", "reference_not_found")
        .names_with("/owner_id", "reference_not_found");
    ours.post("/v1/leads", json!({"contact_id": card}))
        .is_problem(422, "validation_failed")
        .names_with("/contact_id", "reference_not_found");
    ours.post("/v1/tasks", json!({"title": "x", "contact_id": card}))
        .is_problem(422, "validation_failed")
        .names_with("/contact_id", "reference_not_found");
    ours.post("/v1/communications", json!({"channel": "call", "direction": "inbound", "contact_id": card}))
        .is_problem(422, "validation_failed")
        .names_with("/contact_id", "reference_not_found");
}

#[test]
fn a_body_over_the_limit_is_refused_with_an_answer() {
    let manager = app().workspace().manager();
    for size in [3_000_000, 20_000_000] {
        let body = json!({"last_name": "A", "comment": "x".repeat(size)}).to_string();
        raw(&manager, body.as_bytes()).is_problem(413, "payload_too_large");
    }
    let announced = format!(
        "POST /v1/contacts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\nconnection: close\r\n\r\n{{",
        manager.token()
    );
    let answer = wire::raw(app().address, announced.as_bytes()).expect("an answer, not a closed connection");
    assert!(matches!(answer.status, 400 | 413), "{answer:?}");
    assert_eq!(count(&manager), 0);
}

#[test]
fn a_body_cut_in_the_middle_is_answered_and_writes_nothing() {
    let manager = app().workspace().manager();
    let cut = format!(
        "POST /v1/contacts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 500\r\nconnection: close\r\n\r\n{{\"last_name\": \"Обрыв",
        manager.token()
    );
    let answer = wire::raw(app().address, cut.as_bytes()).expect("an answer, not a closed connection");
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.header("content-type").is_some_and(|t| t.starts_with("application/problem+json")), "{answer:?}");
    let chunked = format!(
        "POST /v1/contacts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\n{{\"las\r\nzz",
        manager.token()
    );
    let answer = wire::raw(app().address, chunked.as_bytes()).expect("an answer, not a closed connection");
    assert_eq!(answer.status, 400, "{answer:?}");
    wire::hang_up(app().address, cut.as_bytes()).unwrap();
    assert_eq!(count(&manager), 0);
}

#[test]
fn what_is_not_http_gets_a_400_and_the_server_lives_on() {
    for bytes in [
        &b"GARBAGE\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/contacts HTTP/1.1\r\nhost: x\r\ncontent-length: abc\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        let answer = wire::raw(app().address, bytes).expect("an answer");
        assert!((400..506).contains(&answer.status) && answer.status != 500, "{answer:?}");
    }
    app().anyone().get("/healthz").ok();
}

#[test]
fn strange_addresses_are_not_found() {
    let manager = app().workspace().manager();
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/contacts",
        "/v1/contacts/",
        "/v1/nothing",
        "/v1//contacts",
        "/v1/contacts/..",
        "/v1/contacts/%2e%2e",
        "/v1/contacts/%ff",
        "/v1/contacts/%00",
        "/.git/config",
        "/public",
        "/public/v1/forms",
        "/public/v1/contacts",
    ] {
        manager.get(path).is_problem(404, "not_found");
    }
    let long = manager.send_unchecked("GET", &format!("/v1/contacts/{}", "a".repeat(6000)), None, None);
    assert!(matches!(long.status, 404 | 414), "{long}");
}

#[test]
fn a_query_that_cannot_be_read_is_refused() {
    let manager = app().workspace().manager();
    for query in ["q=%ff%fe", "limit=%zz", "=", "&&&=x", "limit", "q[]=a"] {
        let answer = manager.get(&format!("/v1/contacts?{query}"));
        assert!(matches!(answer.status, 200 | 400), "{query}: {answer}");
    }
    manager.get("/v1/contacts?q=%ff%fe").status(400);
}

#[test]
fn an_if_match_that_is_no_version_is_refused() {
    let manager = app().workspace().manager();
    let card = manager.post("/v1/contacts", json!({"last_name": "A"})).created();
    for tag in ["x", "\"x\"", "\"0\"", "\"-1\"", "\"99999999999999999999\""] {
        let refused = manager.with("if-match", tag).patch(&card.path(), json!({"comment": "x"}));
        assert!(matches!(refused.status, 400 | 412), "{tag}: {refused}");
    }
    assert_eq!(manager.get(&card.path()).ok()["version"], 1);
}

#[test]
fn problems_speak_the_reader_s_language_and_codes_never_change() {
    let manager = app().workspace().manager();
    let mut titles = Vec::new();
    for language in ["en", "ru", "uk", "ru-RU,ru;q=0.9,en;q=0.8", "uk;q=0.5, ru;q=0.1", "de", "*", "", ";;;"] {
        let refused = manager
            .with("accept-language", language)
            .post("/v1/contacts", json!({"phones": [{"value": "12"}]}))
            .is_problem(422, "validation_failed");
        titles.push((refused["title"].as_str().unwrap().to_owned(), refused.at("/errors/0/message").as_str().unwrap().to_owned()));
    }
    assert!(titles[0] != titles[1] && titles[1] != titles[2] && titles[0] != titles[2], "{titles:?}");
    assert_eq!((&titles[3], &titles[4]), (&titles[1], &titles[2]));
    assert!(titles.iter().all(|(_, message)| message.contains("12")), "the message names the value: {titles:?}");
}
