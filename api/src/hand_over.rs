//! Handing a portfolio over: previewed, done in one transaction with a trace for every record, and taken back exactly.

use std::collections::HashMap;

use kartoteka_domain::{
    access::{Owners, RecordType, Verb},
    company::Company,
    contact::Contact,
    deal::Deal,
    event::{Action, Event},
    hand_over::{
        FIRST, HandOver, HandOverConflict, HandOverId, HandOverPreview, HandOverUndone, HandedShelf, HandedType, ListHandOvers,
        MOST_RECORDS, NewHandOver, Order, Sharing, new_mark,
    },
    id::UserId,
    invalid::{FieldCode, FieldErrors},
    lead::Lead,
    list::{Page, Parameter, ParameterType, Parameters},
    record::{Record, Reference},
    task::Task,
};
use kartoteka_persistence::{
    Reading, WriteTx, contact,
    hand_over::{self as store, Item, Portfolio},
    reference,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    answer::{Answer, Outcome, Plain, Respond, Sought},
    can::{Can, UpdateContacts},
    problem::{Problem, ProblemCode, Result},
    request::{At, Params, Valid},
    spec::Shape,
};

/// Whether to do it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOverParams {
    /// Only tell what would be handed over.
    #[serde(default)]
    pub dry_run: Option<bool>,
}
impl Parameters for HandOverParams {
    fn parameters() -> Vec<Parameter> {
        vec![Parameter {
            name: "dry_run",
            description: "Checks everything and tells what would be handed over; nothing is written.",
            required: false,
            longest: bool::LONGEST,
            schema: <bool as ParameterType>::schema(),
            dependencies: <bool as ParameterType>::dependencies,
        }]
    }
}

/// 201 with the hand-over, or 200 with what it would be.
pub enum HandedOver {
    /// It is done.
    Done(Box<HandOver>),
    /// It would be this.
    Preview(HandOverPreview),
}

impl Respond for HandedOver {
    fn outcome(&self) -> Result<Outcome> {
        match self {
            Self::Done(done) => {
                let location = ("location".to_owned(), format!("/v1/hand-overs/{}", done.id));
                let body = serde_json::to_string(done).map_err(Problem::internal)?;
                Ok(Outcome { status: 201, headers: vec![location], body: Some(body) })
            }
            Self::Preview(preview) => Plain(preview.clone()).outcome(),
        }
    }
    fn describe(shape: &mut Shape) {
        shape.answer::<HandOver>(201, "Handed over.");
        shape.answer_header(201, "Location", "Address of the hand-over.");
        shape.answer::<HandOverPreview>(200, "What would be handed over: a dry run.");
    }
}

/// Hand somebody's work over
///
/// Contacts, companies, open leads, deals and tasks of a person become a colleague's, or are shared out among several, a client's records
/// together; up to 5,000 at once. Every record keeps the reason. `undo` takes it back.
#[utoipa::path(post, path = "/v1/hand-overs", tag = "hand-overs")]
pub async fn create_hand_over(can: Can<UpdateContacts>, params: Params<HandOverParams>, new: Valid<NewHandOver>) -> Answer<HandedOver> {
    if params.dry_run == Some(true) {
        return can.read(move |tx| preview(tx, &new).map(HandedOver::Preview)).await;
    }
    can.write(move |tx| create(tx, &new).map(|done| HandedOver::Done(Box::new(done)))).await
}

/// List hand-overs
///
/// Of people whose clients the asker may hand over. Those that were taken back are shown with `archived`.
#[utoipa::path(get, path = "/v1/hand-overs", tag = "hand-overs")]
pub async fn list_hand_overs(can: Can<UpdateContacts>, params: Params<ListHandOvers>) -> Answer<Page<HandOver>> {
    can.read(move |tx| Ok(store::list(tx, &params)?)).await
}

/// Get a hand-over
///
/// Whose work it was, who took it over, how much of what.
#[utoipa::path(get, path = "/v1/hand-overs/{id}", tag = "hand-overs")]
pub async fn get_hand_over(can: Can<UpdateContacts>, at: At<HandOver>) -> Answer<Sought<HandOver>> {
    can.read(move |tx| Ok(Sought(store::find(tx, at.0)?.ok_or_else(Problem::not_found)?))).await
}

/// Take a hand-over back
///
/// Every record that is still its new owner's becomes its former owner's again; the others are listed and stay.
#[utoipa::path(post, path = "/v1/hand-overs/{id}/undo", tag = "hand-overs")]
pub async fn undo_hand_over(can: Can<UpdateContacts>, at: At<HandOver>) -> Answer<Sought<HandOverUndone>> {
    can.write(move |tx| undo(tx, at.0).map(Sought)).await
}

/// Runs one generic function for the record type of a word.
macro_rules! of_type {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            HandedType::Contact => $function::<Contact>($($argument),*),
            HandedType::Company => $function::<Company>($($argument),*),
            HandedType::Lead => $function::<Lead>($($argument),*),
            HandedType::Deal => $function::<Deal>($($argument),*),
            HandedType::Task => $function::<Task>($($argument),*),
        }
    };
}

/// So many records are read at a time.
const SLICE: usize = 256;

/// What is handed over to whom, in order.
struct Plan {
    order: Order,
    moves: Vec<(HandedType, Vec<(Uuid, UserId)>)>,
}

impl Plan {
    fn shelves(&self) -> Vec<HandedShelf> {
        self.moves
            .iter()
            .map(|(kind, moves)| HandedShelf {
                record_type: *kind,
                count: i64::try_from(moves.len()).unwrap_or(i64::MAX),
                first: moves.iter().take(FIRST).map(|(id, _)| *id).collect(),
            })
            .collect()
    }
}

/// Whether the asker may take records from this person and give them to these.
fn check_rights(tx: &dyn Reading, kind: HandedType, from: UserId, to: &[(String, UserId)], errors: &mut FieldErrors) -> Result<()> {
    let record = kind.record();
    if !tx.scope().may(record, Verb::Update) || !tx.scope().may(record, Verb::Assign) {
        return Err(Problem::new(ProblemCode::Forbidden));
    }
    let reached = |user: UserId| match tx.scope().changers(record) {
        Owners::All => true,
        Owners::None => false,
        Owners::Of(users) => users.contains(&user),
    };
    let mut note = |pointer: &str| {
        if !errors.0.iter().any(|error| error.pointer == pointer) {
            errors.add(pointer, FieldCode::OutsideReach);
        }
    };
    if !reached(from) {
        note("/from_user_id");
    }
    for (pointer, user) in to {
        if !tx.scope().may_assign(record, *user) {
            note(pointer);
        }
    }
    Ok(())
}

fn plan(tx: &mut dyn Reading, new: &NewHandOver, now: chrono::DateTime<chrono::Utc>) -> Result<Plan> {
    let order = new.order(now)?;
    let mut errors = FieldErrors::default();
    let from = Reference::new("/from_user_id", RecordType::User, order.from.uuid());
    // who leaves may be deactivated already
    reference::check(tx, &[from], &[], &mut errors)?;
    errors.0.retain(|error| error.code != FieldCode::InactiveUser);
    let to: Vec<Reference> =
        order.to.iter().map(|(pointer, share)| Reference::new(pointer.clone(), RecordType::User, share.user_id.uuid())).collect();
    reference::check(tx, &to, &[], &mut errors)?;
    if let Some(contacts) = &order.contacts {
        let known: Vec<Uuid> = contact::find_many(tx, contacts)?.iter().map(Record::uuid).collect();
        for (index, id) in contacts.iter().enumerate().filter(|(_, id)| !known.contains(id)) {
            errors.add_with(format!("/contact_ids/{index}"), FieldCode::ReferenceNotFound, id.to_string());
        }
    }
    errors.finish()?;
    // without a word of which, everything the asker may hand over
    let may = |kind: &HandedType| tx.scope().may(kind.record(), Verb::Update) && tx.scope().may(kind.record(), Verb::Assign);
    let types = order.types.clone().unwrap_or_else(|| HandedType::ALL.iter().copied().filter(may).collect());
    let people: Vec<(String, UserId)> = order.to.iter().map(|(pointer, share)| (pointer.clone(), share.user_id)).collect();
    let mut errors = FieldErrors::default();
    for kind in &types {
        check_rights(tx, *kind, order.from, &people, &mut errors)?;
    }
    errors.finish()?;
    let mut sharing = Sharing::new(&order.to);
    let (mut moves, mut all) = (Vec::new(), 0);
    for kind in types {
        let most = i64::try_from(MOST_RECORDS + 1).unwrap_or(i64::MAX);
        let owned = store::owned(tx, kind, order.from, order.contacts.as_deref(), most)?;
        all += owned.len();
        if all > MOST_RECORDS {
            return Err(Problem::invalid("/record_types", FieldCode::TooMany).given(&MOST_RECORDS.to_string()));
        }
        moves.push((kind, owned.into_iter().filter_map(|record| Some((record.id, sharing.of(record.id, record.client)?))).collect()));
    }
    Ok(Plan { order, moves })
}

fn preview(tx: &mut dyn Reading, new: &NewHandOver) -> Result<HandOverPreview> {
    let plan = plan(tx, new, crate::clock::now())?;
    let records = plan.shelves();
    Ok(HandOverPreview { from_user_id: plan.order.from, to: plan.order.to.into_iter().map(|(_, share)| share).collect(), records })
}

fn create(tx: &mut WriteTx<'_>, new: &NewHandOver) -> Result<HandOver> {
    let now = tx.now();
    // nobody leaves while he is given something
    for (_, share) in new.order(now)?.to {
        tx.hold_in_use(share.user_id.uuid())?;
    }
    let plan = plan(tx, new, now)?;
    let records = plan.shelves();
    let birth = tx.birth();
    let Plan { order, moves } = plan;
    let done = HandOver {
        id: HandOverId::new(birth.id),
        from_user_id: order.from,
        to: order.to.into_iter().map(|(_, share)| share).collect(),
        records,
        comment: order.comment.clone(),
        until: order.until,
        created_at: birth.at,
        created_by: birth.by,
        undone_at: None,
        undone_by: None,
    };
    store::insert(tx, &done, told(&done, Action::HandedOver))?;
    tx.because(Some(order.comment.unwrap_or_else(|| "handed over".to_owned())));
    for (kind, moves) in moves {
        for moves in moves.chunks(SLICE) {
            of_type!(kind, hand(tx, done.id, moves))?;
        }
    }
    tx.because(None);
    // nobody loses a next step by it: they go to people who are there
    drop(tx.take_next_steps());
    Ok(done)
}

/// What the audit says of the person whose work it was.
fn told(done: &HandOver, action: Action) -> Event {
    let mut event = Event::bare(RecordType::User, done.from_user_id.uuid(), action);
    let counts: HashMap<&str, i64> = done.records.iter().map(|shelf| (shelf.record_type.word(), shelf.count)).collect();
    let told = serde_json::json!({"before": null, "after": {"id": done.id, "to": done.to, "records": counts}});
    event.changes.insert("hand_over".to_owned(), told);
    Event { reason: done.comment.clone(), ..event }
}

/// Gives records of one type to others.
fn hand<T: Portfolio>(tx: &mut WriteTx<'_>, hand_over: HandOverId, moves: &[(Uuid, UserId)]) -> Result<()> {
    let ids: Vec<Uuid> = moves.iter().map(|(id, _)| *id).collect();
    let mut found: HashMap<Uuid, T> = T::many(tx, &ids)?.into_iter().map(|record| (record.uuid(), record)).collect();
    for (id, to) in moves {
        let Some(before) = found.remove(id) else { continue };
        store::keep(tx, hand_over, Item { kind: T::KIND, record: *id, to: *to, mark: before.mark() })?;
        give(tx, &before, *to, new_mark())?;
    }
    Ok(())
}

fn give<T: Portfolio>(tx: &mut WriteTx<'_>, before: &T, to: UserId, mark: Option<String>) -> Result<()> {
    let mut after = before.clone().given_to(to, mark);
    after.stamp(&tx.scope().by().clone(), tx.now());
    let event = Event::between(Some(before), &after, Action::Assigned);
    Ok(T::keep_owner(tx, before, &after, event)?)
}

fn undo(tx: &mut WriteTx<'_>, id: Uuid) -> Result<HandOverUndone> {
    let done = store::find(tx, id)?.ok_or_else(Problem::not_found)?;
    if done.undone_at.is_some() {
        return Err(Problem::new(ProblemCode::AlreadyUndone));
    }
    let mut errors = FieldErrors::default();
    for shelf in done.records.iter().filter(|shelf| shelf.count > 0) {
        for share in &done.to {
            check_rights(tx, shelf.record_type, share.user_id, &[(String::new(), done.from_user_id)], &mut errors)?;
        }
    }
    if !errors.is_empty() {
        return Err(Problem::new(ProblemCode::Forbidden));
    }
    // who left meanwhile gets nothing back
    tx.hold_in_use(done.from_user_id.uuid())?;
    let former = Reference::new("/from_user_id", RecordType::User, done.from_user_id.uuid());
    reference::check(tx, &[former], &[], &mut errors)?;
    errors.finish()?;
    let by = tx.scope().by().clone();
    if !store::undo(tx, done.id, &by, told(&done, Action::HandOverUndone))? {
        return Err(Problem::new(ProblemCode::AlreadyUndone));
    }
    tx.because(Some("a hand-over was taken back".to_owned()));
    let (mut restored, mut conflicts) = (0, Vec::new());
    let items = store::items(tx, done.id)?;
    for slice in items.chunk_by(|one, other| one.kind == other.kind).flat_map(|same| same.chunks(SLICE)) {
        if let Some(first) = slice.first() {
            restored += of_type!(first.kind, take_back(tx, done.from_user_id, slice, &mut conflicts))?;
        }
    }
    tx.because(None);
    drop(tx.take_next_steps());
    let done = HandOver { undone_at: Some(tx.now()), undone_by: Some(by), ..done };
    Ok(HandOverUndone { hand_over: done, restored, conflicts })
}

/// Gives records of one type back; those that are somebody else's by now stay.
fn take_back<T: Portfolio>(tx: &mut WriteTx<'_>, former: UserId, items: &[Item], conflicts: &mut Vec<HandOverConflict>) -> Result<i64> {
    let ids: Vec<Uuid> = items.iter().map(|item| item.record).collect();
    let mut found: HashMap<Uuid, T> = T::many(tx, &ids)?.into_iter().map(|record| (record.uuid(), record)).collect();
    let mut restored = 0;
    for item in items {
        match found.remove(&item.record) {
            Some(before) if before.owner() == Some(item.to) => {
                give(tx, &before, former, item.mark.clone())?;
                restored += 1;
            }
            other => conflicts.push(HandOverConflict {
                record_type: item.kind,
                record_id: item.record,
                owner_id: other.and_then(|record| record.owner()),
            }),
        }
    }
    Ok(restored)
}
