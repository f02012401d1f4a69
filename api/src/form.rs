//! Forms over HTTP: settings, keys, the HTML to paste, a test.

pub mod public;

use kartoteka_domain::{
    event::{Action, Event},
    form::{Form, FormSnippet, ListForms, NewForm, form_key},
    record::Record,
    submission::{Posted, Receipt, ReceiptStatus},
};
use kartoteka_persistence::{
    Stored, WriteTx,
    workspace::{self, DoorKind},
};
use uuid::Uuid;

use crate::{
    answer::{Accepted, Answer, Created, Found, Plain},
    can::{Can, ReadForms, UpdateForms},
    credential::digest,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, IfMatch, Patch},
    submission,
};

crud! { Form, NewForm, ListForms; "forms", "/v1/forms", "/v1/forms/{id}", "/v1/forms/{id}/restore";
    list list_forms "List forms", get get_form "Get a form", read ReadForms;
    create create_form "Create a form", right CreateForms, by create;
    update update_form "Change a form", right UpdateForms, by update;
    archive archive_form "Archive a form", by record::archive::<Form>;
    restore restore_form "Restore a form", by record::restore::<Form>;
}

/// Replace a form's key
///
/// Pages with the old key are answered 404 from now on.
#[utoipa::path(post, path = "/v1/forms/{id}/rotate-key", tag = "forms")]
pub async fn rotate_form_key(can: Can<UpdateForms>, at: At<Form>, if_match: IfMatch) -> Answer<Found<Form>> {
    can.write(move |tx| {
        let before: Form = record::get_to_change(tx, at.0)?;
        record::check_version(tx, &before, &if_match)?;
        let key = form_key(tx.fresh_id(), tx.fresh_id());
        workspace::close_doors(tx, DoorKind::Form, before.uuid())?;
        workspace::open_door(tx, DoorKind::Form, digest(&key), before.uuid())?;
        record::store_change(tx, &before, Form { key, ..before.clone() }, Action::KeyRotated).map(Found)
    })
    .await
}

/// Get the HTML of a form
///
/// To paste into a page; works without JavaScript.
#[utoipa::path(get, path = "/v1/forms/{id}/snippet", tag = "forms")]
pub async fn get_form_snippet(can: Can<ReadForms>, at: At<Form>) -> Answer<Plain<FormSnippet>> {
    let base = can.app().settings.public_url.clone();
    can.read(move |tx| {
        let form: Form = record::get(tx, at.0)?;
        Ok(Plain(form.snippet(&base)))
    })
    .await
}

/// Test a form
///
/// Sends an enquiry through the whole path; it is marked as a test and makes no lead.
#[utoipa::path(post, path = "/v1/forms/{id}/test", tag = "forms")]
pub async fn test_form(can: Can<UpdateForms>, at: At<Form>) -> Answer<Accepted<Receipt>> {
    let app = can.app().clone();
    let answer = can
        .write(move |tx| {
            let form: Form = record::get(tx, at.0)?;
            if form.archived_at.is_some() {
                return Err(Problem::new(ProblemCode::Archived));
            }
            let body = test_body(&form);
            let posted = serde_json::from_slice(&body).ok().and_then(Posted::from_json).unwrap_or_default();
            let incoming =
                submission::Incoming { body, content_type: Some("application/json".into()), test: true, ..submission::Incoming::default() };
            let kept = submission::keep(tx, &form, &incoming, &posted, None)?;
            Ok(Accepted(Receipt { submission_id: kept, status: ReceiptStatus::Accepted }))
        })
        .await;
    app.wake_worker();
    answer
}

fn test_body(form: &Form) -> Vec<u8> {
    use kartoteka_domain::form::FormFieldKind as K;
    let fields: serde_json::Map<String, serde_json::Value> = form
        .fields
        .iter()
        .map(|f| {
            let value = match f.kind {
                K::Phone => "+79120000000".to_owned(),
                K::Email => "test@example.com".to_owned(),
                K::Number => "1".to_owned(),
                K::Choice => f.options.first().cloned().unwrap_or_default(),
                _ => "Test".to_owned(),
            };
            (f.name.clone(), value.into())
        })
        .collect();
    serde_json::json!({"fields": fields}).to_string().into_bytes()
}

/// Makes a form and opens its door.
pub fn create(tx: &mut WriteTx<'_>, input: &NewForm) -> Result<Created<Form>> {
    let mut form: Form = record::make(tx, input, None)?;
    record::ensure_tags(tx, &mut form.tags)?;
    Form::insert(tx, &form, Event::created(&form))?;
    workspace::open_door(tx, DoorKind::Form, digest(&form.key), form.uuid())?;
    Ok(Created::new(form))
}

fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewForm>, if_match: &IfMatch) -> Result<Found<Form>> {
    record::change(tx, id, patch, if_match, |tx, _, after: &mut Form| record::ensure_tags(tx, &mut after.tags))
}
