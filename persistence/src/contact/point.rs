//! Contact points of contacts and companies, and the locks that make "look, then create" one step.

use std::collections::HashMap;

use diesel::prelude::*;
use kartoteka_domain::{
    contact::{Email, Identity, Messenger, Phone, Validity, point::messenger_key},
    id::PointId,
};
use uuid::Uuid;

use crate::{
    db::Uid,
    fragment,
    schema::contact_point,
    store::{Reading, Recorded, StoreError, WriteTx},
};

part! {
    PointRow in contact_point {
        workspace_id: Uid, id: Uid, contact_id: Option<Uid>, company_id: Option<Uid>, kind: String, value: String, normalised: String,
        network: Option<String>, extension: Option<String>, label: Option<String>, is_primary: bool, validity: String, position: i64,
    }
}

/// Whose point it is.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    Contact(Uuid),
    Company(Uuid),
}

/// The points of one card.
#[derive(Default)]
pub(crate) struct Points {
    pub phones: Vec<Phone>,
    pub emails: Vec<Email>,
    pub messengers: Vec<Messenger>,
}

pub(crate) fn of_contacts(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<HashMap<Uuid, Points>, StoreError> {
    let rows: Vec<PointRow> = contact_point::table
        .filter(contact_point::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(fragment::one_of("contact_point.contact_id", ids.iter().copied()))
        .order(contact_point::position)
        .load(tx.db().0)?;
    Ok(group(rows))
}

pub(crate) fn of_companies(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<HashMap<Uuid, Points>, StoreError> {
    let rows: Vec<PointRow> = contact_point::table
        .filter(contact_point::workspace_id.eq(Uid::from(tx.workspace())))
        .filter(fragment::one_of("contact_point.company_id", ids.iter().copied()))
        .order(contact_point::position)
        .load(tx.db().0)?;
    Ok(group(rows))
}

fn group(rows: Vec<PointRow>) -> HashMap<Uuid, Points> {
    let mut cards: HashMap<Uuid, Points> = HashMap::new();
    for row in rows {
        let Some(Uid(card)) = row.contact_id.or(row.company_id) else { continue };
        let points = cards.entry(card).or_default();
        let id = PointId::from(row.id);
        let validity = Validity::from_word(&row.validity).unwrap_or(Validity::Unknown);
        let primary = row.is_primary;
        match row.kind.as_str() {
            "phone" => points.phones.push(Phone {
                id,
                value: row.value,
                e164: row.normalised,
                extension: row.extension,
                label: row.label,
                primary,
                validity,
            }),
            "email" => points.emails.push(Email { id, value: row.value, label: row.label, primary, validity }),
            _ => points.messengers.push(Messenger {
                id,
                network: row.network.unwrap_or_default(),
                handle: row.value,
                label: row.label,
                primary,
                validity,
            }),
        }
    }
    cards
}

/// Stores all points of a card.
pub(crate) fn store(
    tx: &mut WriteTx<'_>,
    owner: Owner,
    phones: &[Phone],
    emails: &[Email],
    messengers: &[Messenger],
    recorded: &Recorded,
) -> Result<(), StoreError> {
    let workspace_id = Uid::from(tx.workspace());
    let (contact_id, company_id) = match owner {
        Owner::Contact(id) => (Some(Uid(id)), None),
        Owner::Company(id) => (None, Some(Uid(id))),
    };
    let blank =
        |id: PointId, kind: &str, value: &str, normalised: String, label: &Option<String>, is_primary, validity: Validity| PointRow {
            workspace_id,
            id: id.into(),
            contact_id,
            company_id,
            kind: kind.to_owned(),
            value: value.to_owned(),
            normalised,
            network: None,
            extension: None,
            label: label.clone(),
            is_primary,
            validity: validity.word().to_owned(),
            position: 0,
        };
    let rows = phones
        .iter()
        .map(|p| PointRow {
            extension: p.extension.clone(),
            ..blank(p.id, "phone", &p.value, p.e164.clone(), &p.label, p.primary, p.validity)
        })
        .chain(emails.iter().map(|e| blank(e.id, "email", &e.value, Identity::email(&e.value).value, &e.label, e.primary, e.validity)))
        .chain(messengers.iter().map(|m| PointRow {
            network: Some(m.network.clone()),
            ..blank(m.id, "messenger", &m.handle, messenger_key(&m.network, &m.handle), &m.label, m.primary, m.validity)
        }));
    for (position, row) in (0_i64..).zip(rows) {
        PointRow { position, ..row }.insert(tx.db().0, recorded)?;
    }
    Ok(())
}
