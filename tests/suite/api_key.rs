//! API keys: an integration's way in.

use kartoteka_tests::{app, eventually, json};

#[test]
fn a_key_works_and_shows_its_secret_once() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let issued = admin.post("/v1/api-keys", json!({"name": "1C"})).created();
    let secret = issued["secret"].as_str().unwrap();
    assert!(secret.starts_with("kk_live_") && secret.starts_with(issued["prefix"].as_str().unwrap()), "{secret}");
    assert_eq!(issued["role"], "integration");
    let integration = app().anyone().bearer(secret);
    let made = integration.post("/v1/contacts", json!({"last_name": "Блок"})).created();
    assert_eq!(
        (made.at("/created_by/type"), made.at("/created_by/name"), &made["owner_id"]),
        (&json!("api_key"), &json!("1C"), &json!(null))
    );
    let read = admin.get(&issued.path()).ok();
    assert!(!read.text().contains(secret) && !admin.get("/v1/api-keys").ok().text().contains(secret));
    eventually("the use to be noted", || admin.get(&issued.path()).ok()["last_used_at"].is_string().then_some(()));
}

#[test]
fn an_archived_key_stops_working() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let issued = admin.post("/v1/api-keys", json!({"name": "1C"})).created();
    let integration = app().anyone().bearer(issued["secret"].as_str().unwrap());
    integration.get("/v1/me").ok();
    admin.delete(&issued.path()).no_content();
    eventually("the key to stop", || (integration.get("/v1/me").status == 401).then_some(()));
    integration.get("/v1/me").is_problem(401, "invalid_token");
}

#[test]
fn a_key_stops_at_its_end() {
    let admin = app().workspace().administrator();
    let soon = admin.post("/v1/api-keys", json!({"name": "x", "expires_at": later(2)})).created();
    let integration = app().anyone().bearer(soon["secret"].as_str().unwrap());
    integration.get("/v1/me").ok();
    eventually("the end", || (integration.get("/v1/me").status == 401).then_some(()));
    admin
        .post("/v1/api-keys", json!({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}))
        .is_problem(422, "validation_failed")
        .names_with("/expires_at", "in_the_past");
}

#[test]
fn a_key_with_another_secret_is_none() {
    let workspace = app().workspace();
    let issued = workspace.administrator().post("/v1/api-keys", json!({"name": "1C"})).created();
    let secret = issued["secret"].as_str().unwrap();
    let wrong = format!("{}x", &secret[..secret.len() - 1]);
    for token in [wrong.as_str(), issued["prefix"].as_str().unwrap(), &secret[..secret.len() - 4]] {
        app().anyone().bearer(token).get("/v1/me").is_problem(401, "invalid_token");
    }
}

#[test]
fn a_key_has_its_role_and_may_be_given_another() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let issued = admin.post("/v1/api-keys", json!({"name": "1C", "role": "integration"})).created();
    let integration = app().anyone().bearer(issued["secret"].as_str().unwrap());
    integration.get("/v1/api-keys").is_problem(403, "forbidden");
    integration.patch("/v1/workspace", json!({"name": "x"})).is_problem(403, "forbidden");
    admin.patch(&issued.path(), json!({"role": "administrator", "name": "полный"})).ok();
    eventually("the new role", || (integration.get("/v1/api-keys").status == 200).then_some(()));
}

#[test]
fn only_an_administrator_sees_keys() {
    let workspace = app().workspace();
    for caller in [workspace.head(), workspace.manager(), workspace.operator()] {
        caller.get("/v1/api-keys").is_problem(403, "forbidden");
        caller.post("/v1/api-keys", json!({"name": "x"})).is_problem(403, "forbidden");
    }
}

#[test]
fn a_refused_key_is_written_down_with_its_reason_and_a_flood_is_not() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let issued = admin.post("/v1/api-keys", json!({"name": "1C", "expires_at": later(3)})).created();
    let secret = issued["secret"].as_str().unwrap().to_owned();
    let send = |token: &str| app().anyone().bearer(token).with("user-agent", "curl/8").get("/v1/contacts").status;
    let wrong = format!("{}_made-up", issued["prefix"].as_str().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|_| assert_eq!(send(&wrong), 401)));
        }
    });
    eventually("the end", || (send(&secret) == 401).then_some(()));
    assert_eq!(send(&secret), 401);
    admin.delete(&issued.path()).no_content();
    assert_eq!(send(&secret), 401);
    let rotated = admin.post("/v1/api-keys", json!({"name": "1C"})).created();
    admin.post(&format!("{}/rotate", rotated.path()), json!({})).ok();
    assert_eq!(send(rotated["secret"].as_str().unwrap()), 401);
    // a key nobody has leaves nothing
    assert_eq!(send(&format!("kk_live_{}_made-up", "0".repeat(32))), 401);
    let noted = admin.get("/v1/audit-events?action=key_refused").ok();
    let mut told: Vec<(&str, &str)> =
        noted.items().iter().map(|e| (e["reason"].as_str().unwrap(), e["record_id"].as_str().unwrap())).collect();
    told.sort_unstable();
    let (one, two) = (issued.id(), rotated.id());
    let expected =
        [("at its end", one.as_str()), ("revoked", &one), ("with another secret", &one), ("with the secret before its rotation", &two)];
    assert_eq!(told, expected, "each once a minute");
    let event = &noted.items()[0];
    assert_eq!(
        (&event["record_type"], &event["address"], &event["user_agent"], event["actor"]["type"].as_str()),
        (&json!("api_key"), &json!("127.0.0.1"), &json!("curl/8"), Some("system"))
    );
    assert!(!noted.text().contains("made-up"), "what was sent is not kept");
}

/// RFC 3339 of a moment some seconds ahead.
#[allow(clippy::disallowed_methods, reason = "the suite has no clock of the api's to ask")]
pub fn later(seconds: u64) -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + seconds;
    let (days, rest) = (i64::try_from(since / 86_400).unwrap(), since % 86_400);
    // civil from days, Howard Hinnant
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[test]
fn a_key_works_from_its_addresses_only() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let issued = admin.post("/v1/api-keys", json!({"name": "1C", "allowed_addresses": ["127.0.0.1", "10.1.2.3/8"]})).created();
    assert_eq!(issued["allowed_addresses"], json!(["127.0.0.1", "10.0.0.0/8"]));
    let integration = app().anyone().bearer(issued["secret"].as_str().unwrap());
    integration.get("/v1/contacts").ok();
    admin.patch(&issued.path(), json!({"allowed_addresses": ["203.0.113.0/24", "2001:db8::/32"]})).ok();
    for _ in 0..2 {
        integration.get("/v1/contacts").is_problem(403, "address_not_allowed");
    }
    assert_eq!(crate::second_factor::audited(&workspace, "address_refused"), 1);
    admin.patch(&issued.path(), json!({"allowed_addresses": null})).ok();
    integration.get("/v1/contacts").ok();
    admin
        .post("/v1/api-keys", json!({"name": "x", "allowed_addresses": ["::1", "example.com", "10.0.0.0/33"]}))
        .is_problem(422, "validation_failed")
        .names_with("/allowed_addresses/1", "invalid_address")
        .names_with("/allowed_addresses/2", "invalid_address");
}

#[test]
fn a_rotated_key_has_a_new_secret_and_the_old_one_for_the_overlap() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let issued = admin.post("/v1/api-keys", json!({"name": "1C"})).created();
    let with = |answer: &kartoteka_tests::Answer| app().anyone().bearer(answer["secret"].as_str().unwrap());
    let rotate = |body| admin.post(&format!("{}/rotate", issued.path()), body);
    let second = rotate(json!({"overlap_seconds": 3600})).ok();
    assert_ne!(second["secret"], issued["secret"]);
    assert_eq!((&second["prefix"], &second["version"]), (&issued["prefix"], &json!(2)));
    with(&issued).get("/v1/contacts").ok();
    with(&second).get("/v1/contacts").ok();
    assert!(admin.get(&issued.path()).ok()["secret"].is_null());
    // one from before the last rotation stops at once
    let third = rotate(json!({"overlap_seconds": 2})).ok();
    with(&issued).get("/v1/contacts").is_problem(401, "invalid_token");
    eventually("the end of the overlap", || (with(&second).get("/v1/contacts").status == 401).then_some(()));
    with(&third).get("/v1/contacts").ok();
    let fourth = rotate(json!({})).ok();
    with(&third).get("/v1/contacts").is_problem(401, "invalid_token");
    with(&fourth).get("/v1/contacts").ok();
    rotate(json!({"overlap_seconds": 604_801})).is_problem(422, "validation_failed").names("/overlap_seconds");
    rotate(json!({"overlap_seconds": -1})).is_problem(422, "validation_failed").names("/overlap_seconds");
    admin.delete(&issued.path()).no_content();
    with(&fourth).get("/v1/contacts").is_problem(401, "invalid_token");
    rotate(json!({})).is_problem(409, "archived");
}
