//! Contacts over HTTP: cards, their points, client view and timeline.

pub mod view;

use kartoteka_domain::{
    access::{RecordType, Verb},
    contact::{AddedEmail, AddedMessenger, AddedPhone, Contact, DuplicateChoice, ListContacts, NewContact, OnDuplicate, Reveal},
    event::Event,
    invalid::{FieldCode, FieldErrors},
    next_step::Subject,
    record::{Made, Record},
    workspace::Workspace,
};
use kartoteka_persistence::{Reading, Stored, WriteTx, catalogue, contact as store, duplicate::Cards, workspace};
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::{Answer, Created, CreatedOrFound, Found, Unmasked},
    can::{Can, CanSecretly, CreateContacts, RevealContacts, UpdateContacts},
    duplicate,
    next_step::{self, InPatch, Links, Sent},
    problem::{Problem, ProblemCode, Result},
    record,
    request::{At, ByExternalId, IfMatch, Params, Patch, Valid},
};

crud_read! { Contact, ListContacts; "contacts", "/v1/contacts", "/v1/contacts/{id}";
list list_contacts "List contacts", get get_contact "Get a contact", read ReadContacts, expand expand }
crud_change! { Contact, NewContact; "contacts", "/v1/contacts/{id}", "/v1/contacts/{id}/restore";
    update update_contact "Change a contact", right UpdateContacts, by update;
    archive archive_contact "Archive a contact", by record::archive::<Contact>;
    restore restore_contact "Restore a contact", by restore;
}

/// Create a contact
///
/// Checks for duplicates first; `on_duplicate` says what happens when one is found: refuse with the candidates,
/// attach to the found card, or create and queue the pair for review where the policy allows.
#[utoipa::path(post, path = "/v1/contacts", tag = "contacts")]
pub async fn create_contact(
    can: Can<CreateContacts>,
    choice: Params<DuplicateChoice>,
    new: Valid<NewContact>,
) -> Answer<CreatedOrFound<Contact>> {
    let dry_run = choice.dry_run.unwrap_or(false);
    let create = move |tx: &mut WriteTx<'_>| create(tx, &new, choice.on_duplicate.unwrap_or(OnDuplicate::Reject)).map(CreatedOrFound);
    if dry_run { can.rehearse(create).await } else { can.write(create).await }
}

/// Create or change a contact by the integrator's own key
///
/// 201 when it was new, which needs the right to create, too; 200 when it was changed. The fields given replace the stored ones, those left
/// out stay.
#[utoipa::path(put, path = "/v1/contacts/by-external-id/{external_id}", tag = "contacts")]
pub async fn upsert_contact(
    can: Can<UpdateContacts>,
    key: ByExternalId,
    choice: Params<DuplicateChoice>,
    new: Valid<NewContact>,
) -> Answer<CreatedOrFound<Contact>> {
    let dry_run = choice.dry_run.unwrap_or(false);
    let upsert =
        move |tx: &mut WriteTx<'_>| upsert(tx, &key.0, &new, choice.on_duplicate.unwrap_or(OnDuplicate::Reject)).map(CreatedOrFound);
    if dry_run { can.rehearse(upsert).await } else { can.write(upsert).await }
}

/// Add a phone to a contact
///
/// Without sending the whole list.
#[utoipa::path(post, path = "/v1/contacts/{id}/phones", tag = "contacts")]
pub async fn add_contact_phone(can: Can<UpdateContacts>, at: At<Contact>, new: Valid<AddedPhone>) -> Answer<Created<Contact>> {
    can.write(move |tx| add(tx, at.0, |input| input.phones.get_or_insert_default().push(new.0.clone().into()), "/phones")).await
}

/// Add an e-mail to a contact
///
/// Without sending the whole list.
#[utoipa::path(post, path = "/v1/contacts/{id}/emails", tag = "contacts")]
pub async fn add_contact_email(can: Can<UpdateContacts>, at: At<Contact>, new: Valid<AddedEmail>) -> Answer<Created<Contact>> {
    can.write(move |tx| add(tx, at.0, |input| input.emails.get_or_insert_default().push(new.0.clone().into()), "/emails")).await
}

/// Add a messenger handle to a contact
///
/// Without sending the whole list.
#[utoipa::path(post, path = "/v1/contacts/{id}/messengers", tag = "contacts")]
pub async fn add_contact_messenger(can: Can<UpdateContacts>, at: At<Contact>, new: Valid<AddedMessenger>) -> Answer<Created<Contact>> {
    can.write(move |tx| add(tx, at.0, |input| input.messengers.get_or_insert_default().push(new.0.clone().into()), "/messengers")).await
}

/// Reveal a contact
///
/// Shows the masked fields of one card in one answer, where the role may: the reason is kept in the audit, and counted. Hidden fields
/// stay hidden.
#[utoipa::path(post, path = "/v1/contacts/{id}/reveal", tag = "contacts")]
pub async fn reveal_contact(can: CanSecretly<RevealContacts>, at: At<Contact>, why: Valid<Reveal>) -> Answer<Unmasked<Contact>> {
    can.write(move |tx| {
        let actor = std::sync::Arc::new(tx.scope().actor().clone());
        let mut errors = FieldErrors::default();
        errors.absorb(why.validate());
        let reason = errors.required_line("/reason", Some(&why.reason));
        errors.finish()?;
        let contact: Contact = record::get(tx, at.0)?;
        tx.record(Event::bare(RecordType::Contact, contact.uuid(), kartoteka_domain::event::Action::Revealed).because(reason))?;
        metrics::counter!("contacts_revealed_total").increment(1);
        Ok(Unmasked(crate::conceal::without_masks(&actor, &contact)?))
    })
    .await
}

/// Makes a contact, or says what stands in the way.
pub fn create(tx: &mut WriteTx<'_>, input: &NewContact, on_duplicate: OnDuplicate) -> Result<Created<Contact>> {
    let settings = workspace::current(tx)?;
    let made = record::make_in(tx, &settings, input, None);
    let mut contact = with_status(tx, made, input.status.as_deref())?;
    record::check_owner::<Contact>(tx, contact.owner_id, tx.scope().actor().user().filter(|_| contact.owner_id.is_some()))?;
    let candidates = duplicate::find(tx, Cards::Contacts, &contact.identities(), None)?;
    if let Some(best) = candidates.first() {
        match on_duplicate {
            OnDuplicate::Attach => {
                tx.hold(RecordType::Contact, best.id)?;
                // a card out of the asker's sight is not shown by attaching to it
                let Some(existing) = store::find_changeable(tx, best.id)? else {
                    return Err(duplicate::refusal(tx, Cards::Contacts, candidates));
                };
                tx.follow(existing.updated_at);
                let attached = attach(tx, &existing, &contact)?;
                return Ok(Created {
                    record: follow(tx, attached, Sent::new(input.next_task.as_ref(), input.no_next_step_reason.as_deref()))?,
                    fresh: false,
                });
            }
            OnDuplicate::Create if duplicate::may_create(tx, &settings) => {}
            OnDuplicate::Create | OnDuplicate::Reject => return Err(duplicate::refusal(tx, Cards::Contacts, candidates)),
        }
    }
    record::ensure_tags(tx, &mut contact.tags)?;
    Contact::insert(tx, &contact, Event::created(&contact))?;
    duplicate::queue_all(tx, Cards::Contacts, contact.uuid(), &candidates)?;
    Ok(Created::new(follow(tx, contact, Sent::new(input.next_task.as_ref(), input.no_next_step_reason.as_deref()))?))
}

/// The next step an input brought along.
fn follow(tx: &mut WriteTx<'_>, contact: Contact, sent: Sent<'_>) -> Result<Contact> {
    let links = Links { contact_id: Some(contact.id), company_id: contact.company_id, owner_id: contact.owner_id, ..Links::default() };
    let subject = Subject::Contact(contact.id);
    next_step::follow(tx, contact, subject, sent, links)
}

/// Fills what a card lacks; nothing is overwritten.
pub fn attach(tx: &mut WriteTx<'_>, existing: &Contact, newcomer: &Contact) -> Result<Contact> {
    let mut filled = existing.filled_from(newcomer);
    record::ensure_tags(tx, &mut filled.tags)?;
    record::store_change(tx, existing, filled, kartoteka_domain::event::Action::Updated)
}

/// A card, or every fault of it: the status is a key of a list, which only the store can tell.
fn with_status(tx: &mut WriteTx<'_>, made: Result<Contact>, status: Option<&str>) -> Result<Contact> {
    let status = kartoteka_domain::invalid::line(status);
    let unknown = match &status {
        Some(key) => !catalogue::has_key(tx, RecordType::ContactStatus, key)?,
        None => false,
    };
    match made {
        made if !unknown => made,
        Ok(_) => Err(Problem::invalid("/status", FieldCode::ReferenceNotFound)),
        Err(mut problem) => {
            if problem.code == crate::problem::ProblemCode::ValidationFailed {
                problem.errors.extend(Problem::invalid("/status", FieldCode::ReferenceNotFound).errors);
            }
            Err(problem)
        }
    }
}

fn check_status(tx: &mut WriteTx<'_>, contact: &Contact, before: Option<&Contact>) -> Result<()> {
    if let Some(status) = contact.status.as_deref().filter(|s| before.is_none_or(|b| b.status.as_deref() != Some(*s)))
        && !catalogue::has_key(tx, RecordType::ContactStatus, status)?
    {
        return Err(Problem::invalid("/status", FieldCode::ReferenceNotFound));
    }
    Ok(())
}

pub(crate) fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewContact>, if_match: &IfMatch) -> Result<Found<Contact>> {
    let sent = InPatch::of(patch)?;
    let Found(after) = record::change(tx, id, patch, if_match, |tx, before: &Contact, after| {
        let settings = workspace::current(tx)?;
        check(tx, &settings, before, after)
    })?;
    Ok(Found(follow(tx, after, sent.sent())?))
}

/// What a change of a card must satisfy beside its own rules.
pub(crate) fn check(tx: &mut WriteTx<'_>, settings: &Workspace, before: &Contact, after: &mut Contact) -> Result<()> {
    check_status(tx, after, Some(before))?;
    record::check_owner::<Contact>(tx, after.owner_id, before.owner_id)?;
    record::ensure_tags(tx, &mut after.tags)?;
    let known = before.identities();
    let added: Vec<_> = after.identities().into_iter().filter(|i| !known.contains(i)).collect();
    if let Some(text) = duplicate::check_change(tx, Cards::Contacts, settings, before.uuid(), &added)? {
        after.warn(record::warning("duplicate_contact_point", &text));
    }
    Ok(())
}

fn add(tx: &mut WriteTx<'_>, id: Uuid, put: impl FnOnce(&mut NewContact), list: &str) -> Result<Created<Contact>> {
    let before: Contact = record::get_to_change(tx, id)?;
    if before.archived_at.is_some() {
        return Err(Problem::new(crate::problem::ProblemCode::Archived));
    }
    let mut input = before.input();
    put(&mut input);
    let last = [input.phones.as_ref().map(Vec::len), input.emails.as_ref().map(Vec::len), input.messengers.as_ref().map(Vec::len)];
    let settings = workspace::current(tx)?;
    let mut after: Contact = record::make_in(tx, &settings, &input, Some(&before)).map_err(|mut problem| {
        // the caller sent one entry, not the list
        for length in last.into_iter().flatten() {
            let prefix = format!("{list}/{}", length.saturating_sub(1));
            for error in &mut problem.errors {
                if let Some(rest) = error.pointer.strip_prefix(&prefix) {
                    error.pointer = rest.to_owned();
                }
            }
        }
        problem
    })?;
    check(tx, &settings, &before, &mut after)?;
    record::store_change(tx, &before, after, kartoteka_domain::event::Action::Updated).map(Created::new)
}

pub(crate) fn restore(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Contact> {
    let before: Contact = record::get_to_change(tx, id)?;
    let candidates = duplicate::find(tx, Cards::Contacts, &before.identities(), Some(id))?;
    let settings = workspace::current(tx)?;
    if before.archived_at.is_some() && !candidates.is_empty() && !duplicate::may_create(tx, &settings) {
        return Err(duplicate::refusal(tx, Cards::Contacts, candidates));
    }
    record::restore::<Contact>(tx, id, if_match)
}

pub(crate) fn upsert(tx: &mut WriteTx<'_>, external_id: &str, input: &NewContact, on_duplicate: OnDuplicate) -> Result<Created<Contact>> {
    // the address names the record: a body that names another one contradicts it
    if input.external_id.as_deref().is_some_and(|given| given != external_id) {
        return Err(Problem::invalid("/external_id", FieldCode::ConflictingFields));
    }
    let input = NewContact { external_id: Some(external_id.to_owned()), ..input.clone() };
    // twins with one key come one after the other: the first makes, the others change
    duplicate::lock_key(tx, RecordType::Contact, external_id)?;
    let Some(before) = store::find_by_external_id(tx, external_id)? else {
        if !tx.may(RecordType::Contact, Verb::Create) {
            return Err(Problem::new(ProblemCode::Forbidden));
        }
        return create(tx, &input, on_duplicate);
    };
    tx.hold(RecordType::Contact, before.uuid())?;
    // as it is now: somebody may have held it until a moment ago
    let before = store::find_by_external_id(tx, external_id)?.unwrap_or(before);
    tx.follow(before.updated_at);
    let given = serde_json::to_value(&input).map_err(Problem::internal)?;
    record::refuse_hidden(tx, &before, given.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str)))?;
    let mut merged = serde_json::to_value(before.input()).map_err(Problem::internal)?;
    json_patch::merge(&mut merged, &given);
    let merged: NewContact = serde_json::from_value(merged).map_err(Problem::internal)?;
    let settings = workspace::current(tx)?;
    let mut after: Contact = record::make_in(tx, &settings, &merged, Some(&before))?;
    check(tx, &settings, &before, &mut after)?;
    let after = record::store_change(tx, &before, after, kartoteka_domain::event::Action::Updated)?;
    let sent = Sent::new(input.next_task.as_ref(), input.no_next_step_reason.as_deref());
    Ok(Created { record: follow(tx, after, sent)?, fresh: false })
}
