//! Signing in and out: tokens good, expired, forged, truncated; refresh and its reuse.

use kartoteka_tests::{app, eventually, json, workspace::PASSWORD};

#[test]
fn a_token_says_who_it_is_for_and_is_signed_by_a_published_key() {
    let workspace = app().workspace();
    let tokens = app().anyone().post("/v1/auth/token", json!({"email": workspace.administrator().email, "password": PASSWORD})).ok();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)));
    let parts: Vec<&str> = tokens["access_token"].as_str().unwrap().split('.').collect();
    let header = decoded(parts[0]);
    let claims = decoded(parts[1]);
    assert_eq!(header["alg"], "EdDSA");
    for claim in ["iss", "aud", "sub", "ws", "role", "sid", "exp", "iat", "jti"] {
        assert!(!claims[claim].is_null(), "{claim} is missing in {claims}");
    }
    assert_eq!((&claims["ws"], &claims["role"]), (&json!(workspace.id), &json!("administrator")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    let keys = app().anyone().get("/.well-known/jwks.json").ok();
    let key = keys["keys"].as_array().unwrap().iter().find(|k| k["kid"] == header["kid"]).expect("the key is published");
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert!(key["d"].is_null(), "the private part stays private");
}

#[test]
fn a_wrong_password_and_an_unknown_person_are_answered_alike() {
    let email = app().workspace().administrator().email;
    let wrong = app().anyone().post("/v1/auth/token", json!({"email": email, "password": "не он"})).is_problem(401, "invalid_credentials");
    let unknown = app()
        .anyone()
        .post("/v1/auth/token", json!({"email": "nobody@example.com", "password": "не он"}))
        .is_problem(401, "invalid_credentials");
    assert_eq!((&wrong["title"], &wrong["detail"]), (&unknown["title"], &unknown["detail"]));
}

#[test]
fn somebody_of_several_workspaces_is_asked_which() {
    let (one, two) = (app().workspace(), app().workspace());
    let email = one.administrator().email;
    two.administrator().post("/v1/users", json!({"email": email, "name": "Гость", "password": PASSWORD})).created();
    let asked = app().anyone().post("/v1/auth/token", json!({"email": email, "password": PASSWORD})).is_problem(409, "workspace_required");
    let mut slugs: Vec<&str> = asked["workspaces"].as_array().unwrap().iter().map(|w| w["slug"].as_str().unwrap()).collect();
    slugs.sort_unstable();
    let mut expected = [one.slug.as_str(), two.slug.as_str()];
    expected.sort_unstable();
    assert_eq!(slugs, expected);
    let tokens = app().anyone().post("/v1/auth/token", json!({"email": email, "password": PASSWORD, "workspace": two.slug})).ok();
    let me = app().anyone().bearer(tokens["access_token"].as_str().unwrap()).get("/v1/me").ok();
    assert_eq!(me.at("/workspace/id"), two.id.as_str());
    app()
        .anyone()
        .post("/v1/auth/token", json!({"email": email, "password": PASSWORD, "workspace": "no-such"}))
        .is_problem(401, "invalid_credentials");
}

#[test]
fn a_forged_truncated_or_foreign_token_is_none() {
    let workspace = app().workspace();
    let good = workspace.administrator().token();
    let (head, tail) = good.rsplit_once('.').unwrap();
    let (header, claims) = head.split_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let elsewhere = {
        let server = kartoteka_tests::Server::start(&kartoteka_tests::Database::fresh(), &[]);
        kartoteka_tests::App::of(&server).workspace().administrator().token()
    };
    let mut flipped: Vec<char> = claims.chars().collect();
    flipped[20] = if flipped[20] == 'A' { 'B' } else { 'A' };
    let flipped: String = flipped.into_iter().collect();
    let forged = [
        good[..good.len() - 10].to_owned(),
        format!("{head}."),
        head.to_owned(),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{tail}"),
        format!("{header}.{flipped}.{tail}"),
        elsewhere,
        "x".into(),
        "a.b.c".into(),
        "kk_live_x_y".into(),
        format!("kk_live_{}_secret", workspace.id),
        "é".into(),
        "x".repeat(6000),
    ];
    for token in forged {
        app().anyone().bearer(&token).get("/v1/me").is_problem(401, "invalid_token");
    }
    app().anyone().with("authorization", "Basic YTpi").get("/v1/me").status(401);
    app().anyone().with("authorization", "Bearer").get("/v1/me").status(401);
    app().anyone().with("authorization", &format!("bearer {good}")).get("/v1/me").ok();
}

#[test]
fn refreshing_rotates_and_a_reused_token_ends_the_whole_session() {
    let manager = app().workspace().manager();
    let refresh = |token: &str| app().anyone().post("/v1/auth/refresh", json!({"refresh_token": token}));
    let second = refresh(&manager.refresh_token).ok();
    assert_ne!(second["refresh_token"], manager.refresh_token.as_str());
    let alive = app().anyone().bearer(second["access_token"].as_str().unwrap());
    alive.get("/v1/me").ok();
    refresh(&manager.refresh_token).is_problem(401, "invalid_token");
    refresh(second["refresh_token"].as_str().unwrap()).is_problem(401, "invalid_token");
    eventually("the session to end", || (alive.get("/v1/me").status == 401).then_some(()));
}

#[test]
fn a_refresh_token_that_never_was_is_refused() {
    for token in ["", "x", "kr_unknown", &"z".repeat(300)] {
        app().anyone().post("/v1/auth/refresh", json!({"refresh_token": token})).is_problem(401, "invalid_token");
    }
    app()
        .anyone()
        .post("/v1/auth/refresh", json!({"refresh_token": "z".repeat(301)}))
        .is_problem(422, "validation_failed")
        .names_with("/refresh_token", "too_long");
}

#[test]
fn signing_out_ends_the_session() {
    let manager = app().workspace().manager();
    manager.post_nothing("/v1/auth/logout").no_content();
    app().anyone().post("/v1/auth/refresh", json!({"refresh_token": manager.refresh_token})).is_problem(401, "invalid_token");
    eventually("the token to stop", || (manager.get("/v1/me").status == 401).then_some(()));
}

#[test]
fn a_forgotten_password_is_answered_alike_for_known_and_unknown_people() {
    let known = app().workspace().administrator().email;
    for email in [known.as_str(), "nobody@example.com"] {
        let answer = app().anyone().post("/v1/auth/password-reset", json!({"email": email})).accepted();
        assert!(answer.body.is_empty(), "{answer}");
    }
    let confirm = app().anyone().post("/v1/auth/password-reset/confirm", json!({"token": "no-such-token", "new_password": PASSWORD}));
    assert!(matches!(confirm.status, 401 | 422), "{confirm}");
}

#[test]
fn guessing_passwords_and_tokens_is_slowed_down() {
    for (path, guess) in [
        ("/v1/auth/token", json!({"email": "a@example.com", "password": "guess"})),
        ("/v1/auth/refresh", json!({"refresh_token": "guess"})),
        ("/v1/auth/password-reset", json!({"email": "a@example.com"})),
        ("/v1/auth/password-reset/confirm", json!({"token": "guess", "new_password": PASSWORD})),
    ] {
        let server = kartoteka_tests::Server::start(&kartoteka_tests::Database::fresh(), &[("KARTOTEKA_SIGN_IN_PER_MINUTE", "5")]);
        let anyone = kartoteka_tests::App::of(&server).anyone();
        let refused =
            (0..12).map(|_| anyone.post(path, guess.clone())).find(|a| a.status == 429).unwrap_or_else(|| panic!("no limit on {path}"));
        refused.is_problem(429, "too_many_requests");
    }
}

#[test]
fn sign_in_without_its_fields_names_them() {
    let refused = app().anyone().post("/v1/auth/token", json!({}));
    assert!(matches!(refused.status, 400 | 422), "{refused}");
    app()
        .anyone()
        .post("/v1/auth/token", json!({"email": "a@example.com", "password": 5}))
        .is_problem(400, "wrong_type")
        .names("/password");
}

fn decoded(part: &str) -> kartoteka_tests::Value {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for c in part.bytes() {
        bits = bits << 6 | u32::from(value(c));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_made_up_secret_ends_nobody_s_session() {
    let manager = app().workspace().manager();
    let refresh = |token: &str| app().anyone().post("/v1/auth/refresh", json!({"refresh_token": token}));
    let known: String = manager.refresh_token.splitn(3, '_').take(2).collect::<Vec<_>>().join("_");
    refresh(&format!("{known}_{}", "z".repeat(43))).is_problem(401, "invalid_token");
    refresh(&manager.refresh_token).ok();
}

#[test]
fn one_s_sessions_are_listed_and_ended_one_by_one() {
    let workspace = app().workspace();
    let (one, stranger) = (workspace.manager(), workspace.manager());
    let two = kartoteka_tests::workspace::sign_in(app(), &one.email);
    let listed = two.get("/v1/me/sessions").ok();
    assert_eq!(listed.items().len(), 2);
    assert_eq!((&listed.items()[0]["current"], &listed.items()[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!((&listed.items()[0]["address"], &listed.items()[0]["user_id"]), (&json!("127.0.0.1"), &json!(one.user_id)));
    let first = format!("/v1/me/sessions/{}", listed.ids()[1]);
    one.get("/v1/contacts").ok();
    stranger.delete(&first).is_problem(404, "not_found");
    two.delete(&first).no_content();
    one.get("/v1/contacts").is_problem(401, "invalid_token");
    app().anyone().post("/v1/auth/refresh", json!({"refresh_token": one.refresh_token})).is_problem(401, "invalid_token");
    two.delete(&first).no_content();
    assert!(two.get(&first).ok()["ended_at"].is_string());
    assert_eq!(two.get("/v1/me/sessions").ok().items().len(), 1);
    assert_eq!(two.get("/v1/me/sessions?archived=only").ok().ids(), [listed.ids()[1].clone()]);
    assert_eq!(two.get("/v1/me/sessions?archived=include&limit=1&include_total=true").ok()["total"], 2);
    workspace.key("integration").get("/v1/me/sessions").is_problem(403, "forbidden");
}

#[test]
fn signing_out_everywhere_stops_every_token_at_once() {
    let one = app().workspace().manager();
    let again = || kartoteka_tests::workspace::sign_in(app(), &one.email);
    let (two, three) = (again(), again());
    for caller in [&one, &two, &three] {
        caller.get("/v1/contacts").ok();
    }
    two.post("/v1/me/sessions/end-all", json!({"except_current": true})).no_content();
    two.get("/v1/contacts").ok();
    for caller in [&one, &three] {
        caller.get("/v1/contacts").is_problem(401, "invalid_token");
    }
    two.post("/v1/me/sessions/end-all", json!({})).no_content();
    two.get("/v1/contacts").is_problem(401, "invalid_token");
}

#[test]
fn an_administrator_sees_and_ends_a_colleague_s_sessions() {
    let workspace = app().workspace();
    let (admin, person) = (workspace.administrator(), workspace.manager());
    let path = format!("/v1/users/{}", person.user_id);
    person.get("/v1/contacts").ok();
    assert_eq!(admin.get(&format!("{path}/sessions")).ok().items().len(), 1);
    person.get(&format!("{path}/sessions")).is_problem(403, "forbidden");
    person.post_nothing(&format!("{path}/end-sessions")).is_problem(403, "forbidden");
    admin.post_nothing(&format!("{path}/end-sessions")).no_content();
    person.get("/v1/contacts").is_problem(401, "invalid_token");
    assert!(admin.get(&format!("{path}/sessions")).ok().items().is_empty());
    kartoteka_tests::workspace::sign_in(app(), &person.email);
}
