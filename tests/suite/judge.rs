//! The judge judged: what the client must notice in an answer that differs from the specification.

use kartoteka_tests::{
    Answer, Value, json,
    spec::Spec,
    wire::{Request, Response},
};

fn specification() -> Spec {
    Spec::read(json!({
        "openapi": "3.1.0",
        "paths": {
            "/v1/things/{id}": {"get": {"operationId": "get_thing", "responses": {
                "200": {"headers": {"ETag": {"required": true}}, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "404": {"$ref": "#/components/responses/NotFound"}
            }}},
            "/v1/things/latest": {"get": {"operationId": "get_latest_thing", "responses": {"204": {"description": "nothing"}}}}
        },
        "components": {
            "responses": {"NotFound": {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}},
            "schemas": {
                "Thing": {"type": "object", "required": ["id", "note"], "properties": {"id": {"type": "string", "format": "uuid"}, "note": {"type": ["string", "null"]}, "part": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Part"}]}}},
                "Part": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer"}}},
                "Problem": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}, "type": {}, "status": {}, "title": {}, "request_id": {}}}
            }
        }
    }))
}

fn judged(path: &str, status: u16, headers: &[(&str, &str)], body: Value) -> Vec<String> {
    let request = Request { method: "GET".into(), target: path.into(), headers: Vec::new(), body: None };
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    specification().differences("GET", path, &Answer::new(&request, Response { status, headers, body }))
}

const GOOD: [(&str, &str); 3] = [("X-Request-Id", "r"), ("Content-Type", "application/json"), ("ETag", "\"1\"")];
const ID: &str = "01939d5a-0000-7000-8000-000000000000";

#[test]
fn an_answer_as_documented_is_let_through() {
    assert_eq!(judged("/v1/things/1", 200, &GOOD, json!({"id": ID, "note": null, "part": {"size": 1}})), Vec::<String>::new());
    assert_eq!(judged("/v1/things/latest", 204, &GOOD[..1], Value::Null), Vec::<String>::new());
    let problem = json!({"code": "not_found", "type": "/problems/not_found", "status": 404, "title": "x", "request_id": "r"});
    assert_eq!(judged("/v1/things/1", 404, &[GOOD[0], ("Content-Type", "application/problem+json")], problem), Vec::<String>::new());
}

#[test]
fn whatever_differs_is_noticed() {
    let good = || json!({"id": ID, "note": "x"});
    let cases = [
        ("a missing property", judged("/v1/things/1", 200, &GOOD, json!({"id": ID}))),
        ("an undocumented property", judged("/v1/things/1", 200, &GOOD, json!({"id": ID, "note": null, "secret": 1}))),
        (
            "an undocumented property inside",
            judged("/v1/things/1", 200, &GOOD, json!({"id": ID, "note": null, "part": {"size": 1, "x": 2}})),
        ),
        ("a wrong type inside", judged("/v1/things/1", 200, &GOOD, json!({"id": ID, "note": null, "part": {"size": "1"}}))),
        ("a wrong format", judged("/v1/things/1", 200, &GOOD, json!({"id": "1", "note": null}))),
        ("an undocumented status", judged("/v1/things/1", 201, &GOOD, good())),
        ("a missing header", judged("/v1/things/1", 200, &GOOD[..2], good())),
        ("an undocumented telling header", judged("/v1/things/1", 200, &[GOOD[0], GOOD[1], GOOD[2], ("Location", "/x")], good())),
        ("another content type", judged("/v1/things/1", 200, &[GOOD[0], ("Content-Type", "text/html"), GOOD[2]], good())),
        ("no request id", judged("/v1/things/1", 200, &GOOD[1..], good())),
        ("an ETag that is not the version", judged("/v1/things/1", 200, &GOOD, json!({"id": ID, "note": null, "version": 2}))),
        ("a body where none is documented", judged("/v1/things/latest", 204, &GOOD[..2], json!({}))),
        ("a problem that is no document", judged("/v1/things/1", 404, &GOOD[..2], json!({"code": "not_found"}))),
        ("an unknown path that answers", judged("/v1/else", 200, &GOOD, good())),
        (
            "a time with nanoseconds",
            judged("/v1/things/1", 200, &GOOD, json!({"id": ID, "note": null, "made_at": "2026-01-01T00:00:00.123456789Z"})),
        ),
    ];
    for (what, differences) in cases {
        assert!(!differences.is_empty(), "{what} went unnoticed");
    }
}
