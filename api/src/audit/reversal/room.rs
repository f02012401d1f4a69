//! What each room demands of a record that gets old values back, and what follows from it.

use kartoteka_domain::{
    communication::{Communication, CommunicationStatus},
    company::Company,
    contact::Contact,
    deal::Deal,
    event::Action,
    form::Form,
    lead::Lead,
    note::Note,
    record::Made,
    role::Role,
    task::Task,
    user::User,
    workspace::Workspace,
};
use kartoteka_persistence::{Stored, WriteTx, contact as contacts};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{communication, company, contact, deal, lead, problem::Result, record, request::IfMatch, role, task, user};

/// The field that tells archiving.
pub const ARCHIVED_AT: &str = "archived_at";

/// A record that can be put back.
pub trait Revertible: Made + Stored + DeserializeOwned {
    /// Fields by which another card may be the same client.
    const IDENTITIES: &'static [&'static str] = &[];
    /// Fields by which somebody gets rights or loses them.
    const RIGHTS: &'static [&'static str] = &[];
    /// Fields that never get an old value back.
    const ONE_WAY: &'static [&'static str] = &[];
    /// The field that tells that the making of one was taken back.
    const UNMADE: &'static str = ARCHIVED_AT;
    /// What a change must satisfy beside the record's own rules.
    fn check(tx: &mut WriteTx<'_>, settings: &Workspace, before: &Self, after: &mut Self) -> Result<()>;
    /// Keeps what is derived from it.
    fn follow(_tx: &mut WriteTx<'_>, _before: &Self, _after: &Self) -> Result<()> {
        Ok(())
    }
    /// Whether it is already as if it had never been made.
    fn is_unmade(&self) -> bool {
        self.archived_at().is_some()
    }
    /// Takes its making back.
    fn unmake(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        Self::archive(tx, id)
    }
    /// Archives it.
    fn archive(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        record::archive(tx, id, &IfMatch::any())
    }
    /// Brings it back.
    fn restore(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        record::restore(tx, id, &IfMatch::any())
    }
}

impl Revertible for Contact {
    const IDENTITIES: &'static [&'static str] = &["phones", "emails", "messengers"];
    fn check(tx: &mut WriteTx<'_>, settings: &Workspace, before: &Self, after: &mut Self) -> Result<()> {
        contact::check(tx, settings, before, after)
    }
    fn restore(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        contact::restore(tx, id, &IfMatch::any())
    }
}

impl Revertible for Company {
    const IDENTITIES: &'static [&'static str] = &["phones", "emails", "tax_id"];
    fn check(tx: &mut WriteTx<'_>, settings: &Workspace, before: &Self, after: &mut Self) -> Result<()> {
        company::check(tx, settings, before, after)
    }
    fn restore(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        company::restore(tx, id, &IfMatch::any())
    }
}

impl Revertible for Lead {
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, before: &Self, after: &mut Self) -> Result<()> {
        lead::check(tx, before, after)
    }
}

impl Revertible for Deal {
    // its way through the stages is history: a deal that was moved by mistake is moved back
    const ONE_WAY: &'static [&'static str] =
        &["stage_id", "outcome", "lost_reason_id", "lost_comment", "stage_entered_at", "stage_due_at", "closed_at"];
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, before: &Self, after: &mut Self) -> Result<()> {
        record::check_owner::<Self>(tx, after.owner_id, before.owner_id)?;
        deal::check_links(tx, after)
    }
    fn restore(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        deal::restore(tx, id, &IfMatch::any())
    }
}

impl Revertible for Task {
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, _: &Self, after: &mut Self) -> Result<()> {
        task::check_links(tx, after)
    }
    fn follow(tx: &mut WriteTx<'_>, before: &Self, after: &Self) -> Result<()> {
        task::refresh(tx, before)?;
        task::refresh(tx, after)
    }
    fn archive(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        task::archive(tx, id, &IfMatch::any())
    }
    fn restore(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        task::restore(tx, id, &IfMatch::any())
    }
}

impl Revertible for Communication {
    // what was agreed in it is there, whatever is said of it now; what was deleted of its sound is not
    const ONE_WAY: &'static [&'static str] = &["next_task", "next_meeting", "recording"];
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, before: &Self, after: &mut Self) -> Result<()> {
        communication::check_links(tx, after)?;
        communication::check_chain(tx, before, after)
    }
    fn follow(tx: &mut WriteTx<'_>, _: &Self, after: &Self) -> Result<()> {
        if after.status == CommunicationStatus::Done {
            contacts::touch_communication(tx, after.contact_id, after.occurred_at)?;
        }
        Ok(())
    }
}

impl Revertible for Note {
    fn check(_: &mut WriteTx<'_>, _: &Workspace, _: &Self, _: &mut Self) -> Result<()> {
        Ok(())
    }
}

impl Revertible for User {
    // people are not archived: records go on naming them
    const UNMADE: &'static str = "active";
    const RIGHTS: &'static [&'static str] = &["role", "active"];
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, before: &Self, after: &mut Self) -> Result<()> {
        user::check(tx, before, after)
    }
    fn is_unmade(&self) -> bool {
        !self.active
    }
    fn unmake(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        let before: Self = record::get_to_change(tx, id)?;
        let mut after = Self { active: false, ..before.clone() };
        user::check(tx, &before, &mut after)?;
        record::store_change(tx, &before, after, Action::Updated)
    }
}

impl Revertible for Role {
    const RIGHTS: &'static [&'static str] = &["rights", "analytics", "see_unassigned", "override_duplicates", "reveal", "field_rules"];
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, before: &Self, after: &mut Self) -> Result<()> {
        role::check(tx, before, after)
    }
    fn archive(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        role::archive(tx, id, &IfMatch::any())
    }
    fn restore(tx: &mut WriteTx<'_>, id: Uuid) -> Result<Self> {
        role::restore(tx, id, &IfMatch::any())
    }
}

impl Revertible for Form {
    // whoever replaced a key wanted the pages with the old one shut out
    const ONE_WAY: &'static [&'static str] = &["key"];
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, _: &Self, after: &mut Self) -> Result<()> {
        record::ensure_tags(tx, &mut after.tags)
    }
}
