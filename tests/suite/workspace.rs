//! The workspace's settings and policies, and browsers.

use kartoteka_tests::{app, eventually, json};

#[test]
fn a_new_workspace_has_the_settings_of_its_country() {
    let russian = app().workspace_in("RU").administrator().get("/v1/workspace").ok();
    assert_eq!(
        (&russian["country"], &russian["time_zone"], &russian["currency"], &russian["languages"]),
        (&json!("RU"), &json!("Europe/Moscow"), &json!("RUB"), &json!(["ru"]))
    );
    let ukrainian = app().workspace_in("UA").administrator().get("/v1/workspace").ok();
    assert_eq!(
        (&ukrainian["time_zone"], &ukrainian["currency"], &ukrainian["languages"]),
        (&json!("Europe/Kyiv"), &json!("UAH"), &json!(["uk"]))
    );
}

#[test]
fn the_policies_start_as_the_contract_says() {
    let policies = app().workspace().administrator().get("/v1/workspace").ok()["policies"].clone();
    assert_eq!(policies["next_step"], json!({"lead": "warn", "deal": "warn", "contact": "warn"}));
    assert_eq!((&policies["duplicates"], &policies["second_factor"]), (&json!("require"), &json!("off")));
}

#[test]
fn settings_are_changed_by_a_patch_with_its_version() {
    let admin = app().workspace().administrator();
    let before = admin.get("/v1/workspace").ok();
    let change = json!({"name": "Новая", "country": "KZ", "time_zone": "Asia/Almaty", "currency": "KZT", "languages": ["ru", "en"], "contact_types": ["dealer"], "cors_origins": ["https://crm.example.com"]});
    let etag = before.header("etag").unwrap().to_owned();
    let after = admin.with("if-match", &etag).patch("/v1/workspace", change.clone()).ok();
    for (field, value) in change.as_object().unwrap() {
        assert_eq!(&after[field.as_str()], value, "{field}");
    }
    admin.with("if-match", &etag).patch("/v1/workspace", json!({"name": "x"})).is_problem(412, "version_mismatch");
    admin.post("/v1/contacts", json!({"last_name": "А", "type": "dealer"})).created();
}

#[test]
fn wrong_settings_are_named_all_at_once() {
    let change = json!({"name": " ", "country": "Россия", "time_zone": "Moon", "currency": "ЕВРО", "languages": ["Русский"], "contact_types": ["Дилер"], "cors_origins": ["https://x.example/path"]});
    let refused = app().workspace().administrator().patch("/v1/workspace", change).is_problem(422, "validation_failed");
    let refused = refused.names("/name").names("/country").names("/time_zone").names("/currency").names("/languages/0");
    refused.names("/contact_types/0").names("/cors_origins/0");
}

#[test]
fn only_the_listed_origins_may_call_from_a_browser() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let origin = format!("https://crm-{}.example.com", workspace.slug);
    let from = |origin: &str| admin.with("origin", origin).get("/v1/contacts").ok();
    assert_eq!(from(&origin).header("access-control-allow-origin"), None);
    admin.patch("/v1/workspace", json!({"cors_origins": [origin]})).ok();
    let allowed =
        eventually("the origin to be allowed", || Some(from(&origin)).filter(|a| a.header("access-control-allow-origin").is_some()));
    assert_eq!(allowed.header("access-control-allow-origin"), Some(origin.as_str()));
    let exposed = allowed.header("access-control-expose-headers").unwrap().to_lowercase();
    for header in ["etag", "location", "link", "retry-after", "ratelimit", "x-request-id"] {
        assert!(exposed.contains(header), "{header} in {exposed}");
    }
    assert_eq!(from("https://evil.example").header("access-control-allow-origin"), None);
}

#[test]
fn everybody_reads_the_settings_and_only_an_administrator_changes_them() {
    let workspace = app().workspace();
    for caller in [workspace.head(), workspace.manager(), workspace.operator(), workspace.key("integration")] {
        caller.get("/v1/workspace").ok();
        caller.patch("/v1/workspace", json!({"name": "x"})).is_problem(403, "forbidden");
    }
}

#[test]
fn the_working_calendar_is_monday_to_friday_until_it_is_set() {
    let admin = app().workspace().administrator();
    let before = admin.get("/v1/workspace").ok();
    let day = json!([{"from": "09:00", "until": "18:00"}]);
    assert_eq!((before.at("/working_calendar/weekly/friday"), before.at("/working_calendar/weekly/saturday")), (&day, &json!([])));
    assert_eq!(
        before.at("/repeat_contact"),
        &json!({"delays": [{"working_days": 0, "seconds": 7200}, {"working_days": 1, "seconds": 0}, {"working_days": 2, "seconds": 0}], "most": 4})
    );
    let change = json!({"weekly": {"saturday": [{"from": "14:00", "until": "24:00"}, {"from": "10:00", "until": "13:00"}]},
        "holidays": [{"on": "2027-01-07", "name": "Рождество"}, {"on": "2027-01-01", "name": null}],
        "extra_days": [{"on": "2026-12-27", "hours": [{"from": "10:00", "until": "15:00"}], "name": null}]});
    let after = admin.patch("/v1/workspace", json!({"working_calendar": change})).ok();
    assert_eq!(after.at("/working_calendar/weekly/friday"), &day, "what is not sent stays");
    assert_eq!(after.at("/working_calendar/weekly/saturday/0/from"), "10:00", "kept in order");
    assert_eq!(after.at("/working_calendar/holidays/0/on"), "2027-01-01");
    assert_eq!(admin.get("/v1/workspace").ok().text(), after.text());
    assert_eq!(
        admin.patch("/v1/workspace", json!({"working_calendar": null})).ok().at("/working_calendar"),
        before.at("/working_calendar")
    );
}

#[test]
fn a_calendar_that_cannot_be_meant_is_refused_at_its_places() {
    let admin = app().workspace().administrator();
    let wrong = json!({"weekly": {"monday": [{"from": "9", "until": "18:00"}], "tuesday": [{"from": "12:00", "until": "10:00"}]},
        "holidays": [{"on": "2027-01-01", "name": "а"}, {"on": "2027-01-01", "name": "б"}], "extra_days": [{"on": "2027-01-02", "hours": []}]});
    let refused = admin.patch("/v1/workspace", json!({"working_calendar": wrong, "repeat_contact": {"delays": [], "most": 0}}));
    let refused = refused.is_problem(422, "validation_failed");
    let refused = refused.names_with("/working_calendar/weekly/monday/0/from", "invalid_time");
    let refused = refused.names_with("/working_calendar/weekly/tuesday/0/until", "conflicting_fields");
    let refused = refused.names_with("/working_calendar/holidays/1/on", "told_twice").names("/working_calendar/extra_days/0/hours");
    refused.names("/repeat_contact/delays").names_with("/repeat_contact/most", "out_of_range");
    let many: Vec<_> = (0..401).map(|n| json!({"on": format!("{}-01-01", 2000 + n), "name": null})).collect();
    admin
        .patch("/v1/workspace", json!({"working_calendar": {"holidays": many}}))
        .is_problem(422, "validation_failed")
        .names_with("/working_calendar/holidays", "too_long");
}
