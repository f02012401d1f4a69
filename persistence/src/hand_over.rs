//! Hand-overs: what of somebody is to be handed over, what was, and the records themselves.

use diesel::prelude::*;
use kartoteka_domain::{
    access::Owners,
    actor::ActorRef,
    company::Company,
    contact::Contact,
    deal::Deal,
    event::Event,
    hand_over::{HandOver, HandOverId, Handed, HandedType, ListHandOvers},
    id::UserId,
    lead::Lead,
    list::{Archived, ListParameters, Page},
    task::Task,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    company, contact,
    db::{At, Doc, Uid},
    deal,
    entity::{Stored, json, map, revive},
    fragment, lead,
    schema::{self, hand_over, hand_over_item},
    store::{Reading, StoreError, WriteTx},
    task,
};

part! {
    HandOverRow in hand_over {
        workspace_id: Uid, id: Uid, from_user_id: Uid, profile: Doc, created_at: At, created_by: Doc, undone_at: Option<At>, undone_by: Option<Doc>,
    }
}
keyed!(HandOverRow { created_at });
part! {
    ItemRow in hand_over_item { workspace_id: Uid, id: Uid, hand_over_id: Uid, record: String, record_id: Uid, to_user_id: Uid, mark: Option<String> }
}

fn revived(row: HandOverRow) -> Result<HandOver, StoreError> {
    let own = map([
        ("id", json!(row.id)),
        ("created_at", json!(row.created_at)),
        ("created_by", row.created_by.0),
        ("undone_at", json!(row.undone_at)),
        ("undone_by", row.undone_by.map_or(serde_json::Value::Null, |by| by.0)),
    ]);
    revive(row.profile, own, [("from_user_id", json!(row.from_user_id))])
}

/// Those the asker may hand over the clients of.
fn visible(owners: &Owners) -> fragment::Fragment {
    let new = fragment::Fragment::default();
    match owners {
        Owners::All => new.sql("1 = 1"),
        Owners::None => new.sql("1 = 0"),
        Owners::Of(users) => fragment::one_of("hand_over.from_user_id", users.iter().map(|user| user.uuid())),
    }
}

/// One, if the asker may hand over that person's clients.
pub fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<HandOver>, StoreError> {
    let seen = visible(&tx.scope().changers(kartoteka_domain::access::RecordType::Contact));
    let row: Option<HandOverRow> = all!(tx, hand_over).filter(hand_over::id.eq(Uid(id))).filter(seen).first(tx.db().0).optional()?;
    row.map(revived).transpose()
}

/// A page of them.
pub fn list(tx: &mut dyn Reading, params: &ListHandOvers) -> Result<Page<HandOver>, StoreError> {
    let request = params.page();
    let owners = tx.scope().changers(kartoteka_domain::access::RecordType::Contact);
    let build = || {
        let mut query = all!(tx, hand_over).filter(visible(&owners));
        narrow!(query, params; hand_over.from_user_id in from_user_id);
        match request.archived {
            Archived::Include => query,
            Archived::Exclude => query.filter(hand_over::undone_at.is_null()),
            Archived::Only => query.filter(hand_over::undone_at.is_not_null()),
        }
    };
    let mut rows = page!(tx, HandOverRow, hand_over, request, ["created_at"], build);
    let found = rows.take().into_iter().map(revived).collect::<Result<_, _>>()?;
    Ok(rows.into_page(found))
}

/// Keeps a hand-over; its event says whose work it was.
pub fn insert(tx: &mut WriteTx<'_>, new: &HandOver, event: Event) -> Result<(), StoreError> {
    let profile = json!({"to": new.to, "records": new.records, "comment": new.comment, "until": new.until});
    let row = HandOverRow {
        workspace_id: tx.workspace().into(),
        id: Uid(new.id.uuid()),
        from_user_id: new.from_user_id.into(),
        profile: Doc(profile),
        created_at: At(new.created_at),
        created_by: json(&new.created_by),
        undone_at: None,
        undone_by: None,
    };
    let recorded = tx.record(event)?;
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// A record that was handed over.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which type.
    pub kind: HandedType,
    /// Which record.
    pub record: Uuid,
    /// Who took it over.
    pub to: UserId,
    /// What else said who was responsible before.
    pub mark: Option<String>,
}

/// Keeps what was handed over.
pub fn keep(tx: &mut WriteTx<'_>, hand_over: HandOverId, item: Item) -> Result<(), StoreError> {
    let row = ItemRow {
        workspace_id: tx.workspace().into(),
        id: Uid(tx.fresh_id()),
        hand_over_id: Uid(hand_over.uuid()),
        record: item.kind.word().to_owned(),
        record_id: Uid(item.record),
        to_user_id: item.to.into(),
        mark: item.mark,
    };
    let recorded = tx.unaudited("the change of the record is audited");
    row.insert(tx.db().0, &recorded)?;
    Ok(())
}

/// Everything that was handed over, in the order it was.
pub fn items(tx: &mut dyn Reading, hand_over: HandOverId) -> Result<Vec<Item>, StoreError> {
    let rows: Vec<ItemRow> = all!(tx, hand_over_item)
        .filter(hand_over_item::hand_over_id.eq(Uid(hand_over.uuid())))
        .order(hand_over_item::id)
        .load(tx.db().0)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let kind = HandedType::from_word(&row.record)?;
            Some(Item { kind, record: row.record_id.0, to: row.to_user_id.into(), mark: row.mark })
        })
        .collect())
}

/// Marks a hand-over as taken back; `false` when somebody else was first.
pub fn undo(tx: &mut WriteTx<'_>, id: HandOverId, by: &ActorRef, event: Event) -> Result<bool, StoreError> {
    let (workspace, now) = (tx.workspace(), tx.now());
    let recorded = tx.record(event)?;
    let changed = set_columns!(tx.db().0, &recorded, hand_over, workspace, id.uuid(), undone_at = Some(At(now)), undone_by = Some(json(by));
        where hand_over::undone_at.is_null())?;
    Ok(changed == 1)
}

/// A record in somebody's portfolio, and the client it is of.
#[derive(Debug, Clone, Copy)]
pub struct Owned {
    /// The record.
    pub id: Uuid,
    /// Its client.
    pub client: Option<Uuid>,
}

/// One line for each type: what of it is open, and where its client stands.
macro_rules! owned {
    ($tx:expr, $user:expr, $contacts:expr, $most:expr, $table:ident, client $client:expr, open $($filter:expr)?) => {{
        use schema::$table;
        let mut query = all!($tx, $table).filter($table::owner_id.eq(Uid::from($user))).filter($table::archived_at.is_null());
        $(query = query.filter($filter);)?
        let client: Option<&'static str> = $client;
        if let Some(contacts) = $contacts {
            query = query.filter(match client {
                Some(column) => fragment::one_of(column, contacts.iter().copied()),
                None => fragment::Fragment::default().sql("1 = 0"),
            });
        }
        query.order($table::id).limit($most)
    }};
}

/// What of somebody's portfolio is open, at most `most`; with `contacts`, only of these clients.
pub fn owned(tx: &mut dyn Reading, kind: HandedType, user: UserId, contacts: Option<&[Uuid]>, most: i64) -> Result<Vec<Owned>, StoreError> {
    type Pair = (Uid, Option<Uid>);
    let with_client = |rows: Vec<Pair>| rows.into_iter().map(|(id, client)| Owned { id: id.0, client: client.map(|c| c.0) }).collect();
    Ok(match kind {
        HandedType::Contact => {
            let query = owned!(tx, user, contacts, most, contact, client Some("contact.id"), open);
            let rows: Vec<Uid> = query.select(schema::contact::id).load(tx.db().0)?;
            rows.into_iter().map(|id| Owned { id: id.0, client: Some(id.0) }).collect()
        }
        HandedType::Company => {
            let query = owned!(tx, user, contacts, most, company, client None, open);
            let rows: Vec<Uid> = query.select(schema::company::id).load(tx.db().0)?;
            rows.into_iter().map(|id| Owned { id: id.0, client: None }).collect()
        }
        HandedType::Lead => {
            let open = fragment::one_text_of("lead.status", ["new".to_owned(), "in_work".to_owned()]);
            let query = owned!(tx, user, contacts, most, lead, client Some("lead.contact_id"), open open);
            let rows: Vec<(Uid, Uid)> = query.select((schema::lead::id, schema::lead::contact_id)).load(tx.db().0)?;
            rows.into_iter().map(|(id, client)| Owned { id: id.0, client: Some(client.0) }).collect()
        }
        HandedType::Deal => {
            let query = owned!(tx, user, contacts, most, deal, client Some("deal.contact_id"), open schema::deal::outcome.eq("open"));
            with_client(query.select((schema::deal::id, schema::deal::contact_id)).load(tx.db().0)?)
        }
        HandedType::Task => {
            let query = owned!(tx, user, contacts, most, task, client Some("task.contact_id"), open schema::task::status.eq("open"));
            with_client(query.select((schema::task::id, schema::task::contact_id)).load(tx.db().0)?)
        }
    })
}

/// A record type that is handed over.
pub trait Portfolio: Stored + Handed {
    /// Several by id, those the scope sees.
    fn many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Self>, StoreError>;
    /// Stores the change of who is responsible.
    fn keep_owner(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError>;
}

macro_rules! portfolio {
    ($($record:ty, $many:path, $keep:expr;)*) => { $(impl Portfolio for $record {
        fn many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Self>, StoreError> {
            $many(tx, ids)
        }
        fn keep_owner(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
            $keep(tx, before, after, event)
        }
    })* };
}
portfolio! {
    Contact, contact::find_many, contact::update_itself;
    Company, company::find_many, company::update_itself;
    Lead, lead::find_many, lead::update_itself;
    Deal, deal::find_many, <Deal as Stored>::update;
    Task, task::find_many, <Task as Stored>::update;
}
