//! Examples of the document, one for each request and answer. A test holds every one against its schema.

use serde_json::{Value, json};

/// A placeholder: whoever sends an example puts the id of a record of his own.
const ID: &str = "019aa000-0000-7000-8000-000000000001";
const AT: &str = "2026-11-22T10:00:00.000001Z";

/// A record's example: its own fields with the envelope.
fn record(own: Value) -> Value {
    let by = json!({"type": "user", "id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова"});
    let mut whole = json!({
        "id": ID, "version": 1, "created_at": AT, "updated_at": AT, "created_by": by, "updated_by": by, "archived_at": null,
        "access": {"hidden": [], "masked": [], "read_only": []},
    });
    if let (Some(whole), Value::Object(own)) = (whole.as_object_mut(), own) {
        whole.extend(own);
    }
    whole
}

fn contact() -> Value {
    record(json!({
        "external_id": null, "type": "lead", "status": "new", "display_name": "Ахматова Анна", "last_name": "Ахматова", "first_name": "Анна", "middle_name": null,
        "position": null, "company_id": null, "owner_id": "019aa000-0000-7000-8000-0000000000a1", "responsibles": [], "source_id": null, "interests": [],
        "phones": [{"id": "019aa000-0000-7000-8000-0000000000b1", "value": "8 (912) 345-67-89", "e164": "+79123456789", "extension": null, "label": "mobile", "primary": true, "validity": "unknown"}],
        "emails": [{"id": "019aa000-0000-7000-8000-0000000000b2", "value": "anna@example.com", "label": null, "primary": true, "validity": "unknown"}],
        "messengers": [], "preferred_channel": "call", "convenient_hours": null, "language": "ru", "time_zone": null, "birthday": null, "dates": [], "address": null,
        "tags": ["VIP"], "comment": null, "next_task_at": null, "no_next_step_reason": null, "last_communication_at": null,
    }))
}

fn company() -> Value {
    record(json!({
        "external_id": null, "name": "Василёк", "legal_name": "ООО «Василёк»", "tax_id": "7728168971", "tax_id_kind": "inn", "requisites": {}, "site": "https://vasilek.example",
        "industry": "Retail", "parent_id": null, "owner_id": null, "phones": [], "emails": [], "addresses": [], "opening_hours": null, "heads": [], "tags": [], "comment": null,
    }))
}

fn lead() -> Value {
    record(json!({
        "contact_id": ID, "company_id": null, "title": null, "form_id": null, "submission_id": null, "source_id": null,
        "utm": {"source": "yandex", "medium": "cpc", "campaign": "autumn", "term": null, "content": null}, "page_url": "https://shop.example/price", "referrer": null,
        "answers": {"budget": 50000}, "comment": "Сколько стоит?", "status": "new", "reject_reason_id": null, "owner_id": null, "assignment_reason": null,
        "received_at": AT, "first_response_at": null, "first_response_seconds": null, "deal_id": null, "tags": [], "next_task_at": null, "no_next_step_reason": null,
    }))
}

fn deal() -> Value {
    let rubles = |amount: i64| json!({"amount": amount, "currency": "RUB"});
    record(json!({
        "name": "Бетон М300, 20 м³", "contacts": [{"contact_id": ID, "role": "decides"}], "company_id": null, "pipeline_id": ID, "stage_id": ID, "outcome": "open",
        "lost_reason_id": null, "lost_comment": null, "currency": "RUB", "amount": rubles(10_880_375),
        "line_items": [{"id": ID, "name": "Бетон М300", "code": "B300", "quantity": "20.5", "unit": "м³", "price": 550_000, "discount_percent": "3.5", "tax_percent": "20", "tax_included": true, "net": 9_066_979, "tax": 1_813_396, "total": 10_880_375}],
        "budget": rubles(12_000_000), "expected_close_on": "2026-12-15", "owner_id": "019aa000-0000-7000-8000-0000000000a1", "source_id": null,
        "utm": {"source": null, "medium": null, "campaign": null, "term": null, "content": null}, "lead_id": null, "comment": null, "checked": [],
        "stage_entered_at": AT, "stage_due_at": "2026-11-29T10:00:00.000001Z", "closed_at": null, "no_next_step_reason": null, "next_task_at": "2026-11-22T10:15:00Z", "last_communication_at": null,
    }))
}

fn hint() -> Value {
    json!({"code": "next_step", "text": "Call back", "reason": "the earliest open task", "record_type": "task", "record_id": ID,
        "user_id": "019aa000-0000-7000-8000-0000000000a1", "at": "2026-11-22T10:15:00Z"})
}

fn stage() -> Value {
    json!({"id": ID, "name": "Отправлено предложение", "kind": "open", "probability": 30, "time_limit_seconds": 604_800, "remind_before_seconds": 86_400, "required_fields": ["amount"],
        "checklist": [{"id": ID, "text": "Предложение получено", "required": true}], "script": "Спросите, всё ли понятно в предложении", "owner_id": null})
}

fn stage_input() -> Value {
    json!([{"name": "Первый контакт", "time_limit_seconds": 86_400}, {"name": "Отправлено предложение", "probability": 30, "required_fields": ["amount"], "checklist": [{"text": "Предложение получено", "required": true}]},
        {"name": "Успех", "kind": "won"}, {"name": "Отказ", "kind": "lost"}])
}

fn task() -> Value {
    record(json!({
        "kind": "call", "title": "Call back", "description": null, "due_at": "2026-11-22T10:15:00Z", "time_zone": null, "owner_id": "019aa000-0000-7000-8000-0000000000a1",
        "status": "open", "priority": "normal", "result": null, "completed_at": null, "no_next_step_reason": null, "contact_id": ID, "company_id": null, "lead_id": null,
        "deal_id": null, "checklist": [], "remind_at": [], "attempt": 1, "recurrence": null, "recurrence_start_at": null, "series_id": null,
    }))
}

fn communication() -> Value {
    record(json!({
        "channel": "call", "direction": "outbound", "status": "done", "occurred_at": AT, "duration_seconds": 180, "contact_id": ID, "participants": [], "lead_id": null,
        "deal_id": null, "task_id": null, "submission_id": null, "triggered_by": null, "subject": null, "body": null, "topic": "sales", "outcome": "interested", "outcome_id": null,
        "recording_url": "https://pbx.example/rec/1.mp3", "recording": null, "transcript": null, "place": null, "coordinates": null, "planned_at": null, "planned_place": null,
        "planned_coordinates": null, "planned_duration_seconds": null, "check_in": null, "check_out": null, "place_matches": null, "place_mismatch": null, "owner_id": "019aa000-0000-7000-8000-0000000000a1", "next_task": null,
        "next_meeting": null,
    }))
}

fn note() -> Value {
    record(
        json!({"body": "Любит чай", "pinned": false, "contact_id": ID, "company_id": null, "lead_id": null, "task_id": null, "deal_id": null}),
    )
}

fn user() -> Value {
    record(
        json!({"email": "olga@example.com", "name": "Ольга Смирнова", "role": "manager", "department_id": null, "active": true, "absent_until": null, "language": "ru", "time_zone": null, "invited_at": null}),
    )
}

fn turnover() -> Value {
    json!({"since": null, "deals": 3, "sums": [{"amount": 4_650_000, "currency": "RUB"}], "last_won_at": AT})
}

fn conditions() -> Value {
    json!({"source_ids": [], "form_ids": [], "phone_prefixes": ["+7495"], "turnover": null, "regions": [], "cities": ["Москва"], "answers": [{"key": "service", "operator": "contains", "value": "audit"}]})
}

fn fields() -> Value {
    json!([{"name": "phone", "kind": "phone", "label": "Телефон", "required": true, "options": []}])
}

fn form() -> Value {
    record(json!({
        "name": "Site", "key": "f_0123456789abcdef0123456789ab", "active": true, "fields": fields(), "allowed_origins": [], "redirect_url": null, "source_id": null, "tags": ["site"],
        "assignment": {"kind": "round_robin", "user_ids": ["019aa000-0000-7000-8000-0000000000a1"]}, "task_minutes": 15, "task_title": "Call back", "honeypot_field": "website",
        "start_field": "started_at", "min_fill_seconds": 2, "duplicate_window_seconds": 600, "rate_per_minute": 60, "max_body_bytes": 262_144,
        "reserve_email": "reserve@example.com", "notify_user_ids": [],
    }))
}

fn submission() -> Value {
    record(json!({
        "form_id": ID, "state": "processed", "reason": null, "fields": {"name": "Анна", "phone": "8 912 345-67-89"}, "content_type": "application/json", "body_base64": null,
        "page_url": "https://shop.example/price", "test": false, "received_at": AT, "processed_at": AT, "attempts": 1, "next_attempt_at": null, "error": null,
        "lead_id": ID, "contact_id": ID, "duplicate_of": null,
    }))
}

fn notification() -> Value {
    json!({"id": ID, "kind": "task_reminder", "title": "Напоминание: Перезвонить", "body": "Ахматова Анна\nСрок: 22.11.2026 15:00",
        "record_type": "task", "record_id": "019aa000-0000-7000-8000-0000000000a4", "created_at": AT, "read_at": null})
}

fn notification_settings() -> Value {
    json!({"routes": {"lead_received": ["in_app", "email", "telegram"], "lead_untouched": ["in_app", "telegram"], "task_assigned": ["in_app"],
        "task_reminder": ["in_app", "telegram"], "task_overdue": ["in_app"], "stage_limit": ["in_app", "email"], "deal_won": ["in_app"],
        "deal_lost": ["in_app"], "record_handed_over": ["in_app", "email"], "call_missed": ["in_app", "telegram"], "digest": ["email"],
        "integration_alarm": []}, "quiet_hours": {"from": "21:00", "until": "08:00"}, "digest": {"enabled": true, "time": "08:30"},
        "telegram_chat_id": "123456789", "stage_limit_ahead_minutes": 1440})
}

fn hand_over() -> Value {
    let by = json!({"type": "user", "id": "019aa000-0000-7000-8000-0000000000a9", "name": "Ирина Котова"});
    json!({
        "id": ID, "from_user_id": "019aa000-0000-7000-8000-0000000000a1", "to": [{"user_id": "019aa000-0000-7000-8000-0000000000a2", "share": 1}],
        "records": [{"record_type": "contact", "count": 1, "first": [ID]}, {"record_type": "lead", "count": 0, "first": []}],
        "comment": "Отпуск до декабря", "until": null, "created_at": AT, "created_by": by, "undone_at": null, "undone_by": null,
    })
}

fn hours() -> Value {
    json!([{"from": "09:00", "until": "13:00"}, {"from": "14:00", "until": "18:00"}])
}

fn workspace() -> Value {
    record(json!({
        "name": "Ромашка", "slug": "romashka-1a2b3c", "country": "RU", "time_zone": "Europe/Moscow", "currency": "RUB", "languages": ["ru"],
        "policies": {"next_step": {"lead": "warn", "deal": "warn", "contact": "warn"}, "duplicates": "require", "required_fields": "warn", "outcome": "warn", "second_factor": "off", "if_match": "off"},
        "contact_types": [], "cors_origins": ["https://crm.example.com"],
        "telephony": {"unknown_number": "card_and_lead", "callback_minutes": 15, "extensions": [{"extension": "101", "user_id": "019aa000-0000-7000-8000-0000000000a1"}]},
        "meeting_radius_m": 300, "untouched_leads": {"remind_after_minutes": 15, "head_after_minutes": 60, "reassign_after_minutes": null},
        "event_retention_days": 30, "recording_retention_days": null, "working_calendar": {"weekly": {"monday": hours(), "tuesday": hours(), "wednesday": hours(), "thursday": hours(), "friday": hours(), "saturday": [], "sunday": []},
            "holidays": [{"on": "2027-01-01", "name": "Новый год"}], "extra_days": [{"on": "2026-12-26", "hours": hours(), "name": "Рабочая суббота"}]},
        "repeat_contact": {"delays": [{"working_days": 0, "seconds": 7200}, {"working_days": 1, "seconds": 0}, {"working_days": 2, "seconds": 0}], "most": 4}, "silent_after_days": 90,
    }))
}

fn entry() -> Value {
    record(json!({"key": "site", "name": "Сайт", "position": 1, "color": "#2266cc"}))
}

fn department() -> Value {
    record(json!({"name": "Продажи", "parent_id": null, "head_id": null}))
}

fn api_key() -> Value {
    record(
        json!({"name": "1C", "role": "integration", "prefix": "kk_live_019aa000000070008000000000000001", "secret": null, "expires_at": null, "last_used_at": null, "allowed_addresses": ["203.0.113.0/24"], "previous_until": null}),
    )
}

fn webhook() -> Value {
    record(json!({
        "name": "Склад", "description": null, "url": "https://hooks.example/kartoteka", "event_types": ["deal.*"],
        "condition": [{"field": "outcome", "operator": "changed_to", "value": "won"}], "role": "integration", "active": true, "secret": null, "previous_until": null,
        "paused_at": null, "paused_reason": null, "read_until": 1024, "last_success_at": AT, "failing_since": null, "last_error": null,
    }))
}

fn journal_event() -> Value {
    json!({"id": ID, "sequence": 1024, "type": "contact.updated", "timestamp": AT, "workspace_id": ID, "record_type": "contact", "record_id": ID,
    "actor": {"type": "user", "id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова"}, "reach": null, "data": contact(),
    "changes": {"status": {"before": null, "after": "new"}}})
}

fn audit_event() -> Value {
    json!({
        "id": ID, "at": AT, "sequence": 1024, "record_type": "contact", "record_id": ID, "action": "updated",
        "actor": {"type": "user", "id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова"}, "via": "session:019aa000-0000-7000-8000-0000000000c1",
        "address": "192.0.2.7", "user_agent": "Mozilla/5.0", "request_id": "019aa000-0000-7000-8000-0000000000ff",
        "changes": {"position": {"before": null, "after": "Директор"}}, "reason": null, "previous_hash": "7".repeat(64), "hash": "8".repeat(64),
    })
}

/// The example of a named schema, if it is a request's or an answer's.
pub fn example(schema: &str) -> Option<Value> {
    if let Some(item) = schema.strip_suffix("Page") {
        return example(item).map(|one| json!({"data": [one], "next_cursor": null}));
    }
    Some(match schema {
        "Contact" => contact(),
        "NewContact" => {
            json!({"last_name": "Ахматова", "first_name": "Анна", "phones": [{"value": "8 (912) 345-67-89", "label": "mobile"}], "emails": [{"value": "anna@example.com"}]})
        }
        "ContactPatch" => json!({"position": "Директор", "clear": ["comment"]}),
        "Explanation" => json!({"allowed": true, "visible": "masked", "writable": true, "steps": [
            {"step": "active", "allows": true, "why": "active"}, {"step": "role", "allows": true, "why": "the role «analyst» reads contact records: all"},
            {"step": "reach", "allows": true, "why": "everything in the workspace is within reach"}, {"step": "field", "allows": true, "why": "the role makes it masked"}]}),
        "RolePreview" => json!({"allowed": false, "record": null, "access": {"hidden": [], "masked": [], "read_only": []}, "steps": [
            {"step": "active", "allows": true, "why": "active"}, {"step": "role", "allows": true, "why": "the role «manager» reads contact records: own"},
            {"step": "reach", "allows": false, "why": "not within reach, or not there; responsible: nobody"}]}),
        "Reveal" => json!({"reason": "Клиент просил перезвонить"}),
        "AddedPhone" => json!({"value": "+380 67 765 09 87", "label": "work"}),
        "AddedEmail" => json!({"value": "anna@example.com", "primary": true}),
        "AddedMessenger" => json!({"network": "telegram", "handle": "@anna"}),
        "Company" => company(),
        "NewCompany" => json!({"name": "Василёк", "tax_id": "7728168971"}),
        "CompanyPatch" => json!({"industry": "Retail"}),
        "Lead" => lead(),
        "NewLead" => json!({"contact_id": ID, "title": "Wants a price list"}),
        "LeadPatch" => json!({"status": "in_work"}),
        "LeadRejection" => json!({"reject_reason_id": ID, "comment": "Too far away"}),
        "Task" => task(),
        "NewTask" => json!({"kind": "call", "title": "Call back", "due_at": "2026-11-22T10:15:00Z"}),
        "TaskPatch" => json!({"due_at": "2026-11-23T09:00:00Z"}),
        "TaskCompletion" => {
            json!({"result": "Agreed on a meeting", "next_task": {"kind": "meeting", "title": "Meeting at the office", "due_at": "2026-11-24T09:00:00Z"}})
        }
        "TaskCancellation" => json!({"reason": "moved abroad"}),
        "CompletedTask" => json!({"task": task(), "next_task": null}),
        "TaskOccurrences" => json!({"occurrences": ["2026-11-23T06:00:00Z", "2026-11-30T06:00:00Z"]}),
        "TaskHandOver" => json!({"owner_id": "019aa000-0000-7000-8000-0000000000a2", "comment": "Клиент просил перезвонить после обеда"}),
        "NoAnswer" => json!({"comment": "Абонент недоступен"}),
        "Unanswered" => json!({"task": task(), "communication": communication(), "next_task": null, "attempts": 4, "exhausted": true}),
        "MyDay" => {
            let shelf = json!({"count": 0, "tasks": []});
            json!({"user_id": ID, "time_zone": "Europe/Moscow", "overdue": shelf, "today": {"count": 1, "tasks": [task()]}, "tomorrow": shelf, "without_date": shelf,
            "overdue_share": 0.0, "silent": {"count": 1, "contacts": [contact()]},
            "shares": {"by_kind": [{"kind": "call", "open": 40, "overdue": 1, "overdue_share": 0.025}],
                "by_person": [{"user_id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова", "department_id": null, "open": 40, "overdue": 1, "overdue_share": 0.025}],
                "by_department": [{"department_id": null, "open": 40, "overdue": 1, "overdue_share": 0.025}]}})
        }
        "Communication" => communication(),
        "NewCommunication" => {
            json!({"channel": "call", "direction": "inbound", "party": {"phone": "8 (912) 345-67-89", "name": "Анна Ахматова"}, "duration_seconds": 180, "outcome": "interested"})
        }
        "CommunicationChain" => {
            let link = json!({"kind": "task", "steps": 1, "next_id": ID, "communication": null, "task": task(), "submission": null});
            json!({"communication": communication(), "led_here": [], "led_to": [link], "truncated": false})
        }
        "CommunicationPatch" => json!({"outcome": "wants an offer"}),
        "ContactBatch" => json!({"atomic": false, "operations": [
            {"kind": "create", "ref": "1", "record": {"last_name": "Ахматова", "first_name": "Анна", "phones": [{"value": "8 (912) 345-67-90"}]}},
            {"kind": "update", "ref": "2", "id": ID, "version": 1, "record": {"position": "Директор"}},
            {"kind": "upsert", "ref": "3", "external_id": "1c-42", "record": {"display_name": "ООО «Ромашка», склад"}},
        ]}),
        "CompanyBatch" => {
            json!({"atomic": true, "operations": [{"kind": "upsert", "ref": "1", "external_id": "1c-7", "record": {"name": "Ромашка"}}]})
        }
        "LeadBatch" => json!({"operations": [{"kind": "update", "ref": "1", "id": ID, "record": {"status": "in_work"}}]}),
        "DealBatch" => json!({"operations": [{"kind": "update", "ref": "1", "id": ID, "record": {"name": "Поставка на год"}}]}),
        "TaskBatch" => {
            json!({"operations": [{"kind": "create", "ref": "1", "record": {"title": "Позвонить", "due_at": "2030-01-10T09:00:00Z", "contact_id": ID}}]})
        }
        "CommunicationBatch" => {
            json!({"operations": [{"kind": "create", "ref": "1", "record": {"channel": "call", "direction": "outbound", "contact_id": ID, "outcome": "Договорились"}}]})
        }
        "NoteBatch" => json!({"operations": [{"kind": "create", "ref": "1", "record": {"contact_id": ID, "body": "Любит чай"}}]}),
        "BatchOutcome" => json!({
        "dry_run": false, "created": 1, "updated": 0, "unchanged": 0, "duplicates": 0, "rejected": 1,
        "results": [
            {"ref": "1", "status": "created", "id": ID, "version": 1, "problem": null, "warnings": []},
            {"ref": "2", "status": "rejected", "id": null, "version": null, "warnings": [], "problem": {
                "type": "/problems/validation_failed", "title": "Some fields are not valid", "status": 422, "code": "validation_failed",
                "detail": "«12» is not a phone number", "request_id": "019aa000-0000-7000-8000-0000000000f1",
                "errors": [{"pointer": "/phones/0/value", "parameter": null, "code": "invalid_phone", "message": "«12» is not a phone number"}]}},
        ]}),
        "CommunicationOutcome" => record(
            json!({"name": "Назначена встреча", "channels": ["call"], "topic": null, "required_fields": ["body"], "next_step": "meeting",
            "task_title": null, "task_kind": null, "due_in_seconds": null, "position": 30}),
        ),
        "NewCommunicationOutcome" => {
            json!({"name": "Думает", "channels": ["call", "meeting"], "required_fields": ["body"], "next_step": "task", "task_title": "Узнать решение",
            "due_in_seconds": 172_800, "position": 60})
        }
        "CommunicationOutcomePatch" => json!({"position": 70}),
        "NextMeeting" => json!({"occurred_at": "2090-03-01T09:00:00Z", "place": "Москва, Красная площадь, 1", "duration_seconds": 3600}),
        "AgreedMeeting" => json!({"id": ID, "occurred_at": "2090-03-01T09:00:00Z", "place": "Москва, Красная площадь, 1"}),
        "Note" => note(),
        "NewNote" => json!({"contact_id": ID, "body": "Любит чай"}),
        "NotePatch" => json!({"pinned": true}),
        "User" => user(),
        "NewUser" => json!({"email": "olga@example.com", "name": "Ольга Смирнова", "role": "manager"}),
        "UserPatch" => json!({"absent_until": "2026-12-01T00:00:00Z"}),
        "Me" => {
            json!({"user": user(), "actor": {"type": "user", "id": ID, "name": "Ольга Смирнова"}, "workspace": {"id": ID, "slug": "romashka-1a2b3c", "name": "Ромашка"},
            "workspaces": [{"id": ID, "slug": "romashka-1a2b3c", "name": "Ромашка"}], "role": "manager", "rights": [{"record": "contact", "read": "own", "create": "all", "update": "own", "delete": "own", "export": "none", "merge": "none", "assign": "own"}],
            "second_factor": {"enabled": true, "demanded": "warn", "recovery_codes_left": 10}})
        }
        "NewHandOver" => {
            json!({"from_user_id": "019aa000-0000-7000-8000-0000000000a1", "to": [{"user_id": "019aa000-0000-7000-8000-0000000000a2", "share": 2},
            {"user_id": "019aa000-0000-7000-8000-0000000000a3", "share": 1}], "comment": "Отпуск до декабря"})
        }
        "HandOver" => hand_over(),
        "HandOverPreview" => {
            json!({"from_user_id": "019aa000-0000-7000-8000-0000000000a1", "to": [{"user_id": "019aa000-0000-7000-8000-0000000000a2", "share": 1}],
            "records": [{"record_type": "contact", "count": 1, "first": [ID]}, {"record_type": "lead", "count": 0, "first": []}]})
        }
        "HandOverUndone" => {
            let done = hand_over();
            json!({"hand_over": done, "restored": 1, "conflicts": [{"record_type": "lead", "record_id": ID, "owner_id": "019aa000-0000-7000-8000-0000000000a3"}]})
        }
        "CalendarLink" => {
            json!({"url": "https://crm.example.com/public/v1/calendars/kx4V0pVbNnJ7q3m0T2b6y1cWq8uZ5rAeLd9sGfHjK0M.ics", "created_at": AT})
        }
        "Listening" => json!({
            "url": "https://crm.example.com/public/v1/recordings/Zm9yIGFuIGV4YW1wbGU", "media_type": "audio/mpeg", "size_bytes": 720_896,
            "expires_at": "2026-11-22T11:00:00Z"
        }),
        "Notification" => notification(),
        "ReadNotifications" => json!({"until": AT}),
        "UnreadNotifications" => json!({"unread": 3}),
        "NotificationSettings" => notification_settings(),
        "NotificationSetup" => {
            json!({"settings": notification_settings(), "channels": [{"channel": "in_app", "available": true, "reason": null},
            {"channel": "email", "available": true, "reason": null}, {"channel": "telegram", "available": false, "reason": "blocked"}],
            "time_zone": "Europe/Moscow", "updated_at": AT})
        }
        "SayPositionConsent" => json!({"given": true}),
        "PositionConsent" => json!({"given": true, "given_at": AT, "withdrawn_at": null}),
        "NewPositions" => {
            json!({"positions": [{"at": "2026-11-22T10:00:00Z", "latitude": 55.7558, "longitude": 37.6173, "accuracy_m": 12.5}]})
        }
        "PositionsTaken" => {
            json!({"kept": 1, "outside_working_hours": 0, "before_consent": 0, "repeated": 0, "ended_meetings": [ID], "resumed_meetings": []})
        }
        "KeptPosition" => {
            json!({"id": ID, "user_id": "019aa000-0000-7000-8000-0000000000a1", "at": "2026-11-22T10:00:00Z", "latitude": 55.7558, "longitude": 37.6173,
            "accuracy_m": 12.5, "created_at": AT})
        }
        "CalendarLinkState" => json!({"active": true, "created_at": AT, "read_at": null}),
        "SessionInfo" => {
            json!({"id": ID, "user_id": "019aa000-0000-7000-8000-0000000000a1", "created_at": AT, "refreshed_at": AT, "expires_at": "2026-12-22T10:00:00Z", "ended_at": null,
            "address": "203.0.113.7", "user_agent": "Mozilla/5.0 (X11; Linux x86_64)", "current": true})
        }
        "EndSessions" => json!({"except_current": true}),
        "PasswordProof" => json!({"current_password": "correct horse battery"}),
        "TotpConfirmation" => json!({"code": "492039"}),
        "TotpDisabling" => json!({"current_password": "correct horse battery"}),
        "TotpEnrolment" => {
            json!({"secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "otpauth_uri": "otpauth://totp/Kartoteka%20Romashka:olga%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Kartoteka%20Romashka"})
        }
        "RecoveryCodes" => json!({"recovery_codes": ["k5qw-7mzt-bd3x-h2ya"]}),
        "OpenWork" => {
            let none = json!({"count": 0, "first": []});
            json!({"user_id": "019aa000-0000-7000-8000-0000000000a1", "tasks": {"count": 1, "first": [ID]}, "leads": none, "contacts": none, "companies": none})
        }
        "KeyRotation" => json!({"overlap_seconds": 86_400}),
        "PasswordChange" => json!({"current_password": "correct horse battery", "new_password": "another long phrase"}),
        "PasswordLink" => json!({"user_id": ID, "token": "kp_019aa000000070008000000000000001_secret", "expires_at": AT}),
        "PasswordResetRequest" => json!({"email": "olga@example.com"}),
        "PasswordResetConfirmation" => {
            json!({"token": "kp_019aa000000070008000000000000001_secret", "new_password": "another long phrase"})
        }
        "SignIn" => json!({"email": "olga@example.com", "password": "correct horse battery"}),
        "RefreshRequest" => json!({"refresh_token": "kr_019aa000000070008000000000000001_secret"}),
        "Tokens" => {
            json!({"access_token": "eyJ…", "token_type": "Bearer", "expires_in": 900, "refresh_token": "kr_019aa000000070008000000000000001_secret"})
        }
        "JsonWebKeys" => json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "…", "use": "sig", "alg": "EdDSA", "kid": "…"}]}),
        "Form" => form(),
        "NewForm" => json!({"name": "Site", "fields": fields(), "task_minutes": 15}),
        "FormPatch" => json!({"active": false}),
        "FormSnippet" => {
            json!({"html": "<form …>…</form>", "action": "https://crm.example.com/public/v1/forms/f_0123456789abcdef0123456789ab/submissions"})
        }
        "PublicForm" => {
            json!({"key": "f_0123456789abcdef0123456789ab", "fields": fields(), "honeypot_field": "website", "start_field": "started_at"})
        }
        "PostedForm" => {
            json!({"fields": {"name": "Анна Ахматова", "phone": "8 (912) 345-67-89", "email": "Anna@Example.com", "comment": "Сколько стоит?"},
            "page_url": "https://shop.example/price", "utm": {"source": "yandex", "medium": "cpc", "campaign": "autumn"}})
        }
        "PostedFields" => json!({"name": "Анна Ахматова", "phone": "8 (912) 345-67-89", "utm_source": "yandex"}),
        "Receipt" => json!({"submission_id": ID, "status": "accepted"}),
        "Submission" => submission(),
        "Workspace" => workspace(),
        "WorkspacePatch" => json!({"policies": {"duplicates": "warn"}}),
        "Deal" => deal(),
        "NewDeal" => {
            json!({"name": "Бетон М300, 20 м³", "line_items": [{"name": "Бетон М300", "quantity": "20.5", "unit": "м³", "price": 550_000, "discount_percent": "3.5", "tax_percent": "20", "tax_included": true}],
            "expected_close_on": "2026-12-15", "next_task": {"title": "Согласовать смету", "due_at": "2026-11-23T10:00:00Z"}})
        }
        "DealPatch" => json!({"budget": {"amount": 12_000_000, "currency": "RUB"}}),
        "DealMove" => json!({"stage_id": ID, "next_task": {"title": "Узнать решение", "due_at": "2026-11-25T10:00:00Z"}}),
        "DealPlace" => json!({}),
        "LegalMoves" => {
            json!({"data": [{"stage_id": ID, "name": "Отправлено предложение", "kind": "open", "missing_fields": ["amount"], "unchecked": []}]})
        }
        "StageChange" => {
            json!({"id": ID, "deal_id": ID, "from_stage_id": ID, "from_stage_name": "Первый контакт", "to_stage_id": ID, "to_stage_name": "Отправлено предложение", "at": AT, "seconds_in_from": 3600,
            "by": {"type": "user", "id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова"}, "reason": null})
        }
        "StuckDeal" => json!({"deal": deal(), "reasons": [{"code": "over_time_limit", "since": AT}]}),
        "Board" => {
            json!({"pipeline_id": ID, "stages": [{"stage": stage(), "count": 1, "sums": [{"amount": 10_880_375, "currency": "RUB"}], "deals": [deal()], "next_cursor": null}]})
        }
        "Pipeline" => record(
            json!({"name": "Продажи", "description": null, "position": 0, "stages": [stage()], "skipping": "anyone", "going_back": "anyone", "reopening": "heads", "silent_after_days": 14}),
        ),
        "NewPipeline" => json!({"name": "Оптовые продажи", "stages": stage_input(), "skipping": "nobody"}),
        "PipelinePatch" => json!({"reopening": "nobody"}),
        "Missing" => json!({"record_type": "lead", "record_id": ID, "owner_id": null, "since": AT}),
        "LeadQualification" => {
            json!({"name": "Бетон М300", "next_task": {"title": "Отправить предложение", "due_at": "2026-11-23T10:00:00Z"}})
        }
        "QualifiedLead" => json!({"lead": lead(), "deal": deal()}),
        "NewLostReason" => json!({"name": "Далеко", "key": "too_far", "position": 10}),
        "Source" | "ContactStatus" | "RejectReason" | "LostReason" | "Tag" => entry(),
        "NewSource" => json!({"name": "Выставка", "key": "exhibition", "position": 10}),
        "NewContactStatus" => json!({"name": "Перспективный", "key": "promising", "position": 10}),
        "NewRejectReason" => json!({"name": "Далеко", "key": "too_far", "position": 10}),
        "NewTag" => json!({"name": "Опт", "key": "wholesale"}),
        "SourcePatch" | "ContactStatusPatch" | "RejectReasonPatch" | "LostReasonPatch" | "TagPatch" => json!({"color": "#2266cc"}),
        "Department" => department(),
        "NewDepartment" => json!({"name": "Продажи"}),
        "DepartmentPatch" => json!({"name": "Оптовые продажи"}),
        "ApiKey" => api_key(),
        "Role" => record(json!({"key": "trainee", "name": "Стажёр", "description": null, "ready_made": false,
            "rights": [{"record": "contact", "read": "own", "create": "none", "update": "none", "delete": "none", "export": "none", "merge": "none", "assign": "none"}],
            "analytics": "none", "see_unassigned": false, "override_duplicates": false, "reveal": false,
            "field_rules": [{"record": "contact", "field": "phones", "effect": "masked", "except_own": true}]})),
        "NewRole" => {
            json!({"key": "trainee", "name": "Стажёр", "rights": [{"record": "contact", "read": "own"}, {"record": "task", "read": "own", "update": "own"}],
            "field_rules": [{"record": "contact", "field": "phones", "effect": "masked"}, {"record": "contact", "field": "comment", "effect": "hidden"}]})
        }
        "RolePatch" => json!({"description": "Первые два месяца"}),
        "NewApiKey" => json!({"name": "1C", "role": "integration"}),
        "ApiKeyPatch" => json!({"name": "1C, branch"}),
        "Health" => json!({"status": "ok"}),
        "LookUpAnswer" => {
            json!({"contacts": [contact()], "companies": [], "responsible": null, "last_communication": communication(), "open_leads": [lead()], "open_tasks": [task()], "turnover": turnover()})
        }
        "AssignmentRule" => {
            record(json!({"name": "Москва", "active": true, "position": 10, "conditions": conditions(), "method": "round_robin",
            "user_ids": ["019aa000-0000-7000-8000-0000000000a1"], "department_id": null}))
        }
        "NewAssignmentRule" => {
            json!({"name": "Москва", "position": 10, "conditions": {"phone_prefixes": ["+7495"]}, "method": "keep_present"})
        }
        "AssignmentRulePatch" => json!({"active": false}),
        "AssignmentDecision" => {
            json!({"id": ID, "at": AT, "lead_id": ID, "occasion": "submission", "rule_id": ID, "rule_name": "Москва", "method": "round_robin",
            "user_id": "019aa000-0000-7000-8000-0000000000a1", "reason": "rule «Москва»: round_robin", "seed": 42,
            "candidates": [{"user_id": "019aa000-0000-7000-8000-0000000000a1", "skipped": null, "open_leads": 3, "open_tasks": 5}]})
        }
        "Position" => json!({"coordinates": {"latitude": 55.7558, "longitude": 37.6173}}),
        "NewCallEvent" => {
            json!({"call_id": "1763805600.42", "event": "answered", "direction": "inbound", "from": "+79123456789", "to": "+74951234567", "user_extension": "101", "occurred_at": AT})
        }
        "CallAnswer" => {
            json!({"call_id": "1763805600.42", "communication": communication(), "contact": contact(), "lead": null, "created_contact": false, "created_lead": false,
            "responsible": {"user_id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова", "extension": "101", "absent_until": null, "available": true}, "hints": [hint()]})
        }
        "ContactOverview" => {
            json!({"contact": contact(), "company": null, "next_task": task(), "open_tasks": [task()], "open_leads": [lead()], "open_deals": [deal()], "recent_communications": [communication()], "recent_notes": [note()], "hints": [hint()], "turnover": turnover(), "client_since": AT})
        }
        "AuditEvent" => audit_event(),
        "JournalEvent" => journal_event(),
        "Webhook" => webhook(),
        "NewWebhook" => {
            json!({"name": "Склад", "url": "https://hooks.example/kartoteka", "event_types": ["deal.*"], "condition": [{"field": "outcome", "operator": "changed_to", "value": "won"}]})
        }
        "WebhookPatch" => json!({"active": false}),
        "SecretRotation" => json!({"overlap_seconds": 3600}),
        "ReplayRange" => json!({"from_sequence": 1000, "to_sequence": 1024}),
        "Replayed" => json!({"count": 25}),
        "WebhookDelivery" => {
            json!({"id": ID, "webhook_id": ID, "message_id": "msg_019aa00000007000800000000000000a", "event_id": ID, "sequence": 1024, "event_type": "deal.stage_changed",
            "record_id": ID, "status": "delivered", "attempts": 1, "next_attempt_at": null,
            "log": [{"at": AT, "duration_ms": 84, "status": 204, "error": null, "response_excerpt": null}], "request_body": journal_event(), "created_at": AT, "finished_at": AT})
        }
        "Integrations" => {
            json!({"data": [{"kind": "webhook", "id": "019aa000-0000-7000-8000-0000000000b1", "name": "Warehouse", "state": "failing", "last_success_at": AT,
            "last_error_at": AT, "last_error": "the receiver answered 500", "queue_length": 3, "lag_seconds": 720}]})
        }
        "CardPresence" => json!({"record_type": "deal", "record_id": "019aa000-0000-7000-8000-0000000000d1",
            "people": [{"user_id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова", "since": AT}]}),
        "Journal" => json!({"data": [journal_event()], "next_after": 1024, "latest": 1024}),
        "AuditVerification" => {
            json!({"ok": true, "verified": 1024, "unsealed": 0, "head": {"sequence": 1024, "hash": "8".repeat(64)}, "first_break": null})
        }
        "FieldHistoryEntry" => {
            json!({"event_id": ID, "at": AT, "actor": {"type": "user", "id": "019aa000-0000-7000-8000-0000000000a1", "name": "Ольга Смирнова"}, "action": "updated",
            "record_type": "contact", "field": "position", "before": null, "after": "Директор", "reason": null})
        }
        "Reversal" => {
            json!({"dry_run": false, "reverted": [{"record_type": "contact", "record_id": ID, "fields": ["position"]}],
            "conflicts": [{"record_type": "contact", "record_id": ID, "field": "comment", "reason": "changed_again"}], "unchanged": [], "next_cursor": null})
        }
        "RevertMoment" => json!({"moment": "2026-11-22T09:00:00Z"}),
        "RevertPeriod" => {
            json!({"actor_id": "019aa000-0000-7000-8000-0000000000a1", "from": "2026-11-22T09:00:00Z", "to": "2026-11-22T10:00:00Z"})
        }
        "TimelineItem" => json!({"at": AT, "kind": "note", "record": note()}),
        _ => return None,
    })
}

/// The example of a refusal.
pub fn problem(status: u16) -> Value {
    let (code, title, errors) = match status {
        400 => (
            "unknown_parameter",
            "The request has an unknown parameter",
            json!([{"pointer": null, "parameter": "colour", "code": "unknown_parameter", "message": "unknown parameter"}]),
        ),
        401 => ("unauthenticated", "Sign in first", json!([])),
        403 => ("forbidden", "Your role may not do this", json!([])),
        404 => ("not_found", "Not found", json!([])),
        409 => ("duplicate_found", "This client has a card already", json!([])),
        410 => ("events_gone", "These events are not kept any more: read the lists anew", json!([])),
        412 => ("version_mismatch", "The record changed meanwhile", json!([])),
        413 => ("payload_too_large", "The body is too large", json!([])),
        416 => ("range_not_satisfiable", "The recording has no such part", json!([])),
        415 => ("unsupported_media_type", "This content type is not understood here", json!([])),
        422 => (
            "validation_failed",
            "Some fields are not valid",
            json!([{"pointer": "/phones/0/value", "parameter": null, "code": "invalid_phone", "message": "«12» is not a phone number"}]),
        ),
        428 => ("precondition_required", "Send If-Match", json!([])),
        429 => ("too_many_requests", "Too many requests", json!([])),
        _ => ("overloaded", "Too much to do at this moment", json!([])),
    };
    json!({"type": format!("/problems/{code}"), "title": title, "status": status, "code": code, "detail": title, "request_id": "019aa000-0000-7000-8000-0000000000ff", "errors": errors})
}
