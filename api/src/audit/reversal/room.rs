//! What each room demands of a record that gets old values back, and what follows from it.

use kartoteka_domain::{
    communication::{Communication, CommunicationStatus},
    company::Company,
    contact::Contact,
    lead::Lead,
    note::Note,
    record::Made,
    task::Task,
    workspace::Workspace,
};
use kartoteka_persistence::{Stored, WriteTx, contact as contacts};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{communication, company, contact, problem::Result, record, request::IfMatch, task};

/// A record that can be put back.
pub trait Revertible: Made + Stored + DeserializeOwned {
    /// Fields by which another card may be the same client.
    const IDENTITIES: &'static [&'static str] = &[];
    /// What a change must satisfy beside the record's own rules.
    fn check(tx: &mut WriteTx<'_>, settings: &Workspace, before: &Self, after: &mut Self) -> Result<()>;
    /// Keeps what is derived from it.
    fn follow(_tx: &mut WriteTx<'_>, _before: &Self, _after: &Self) -> Result<()> {
        Ok(())
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
        record::check_owner::<Self>(tx, after.owner_id, before.owner_id)?;
        record::ensure_tags(tx, &mut after.tags)
    }
}

impl Revertible for Task {
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, _: &Self, after: &mut Self) -> Result<()> {
        record::check_lead(tx, after.lead_id, after.contact_id)
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
    fn check(tx: &mut WriteTx<'_>, _: &Workspace, _: &Self, after: &mut Self) -> Result<()> {
        communication::check_links(tx, after)
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
