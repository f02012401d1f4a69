//! References: whether what an input names is there, in this workspace and within the asker's sight.

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    invalid::{FieldCode, FieldErrors},
    record::Reference,
};

use crate::{
    db::Uid,
    schema::{
        catalogue_entry, communication, communication_outcome, company, contact, deal, department, form, lead, member, pipeline,
        submission, task,
    },
    store::{Reading, StoreError},
};

/// Notes every reference that leads nowhere. A person who is deactivated may stay, but not be newly named.
pub fn check(tx: &mut dyn Reading, references: &[Reference], kept: &[Reference], errors: &mut FieldErrors) -> Result<(), StoreError> {
    for reference in references {
        if kept.iter().any(|old| old.record == reference.record && old.id == reference.id) {
            continue;
        }
        let id = reference.id;
        let found: Option<Uid> = match reference.record {
            RecordType::User => {
                let person: Option<bool> =
                    all!(tx, member).filter(member::id.eq(Uid::from(id))).select(member::active).first(tx.db().0).optional()?;
                if person == Some(false) {
                    errors.add(reference.pointer.clone(), FieldCode::InactiveUser);
                }
                person.map(|_| Uid(id))
            }
            RecordType::Contact => seen!(tx, contact, RecordType::Contact, tx.scope().readers(RecordType::Contact))
                .filter(contact::id.eq(Uid::from(id)))
                .filter(contact::archived_at.is_null())
                .select(contact::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Company => seen!(tx, company, RecordType::Company, tx.scope().readers(RecordType::Company))
                .filter(company::id.eq(Uid::from(id)))
                .filter(company::archived_at.is_null())
                .select(company::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Lead => seen!(tx, lead, RecordType::Lead, tx.scope().readers(RecordType::Lead))
                .filter(lead::id.eq(Uid::from(id)))
                .filter(lead::archived_at.is_null())
                .select(lead::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Deal => seen!(tx, deal, RecordType::Deal, tx.scope().readers(RecordType::Deal))
                .filter(deal::id.eq(Uid::from(id)))
                .filter(deal::archived_at.is_null())
                .select(deal::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Pipeline => all!(tx, pipeline)
                .filter(pipeline::id.eq(Uid::from(id)))
                .filter(pipeline::archived_at.is_null())
                .select(pipeline::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Task => seen!(tx, task, RecordType::Task, tx.scope().readers(RecordType::Task))
                .filter(task::id.eq(Uid::from(id)))
                .filter(task::archived_at.is_null())
                .select(task::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Communication => seen!(tx, communication, RecordType::Communication, tx.scope().readers(RecordType::Communication))
                .filter(communication::id.eq(Uid::from(id)))
                .filter(communication::archived_at.is_null())
                .select(communication::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::CommunicationOutcome => all!(tx, communication_outcome)
                .filter(communication_outcome::id.eq(Uid::from(id)))
                .filter(communication_outcome::archived_at.is_null())
                .select(communication_outcome::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Submission => {
                all!(tx, submission).filter(submission::id.eq(Uid::from(id))).select(submission::id).first(tx.db().0).optional()?
            }
            RecordType::Form => all!(tx, form)
                .filter(form::id.eq(Uid::from(id)))
                .filter(form::archived_at.is_null())
                .select(form::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Department => all!(tx, department)
                .filter(department::id.eq(Uid::from(id)))
                .filter(department::archived_at.is_null())
                .select(department::id)
                .first(tx.db().0)
                .optional()?,
            RecordType::Source | RecordType::RejectReason | RecordType::LostReason => all!(tx, catalogue_entry)
                .filter(catalogue_entry::id.eq(Uid::from(id)))
                .filter(catalogue_entry::catalogue.eq(reference.record.word()))
                .filter(catalogue_entry::archived_at.is_null())
                .select(catalogue_entry::id)
                .first(tx.db().0)
                .optional()?,
            _ => Some(Uid(id)),
        };
        if found.is_none() {
            errors.add(reference.pointer.clone(), FieldCode::ReferenceNotFound);
        }
    }
    Ok(())
}
