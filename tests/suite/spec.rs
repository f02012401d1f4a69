//! The specification itself: complete, named, exemplary, and the one that is committed.

use std::collections::BTreeSet;

use kartoteka_tests::{
    Database, Value, app,
    spec::{self, Spec},
};

fn specification() -> &'static Spec {
    spec::of(app().address)
}

/// Every operation of this version; one that is left out fails here, a new one is added here.
const OPERATIONS: &str = "create_token refresh_token request_password_reset confirm_password_reset revoke_token list_signing_keys
    list_notifications get_notification count_unread_notifications read_notification read_notifications get_notification_settings update_notification_settings
    get_me change_my_password get_my_day create_calendar_link get_calendar_link revoke_calendar_link get_calendar
    list_my_sessions get_my_session end_my_session end_my_sessions get_user_sessions end_user_sessions
    begin_totp confirm_totp disable_totp create_recovery_codes reset_user_totp
    get_access_explanation get_role_preview reveal_contact list_roles create_role get_role update_role archive_role restore_role
    list_users create_user get_user update_user create_password_link get_open_work
    list_departments create_department get_department update_department archive_department restore_department
    list_api_keys create_api_key get_api_key update_api_key archive_api_key rotate_api_key
    get_workspace update_workspace
    list_sources create_source get_source update_source archive_source restore_source
    list_contact_statuses create_contact_status get_contact_status update_contact_status archive_contact_status restore_contact_status
    list_reject_reasons create_reject_reason get_reject_reason update_reject_reason archive_reject_reason restore_reject_reason
    list_lost_reasons create_lost_reason get_lost_reason update_lost_reason archive_lost_reason restore_lost_reason
    list_tags create_tag get_tag update_tag archive_tag restore_tag
    list_contacts create_contact get_contact update_contact archive_contact restore_contact upsert_contact
    add_contact_phone add_contact_email add_contact_messenger get_contact_overview get_contact_timeline
    list_companies create_company get_company update_company archive_company restore_company upsert_company
    look_up batch_contacts batch_companies batch_leads batch_deals batch_tasks batch_communications batch_notes
    list_leads create_lead get_lead update_lead archive_lead restore_lead reject_lead qualify_lead
    list_pipelines create_pipeline get_pipeline update_pipeline archive_pipeline restore_pipeline get_board
    list_deals create_deal get_deal update_deal archive_deal restore_deal move_deal place_deal get_deal_moves get_deal_stage_changes get_stuck_deals
    get_attention
    list_forms create_form get_form update_form archive_form restore_form rotate_form_key get_form_snippet test_form
    list_submissions get_submission replay_submission get_public_form submit_form
    list_tasks create_task get_task update_task archive_task restore_task complete_task cancel_task reopen_task record_no_answer get_task_occurrences hand_over_task
    create_hand_over list_hand_overs get_hand_over undo_hand_over
    list_communications create_communication get_communication update_communication archive_communication restore_communication get_communication_chain
    list_communication_outcomes create_communication_outcome get_communication_outcome update_communication_outcome archive_communication_outcome
    restore_communication_outcome
    list_assignment_rules create_assignment_rule get_assignment_rule update_assignment_rule archive_assignment_rule restore_assignment_rule
    list_assignment_decisions assign_lead
    check_in_to_meeting check_out_of_meeting submit_call_event
    get_position_consent update_position_consent submit_positions list_positions
    upload_recording delete_recording listen_to_recording play_recording
    list_audit_events get_audit_event verify_audit_events revert_audit_event revert_period
    get_contact_history get_company_history get_lead_history get_deal_history get_task_history
    revert_contact revert_company revert_lead revert_deal revert_task revert_communication revert_note revert_form revert_user revert_role
    get_events stream_events get_presence get_integration_health
    list_webhooks create_webhook get_webhook update_webhook archive_webhook restore_webhook rotate_webhook resume_webhook test_webhook replay_webhook
    list_webhook_deliveries get_webhook_delivery replay_webhook_delivery
    list_notes create_note get_note update_note archive_note restore_note";

#[test]
fn every_operation_of_this_version_is_there_and_no_unknown_one() {
    let served: BTreeSet<&str> = specification()
        .operations
        .iter()
        .filter(|o| o.path.starts_with("/v1/") || o.path.starts_with("/public/") || o.path.starts_with("/.well"))
        .map(|o| o.id.as_str())
        .collect();
    let expected: BTreeSet<&str> = OPERATIONS.split_whitespace().collect();
    let (missing, unknown): (Vec<_>, Vec<_>) = (expected.difference(&served).collect(), served.difference(&expected).collect());
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}, unknown to the suite: {unknown:?}");
}

#[test]
fn every_operation_is_described_tagged_and_named_once() {
    let document = &specification().document;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut ids = BTreeSet::new();
    for operation in &specification().operations {
        let definition = &operation.definition;
        assert!(!operation.id.is_empty() && ids.insert(&operation.id), "operation id of {} {}", operation.method, operation.path);
        assert_eq!(definition["tags"].as_array().map(Vec::len), Some(1), "{} has one tag", operation.id);
        let known = document["tags"].as_array().unwrap().iter().any(|tag| tag["name"] == definition["tags"][0]);
        assert!(known, "{} has a tag that is not described", operation.id);
        for text in ["summary", "description"] {
            assert!(definition[text].as_str().is_some_and(|t| t.len() > 3), "{} has no {text}", operation.id);
        }
        for parameter in definition["parameters"].as_array().into_iter().flatten() {
            let parameter = specification().resolved(parameter);
            assert!(parameter["description"].as_str().is_some_and(|d| !d.is_empty()), "{}: parameter {}", operation.id, parameter["name"]);
        }
    }
}

#[test]
fn every_request_and_answer_has_an_example_that_its_schema_accepts() {
    let specification = specification();
    let mut faults = Vec::new();
    let mut check = |what: String, media: &Value, closed: bool| match specification.example(media) {
        None => faults.push(format!("{what}: no example")),
        Some(example) => {
            faults.extend(specification.against(&media["schema"], example, closed).into_iter().map(|e| format!("{what}: {e}")));
        }
    };
    for operation in specification.operations.iter().filter(|o| o.path.starts_with("/v1/") || o.path.starts_with("/public/")) {
        if let Some(media) = specification.json_body(operation) {
            check(format!("{} request", operation.id), media, false);
        }
        for (status, response) in
            operation.definition["responses"].as_object().unwrap().iter().filter(|(status, _)| status.starts_with('2'))
        {
            if let Some(media) = specification.resolved(response)["content"].get("application/json") {
                check(format!("{} {status}", operation.id), media, true);
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_schema_has_a_name_and_every_input_is_closed() {
    let specification = specification();
    let mut faults = Vec::new();
    for operation in specification.operations.iter().filter(|o| o.path.starts_with("/v1/")) {
        if let Some(media) = specification.json_body(operation) {
            if media["schema"]["$ref"].is_null() {
                faults.push(format!("{}: the body's schema has no name", operation.id));
            }
            let closed = &specification.resolved(&media["schema"])["additionalProperties"] == false;
            if !closed && operation.id != "test_form" {
                faults.push(format!("{}: the body is not closed", operation.id));
            }
        }
        for (status, response) in operation.definition["responses"].as_object().unwrap() {
            for (_, media) in
                specification.resolved(response)["content"].as_object().into_iter().flatten().filter(|(t, _)| t.ends_with("json"))
            {
                if media["schema"]["$ref"].is_null() {
                    faults.push(format!("{} {status}: the answer's schema has no name", operation.id));
                }
            }
        }
    }
    for (name, schema) in specification.document["components"]["schemas"].as_object().unwrap() {
        for (property, inner) in schema["properties"].as_object().into_iter().flatten() {
            anonymous(inner, &format!("{name}.{property}"), &mut faults);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Notes objects and enums that stand without a name in a property; a single value is a union's tag.
fn anonymous(schema: &Value, at: &str, faults: &mut Vec<String>) {
    if schema.get("properties").is_some() || schema["enum"].as_array().is_some_and(|values| values.len() > 1) {
        faults.push(format!("{at} has no name of its own"));
    }
    for part in ["items", "additionalProperties"] {
        anonymous_part(schema.get(part), at, faults);
    }
    for union in ["oneOf", "anyOf", "allOf"] {
        schema[union].as_array().into_iter().flatten().for_each(|one| anonymous_part(Some(one), at, faults));
    }
}

fn anonymous_part(schema: Option<&Value>, at: &str, faults: &mut Vec<String>) {
    if let Some(schema) = schema.filter(|s| s.is_object()) {
        anonymous(schema, at, faults);
    }
}

#[test]
fn every_operation_documents_the_problems_it_can_answer() {
    let mut faults = Vec::new();
    for operation in specification().operations.iter().filter(|o| o.path.starts_with("/v1/")) {
        let statuses = operation.definition["responses"].as_object().unwrap();
        let mut wanted = vec!["400", "503"];
        if operation.definition["security"].as_array().is_none_or(|s| !s.is_empty()) {
            wanted.push("401");
        }
        if operation.path.contains("{id}") {
            wanted.push("404");
        }
        if specification().json_body(operation).is_some() {
            wanted.extend(["413", "415", "422"]);
        }
        for status in wanted.into_iter().filter(|s| !statuses.contains_key(*s)) {
            faults.push(format!("{} does not document {status}", operation.id));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_served_is_what_the_command_line_prints_and_what_is_committed() {
    let database = Database::fresh();
    let printed = database.run(&["openapi"]);
    assert_eq!(&serde_json::from_str::<Value>(&printed).expect("JSON"), &specification().document);
    assert_eq!(app().anyone().get("/openapi.json").ok().json(), &specification().document);
    let yaml = database.run(&["openapi", "--yaml"]);
    assert_eq!(app().anyone().get("/openapi.yaml").ok().text(), yaml);
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml")).expect("openapi.yaml is committed");
    assert!(committed == yaml, "openapi.yaml is stale: kartoteka openapi --yaml > openapi.yaml");
}

#[test]
fn every_route_that_was_used_is_in_the_specification() {
    let admin = app().workspace().administrator();
    admin.get("/v1/contacts").ok();
    let metrics = app().anyone().get("/metrics").ok().text();
    let templates: BTreeSet<&str> = specification().operations.iter().map(|o| o.path.as_str()).collect();
    let routes: BTreeSet<&str> = metrics.split("=\"/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(routes.contains("v1/contacts"), "metrics name routes by their pattern:\n{metrics}");
    for route in routes {
        let route = format!("/{route}");
        assert!(
            templates.contains(route.as_str())
                || ["/healthz", "/readyz", "/metrics", "/openapi.json", "/openapi.yaml"].contains(&route.as_str())
                || route.starts_with("/docs"),
            "{route} is not in the specification"
        );
    }
}
