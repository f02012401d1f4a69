//! Submissions: what a website posts, in whatever shape, is durable and becomes a lead once.

use kartoteka_tests::{Answer, Caller, Value, Workspace, app, eventually, json};

fn door(form: &Answer) -> String {
    format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap())
}

fn settled(admin: &Caller, receipt: &Answer) -> Answer {
    let path = format!("/v1/submissions/{}", receipt["submission_id"].as_str().expect("a receipt"));
    eventually("the submission to be processed", || Some(admin.get(&path).ok()).filter(|s| s["state"] != "received"))
}

/// Posts to a form of its own and answers the settled submission with its lead.
fn posted(workspace: &Workspace, content_type: &str, body: &[u8]) -> (Answer, Answer) {
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    let receipt = app().anyone().send("POST", &door(&form), Some(content_type), Some(body.to_vec())).accepted();
    let submission = settled(&admin, &receipt);
    let lead = admin.get(&format!("/v1/leads/{}", submission["lead_id"].as_str().unwrap_or_else(|| panic!("no lead\n{submission}")))).ok();
    (submission, lead)
}

#[test]
fn json_urlencoded_and_multipart_mean_the_same() {
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nАнна Ахматова\r\n--b\r\nContent-Disposition: form-data; name=\"phone\"\r\n\r\n8 912 345-67-89\r\n--b\r\nContent-Disposition: form-data; name=\"utm_source\"\r\n\r\nya\r\n--b\r\nContent-Disposition: form-data; name=\"budget\"\r\n\r\n5000\r\n--b--\r\n";
    let urlencoded =
        "name=%D0%90%D0%BD%D0%BD%D0%B0+%D0%90%D1%85%D0%BC%D0%B0%D1%82%D0%BE%D0%B2%D0%B0&phone=8+912+345-67-89&utm_source=ya&budget=5000";
    let nested = r#"{"fields": {"name": "Анна Ахматова", "phone": "8 912 345-67-89", "budget": "5000"}, "utm": {"source": "ya"}}"#;
    let flat = r#"{"name": "Анна Ахматова", "phone": "8 912 345-67-89", "budget": "5000", "utm_source": "ya"}"#;
    for (content_type, body) in [
        ("application/json", nested),
        ("application/json; charset=utf-8", flat),
        ("application/x-www-form-urlencoded", urlencoded),
        ("multipart/form-data; boundary=b", multipart),
    ] {
        let workspace = app().workspace();
        let (submission, lead) = posted(&workspace, content_type, body.as_bytes());
        assert_eq!(submission["state"], "processed", "{content_type}");
        assert_eq!(lead["utm"]["source"], "ya", "{content_type}");
        assert_eq!(lead["answers"], json!({"budget": "5000"}), "{content_type}");
        let card = workspace.administrator().get(&format!("/v1/contacts/{}", lead["contact_id"].as_str().unwrap())).ok();
        assert_eq!(card.at("/phones/0/e164"), "+79123456789", "{content_type}");
        assert_eq!((&card["first_name"], &card["last_name"]), (&json!("Анна"), &json!("Ахматова")), "{content_type}");
    }
}

#[test]
fn the_raw_bytes_are_kept_also_when_nobody_can_read_them() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    for (content_type, body) in [
        ("application/json", &b"{\"fields\": {\"name\": "[..]),
        ("application/json", b"\xff\xfe\x00\x01"),
        ("application/x-www-form-urlencoded", b"name=%00%ff&phone=+7912345678%"),
        ("multipart/form-data; boundary=b", b"--b\r\nno headers"),
    ] {
        let answer = app().anyone().send("POST", &door(&form), Some(content_type), Some(body.to_vec()));
        assert!(matches!(answer.status, 202 | 400 | 422), "{answer}");
        let kept = admin.get("/v1/submissions?limit=1").ok();
        let one = admin.get(&format!("/v1/submissions/{}", kept.ids()[0])).ok();
        assert_eq!(one["body_base64"], base64(body), "{content_type}");
        assert_eq!(one["content_type"], content_type);
    }
    assert_eq!(admin.get("/v1/submissions").ok().items().len(), 4, "each is kept");
    assert!(admin.get("/v1/submissions").ok().items().iter().all(|s| s["body_base64"].is_null()), "bodies only one by one");
}

#[test]
fn a_form_in_cp1251_is_read() {
    let workspace = app().workspace();
    // «Анна» in windows-1251, percent-encoded, as an old page posts it
    let (_, lead) =
        posted(&workspace, "application/x-www-form-urlencoded; charset=windows-1251", b"name=%C0%ED%ED%E0&phone=%2B79123456789");
    let card = workspace.administrator().get(&format!("/v1/contacts/{}", lead["contact_id"].as_str().unwrap())).ok();
    assert_eq!(card["first_name"], "Анна");
}

#[test]
fn unknown_fields_go_to_the_answers_and_a_null_character_is_dropped() {
    let workspace = app().workspace();
    let body = json!({"fields": {"name": "Анна\u{0}", "phone": "+79123456789", "Вопрос": "Сколько\u{0} стоит?", "список": ["а", "б"]}, "extra": 1});
    let (_, lead) = posted(&workspace, "application/json", body.to_string().as_bytes());
    assert_eq!(lead["answers"], json!({"Вопрос": "Сколько стоит?", "список": ["а", "б"], "extra": 1}));
}

#[test]
fn a_phone_that_is_none_is_kept_among_the_answers() {
    let workspace = app().workspace();
    let (_, lead) = posted(&workspace, "application/json", br#"{"fields": {"name": "Anna", "phone": "12"}}"#);
    assert_eq!(lead["answers"], json!({"phone": "12"}));
}

#[test]
fn a_missing_required_field_is_told_and_the_submission_kept_as_rejected() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace
        .form(json!({"fields": [{"name": "tel", "kind": "phone", "required": true}, {"name": "mail", "kind": "email", "required": true}]}));
    let refused = app().anyone().post(&door(&form), json!({"fields": {"tel": "12"}}));
    refused.is_problem(422, "validation_failed").names_with("/fields/tel", "invalid_phone").names_with("/fields/mail", "required");
    let kept = admin.get("/v1/submissions?state=rejected").ok();
    assert_eq!(kept.items().len(), 1);
    assert!(kept.at("/data/0/reason").is_string());
    assert!(admin.get("/v1/leads").ok().items().is_empty());
}

#[test]
fn a_filled_trap_or_a_form_filled_in_no_time_is_quarantined_without_telling() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    let robot = app()
        .anyone()
        .post(&door(&form), json!({"fields": {"name": "R", "phone": "+79123456789", "website": "http://spam.example"}}))
        .accepted();
    let quick = json!({"fields": {"name": "Q", "phone": "+79123456780", "started_at": "2026-01-01T00:00:00.000Z"}, "client_time": "2026-01-01T00:00:00.300Z"});
    app().anyone().post(&door(&form), quick).accepted();
    let spam = admin.get("/v1/submissions?state=spam").ok();
    assert_eq!(spam.items().len(), 2);
    assert!(spam.items().iter().all(|s| s["reason"].is_string()));
    assert!(admin.get("/v1/leads").ok().items().is_empty());
    let path = format!("/v1/submissions/{}", robot["submission_id"].as_str().unwrap());
    admin.post_nothing(&format!("{path}/replay")).ok();
    let processed = eventually("what is no spam to be processed", || Some(admin.get(&path).ok()).filter(|s| s["state"] == "processed"));
    assert!(processed["lead_id"].is_string());
    admin.post_nothing(&format!("{path}/replay")).is_problem(409, "already_processed");
    assert_eq!(admin.get("/v1/leads").ok().items().len(), 1);
}

#[test]
fn the_same_content_within_the_window_makes_one_lead() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    let enquiry = json!({"fields": {"name": "Анна", "phone": "+79123456789", "comment": "Щебень"}});
    let first = settled(&admin, &app().anyone().post(&door(&form), enquiry.clone()).accepted());
    let second = settled(&admin, &app().anyone().post(&door(&form), enquiry).accepted());
    assert_eq!((&first["state"], &second["state"]), (&json!("processed"), &json!("duplicate")));
    assert_eq!(second["duplicate_of"], first.id().as_str());
    assert_eq!(admin.get("/v1/leads").ok().items().len(), 1);
    let other = json!({"fields": {"name": "Анна", "phone": "+79123456789", "comment": "Песок"}});
    settled(&admin, &app().anyone().post(&door(&form), other).accepted());
    assert_eq!(admin.get("/v1/leads").ok().items().len(), 2, "another question is another lead");
    assert_eq!(admin.get("/v1/contacts").ok().items().len(), 1);
}

#[test]
fn without_a_window_the_same_content_is_another_enquiry() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({"duplicate_window_seconds": 0}));
    for _ in 0..2 {
        settled(&admin, &app().anyone().post(&door(&form), json!({"fields": {"phone": "+79123456789"}})).accepted());
    }
    assert_eq!(admin.get("/v1/leads").ok().items().len(), 2);
}

#[test]
fn an_idempotency_key_makes_the_repeated_submission_one() {
    let workspace = app().workspace();
    let form = workspace.form(json!({"duplicate_window_seconds": 0}));
    let page = app().anyone().with("idempotency-key", "page-1");
    let first = page.post(&door(&form), json!({"fields": {"phone": "+79123456789"}})).accepted();
    let second = page.post(&door(&form), json!({"fields": {"phone": "+79123456789"}})).accepted();
    assert_eq!(first["submission_id"], second["submission_id"]);
    assert_eq!(workspace.administrator().get("/v1/submissions").ok().items().len(), 1);
}

#[test]
fn the_same_person_is_one_card_with_a_lead_and_an_inbound_talk_for_each_enquiry() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    for fields in [
        json!({"name": "Анна", "phone": "8 (912) 345-67-89"}),
        json!({"name": "А. Ахматова", "phone": "+7 912 345 67 89", "email": "Anna@Example.com"}),
        json!({"email": "anna@example.com"}),
    ] {
        settled(&admin, &app().anyone().post(&door(&form), json!({"fields": fields})).accepted());
    }
    let cards = admin.get("/v1/contacts").ok();
    assert_eq!(cards.items().len(), 1);
    assert_eq!(cards.at("/data/0/emails/0/value"), "Anna@example.com", "what the card lacked is filled in");
    assert_eq!(admin.get(&format!("/v1/leads?contact_id={}", cards.ids()[0])).ok().items().len(), 3);
    let talks = admin.get(&format!("/v1/communications?contact_id={}&channel=form&direction=inbound", cards.ids()[0])).ok();
    assert_eq!(talks.items().len(), 3);
}

#[test]
fn an_enquiry_is_assigned_with_a_reason_tagged_and_gets_its_task() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (one, two) = (workspace.manager(), workspace.manager());
    let source = admin.post("/v1/sources", json!({"name": "Лендинг"})).created().id();
    let form = workspace.form(json!({
        "assignment": {"kind": "round_robin", "user_ids": [one.user_id, two.user_id]}, "task_minutes": 15, "task_title": "Перезвонить",
        "tags": ["лендинг"], "source_id": source
    }));
    let mut owners: Vec<Value> = Vec::new();
    for number in 0..4 {
        let enquiry = json!({"fields": {"phone": format!("+7912345670{number}")}, "page_url": "https://site.example/p"});
        let submission = settled(&admin, &app().anyone().post(&door(&form), enquiry).accepted());
        let lead = admin.get(&format!("/v1/leads/{}", submission["lead_id"].as_str().unwrap())).ok();
        assert_eq!(
            (&lead["tags"], &lead["source_id"], &lead["page_url"]),
            (&json!(["лендинг"]), &json!(source), &json!("https://site.example/p"))
        );
        assert!(lead["assignment_reason"].as_str().unwrap().contains("round robin"));
        assert_eq!(lead["created_by"]["type"], "form");
        let tasks = admin.get(&format!("/v1/tasks?lead_id={}", lead.id())).ok();
        assert_eq!((tasks.at("/data/0/title"), tasks.at("/data/0/owner_id")), (&json!("Перезвонить"), &lead["owner_id"]));
        assert_eq!(tasks.at("/data/0/due_at"), &lead["next_task_at"]);
        owners.push(lead["owner_id"].clone());
    }
    assert_eq!(owners, [json!(one.user_id), json!(two.user_id), json!(one.user_id), json!(two.user_id)], "turn by turn");
}

#[test]
fn somebody_away_or_deactivated_gets_no_enquiries() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (away, gone, here) = (workspace.manager(), workspace.manager(), workspace.manager());
    admin.patch(&format!("/v1/users/{}", away.user_id), json!({"absent_until": "2090-01-01T00:00:00Z"})).ok();
    let form = workspace.form(json!({"assignment": {"kind": "round_robin", "user_ids": [away.user_id, gone.user_id, here.user_id]}}));
    admin.patch(&format!("/v1/users/{}", gone.user_id), json!({"active": false})).ok();
    for number in 0..3 {
        let submission =
            settled(&admin, &app().anyone().post(&door(&form), json!({"fields": {"phone": format!("+7912345670{number}")}})).accepted());
        let lead = admin.get(&format!("/v1/leads/{}", submission["lead_id"].as_str().unwrap())).ok();
        assert_eq!(lead["owner_id"], here.user_id.as_str());
    }
}

#[test]
fn a_plain_html_form_is_sent_on_to_its_page() {
    let form = app().workspace().form(json!({"redirect_url": "https://site.example/thanks?ok=1"}));
    let page = app().anyone().with("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let answer =
        page.send("POST", &door(&form), Some("application/x-www-form-urlencoded"), Some(b"name=Anna&phone=%2B79123456789".to_vec()));
    assert_eq!(answer.clone().status(303).header("location"), Some("https://site.example/thanks?ok=1"));
    app().anyone().post(&door(&form), json!({"fields": {"name": "Anna"}})).accepted();
}

#[test]
fn only_pages_of_the_form_s_origins_may_post_from_a_browser() {
    let form = app().workspace().form(json!({"allowed_origins": ["https://site.example"]}));
    let enquiry = || json!({"fields": {"phone": "+79123456789"}});
    let ours = app().anyone().with("origin", "https://site.example").post(&door(&form), enquiry()).accepted();
    assert_eq!(ours.header("access-control-allow-origin"), Some("https://site.example"));
    app().anyone().with("origin", "https://evil.example").post(&door(&form), enquiry()).is_problem(403, "origin_not_allowed");
    app().anyone().post(&door(&form), enquiry()).accepted();
    let preflight = app()
        .anyone()
        .with("origin", "https://site.example")
        .with("access-control-request-method", "POST")
        .with("access-control-request-headers", "content-type");
    let allowed = preflight.send("OPTIONS", &door(&form), None, None);
    assert!(matches!(allowed.status, 200 | 204), "{allowed}");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://site.example"));
}

#[test]
fn a_body_over_the_form_s_limit_is_refused_and_not_kept() {
    let workspace = app().workspace();
    let form = workspace.form(json!({"max_body_bytes": 1024}));
    app().anyone().post(&door(&form), json!({"fields": {"comment": "ы".repeat(3000)}})).is_problem(413, "payload_too_large");
    app().anyone().post(&door(&form), json!({"fields": {"comment": "x".repeat(5_000_000)}})).is_problem(413, "payload_too_large");
    assert!(workspace.administrator().get("/v1/submissions").ok().items().is_empty());
}

#[test]
fn too_many_submissions_of_one_address_are_slowed_down() {
    let form = app().workspace().form(json!({"rate_per_minute": 3}));
    let answers: Vec<Answer> = (0..6).map(|n| app().anyone().post(&door(&form), json!({"fields": {"comment": n}}))).collect();
    assert!(answers.iter().take(3).all(|a| a.status == 202));
    let refused = answers.into_iter().last().unwrap().is_problem(429, "too_many_requests");
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() <= 60);
}

#[test]
fn a_content_type_no_page_sends_is_refused() {
    let form = app().workspace().form(json!({}));
    app().anyone().send("POST", &door(&form), Some("application/pdf"), Some(b"%PDF".to_vec())).is_problem(415, "unsupported_media_type");
}

#[test]
fn submissions_are_filtered_by_form_state_and_time() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let (one, other) = (workspace.form(json!({})), workspace.form(json!({})));
    let first = settled(&admin, &app().anyone().post(&door(&one), json!({"fields": {"phone": "+79123456789"}})).accepted());
    settled(&admin, &app().anyone().post(&door(&other), json!({"fields": {"name": "x", "website": "y"}})).accepted());
    let lead = first["lead_id"].as_str().unwrap();
    let filters = [
        format!("form_id={}", one.id()),
        "state=processed".into(),
        format!("lead_id={lead}"),
        format!("contact_id={}", first["contact_id"].as_str().unwrap()),
        format!("form_id={}&received_after=2026-01-01T00:00:00Z&received_before=2099-01-01T00:00:00Z", one.id()),
    ];
    for filter in filters {
        assert_eq!(admin.get(&format!("/v1/submissions?{filter}")).ok().ids(), [first.id()], "{filter}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk.iter().chain([&0, &0]).take(3).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
            (0..4).map(move |at| if at <= chunk.len() { char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]) } else { '=' })
        })
        .collect()
}

#[test]
fn a_key_used_for_another_enquiry_is_told_and_the_enquiry_kept() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    let page = app().anyone().with("idempotency-key", "page-1");
    let first = page.post(&door(&form), json!({"fields": {"phone": "+79123456789"}})).accepted();
    let again = page.post(&door(&form), json!({"fields": {"phone": "+79123456789"}})).accepted();
    assert_eq!((&first["submission_id"], again.header("idempotent-replayed")), (&again["submission_id"], Some("true")));
    let other = page.post(&door(&form), json!({"fields": {"phone": "+79123456780"}})).is_problem(422, "idempotency_key_reused");
    let kept = admin.get("/v1/submissions?state=rejected").ok();
    assert_eq!(kept.at("/data/0/id"), &other["submission_id"]);
    assert_eq!(kept.at("/data/0/fields/phone"), "+79123456780");
}

#[test]
fn an_archived_source_stops_no_enquiry() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let source = admin.post("/v1/sources", json!({"name": "Выставка"})).created();
    let form = workspace.form(json!({"source_id": source["id"]}));
    admin.delete(&source.path()).no_content();
    let receipt = app().anyone().post(&door(&form), json!({"fields": {"phone": "+79123456789"}})).accepted();
    assert_eq!(settled(&admin, &receipt)["state"], "processed");
}

#[test]
fn what_could_not_be_read_is_read_again_at_a_replay_or_stays_as_it_is() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let form = workspace.form(json!({}));
    let replayed = |content_type: &str, body: &str| {
        let refused = app().anyone().send("POST", &door(&form), Some(content_type), Some(body.as_bytes().to_vec()));
        assert!(matches!(refused.status, 400 | 415), "{refused}");
        let kept = admin.get("/v1/submissions?state=rejected&sort=-received_at").ok();
        let path = format!("/v1/submissions/{}", kept.at("/data/0/id").as_str().unwrap());
        (admin.post_nothing(&format!("{path}/replay")), path)
    };
    let (answer, _) = replayed("application/json", "{\"fields\": {\"name\": ");
    answer.is_problem(409, "unreadable");
    let (answer, path) = replayed("application/octet-stream", r#"{"fields": {"name": "Анна", "phone": "8 912 345-67-89"}}"#);
    answer.ok();
    let processed = eventually("what was read again to be processed", || Some(admin.get(&path).ok()).filter(|s| s["state"] == "processed"));
    assert_eq!(processed.at("/fields/name"), "Анна");
    assert_eq!(admin.get("/v1/leads").ok().items().len(), 1);
}
