//! Somebody who sends requests: a person, an integration or nobody. Every answer is held against the specification
//! before a test sees it.

use serde_json::Value;

use crate::{
    answer::Answer,
    app::App,
    seen, spec,
    wire::{self, Request},
};

/// Somebody who sends requests.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The server.
    pub app: App,
    /// Id of the user; empty for an integration and for nobody.
    pub user_id: String,
    /// E-mail of the user.
    pub email: String,
    /// Refresh token of the session.
    pub refresh_token: String,
    headers: Vec<(String, String)>,
}

impl Caller {
    /// Nobody.
    pub fn anonymous(app: App) -> Self {
        Self { app, user_id: String::new(), email: String::new(), refresh_token: String::new(), headers: Vec::new() }
    }
    /// The same with another credential.
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }
    /// The same, sending one more header field from now on; an earlier one of that name is replaced.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut caller = self.clone();
        caller.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        caller.headers.push((name.to_owned(), value.to_owned()));
        caller
    }
    /// The access token it sends.
    pub fn token(&self) -> String {
        let sent = self.headers.iter().find(|(n, _)| n == "authorization").map(|(_, v)| v.trim_start_matches("Bearer ").to_owned());
        sent.unwrap_or_default()
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, None)
    }
    /// POST of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send_json("POST", path, &body)
    }
    /// POST without a body.
    #[track_caller]
    pub fn post_nothing(&self, path: &str) -> Answer {
        self.send("POST", path, None, None)
    }
    /// PATCH of JSON.
    #[track_caller]
    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.send_json("PATCH", path, &body)
    }
    /// PUT of JSON.
    #[track_caller]
    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send_json("PUT", path, &body)
    }
    /// DELETE.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, None)
    }
    /// Any method with JSON.
    #[track_caller]
    pub fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, Some("application/json"), Some(body.to_string().into_bytes()))
    }
    /// Anything at all.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, content_type: Option<&str>, body: Option<Vec<u8>>) -> Answer {
        let answer = self.send_unchecked(method, path, content_type, body);
        assert_ne!(answer.status, 500, "never a 500: {answer}");
        if let Some(operation) = spec::of(self.app.address).operation(method, path) {
            seen::note(&operation.id, answer.status);
        }
        let differences = spec::of(self.app.address).differences(method, path, &answer);
        assert!(differences.is_empty(), "not what the specification says:\n- {}\n{answer}", differences.join("\n- "));
        answer
    }
    /// The same without holding the answer against the specification.
    #[track_caller]
    pub fn send_unchecked(&self, method: &str, path: &str, content_type: Option<&str>, body: Option<Vec<u8>>) -> Answer {
        let mut headers = self.headers.clone();
        if let Some(content_type) = content_type {
            headers.push(("content-type".into(), content_type.into()));
        }
        let request = Request { method: method.to_owned(), target: target(path), headers, body };
        match wire::exchange(self.app.address, &request) {
            Ok(response) => Answer::new(&request, response),
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }
}

/// A path and query as they go on the request line: everything outside ASCII, and spaces, percent-encoded.
fn target(path: &str) -> String {
    path.bytes()
        .map(|b| if b.is_ascii_graphic() && !b"\"<>".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
