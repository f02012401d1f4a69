//! An answer and what tests say about it. Each sentence returns the answer, so that they can be chained.

use std::fmt;

use serde_json::Value;

use crate::wire::{Request, Response};

/// What the server said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body as received.
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
    json: Value,
    asked: String,
    target: String,
}

impl std::ops::Index<&str> for Answer {
    type Output = Value;
    fn index(&self, field: &str) -> &Value {
        &self.json[field]
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(3000).collect();
        write!(f, "{}\n→ {} {:?}\n{body}", self.asked, self.status, self.headers)
    }
}

impl Answer {
    /// Reads an answer.
    pub fn new(request: &Request, response: Response) -> Self {
        let sent: String = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default().chars().take(2000).collect();
        Self {
            status: response.status,
            json: serde_json::from_slice(&response.body).unwrap_or(Value::Null),
            headers: response.headers,
            body: response.body,
            asked: format!("{} {} {sent}", request.method, request.target),
            target: request.target.split('?').next().unwrap_or_default().to_owned(),
        }
    }
    /// It has that status.
    #[track_caller]
    pub fn status(self, expected: u16) -> Self {
        assert_eq!(self.status, expected, "\n{self}");
        self
    }
    /// 200.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.status(200)
    }
    /// 201 with the place of the new record.
    #[track_caller]
    pub fn created(self) -> Self {
        let created = self.status(201);
        assert!(created.header("location").is_some_and(|l| l.starts_with('/')), "201 without Location\n{created}");
        created
    }
    /// 202.
    #[track_caller]
    pub fn accepted(self) -> Self {
        self.status(202)
    }
    /// 204.
    #[track_caller]
    pub fn no_content(self) -> Self {
        let empty = self.status(204);
        assert!(empty.body.is_empty(), "204 with a body\n{empty}");
        empty
    }
    /// A problem document of that status and code.
    #[track_caller]
    pub fn is_problem(self, status: u16, code: &str) -> Self {
        let problem = self.status(status);
        assert_eq!(problem.json["code"], code, "\n{problem}");
        problem
    }
    /// The problem names this place in the body.
    #[track_caller]
    pub fn names(self, pointer: &str) -> Self {
        assert!(self.errors().iter().any(|e| e["pointer"] == pointer), "{pointer} is not named\n{self}");
        self
    }
    /// The problem names this place with this code.
    #[track_caller]
    pub fn names_with(self, pointer: &str, code: &str) -> Self {
        assert!(self.errors().iter().any(|e| e["pointer"] == pointer && e["code"] == code), "{pointer} {code} is not named\n{self}");
        self
    }
    /// The problem names this query parameter.
    #[track_caller]
    pub fn names_parameter(self, name: &str) -> Self {
        assert!(self.errors().iter().any(|e| e["parameter"] == name), "parameter {name} is not named\n{self}");
        self
    }
    fn errors(&self) -> &[Value] {
        self.json["errors"].as_array().map_or(&[], Vec::as_slice)
    }
    /// The body as JSON.
    pub fn json(&self) -> &Value {
        &self.json
    }
    /// A value by JSON Pointer.
    pub fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
    /// All header fields.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
    /// The record's id.
    #[track_caller]
    pub fn id(&self) -> String {
        self.json["id"].as_str().unwrap_or_else(|| panic!("no id\n{self}")).to_owned()
    }
    /// The record's own path: where it was made, or where it was asked for.
    pub fn path(&self) -> String {
        self.header("location").map_or_else(|| self.target.clone(), str::to_owned)
    }
    /// The records of a page.
    #[track_caller]
    pub fn items(&self) -> &[Value] {
        self.json["data"].as_array().unwrap_or_else(|| panic!("no page\n{self}"))
    }
    /// The ids of a page.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        self.items().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
    /// Codes of the warnings beside a write's answer.
    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.json["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().map(|w| w["code"].as_str().unwrap().to_owned()).collect()
    }
}
