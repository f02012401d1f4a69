//! Use-cases every record type shares: get, list, create, change, archive, restore, and the expansions of answers.

use std::collections::HashMap;

use kartoteka_domain::{
    access::{Owners, RecordType, Verb},
    deal::Deal,
    event::{Action, Event},
    id::{ContactId, DealId, LeadId, UserId},
    invalid::{FieldCode, FieldErrors},
    lead::Lead,
    list::{AnyOf, ListParameters, Page},
    record::{Expandable, Expanded, Expansion, Made, Making, Record, Warning},
    role::Seen,
    workspace::{Policy, Workspace},
};
use kartoteka_persistence::{Reading, Stored, WriteTx, audit, catalogue, company, contact, deal, lead, reference, user, workspace};
use utoipa::ToSchema;
use uuid::Uuid;
use validator::Validate;

use crate::{
    answer::Found,
    problem::{Problem, ProblemCode, Result},
    request::{IfMatch, Patch},
};

/// One record to be changed: held until the end of the transaction.
pub fn get_to_change<T: Stored>(tx: &mut WriteTx<'_>, id: Uuid) -> Result<T> {
    tx.hold(T::TYPE, id)?;
    let record: T = get(tx, id)?;
    tx.follow(record.updated_at());
    Ok(record)
}

/// One record in use to be changed, as the asker knows it: held, of the version he sent, not archived.
pub fn get_in_use<T: Stored>(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<T> {
    let record: T = get_to_change(tx, id)?;
    check_version(tx, &record, if_match)?;
    if record.archived_at().is_some() { Err(Problem::new(ProblemCode::Archived)) } else { Ok(record) }
}

/// One record, archived or not.
pub fn get<T: Stored>(tx: &mut dyn Reading, id: Uuid) -> Result<T> {
    T::find(tx, id)?.ok_or_else(Problem::not_found)
}

/// A page.
pub fn list<T: Stored>(tx: &mut dyn Reading, params: &T::Params) -> Result<Page<T>>
where
    T::Params: ListParameters,
{
    Ok(T::list(tx, params)?)
}

/// Makes a record from an input, telling every fault at once: lengths, rules, references.
pub fn make<T: Made>(tx: &mut WriteTx<'_>, input: &T::Input, previous: Option<&T>) -> Result<T> {
    let workspace = workspace::current(tx)?;
    make_in(tx, &workspace, input, previous)
}

/// The same where the workspace's settings are at hand.
pub fn make_in<T: Made>(tx: &mut WriteTx<'_>, settings: &Workspace, input: &T::Input, previous: Option<&T>) -> Result<T> {
    make_checked(tx, settings, input, previous, true)
}

/// The same where every reference comes from a stored record: an archived source or company stops no enquiry.
pub fn make_trusted<T: Made>(tx: &mut WriteTx<'_>, settings: &Workspace, input: &T::Input) -> Result<T> {
    make_checked(tx, settings, input, None, false)
}

/// Makes what the server itself plans after a stored record: nothing in it is the asker's, so that his field rights are not asked.
pub fn plan<T: Made>(tx: &mut WriteTx<'_>, settings: &Workspace, input: &T::Input) -> Result<T> {
    let birth = tx.birth();
    let fresh_id = crate::clock::fresh_id;
    let making = Making { birth: &birth, workspace: Some(settings), fresh_id: &fresh_id, asker: tx.scope().actor().user() };
    Ok(T::make(input, None, &making)?)
}

/// Takes out the faults of fields that this change leaves as they were: a text may have grown when it was cleaned (some letters are kept as
/// two, Unicode Standard Annex 15), a limit may be younger than the record, and neither must keep the record from being changed.
fn forgive_what_stood<I: serde::Serialize>(errors: &mut FieldErrors, before: &I, now: &I) -> Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let (before, now) = (serde_json::to_value(before).map_err(Problem::internal)?, serde_json::to_value(now).map_err(Problem::internal)?);
    errors.0.retain(|error| {
        let field = error.pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
        before.get(field).is_none_or(|value| value.is_null() || now.get(field) != Some(value))
    });
    Ok(())
}

fn make_checked<T: Made>(tx: &mut WriteTx<'_>, settings: &Workspace, input: &T::Input, previous: Option<&T>, check: bool) -> Result<T> {
    if previous.is_none() && !tx.scope().actor().role().fields.is_empty() {
        let given = serde_json::to_value(input).map_err(Problem::internal)?;
        check_fields::<T>(tx, true, given.as_object().unwrap_or(&serde_json::Map::new()))?;
    }
    let birth = tx.birth();
    let asker = tx.scope().actor().user();
    let fresh_id = crate::clock::fresh_id;
    let making = Making { birth: &birth, workspace: Some(settings), fresh_id: &fresh_id, asker };
    let mut errors = FieldErrors::default();
    errors.absorb(input.validate());
    if let Some(before) = previous {
        forgive_what_stood(&mut errors, &before.input(), input)?;
    }
    match T::make(input, previous, &making) {
        Ok(record) => {
            let kept = previous.map(Made::references).unwrap_or_default();
            if check {
                reference::check(tx, &record.references(), &kept, &mut errors)?;
            }
            errors.finish()?;
            Ok(record)
        }
        Err(found) => {
            for error in found.0 {
                if !errors.0.iter().any(|e| e.pointer == error.pointer) {
                    errors.0.push(error);
                }
            }
            Err(errors.into())
        }
    }
}

/// Whether a card may be given to this person by the asker.
pub fn check_owner<T: Record>(tx: &WriteTx<'_>, owner: Option<UserId>, before: Option<UserId>) -> Result<()> {
    match owner {
        Some(owner) if Some(owner) != before && !tx.scope().may_assign(T::TYPE, owner) => {
            Err(Problem::invalid("/owner_id", FieldCode::OutsideReach))
        }
        // who reaches only some people's records cannot drop one out of everybody's reach
        None if before.is_some() && tx.scope().changers(T::TYPE) != Owners::All => {
            Err(Problem::invalid("/owner_id", FieldCode::OutsideReach))
        }
        _ => Ok(()),
    }
}

/// A lead named beside a contact must be that contact's.
pub fn check_lead(tx: &mut WriteTx<'_>, lead: Option<LeadId>, contact: Option<ContactId>) -> Result<()> {
    let (Some(lead), Some(contact)) = (lead, contact) else { return Ok(()) };
    match Lead::find(tx, lead.uuid())? {
        Some(found) if found.contact_id != contact => Err(Problem::invalid("/lead_id", FieldCode::ConflictingFields)),
        _ => Ok(()),
    }
}

/// A deal named beside a contact must have him among its people.
pub fn check_deal(tx: &mut WriteTx<'_>, deal: Option<DealId>, contact: Option<ContactId>) -> Result<()> {
    let (Some(deal), Some(contact)) = (deal, contact) else { return Ok(()) };
    match Deal::find(tx, deal.uuid())? {
        Some(found) if !found.contacts.is_empty() && !found.contacts.iter().any(|person| person.contact_id == contact) => {
            Err(Problem::invalid("/deal_id", FieldCode::ConflictingFields))
        }
        _ => Ok(()),
    }
}

/// Fields the asker's role does not let him write.
fn check_fields<T: Record>(tx: &dyn Reading, own: bool, fields: &serde_json::Map<String, serde_json::Value>) -> Result<()> {
    let rules = &tx.scope().actor().role().fields;
    if rules.is_empty() {
        return Ok(());
    }
    let mut refused = FieldErrors::default();
    let mut masked = FieldErrors::default();
    for (field, value) in fields {
        if !rules.may_write(T::TYPE, field, own) {
            refused.add(format!("/{field}"), FieldCode::NotPermitted);
        } else if rules.seen(T::TYPE, field, own) == Seen::Masked && value.to_string().contains('•') {
            masked.add(format!("/{field}"), FieldCode::MaskedValue);
        }
    }
    if refused.is_empty() {
        Ok(masked.finish()?)
    } else {
        Err(Problem { errors: refused.0, ..Problem::new(ProblemCode::FieldNotPermitted) })
    }
}

/// Refuses what names a field the asker does not see, whatever it says: the answer would tell whether he guessed it.
pub fn refuse_hidden<'a, T: Record>(tx: &dyn Reading, record: &T, fields: impl Iterator<Item = &'a str>) -> Result<()> {
    let rules = &tx.scope().actor().role().fields;
    if rules.is_empty() {
        return Ok(());
    }
    let (own, mut refused) = (is_own(tx, record), FieldErrors::default());
    for field in fields.filter(|field| rules.seen(T::TYPE, field, own) == Seen::Hidden) {
        refused.add(format!("/{field}"), FieldCode::NotPermitted);
    }
    if refused.is_empty() { Ok(()) } else { Err(Problem { errors: refused.0, ..Problem::new(ProblemCode::FieldNotPermitted) }) }
}

/// Whether the asker is responsible for a record.
fn is_own<T: Record>(tx: &dyn Reading, record: &T) -> bool {
    let value = serde_json::to_value(record).unwrap_or_default();
    value.as_object().is_some_and(|object| kartoteka_domain::role::is_own(tx.scope().actor().user(), object))
}

/// Creates a record that needs nothing beside its own rules.
pub fn create<T: Made + Stored>(tx: &mut WriteTx<'_>, input: &T::Input) -> Result<T> {
    let record: T = make(tx, input, None)?;
    T::insert(tx, &record, Event::created(&record))?;
    Ok(record)
}

/// Holds a change against If-Match and the policy that may demand it.
pub fn check_version<T: Record>(tx: &mut dyn Reading, record: &T, if_match: &IfMatch) -> Result<()> {
    if !if_match.given() {
        let demanded = workspace::current(tx)?.policies.if_match == Policy::Require;
        return if demanded { Err(Problem::new(ProblemCode::PreconditionRequired)) } else { Ok(()) };
    }
    if if_match.admits(record) {
        return Ok(());
    }
    let since = if_match.version().map_or(0, |sent| record.version().saturating_sub(sent));
    let changed = if since > 0 { audit::last_changed_fields(tx, T::TYPE, record.uuid(), since.min(100))? } else { Vec::new() };
    Err(Problem::new(ProblemCode::VersionMismatch).with("current_version", record.version()).with("changed_fields", changed))
}

/// Changes a record by a merge patch. `hook` sees both states before the new one is stored. Nothing new: nothing written.
pub fn change<T: Made + Stored>(
    tx: &mut WriteTx<'_>,
    id: Uuid,
    patch: &Patch<T::Input>,
    if_match: &IfMatch,
    hook: impl FnOnce(&mut WriteTx<'_>, &T, &mut T) -> Result<()>,
) -> Result<Found<T>> {
    let before: T = get_in_use(tx, id, if_match)?;
    refuse_hidden(tx, &before, patch.fields())?;
    let input = patch.applied_to(&before.input())?;
    let mut after: T = make(tx, &input, Some(&before))?;
    hook(tx, &before, &mut after)?;
    store_change(tx, &before, after, Action::Updated).map(Found)
}

/// Stores the next state of a record, if it is another one.
pub fn store_change<T: Stored>(tx: &mut WriteTx<'_>, before: &T, mut after: T, action: Action) -> Result<T> {
    let changes = kartoteka_domain::record::difference(Some(before), &after);
    if changes.is_empty() {
        return Ok(after);
    }
    if !tx.scope().actor().role().fields.is_empty() {
        let written = changes.iter().map(|(field, change)| (field.clone(), change["after"].clone())).collect();
        check_fields::<T>(tx, is_own(tx, before), &written)?;
    }
    after.stamp(&tx.scope().by().clone(), tx.now());
    let mut event = Event::between(Some(before), &after, action);
    if kartoteka_domain::next_step::reopens(&event).is_some() {
        after.forget_reason();
        event = Event::between(Some(before), &after, action);
    }
    T::update(tx, before, &after, event)?;
    Ok(after)
}

/// Archives a record; again does nothing.
pub fn archive<T: Stored>(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<T> {
    let before: T = get_to_change(tx, id)?;
    check_version(tx, &before, if_match)?;
    if before.archived_at().is_some() {
        return Ok(before);
    }
    let mut after = before.clone();
    after.set_archived_at(Some(tx.now()));
    store_change(tx, &before, after, Action::Archived)
}

/// Brings a record back.
pub fn restore<T: Stored>(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<T> {
    let before: T = get_to_change(tx, id)?;
    check_version(tx, &before, if_match)?;
    if before.archived_at().is_none() {
        return Err(Problem::new(ProblemCode::NotArchived));
    }
    let mut after = before.clone();
    after.set_archived_at(None);
    store_change(tx, &before, after, Action::Restored)
}

/// A policy's warning.
pub fn warning(code: &str, message: &str) -> Warning {
    Warning { code: code.to_owned(), message: message.to_owned() }
}

/// Records that refer to others.
pub trait Linked: Record + ToSchema + Expandable {
    /// The id behind an expansion.
    fn link(&self, expansion: Expansion) -> Option<Uuid>;
}

macro_rules! linked {
    ($($ty:ty { $($expansion:ident => $value:expr),* $(,)? })*) => { $(impl Linked for $ty {
        fn link(&self, expansion: Expansion) -> Option<Uuid> {
            match expansion {
                $(Expansion::$expansion => {
                    let value: fn(&Self) -> Option<Uuid> = $value;
                    value(self)
                })*
                #[allow(unreachable_patterns)]
                _ => None,
            }
        }
    })* };
}
linked! {
    kartoteka_domain::contact::Contact { Owner => |c| c.owner_id.map(kartoteka_domain::id::Id::uuid), Company => |c| c.company_id.map(kartoteka_domain::id::Id::uuid), Source => |c| c.source_id.map(kartoteka_domain::id::Id::uuid) }
    kartoteka_domain::company::Company { Owner => |c| c.owner_id.map(kartoteka_domain::id::Id::uuid), Contacts => |c| Some(c.id.uuid()) }
    kartoteka_domain::lead::Lead { Contact => |l| Some(l.contact_id.uuid()), Owner => |l| l.owner_id.map(kartoteka_domain::id::Id::uuid), Source => |l| l.source_id.map(kartoteka_domain::id::Id::uuid), Company => |l| l.company_id.map(kartoteka_domain::id::Id::uuid) }
    kartoteka_domain::task::Task { Owner => |t| Some(t.owner_id.uuid()), Contact => |t| t.contact_id.map(kartoteka_domain::id::Id::uuid), Company => |t| t.company_id.map(kartoteka_domain::id::Id::uuid), Lead => |t| t.lead_id.map(kartoteka_domain::id::Id::uuid), Deal => |t| t.deal_id.map(kartoteka_domain::id::Id::uuid) }
    kartoteka_domain::communication::Communication { Contact => |c| Some(c.contact_id.uuid()), Owner => |c| c.owner_id.map(kartoteka_domain::id::Id::uuid), Lead => |c| c.lead_id.map(kartoteka_domain::id::Id::uuid), Deal => |c| c.deal_id.map(kartoteka_domain::id::Id::uuid) }
    kartoteka_domain::deal::Deal { Contact => |d| d.contact_id().map(kartoteka_domain::id::Id::uuid), Company => |d| d.company_id.map(kartoteka_domain::id::Id::uuid), Owner => |d| d.owner_id.map(kartoteka_domain::id::Id::uuid), Source => |d| d.source_id.map(kartoteka_domain::id::Id::uuid), Lead => |d| d.lead_id.map(kartoteka_domain::id::Id::uuid) }
}

/// Puts the expansions asked for into records: one query per kind, however many records.
pub fn expand<T: Linked>(tx: &mut dyn Reading, wanted: Option<&AnyOf<T::Expansion>>, records: &mut [T]) -> Result<()> {
    let Some(AnyOf(wanted)) = wanted else { return Ok(()) };
    let mut found: Vec<Expanded> = vec![Expanded::default(); records.len()];
    for &expansion in wanted {
        let expansion: Expansion = expansion.into();
        // what may not be read by itself is not read beside something else either
        if !tx.scope().may(expansion.record_type(), Verb::Read) {
            continue;
        }
        let mut ids: Vec<Uuid> = records.iter().filter_map(|r| r.link(expansion)).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            continue;
        }
        match expansion {
            Expansion::Owner => put(&mut found, records, expansion, user::find_many(tx, &ids)?, |e, v| e.owner = Some(v)),
            Expansion::Contact => put(&mut found, records, expansion, contact::find_many(tx, &ids)?, |e, v| e.contact = Some(v)),
            Expansion::Company => put(&mut found, records, expansion, company::find_many(tx, &ids)?, |e, v| e.company = Some(v)),
            Expansion::Lead => put(&mut found, records, expansion, lead::find_many(tx, &ids)?, |e, v| e.lead = Some(v)),
            Expansion::Deal => put(&mut found, records, expansion, deal::find_many(tx, &ids)?, |e, v| e.deal = Some(v)),
            Expansion::Source => put(&mut found, records, expansion, catalogue::find_sources(tx, &ids)?, |e, v| e.source = Some(v)),
            Expansion::Contacts => {
                let people = contact::of_companies(tx, &ids, 50 * i64::try_from(ids.len()).unwrap_or(1))?;
                for (record, expanded) in records.iter().zip(&mut found) {
                    let own = people
                        .iter()
                        .filter(|p| p.company_id.map(kartoteka_domain::id::Id::uuid) == Some(record.uuid()))
                        .take(50)
                        .cloned()
                        .collect();
                    expanded.contacts = Some(own);
                }
            }
        }
    }
    for (record, expanded) in records.iter_mut().zip(found) {
        record.set_expanded(expanded);
    }
    Ok(())
}

fn put<T: Linked, V: Record>(found: &mut [Expanded], records: &[T], expansion: Expansion, values: Vec<V>, set: impl Fn(&mut Expanded, V)) {
    let by_id: HashMap<Uuid, V> = values.into_iter().map(|v| (v.uuid(), v)).collect();
    for (record, expanded) in records.iter().zip(found) {
        if let Some(value) = record.link(expansion).and_then(|id| by_id.get(&id)) {
            set(expanded, value.clone());
        }
    }
}

/// Query parameters of getting one record.
pub mod one {
    use kartoteka_domain::{
        list::{AnyOf, Parameter, ParameterType, Parameters},
        record::Expandable,
    };

    /// Which related records to put beside.
    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, bound = "")]
    pub struct ExpandParams<T: Expandable> {
        /// Related records.
        #[serde(default)]
        pub expand: Option<AnyOf<T::Expansion>>,
    }
    impl<T: Expandable + 'static> Parameters for ExpandParams<T> {
        fn parameters() -> Vec<Parameter> {
            vec![Parameter {
                name: "expand",
                description: "Related records to put beside it.",
                required: false,
                longest: <AnyOf<T::Expansion> as ParameterType>::LONGEST,
                schema: <AnyOf<T::Expansion> as ParameterType>::schema(),
                dependencies: <AnyOf<T::Expansion> as ParameterType>::dependencies,
            }]
        }
    }
}

/// Makes the tags that are not there yet, where the asker may; an archived one comes back. The names become those of the list.
pub fn ensure_tags(tx: &mut WriteTx<'_>, names: &mut [String]) -> Result<()> {
    use kartoteka_domain::catalogue::{NewTag, Tag};
    let mut errors = FieldErrors::default();
    for (index, name) in names.iter_mut().enumerate() {
        match catalogue::find_tag(tx, name)? {
            Some(tag) if tag.archived_at.is_none() => *name = tag.name,
            found => {
                if !tx.may(RecordType::Tag, Verb::Create) {
                    errors.add(format!("/tags/{index}"), FieldCode::ReferenceNotFound);
                    continue;
                }
                match found {
                    Some(archived) => {
                        let mut back = archived.clone();
                        back.set_archived_at(None);
                        *name = store_change(tx, &archived, back, Action::Restored)?.name;
                    }
                    None => drop(create::<Tag>(tx, &NewTag { name: Some(name.clone()), ..NewTag::default() })?),
                }
            }
        }
    }
    Ok(errors.finish()?)
}
