//! The tables. Visible only inside this crate: outside there are typed functions.

macro_rules! tables {
    ($($table:ident { $($column:ident -> $ty:ty,)* })*) => { $(
        diesel::table! {
            use diesel::sql_types::*;
            use crate::db::{Guid, Instant, Document};
            $table (id) { $($column -> $ty,)* }
        }
    )* };
}

tables! {
    workspace {
        id -> Guid, slug -> Text, name -> Text, settings -> Document, version -> BigInt,
        created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    signing_key { id -> Guid, algorithm -> Text, sealed -> Binary, created_at -> Instant, }
    door { id -> Guid, kind -> Text, hash -> Binary, workspace_id -> Guid, target -> Guid, }
    wakeup { id -> Guid, workspace_id -> Guid, kind -> Text, due_at -> Instant, }
    lockout { id -> Guid, failures -> BigInt, locked_until -> Instant, failed_at -> Instant, }
    department {
        workspace_id -> Guid, id -> Guid, name -> Text, sort_key -> Text, search_text -> Text, parent_id -> Nullable<Guid>, head_id -> Nullable<Guid>, version -> BigInt,
        created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    role {
        workspace_id -> Guid, id -> Guid, key -> Text, name -> Text, sort_key -> Text, search_text -> Text, ready_made -> Bool, profile -> Document,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    member {
        workspace_id -> Guid, id -> Guid, email -> Text, name -> Text, sort_key -> Text, search_text -> Text, password_hash -> Nullable<Text>, role -> Text,
        department_id -> Nullable<Guid>, active -> Bool, absent_until -> Nullable<Instant>, language -> Nullable<Text>, time_zone -> Nullable<Text>,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    session {
        workspace_id -> Guid, id -> Guid, user_id -> Guid, refresh_hash -> Binary, used_hash -> Nullable<Binary>, rotated_at -> Instant, expires_at -> Instant,
        created_at -> Instant, ended_at -> Nullable<Instant>, address -> Nullable<Text>, user_agent -> Nullable<Text>,
    }
    second_factor { workspace_id -> Guid, id -> Guid, sealed -> Binary, enabled_at -> Nullable<Instant>, last_step -> BigInt, created_at -> Instant, }
    recovery_code { workspace_id -> Guid, id -> Guid, user_id -> Guid, hash -> Binary, used_at -> Nullable<Instant>, created_at -> Instant, }
    presence { workspace_id -> Guid, id -> Guid, user_id -> Guid, record -> Text, record_id -> Guid, since -> Instant, expires_at -> Instant, }
    calendar_link { workspace_id -> Guid, id -> Guid, created_at -> Instant, read_at -> Nullable<Instant>, }
    password_link { workspace_id -> Guid, id -> Guid, user_id -> Guid, hash -> Binary, expires_at -> Instant, used_at -> Nullable<Instant>, created_at -> Instant, }
    api_key {
        workspace_id -> Guid, id -> Guid, name -> Text, sort_key -> Text, search_text -> Text, role -> Text, secret_hash -> Binary, expires_at -> Nullable<Instant>, last_used_at -> Nullable<Instant>,
        allowed_addresses -> Document, previous_hash -> Nullable<Binary>, previous_until -> Nullable<Instant>,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    catalogue_entry {
        workspace_id -> Guid, id -> Guid, catalogue -> Text, key -> Nullable<Text>, name -> Text, name_key -> Text, sort_key -> Text, position -> BigInt, color -> Nullable<Text>,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    tagging { workspace_id -> Guid, id -> Guid, tag_id -> Guid, contact_id -> Nullable<Guid>, company_id -> Nullable<Guid>, lead_id -> Nullable<Guid>, position -> BigInt, }
    company {
        workspace_id -> Guid, id -> Guid, external_id -> Nullable<Text>, name -> Text, sort_key -> Text, search_text -> Text, tax_id -> Nullable<Text>,
        parent_id -> Nullable<Guid>, owner_id -> Nullable<Guid>, profile -> Document,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    contact {
        workspace_id -> Guid, id -> Guid, external_id -> Nullable<Text>, kind -> Text, status -> Nullable<Text>, display_name -> Text, sort_key -> Text, search_text -> Text,
        company_id -> Nullable<Guid>, owner_id -> Nullable<Guid>, source_id -> Nullable<Guid>, profile -> Document, has_dates -> Bool,
        next_task_at -> Nullable<Instant>, next_task_key -> Instant, last_communication_at -> Nullable<Instant>,
        no_next_step_reason -> Nullable<Text>, version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    contact_point {
        workspace_id -> Guid, id -> Guid, contact_id -> Nullable<Guid>, company_id -> Nullable<Guid>, kind -> Text, value -> Text, normalised -> Text,
        network -> Nullable<Text>, extension -> Nullable<Text>, label -> Nullable<Text>, is_primary -> Bool, validity -> Text, position -> BigInt,
    }
    contact_responsible { workspace_id -> Guid, id -> Guid, contact_id -> Guid, user_id -> Guid, direction -> Nullable<Text>, position -> BigInt, }
    identity_lock { workspace_id -> Guid, id -> Guid, kind -> Text, value -> Text, }
    duplicate_candidate { workspace_id -> Guid, id -> Guid, record -> Text, one_id -> Guid, other_id -> Guid, score -> Double, evidence -> Document, state -> Text, created_at -> Instant, }
    form {
        workspace_id -> Guid, id -> Guid, key -> Text, name -> Text, sort_key -> Text, search_text -> Text, active -> Bool, source_id -> Nullable<Guid>, settings -> Document, turn -> BigInt,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    submission {
        workspace_id -> Guid, id -> Guid, form_id -> Guid, state -> Text, reason -> Nullable<Text>, fields -> Document, visit -> Document, content_type -> Nullable<Text>, body -> Binary,
        page_url -> Nullable<Text>, test -> Bool, received_at -> Instant, processed_at -> Nullable<Instant>, attempts -> BigInt, next_attempt_at -> Nullable<Instant>,
        error -> Nullable<Text>, lead_id -> Nullable<Guid>, contact_id -> Nullable<Guid>, duplicate_of -> Nullable<Guid>, content_hash -> Binary,
        idempotency_hash -> Nullable<Binary>, address -> Nullable<Text>,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    lead {
        workspace_id -> Guid, id -> Guid, contact_id -> Guid, company_id -> Nullable<Guid>, form_id -> Nullable<Guid>, submission_id -> Nullable<Guid>,
        source_id -> Nullable<Guid>, status -> Text, reject_reason_id -> Nullable<Guid>, owner_id -> Nullable<Guid>, received_at -> Instant,
        first_response_at -> Nullable<Instant>, search_text -> Text, profile -> Document, next_task_at -> Nullable<Instant>, next_task_key -> Instant,
        no_next_step_reason -> Nullable<Text>, version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    task {
        workspace_id -> Guid, id -> Guid, kind -> Text, due_at -> Nullable<Instant>, due_key -> Instant, owner_id -> Guid, status -> Text, priority -> Text,
        contact_id -> Nullable<Guid>, company_id -> Nullable<Guid>, lead_id -> Nullable<Guid>, deal_id -> Nullable<Guid>, series_id -> Nullable<Guid>, completed_at -> Nullable<Instant>, profile -> Document,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    hand_over {
        workspace_id -> Guid, id -> Guid, from_user_id -> Guid, profile -> Document, created_at -> Instant, created_by -> Document,
        undone_at -> Nullable<Instant>, undone_by -> Nullable<Document>,
    }
    hand_over_item {
        workspace_id -> Guid, id -> Guid, hand_over_id -> Guid, record -> Text, record_id -> Guid, to_user_id -> Guid, mark -> Nullable<Text>,
    }
    communication {
        workspace_id -> Guid, id -> Guid, channel -> Text, direction -> Text, status -> Text, occurred_at -> Instant, contact_id -> Guid, lead_id -> Nullable<Guid>,
        task_id -> Nullable<Guid>, submission_id -> Nullable<Guid>, owner_id -> Nullable<Guid>, deal_id -> Nullable<Guid>, profile -> Document,
        triggered_by_id -> Nullable<Guid>, agreed_task_id -> Nullable<Guid>, outcome_missing -> Bool, outcome_id -> Nullable<Guid>,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    communication_outcome {
        workspace_id -> Guid, id -> Guid, name_key -> Text, sort_key -> Text, position -> BigInt, channels -> Text, topic_key -> Nullable<Text>, profile -> Document,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    position_consent { workspace_id -> Guid, id -> Guid, given_at -> Instant, withdrawn_at -> Nullable<Instant>, }
    kept_position {
        workspace_id -> Guid, id -> Guid, user_id -> Guid, at -> Instant, latitude -> Double, longitude -> Double, accuracy_m -> Nullable<Double>, created_at -> Instant,
    }
    meeting_presence { workspace_id -> Guid, id -> Guid, user_id -> Guid, since -> Instant, }
    recording {
        workspace_id -> Guid, id -> Guid, communication_id -> Guid, media_type -> Text, size_bytes -> BigInt, sha256 -> Text, created_at -> Instant,
    }
    recording_piece { workspace_id -> Guid, id -> Guid, recording_id -> Guid, number -> BigInt, bytes -> Binary, }
    assignment_rule {
        workspace_id -> Guid, id -> Guid, active -> Bool, position -> BigInt, last_user_id -> Nullable<Guid>, profile -> Document,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    assignment_decision {
        workspace_id -> Guid, id -> Guid, at -> Instant, lead_id -> Guid, rule_id -> Nullable<Guid>, user_id -> Nullable<Guid>, profile -> Document,
    }
    escalation { workspace_id -> Guid, id -> Guid, lead_id -> Guid, step -> Text, at -> Instant, }
    call {
        workspace_id -> Guid, id -> Guid, call_id -> Text, events -> Text, communication_id -> Nullable<Guid>, lead_id -> Nullable<Guid>, task_id -> Nullable<Guid>,
        made_contact -> Bool, created_at -> Instant, updated_at -> Instant,
    }
    note {
        workspace_id -> Guid, id -> Guid, body -> Text, pinned -> Bool, contact_id -> Nullable<Guid>, company_id -> Nullable<Guid>, lead_id -> Nullable<Guid>, task_id -> Nullable<Guid>, deal_id -> Nullable<Guid>,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    pipeline {
        workspace_id -> Guid, id -> Guid, name -> Text, sort_key -> Text, search_text -> Text, position -> BigInt, profile -> Document,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document,
        archived_at -> Nullable<Instant>,
    }
    stage {
        workspace_id -> Guid, id -> Guid, pipeline_id -> Guid, name -> Text, kind -> Text, position -> BigInt,
        time_limit_seconds -> Nullable<BigInt>, profile -> Document, removed_at -> Nullable<Instant>,
    }
    deal {
        workspace_id -> Guid, id -> Guid, name -> Text, sort_key -> Text, search_text -> Text, contact_id -> Nullable<Guid>,
        company_id -> Nullable<Guid>, pipeline_id -> Guid, stage_id -> Guid, outcome -> Text, lost_reason_id -> Nullable<Guid>,
        amount -> Nullable<BigInt>, currency -> Text, owner_id -> Nullable<Guid>, source_id -> Nullable<Guid>, lead_id -> Nullable<Guid>,
        board_key -> Text, stage_due_at -> Nullable<Instant>, closed_at -> Nullable<Instant>, expected_key -> Text,
        profile -> Document, next_task_at -> Nullable<Instant>, next_task_key -> Instant, last_communication_at -> Nullable<Instant>,
        no_next_step_reason -> Nullable<Text>, version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document,
        archived_at -> Nullable<Instant>,
    }
    deal_contact {
        workspace_id -> Guid, id -> Guid, deal_id -> Guid, contact_id -> Guid, role -> Nullable<Text>, position -> BigInt,
    }
    line_item {
        workspace_id -> Guid, id -> Guid, deal_id -> Guid, position -> BigInt, name -> Text, code -> Nullable<Text>, total -> BigInt,
        profile -> Document,
    }
    stage_change {
        workspace_id -> Guid, id -> Guid, deal_id -> Guid, contact_id -> Nullable<Guid>, from_stage_id -> Nullable<Guid>, to_stage_id -> Guid,
        at -> Instant, seconds_in_from -> Nullable<BigInt>, by -> Document, reason -> Nullable<Text>,
    }
    audit_event {
        workspace_id -> Guid, id -> Guid, at -> Instant, record -> Text, record_id -> Guid, action -> Text, actor_type -> Text, actor_id -> Nullable<Guid>, actor_name -> Text,
        request_id -> Nullable<Text>, address -> Nullable<Text>, changes -> Text, reason -> Nullable<Text>, via -> Nullable<Text>, user_agent -> Nullable<Text>,
        sequence -> Nullable<BigInt>, previous_hash -> Nullable<Binary>, hash -> Nullable<Binary>,
    }
    audit_head { workspace_id -> Guid, id -> Guid, sequence -> BigInt, hash -> Binary, event_sequence -> BigInt, }
    outbox_event { workspace_id -> Guid, id -> Guid, at -> Instant, kind -> Text, record -> Text, record_id -> Guid, payload -> Text, sequence -> Nullable<BigInt>, }
    notification {
        workspace_id -> Guid, id -> Guid, user_id -> Guid, kind -> Text, cause -> Text, record -> Nullable<Text>, record_id -> Nullable<Guid>, in_app -> Bool,
        profile -> Document, created_at -> Instant, read_at -> Nullable<Instant>,
    }
    notification_setting { workspace_id -> Guid, id -> Guid, profile -> Document, telegram_blocked -> Bool, updated_at -> Instant, }
    notification_delivery {
        workspace_id -> Guid, id -> Guid, channel -> Text, user_id -> Nullable<Guid>, state -> Text, message -> Document, attempts -> BigInt,
        leased_until -> Nullable<Instant>, error -> Nullable<Text>, created_at -> Instant, ended_at -> Nullable<Instant>,
    }
    notification_cursor { workspace_id -> Guid, id -> Guid, sequence -> BigInt, }
    webhook {
        workspace_id -> Guid, id -> Guid, name -> Text, sort_key -> Text, search_text -> Text, role -> Text, active -> Bool, profile -> Document,
        sealed -> Binary, previous_sealed -> Nullable<Binary>, previous_until -> Nullable<Instant>, read_until -> BigInt,
        last_success_at -> Nullable<Instant>, failing_since -> Nullable<Instant>, last_error -> Nullable<Text>,
        version -> BigInt, created_at -> Instant, updated_at -> Instant, created_by -> Document, updated_by -> Document, archived_at -> Nullable<Instant>,
    }
    webhook_delivery {
        workspace_id -> Guid, id -> Guid, webhook_id -> Guid, event_id -> Guid, sequence -> BigInt, kind -> Text, record_id -> Guid, status -> Text,
        attempts -> BigInt, tried_before -> BigInt, due_at -> Instant, claim -> Nullable<Guid>, log -> Document, body -> Text, created_at -> Instant,
        finished_at -> Nullable<Instant>,
    }
    idempotency_key {
        workspace_id -> Guid, id -> Guid, actor_id -> Guid, method -> Text, path -> Text, key -> Text, body_hash -> Binary, status -> BigInt, headers -> Text, body -> Text, expires_at -> Instant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    contact,
    company,
    lead,
    task,
    communication,
    note,
    contact_point,
    contact_responsible,
    tagging,
    catalogue_entry,
    member,
    submission,
    form,
    pipeline,
    stage,
    deal,
    deal_contact,
    line_item,
    stage_change
);
