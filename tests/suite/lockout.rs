//! Lock-out: growing delays, in every process, the same for accounts that are and are not there; what looks like an attack.

use kartoteka_tests::{Answer, App, Database, Server, app, eventually, json, workspace::PASSWORD};

use crate::second_factor::audited;

const GENEROUS: [(&str, &str); 2] = [("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000000"), ("KARTOTEKA_FAILURES_PER_ADDRESS", "1000000")];

fn guess(app: App, email: &str, password: &str) -> Answer {
    app.anyone().post("/v1/auth/token", json!({"email": email, "password": password}))
}

/// Guesses until it is told to wait; how many guesses were answered 401.
fn locked(app: App, email: &str) -> usize {
    let mut wrong = 0;
    loop {
        let answer = guess(app, email, "не тот пароль");
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").expect("how long to wait").parse().unwrap();
            assert!((1..=900).contains(&wait));
            answer.is_problem(429, "too_many_requests");
            return wrong;
        }
        answer.is_problem(401, "invalid_credentials");
        wrong += 1;
        assert!(wrong < 12, "no lock");
    }
}

#[test]
fn an_account_waits_longer_and_longer_whether_it_is_there_or_not() {
    let workspace = app().workspace();
    let person = workspace.manager();
    for email in [person.email.clone(), format!("nobody-{}@example.com", kartoteka_tests::workspace::unique())] {
        assert!(locked(app(), &email) >= 5, "five failures lock nothing for the sixth");
    }
    assert!(audited(&workspace, "locked_out") >= 1);
    // the right password waits, too; then it opens, and the count begins anew
    eventually("the lock to open", || match guess(app(), &person.email, PASSWORD).status {
        200 => Some(()),
        status => {
            assert_eq!(status, 429);
            None
        }
    });
    for _ in 0..4 {
        guess(app(), &person.email, "не тот пароль").is_problem(401, "invalid_credentials");
    }
    guess(app(), &person.email, PASSWORD).ok();
}

#[test]
fn another_process_and_a_restarted_one_know_of_the_lock() {
    let database = Database::fresh();
    let (one, two) = (Server::start(&database, &GENEROUS), Server::start(&database, &GENEROUS));
    let (here, there) = (App::of(&one), App::of(&two));
    let email = here.workspace().administrator().email;
    // longer and longer, until a slow machine has the time to ask the other process
    for _ in 0..6 {
        locked(here, &email);
        if guess(there, &email, PASSWORD).status == 429 {
            return;
        }
    }
    panic!("the other process let it in");
}

#[test]
fn an_address_is_locked_after_its_own_count_of_failures_over_many_accounts() {
    let server = Server::start(&Database::fresh(), &[("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000"), ("KARTOTEKA_FAILURES_PER_ADDRESS", "6")]);
    let app = App::of(&server);
    let refused = (0..40).find(|n| guess(app, &format!("somebody-{n}@example.com"), "наугад").status == 429);
    assert!(refused.is_some_and(|n| n >= 6), "{refused:?}");
}

#[test]
fn a_password_asked_for_inside_is_counted_too() {
    let person = app().workspace().manager();
    let tried =
        |n: usize| person.post("/v1/me/password", json!({"current_password": format!("{n}"), "new_password": "новый пароль 4242"})).status;
    let first = (0..12).map(tried).position(|status| status == 429);
    assert!(first.is_some_and(|n| n >= 5), "{first:?}");
    person.get("/v1/me").ok();
}

#[test]
fn an_administrator_s_link_opens_a_locked_account() {
    let workspace = app().workspace();
    let person = workspace.manager();
    for _ in 0..3 {
        locked(app(), &person.email);
    }
    let link = workspace.administrator().post_nothing(&format!("/v1/users/{}/password-link", person.user_id)).status(201);
    let confirm = json!({"token": link["token"], "new_password": "совсем другой пароль 7"});
    app().anyone().post("/v1/auth/password-reset/confirm", confirm).no_content();
    guess(app(), &person.email, "совсем другой пароль 7").ok();
}

#[test]
fn a_huge_password_is_refused_before_it_is_hashed() {
    let person = app().workspace().manager();
    for size in [1001, 900_000] {
        let huge = "п".repeat(size / 2 + 501);
        let started = std::time::Instant::now();
        guess(app(), &person.email, &huge).is_problem(422, "validation_failed").names_with("/password", "too_long");
        let admin_made = json!({"current_password": PASSWORD, "new_password": huge});
        person.post("/v1/me/password", admin_made).is_problem(422, "validation_failed").names_with("/new_password", "too_long");
        assert!(started.elapsed().as_secs() < 5);
    }
}

#[test]
fn what_looks_like_an_attack_is_written_down() {
    let workspace = app().workspace();
    let admin = workspace.administrator();
    let good = admin.token();
    let (head, tail) = good.rsplit_once('.').unwrap();
    let other: String = tail.chars().rev().collect();
    for forged in [format!("{head}.{other}"), format!("eyJhbGciOiJub25lIn0.{}.", head.split_once('.').unwrap().1)] {
        app().anyone().bearer(&forged).get("/v1/me").is_problem(401, "invalid_token");
    }
    assert_eq!(audited(&workspace, "forgery_refused"), 1, "once a minute");
    let person = workspace.manager();
    let refresh = || app().anyone().post("/v1/auth/refresh", json!({"refresh_token": person.refresh_token}));
    refresh().ok();
    refresh().is_problem(401, "invalid_token");
    person.get("/v1/me").is_problem(401, "invalid_token");
    assert_eq!(audited(&workspace, "reuse_refused"), 1);
}
