//! Note: free text on a card, a lead or a task. Refuses an empty one and one that hangs on nothing.

use crate::{
    access::RecordType,
    id::{CompanyId, ContactId, DealId, LeadId, TaskId},
    invalid::{FieldCode, FieldErrors, prose},
    list::AnyOf,
    record::{Made, Making, Reference},
};

record! {
    /// Free text on a card, a lead, a deal or a task.
    pub struct Note (RecordType::Note) {
        /// The text.
        pub body: String,
        /// Whether it stands first.
        pub pinned: bool,
        /// The contact it is on.
        pub contact_id: Option<ContactId>,
        /// The company it is on.
        pub company_id: Option<CompanyId>,
        /// The lead it is on.
        pub lead_id: Option<LeadId>,
        /// The task it comments.
        pub task_id: Option<TaskId>,
        /// The deal it is on.
        pub deal_id: Option<DealId>,
    }
}

input! {
    /// A note to write; exactly one of the five ids says on what.
    pub struct NewNote, NotePatch clears NoteField {
        /// The text.
        body (required = true): String, max 50_000;
        /// Whether it stands first.
        pinned: bool;
        /// The contact it is on.
        contact_id: ContactId;
        /// The company it is on.
        company_id: CompanyId;
        /// The lead it is on.
        lead_id: LeadId;
        /// The task it comments.
        task_id: TaskId;
        /// The deal it is on.
        deal_id: DealId;
    }
}

sorts! {
    /// Orders of notes.
    pub enum NoteSort {
        CreatedDown = "-created_at" => "created_at" down,
        CreatedUp = "created_at" => "created_at" up,
        UpdatedDown = "-updated_at" => "updated_at" down,
    }
}

list_params! {
    /// Filters of notes.
    pub struct ListNotes sort NoteSort {
        /// Contacts.
        contact_id: AnyOf<ContactId>,
        /// Companies.
        company_id: AnyOf<CompanyId>,
        /// Leads.
        lead_id: AnyOf<LeadId>,
        /// Tasks.
        task_id: AnyOf<TaskId>,
        /// Deals.
        deal_id: AnyOf<DealId>,
        /// Changed at or after.
        updated_after: crate::list::Moment,
    }
}

impl Made for Note {
    type Input = NewNote;

    fn input(&self) -> NewNote {
        NewNote {
            body: Some(self.body.clone()),
            pinned: Some(self.pinned),
            contact_id: self.contact_id,
            company_id: self.company_id,
            lead_id: self.lead_id,
            task_id: self.task_id,
            deal_id: self.deal_id,
        }
    }

    fn make(input: &NewNote, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let body = prose(input.body.as_deref()).unwrap_or_default();
        if body.is_empty() {
            errors.add("/body", FieldCode::Required);
        }
        let hangs_on = [
            ("/contact_id", input.contact_id.is_some()),
            ("/company_id", input.company_id.is_some()),
            ("/lead_id", input.lead_id.is_some()),
            ("/task_id", input.task_id.is_some()),
            ("/deal_id", input.deal_id.is_some()),
        ];
        match hangs_on.iter().filter(|(_, given)| *given).count() {
            0 => errors.add("/contact_id", FieldCode::Required),
            1 => {}
            _ => {
                for (pointer, _) in hangs_on.iter().filter(|(_, given)| *given).skip(1) {
                    errors.add(*pointer, FieldCode::ConflictingFields);
                }
            }
        }
        errors.finish()?;
        let note = fresh!(Note, making.birth, {
            body: body,
            pinned: input.pinned.unwrap_or(false),
            contact_id: input.contact_id,
            company_id: input.company_id,
            lead_id: input.lead_id,
            task_id: input.task_id,
            deal_id: input.deal_id,
        });
        Ok(match previous {
            None => note,
            Some(old) => note.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        [
            Reference::optional("/contact_id", RecordType::Contact, self.contact_id),
            Reference::optional("/company_id", RecordType::Company, self.company_id),
            Reference::optional("/lead_id", RecordType::Lead, self.lead_id),
            Reference::optional("/task_id", RecordType::Task, self.task_id),
            Reference::optional("/deal_id", RecordType::Deal, self.deal_id),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
