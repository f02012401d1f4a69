//! Somebody is dismissed while his clients go on asking by every way in, at full rate, through one process and through two: what he
//! asks for a second after the answer is refused.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use kartoteka_tests::{Answer, App, Caller, Database, Server, eventually, json, workspace::PASSWORD, workspace::sign_in};

const GENEROUS: [(&str, &str); 2] = [("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000000"), ("KARTOTEKA_FAILURES_PER_ADDRESS", "1000000")];

/// How long another process may still believe somebody who was dismissed.
const BELIEVED: Duration = Duration::from_secs(1);

/// For how long after the answer the clients go on.
const WATCHED: Duration = Duration::from_millis(2500);

/// One request: when it began, and what it was answered.
struct Asked {
    began: Instant,
    status: u16,
}

/// A client of the person: what it asks for next, by the answer before.
enum Client {
    Reads(Caller),
    Writes(Caller),
    Refreshes { by: Caller, token: String },
    SignsIn { by: Caller, email: String },
}

impl Client {
    /// Every request of one turn.
    fn ask(&mut self, asked: &mut Vec<Asked>) {
        let mut send = |by: &Caller, method: &str, path: &str, body: Option<kartoteka_tests::Value>| -> Answer {
            let began = Instant::now();
            // unchecked: holding answers against the specification would cost the rate
            let answer =
                by.send_unchecked(method, path, body.as_ref().map(|_| "application/json"), body.map(|b| b.to_string().into_bytes()));
            asked.push(Asked { began, status: answer.status });
            answer
        };
        let entered = |answer: &Answer, by: &Caller| answer["access_token"].as_str().map(|token| by.bearer(token));
        match self {
            Self::Reads(by) => drop(send(by, "GET", "/v1/contacts?limit=1", None)),
            Self::Writes(by) => drop(send(by, "POST", "/v1/tasks", Some(json!({"title": "Т"})))),
            Self::Refreshes { by, token } => {
                let answer = send(by, "POST", "/v1/auth/refresh", Some(json!({"refresh_token": token})));
                if let Some(inside) = entered(&answer, by) {
                    answer["refresh_token"].as_str().unwrap().clone_into(token);
                    send(&inside, "GET", "/v1/contacts?limit=1", None);
                }
            }
            Self::SignsIn { by, email } => {
                let answer = send(by, "POST", "/v1/auth/token", Some(json!({"email": email, "password": PASSWORD})));
                if let Some(inside) = entered(&answer, by) {
                    send(&inside, "GET", "/v1/contacts?limit=1", None);
                }
            }
        }
    }
}

/// A person's clients, spread over the servers: two sessions that read and write, one that refreshes, one that signs in anew.
fn clients(servers: &[App], email: &str) -> Vec<Client> {
    let mut all = Vec::new();
    for (n, server) in servers.iter().enumerate() {
        // signed in here, used there
        let elsewhere = servers[(n + 1) % servers.len()];
        let there = |caller: &Caller| elsewhere.anyone().bearer(&caller.token());
        let session = there(&sign_in(*server, email));
        all.push(Client::Reads(session.clone()));
        all.push(Client::Reads(session.clone()));
        all.push(Client::Writes(session));
        let token = sign_in(*server, email).refresh_token;
        all.push(Client::Refreshes { by: elsewhere.anyone(), token });
    }
    all.push(Client::SignsIn { by: servers[servers.len() - 1].anyone(), email: email.to_owned() });
    all
}

/// Dismisses somebody amid his requests; how long after the answer the last one began that was still let in.
fn dismissed_under_load(servers: &[App]) -> Option<Duration> {
    let workspace = servers[0].workspace();
    let (admin, person) = (workspace.administrator(), workspace.manager());
    let mut clients = clients(servers, &person.email);
    let (answered, turns): (OnceLock<Instant>, Vec<AtomicUsize>) = (OnceLock::new(), clients.iter().map(|_| AtomicUsize::new(0)).collect());
    let asked: Vec<Asked> = std::thread::scope(|scope| {
        let running: Vec<_> = clients
            .iter_mut()
            .zip(&turns)
            .map(|(client, turns)| {
                let answered = &answered;
                scope.spawn(move || {
                    let mut asked = Vec::new();
                    while answered.get().is_none_or(|at| at.elapsed() < WATCHED) {
                        client.ask(&mut asked);
                        turns.fetch_add(1, Ordering::Relaxed);
                    }
                    asked
                })
            })
            .collect();
        eventually("every client to be at work", || turns.iter().all(|turns| turns.load(Ordering::Relaxed) >= 3).then_some(()));
        let done = admin.patch(&format!("/v1/users/{}", person.user_id), json!({"active": false}));
        // first, or the clients would never stop
        answered.set(Instant::now()).unwrap();
        done.ok();
        running.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let answered = *answered.get().unwrap();
    for one in &asked {
        // a locked account says so before anything else; a task of his own is nothing a dismissed person can be given
        assert!(matches!(one.status, 200 | 201 | 401 | 422 | 429), "{}", one.status);
    }
    let entered = |one: &&Asked| matches!(one.status, 200 | 201 | 422);
    let (before, after): (Vec<&Asked>, Vec<&Asked>) = asked.iter().partition(|one| one.began <= answered);
    assert!(before.iter().filter(|one| entered(one)).count() >= turns.len() && after.len() > turns.len());
    let left = admin.get(&format!("/v1/users/{}/sessions", person.user_id)).ok();
    assert!(left.items().is_empty(), "no session is left for the day he comes back: {left}");
    let last = after.iter().filter(|one| entered(one)).map(|one| one.began - answered).max();
    eprintln!(
        "{} processes: {} requests, {} of them after the answer; let in after it: {}, the last began {:?} after it",
        servers.len(),
        asked.len(),
        after.len(),
        after.iter().filter(|one| entered(one)).count(),
        last.unwrap_or_default()
    );
    last
}

fn rounds() -> usize {
    if std::env::var("SUITE_LONG").is_ok_and(|v| v == "1") { 10 } else { 1 }
}

#[test]
fn through_one_process_nothing_is_let_in_once_the_dismissal_is_answered() {
    let server = Server::start(&Database::fresh(), &GENEROUS);
    for _ in 0..rounds() {
        assert_eq!(dismissed_under_load(&[App::of(&server)]), None);
    }
}

#[test]
fn through_two_processes_nothing_is_let_in_a_second_after_the_dismissal_is_answered() {
    let database = Database::fresh();
    let (one, two) = (Server::start(&database, &GENEROUS), Server::start(&database, &GENEROUS));
    for _ in 0..rounds() {
        let last = dismissed_under_load(&[App::of(&one), App::of(&two)]);
        assert!(last.is_none_or(|last| last <= BELIEVED), "{last:?}");
    }
}

#[test]
fn a_key_the_dismissed_person_made_is_an_integration_s_and_stays() {
    let workspace = kartoteka_tests::app().workspace();
    let (admin, person) = (workspace.administrator(), workspace.somebody("administrator", json!({})));
    let key = person.post("/v1/api-keys", json!({"name": "1C"})).created();
    admin.patch(&format!("/v1/users/{}", person.user_id), json!({"active": false})).ok();
    person.get("/v1/contacts").is_problem(401, "invalid_token");
    workspace.app.anyone().bearer(key["secret"].as_str().unwrap()).get("/v1/contacts").ok();
    assert_eq!(admin.get(&key.path()).ok().at("/created_by/id"), person.user_id.as_str(), "who made it can be seen");
}
