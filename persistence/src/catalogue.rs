//! The choice lists in one table, and the tags of records.

use std::collections::HashMap;

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    catalogue::{self, ContactStatus, Entry, ListCatalogue, LostReason, Parts, RejectReason, Source, Tag},
    event::Event,
    list::Page,
    record::Record,
    text,
};
use uuid::Uuid;

use crate::{
    db::{At, Doc, Uid},
    entity::{Entity, Stored, json},
    fragment,
    schema::{catalogue_entry, tagging},
    store::{Reading, Recorded, StoreError, WriteTx},
};

row! {
    EntryRow in catalogue_entry {
        catalogue: String, key: Option<String>, name: String, name_key: String, sort_key: String, position: i64, color: Option<String>,
    }
}
keyed!(EntryRow { position, sort_key, created_at });

part! {
    TaggingRow in tagging { workspace_id: Uid, id: Uid, tag_id: Uid, contact_id: Option<Uid>, company_id: Option<Uid>, lead_id: Option<Uid>, position: i64 }
}

fn row<E: Entry>(workspace: Uuid, entry: &E) -> EntryRow {
    let p = entry.parts();
    EntryRow {
        workspace_id: Uid(workspace),
        id: Uid(p.id),
        catalogue: E::TYPE.word().to_owned(),
        key: p.key,
        name_key: catalogue::name_key(&p.name),
        sort_key: text::sort_key(&p.name),
        name: p.name,
        position: p.position,
        color: p.color,
        version: p.version,
        created_at: At(p.created_at),
        updated_at: At(p.updated_at),
        created_by: json(&p.created_by),
        updated_by: json(&p.updated_by),
        archived_at: p.archived_at.map(At),
    }
}

fn record<E: Entry>(row: EntryRow) -> Result<E, StoreError> {
    let actor = |value: Doc| serde_json::from_value(value.0).map_err(|e| StoreError::Internal(e.to_string()));
    Ok(E::from_parts(Parts {
        id: row.id.0,
        key: row.key,
        name: row.name,
        position: row.position,
        color: row.color,
        version: row.version,
        created_at: row.created_at.0,
        updated_at: row.updated_at.0,
        created_by: actor(row.created_by)?,
        updated_by: actor(row.updated_by)?,
        archived_at: row.archived_at.map(|at| at.0),
    }))
}

fn find<E: Entry>(tx: &mut dyn Reading, id: Uuid) -> Result<Option<E>, StoreError> {
    let row: Option<EntryRow> = all!(tx, catalogue_entry)
        .filter(catalogue_entry::id.eq(Uid::from(id)))
        .filter(catalogue_entry::catalogue.eq(E::TYPE.word()))
        .first(tx.db().0)
        .optional()?;
    row.map(record).transpose()
}

fn list<E: Entry>(tx: &mut dyn Reading, params: &ListCatalogue) -> Result<Page<E>, StoreError> {
    let request = kartoteka_domain::list::ListParameters::page(params);
    let build = || {
        let mut query = all!(tx, catalogue_entry).filter(catalogue_entry::catalogue.eq(E::TYPE.word()));
        if let Some(archived) = fragment::archived(request.archived, "catalogue_entry.archived_at") {
            query = query.filter(archived);
        }
        if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["catalogue_entry.name_key"], q)) {
            query = query.filter(found);
        }
        query
    };
    let mut rows = page!(tx, EntryRow, catalogue_entry, request, ["position", "sort_key", "created_at"], build);
    let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
    Ok(rows.into_page(records))
}

macro_rules! stored {
    ($($ty:ty),*) => { $(impl Stored for $ty {
        type Params = ListCatalogue;
        fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> { find(tx, id) }
        fn list(tx: &mut dyn Reading, params: &ListCatalogue) -> Result<Page<Self>, StoreError> { list(tx, params) }
        fn insert(tx: &mut WriteTx<'_>, entry: &Self, event: Event) -> Result<(), StoreError> {
            let recorded = tx.record(event)?;
            row(tx.workspace().uuid(), entry).insert(tx.db().0, &recorded)?;
            Ok(())
        }
        fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
            replace!(tx, row(tx.workspace().uuid(), after), before.version(), event);
            Ok(())
        }
    })* };
}
stored!(Source, ContactStatus, RejectReason, LostReason, Tag);

/// Several sources by id.
pub fn find_sources(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Source>, StoreError> {
    let rows: Vec<EntryRow> = all!(tx, catalogue_entry)
        .filter(catalogue_entry::catalogue.eq(RecordType::Source.word()))
        .filter(fragment::one_of("catalogue_entry.id", ids.iter().copied()))
        .load(tx.db().0)?;
    rows.into_iter().map(record).collect()
}

/// Whether a list has an entry in use with this key.
pub fn has_key(tx: &mut dyn Reading, catalogue: RecordType, key: &str) -> Result<bool, StoreError> {
    let found: Option<Uid> = all!(tx, catalogue_entry)
        .filter(catalogue_entry::catalogue.eq(catalogue.word()))
        .filter(catalogue_entry::key.eq(key.to_owned()))
        .filter(catalogue_entry::archived_at.is_null())
        .select(catalogue_entry::id)
        .first(tx.db().0)
        .optional()?;
    Ok(found.is_some())
}

/// The tag of a name, if there is one in use or archived.
pub fn find_tag(tx: &mut dyn Reading, name: &str) -> Result<Option<Tag>, StoreError> {
    let row: Option<EntryRow> = all!(tx, catalogue_entry)
        .filter(catalogue_entry::catalogue.eq(RecordType::Tag.word()))
        .filter(catalogue_entry::name_key.eq(catalogue::name_key(name)))
        .first(tx.db().0)
        .optional()?;
    row.map(record).transpose()
}

/// What carries tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tagged {
    Contacts,
    Companies,
    Leads,
}

/// Names of the tags of some records, in their order.
pub(crate) fn tags_of(tx: &mut dyn Reading, tagged: Tagged, ids: &[Uuid]) -> Result<HashMap<Uuid, Vec<String>>, StoreError> {
    let base = tagging::table
        .inner_join(
            catalogue_entry::table.on(catalogue_entry::workspace_id.eq(tagging::workspace_id).and(catalogue_entry::id.eq(tagging::tag_id))),
        )
        .filter(tagging::workspace_id.eq(Uid::from(tx.workspace())))
        .order(tagging::position);
    let rows: Vec<(Option<Uid>, String)> = match tagged {
        Tagged::Contacts => base
            .filter(fragment::one_of("tagging.contact_id", ids.iter().copied()))
            .select((tagging::contact_id, catalogue_entry::name))
            .load(tx.db().0)?,
        Tagged::Companies => base
            .filter(fragment::one_of("tagging.company_id", ids.iter().copied()))
            .select((tagging::company_id, catalogue_entry::name))
            .load(tx.db().0)?,
        Tagged::Leads => base
            .filter(fragment::one_of("tagging.lead_id", ids.iter().copied()))
            .select((tagging::lead_id, catalogue_entry::name))
            .load(tx.db().0)?,
    };
    let mut tags: HashMap<Uuid, Vec<String>> = HashMap::new();
    for (owner, name) in rows {
        if let Some(Uid(owner)) = owner {
            tags.entry(owner).or_default().push(name);
        }
    }
    Ok(tags)
}

/// Ties a record to its tags; each must exist.
pub(crate) fn tag(tx: &mut WriteTx<'_>, tagged: Tagged, owner: Uuid, names: &[String], recorded: &Recorded) -> Result<(), StoreError> {
    let workspace_id = Uid::from(tx.workspace());
    for (position, name) in (0_i64..).zip(names) {
        let Some(tag) = find_tag(tx, name)? else {
            return Err(StoreError::Reference("tagging_tag_id_fkey".into()));
        };
        let owned = |wanted: Tagged| (tagged == wanted).then_some(Uid(owner));
        let row = TaggingRow {
            workspace_id,
            id: Uid(tx.fresh_id()),
            tag_id: tag.id.into(),
            contact_id: owned(Tagged::Contacts),
            company_id: owned(Tagged::Companies),
            lead_id: owned(Tagged::Leads),
            position,
        };
        row.insert(tx.db().0, recorded)?;
    }
    Ok(())
}
