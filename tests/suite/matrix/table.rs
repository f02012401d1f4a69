//! The table: which right each operation needs, written down apart from the server and from the specification.

use std::collections::BTreeSet;

use kartoteka_tests::{Value, json};

use super::{
    Expected,
    people::{Asker, Office, Whose},
};
use crate::access;

/// What an operation asks of its asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Nothing: this status and code for everybody alike.
    Open(u16, &'static str),
    /// A credential.
    Anybody,
    /// A credential of a person, about his own affairs.
    Person,
    /// Oneself, or the right to change roles.
    Explain,
    /// A verb on a record type.
    Record(&'static str, &'static str),
}

/// One operation's line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Operation id.
    pub id: String,
    /// What it needs.
    pub right: Right,
}

/// Verbs by record type; `list`, `get` and so on stand for operation ids with the noun of the line.
const RECORDS: &[(&str, &str)] = &[
    (
        "contact",
        "read: list_contacts get_contact get_contact_overview get_contact_timeline get_contact_history look_up reveal_contact
        create: create_contact update: create_hand_over list_hand_overs get_hand_over undo_hand_over update_contact upsert_contact batch_contacts add_contact_phone add_contact_email add_contact_messenger
        delete: archive_contact restore_contact",
    ),
    (
        "company",
        "read: list_companies get_company get_company_history create: create_company update: update_company upsert_company batch_companies
        delete: archive_company restore_company",
    ),
    (
        "lead",
        "read: list_leads get_lead get_lead_history get_attention list_assignment_decisions create: create_lead update: update_lead batch_leads reject_lead qualify_lead assign_lead
        delete: archive_lead restore_lead",
    ),
    (
        "deal",
        "read: list_deals get_deal get_deal_history get_deal_moves get_deal_stage_changes get_stuck_deals get_board create: create_deal
        update: update_deal batch_deals move_deal place_deal delete: archive_deal restore_deal",
    ),
    ("pipeline", "read: list_pipelines get_pipeline create: create_pipeline update: update_pipeline delete: archive_pipeline restore_pipeline"),
    (
        "lost_reason",
        "read: list_lost_reasons get_lost_reason create: create_lost_reason update: update_lost_reason
        delete: archive_lost_reason restore_lost_reason",
    ),
    (
        "task",
        "read: list_tasks get_task get_task_history get_task_occurrences get_my_day create: create_task
        update: update_task batch_tasks complete_task cancel_task reopen_task record_no_answer hand_over_task delete: archive_task restore_task",
    ),
    (
        "communication",
        "read: list_communications get_communication get_communication_chain create: create_communication submit_call_event update: update_communication batch_communications check_in_to_meeting check_out_of_meeting
        upload_recording delete: archive_communication restore_communication delete_recording",
    ),
    (
        "communication_outcome",
        "read: list_communication_outcomes get_communication_outcome create: create_communication_outcome update: update_communication_outcome
        delete: archive_communication_outcome restore_communication_outcome",
    ),
    ("position", "read: list_positions"),
    ("recording", "read: listen_to_recording"),
    ("note", "read: list_notes get_note create: create_note update: update_note batch_notes delete: archive_note restore_note"),
    (
        "form",
        "read: list_forms get_form get_form_snippet create: create_form update: update_form rotate_form_key test_form
        delete: archive_form restore_form",
    ),
    ("submission", "read: list_submissions get_submission update: replay_submission"),
    (
        "user",
        "read: list_users get_user create: create_user
        update: update_user create_password_link get_open_work get_user_sessions end_user_sessions reset_user_totp",
    ),
    (
        "department",
        "read: list_departments get_department create: create_department update: update_department
        delete: archive_department restore_department",
    ),
    ("role", "read: list_roles get_role create: create_role update: update_role get_role_preview delete: archive_role restore_role"),
    ("api_key", "read: list_api_keys get_api_key create: create_api_key update: update_api_key rotate_api_key delete: archive_api_key"),
    (
        "workspace",
        "read: get_workspace list_assignment_rules get_assignment_rule create: create_assignment_rule update: update_workspace update_assignment_rule
        delete: archive_assignment_rule restore_assignment_rule",
    ),
    ("source", "read: list_sources get_source create: create_source update: update_source delete: archive_source restore_source"),
    (
        "contact_status",
        "read: list_contact_statuses get_contact_status create: create_contact_status update: update_contact_status
        delete: archive_contact_status restore_contact_status",
    ),
    (
        "reject_reason",
        "read: list_reject_reasons get_reject_reason create: create_reject_reason update: update_reject_reason
        delete: archive_reject_reason restore_reject_reason",
    ),
    (
        "webhook",
        "read: list_webhooks get_webhook list_webhook_deliveries get_webhook_delivery get_integration_health create: create_webhook
        update: update_webhook rotate_webhook resume_webhook test_webhook replay_webhook replay_webhook_delivery delete: archive_webhook restore_webhook",
    ),
    ("tag", "read: list_tags get_tag create: create_tag update: update_tag delete: archive_tag restore_tag"),
    (
        "audit_event",
        "read: list_audit_events get_audit_event verify_audit_events
        update: revert_audit_event revert_period revert_contact revert_company revert_lead revert_deal revert_task revert_communication revert_note
        revert_user revert_role revert_form",
    ),
];

/// One's own affairs, by a person's credential or any.
const PERSON: &str = "list_my_sessions get_my_session end_my_session create_calendar_link get_calendar_link revoke_calendar_link
    list_notifications get_notification read_notification count_unread_notifications read_notifications get_notification_settings update_notification_settings
    get_position_consent update_position_consent submit_positions";
const ANYBODY: &str = "get_me get_events stream_events get_presence revoke_token change_my_password create_recovery_codes begin_totp confirm_totp disable_totp end_my_sessions";

/// What is open to everybody, with what it must say to the request of [`Line::body`].
const OPEN: &[(&str, u16, &str)] = &[
    ("create_token", 401, "invalid_credentials"),
    ("refresh_token", 401, "invalid_token"),
    ("request_password_reset", 202, ""),
    ("confirm_password_reset", 401, "invalid_token"),
    ("list_signing_keys", 200, ""),
    ("get_public_form", 200, ""),
    ("submit_form", 202, ""),
    ("get_calendar", 404, "not_found"),
    ("play_recording", 404, "not_found"),
    ("check_health", 200, ""),
    ("check_readiness", 200, ""),
    ("get_metrics", 200, ""),
    ("get_openapi_json", 200, ""),
    ("get_openapi_yaml", 200, ""),
];

fn lines() -> Vec<Line> {
    let mut all: Vec<Line> = Vec::new();
    let mut put = |id: &str, right| all.push(Line { id: id.to_owned(), right });
    for (record, text) in RECORDS {
        let mut verb = "";
        for word in text.split_whitespace() {
            match word.strip_suffix(':') {
                Some(next) => verb = ["read", "create", "update", "delete"].into_iter().find(|v| *v == next).expect("a verb"),
                None => put(word, Right::Record(record, verb)),
            }
        }
    }
    PERSON.split_whitespace().for_each(|id| put(id, Right::Person));
    ANYBODY.split_whitespace().for_each(|id| put(id, Right::Anybody));
    put("get_access_explanation", Right::Explain);
    for (id, status, code) in OPEN {
        put(id, Right::Open(*status, code));
    }
    all
}

/// The table and the specification name the same operations.
pub fn knows_exactly<'a>(served: impl Iterator<Item = &'a str>) {
    let (lines, served) = (lines(), served.collect::<BTreeSet<_>>());
    let known: BTreeSet<&str> = lines.iter().map(|line| line.id.as_str()).collect();
    assert_eq!(known.len(), lines.len(), "an operation stands twice in the table");
    let (unknown, gone): (Vec<_>, Vec<_>) = (served.difference(&known).collect(), known.difference(&served).collect());
    assert!(unknown.is_empty() && gone.is_empty(), "who may {unknown:?}? no longer served: {gone:?}");
}

/// The line of an operation.
pub fn line(id: &str) -> Line {
    lines().into_iter().find(|line| line.id == id).unwrap_or_else(|| panic!("who may {id}?"))
}

/// How far a verb of a ready-made role reaches. Whoever may change a record may archive it.
pub fn reach(role: &str, record: &str, verb: &str) -> &'static str {
    let place = ["read", "create", "update"].iter().position(|v| *v == verb).unwrap_or(2);
    access::expected(role, record)[place]
}

/// Records that belong to somebody.
pub const OWNED: [&str; 7] = ["contact", "company", "lead", "deal", "task", "communication", "note"];

/// What speaks of no record of somebody's: a key of one's own, an exact question.
const OF_A_SET: [&str; 14] = [
    "look_up",
    "upsert_company",
    "upsert_contact",
    "get_attention",
    "get_stuck_deals",
    "submit_call_event",
    "list_assignment_decisions",
    "batch_contacts",
    "batch_companies",
    "batch_leads",
    "batch_deals",
    "batch_tasks",
    "batch_communications",
    "batch_notes",
];

impl Line {
    /// Whether the address names a record.
    pub fn names_record(&self) -> bool {
        let of_a_set = self.id.starts_with("list_") || self.id.starts_with("create_") && self.id != "create_password_link";
        let alone = [
            "verify_audit_events",
            "revert_period",
            "get_workspace",
            "update_workspace",
            "get_calendar_link",
            "revoke_calendar_link",
            "count_unread_notifications",
            "read_notifications",
            "get_notification_settings",
            "update_notification_settings",
            "get_position_consent",
            "update_position_consent",
            "submit_positions",
            "get_integration_health",
        ];
        !of_a_set && !OF_A_SET.contains(&self.id.as_str()) && !alone.contains(&self.id.as_str())
    }

    /// Whether it lists records somebody is responsible for.
    pub fn lists_owned(&self) -> bool {
        let of_a_set = OF_A_SET.contains(&self.id.as_str());
        !of_a_set && self.id.starts_with("list_") && matches!(self.right, Right::Record(record, _) if OWNED.contains(&record))
    }

    /// What is told of a record the verb does not reach: nothing by its address, and a fault where it is named in a body.
    pub fn out_of_reach(&self) -> Expected {
        match self.right {
            // a number that nobody has makes a card of one's own
            _ if self.id == "submit_call_event" => Expected::Allowed,
            Right::Record(record, "create") if OWNED.contains(&record) => Expected::Refused(422, "validation_failed"),
            _ if self.lists_owned() => Expected::Listed(false),
            // a colleague's day shows what the asker may see of it
            _ if self.id == "get_my_day" || !self.names_record() => Expected::Allowed,
            _ => Expected::Unknown,
        }
    }

    /// Whose records are asked about.
    pub fn relations(&self, asker: &Asker) -> Vec<Whose> {
        let all = || vec![Whose::Own, Whose::Department, Whose::Stranger];
        match self.right {
            _ if asker.no_credential.is_some() || asker.is_stranger => vec![Whose::Stranger],
            // a pipeline is everybody's, whose deals are on its board is another question
            _ if self.id == "get_board" => vec![Whose::Own],
            Right::Record(record, _) if OWNED.contains(&record) && !OF_A_SET.contains(&self.id.as_str()) => all(),
            Right::Explain => all(),
            Right::Person if self.names_record() => all(),
            _ => vec![Whose::Own],
        }
    }

    /// The query to ask with.
    pub fn query(&self, office: &Office, asker: &Asker, whose: Whose) -> String {
        match self.id.as_str() {
            "look_up" => "?phone=%2B79120000001".to_owned(),
            "get_presence" => {
                let id = office.ids(asker, whose).get("/v1/contacts").map_or(super::NOBODY, String::as_str);
                format!("?record=contact:{id}")
            }
            "get_my_day" => format!("?user_id={}", office.person(asker, whose)),
            "get_access_explanation" => format!("?record_type=contact&user_id={}", office.person(asker, whose)),
            "get_role_preview" => format!("?record_type=contact&record_id={}", office.any("/v1/contacts")),
            // one that is taken back is found, too
            "list_hand_overs" => "?limit=200&archived=include".to_owned(),
            _ if self.lists_owned() => "?limit=200".to_owned(),
            id if id.starts_with("revert_") => "?dry_run=true".to_owned(),
            // would end the asker's session or change his password: refused after the question who he is
            id if ANYBODY.split_whitespace().any(|own| own == id)
                && !["get_me", "get_events", "stream_events", "get_presence"].contains(&id) =>
            {
                "?no_such_parameter=1".to_owned()
            }
            _ => String::new(),
        }
    }

    /// The body to ask with, where the example of the specification is not what is wanted.
    pub fn body(&self, office: &Office, asker: &Asker, whose: Whose) -> Option<Value> {
        let number = kartoteka_tests::workspace::unique();
        let contact = office.ids(asker, whose).get("/v1/contacts").cloned().unwrap_or_default();
        // nobody is responsible for what a key makes
        let owner = if asker.is_key && whose == Whose::Own { Value::Null } else { json!(office.person(asker, whose)) };
        Some(match self.id.as_str() {
            "create_contact" => json!({"last_name": format!("Новый {number}"), "owner_id": owner}),
            "create_company" => json!({"name": format!("Новая {number}"), "owner_id": owner}),
            "create_hand_over" => json!({"from_user_id": office.person(asker, whose), "to_user_id": office.person(asker, whose)}),
            "create_lead" => json!({"contact_id": contact}),
            "create_deal" => json!({"name": "Новая", "contacts": [{"contact_id": contact}]}),
            "create_task" => json!({"title": "Новая", "contact_id": contact}),
            "create_communication" => json!({"channel": "call", "direction": "inbound", "contact_id": contact}),
            "create_note" => json!({"body": "Новая", "contact_id": contact}),
            "upsert_contact" => json!({"last_name": "Внешний"}),
            "upsert_company" => json!({"name": "Внешняя"}),
            // wrong beyond the question whose card it is
            "add_contact_phone" | "add_contact_email" => json!({"value": "x"}),
            "add_contact_messenger" => json!({"network": "telegram", "handle": ""}),
            "create_token" => json!({"email": format!("nobody-{number}@example.com"), "password": "не он"}),
            "refresh_token" => json!({"refresh_token": "kr_unknown"}),
            "request_password_reset" => json!({"email": format!("nobody-{number}@example.com")}),
            "confirm_password_reset" => json!({"token": "no-such-token", "new_password": kartoteka_tests::workspace::PASSWORD}),
            "submit_form" => json!({"fields": {"comment": "x"}}),
            _ => return None,
        })
    }
}
