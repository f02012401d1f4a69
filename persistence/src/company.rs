//! Companies with their points and tags.

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    company::{Company, ListCompanies},
    event::Event,
    id::{CompanyId, WorkspaceId},
    list::{AnyOf, Page},
    text,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    catalogue,
    contact::point,
    db::{Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment,
    schema::company,
    store::{Reading, Recorded, StoreError, WriteTx},
};

row! {
    CompanyRow in company {
        external_id: Option<String>, name: String, sort_key: String, search_text: String, tax_id: Option<String>,
        parent_id: Option<Uid>, owner_id: Option<Uid>, profile: Doc,
    }
}
keyed!(CompanyRow { updated_at, created_at, sort_key });

const ELSEWHERE: &[&str] = &["external_id", "name", "tax_id", "parent_id", "owner_id", "phones", "emails", "tags"];

fn row(workspace: WorkspaceId, c: &Company) -> Result<CompanyRow, StoreError> {
    Ok(stamped! { CompanyRow of c, in workspace.into();
    external_id: c.external_id.clone(),
    name: c.name.clone(),
    sort_key: text::sort_key(&c.name),
    search_text: c.search_text(),
    tax_id: c.tax_id.clone(),
    parent_id: c.parent_id.map(Uid::from),
    owner_id: c.owner_id.map(Uid::from),
    profile: pack(c, ELSEWHERE)?,    })
}

fn load(tx: &mut dyn Reading, rows: Vec<CompanyRow>) -> Result<Vec<Company>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut points = point::of_companies(tx, &ids)?;
    let mut tags = catalogue::tags_of(tx, catalogue::Tagged::Companies, &ids)?;
    rows.into_iter()
        .map(|row| {
            let points = points.remove(&row.id.0).unwrap_or_default();
            let columns = [
                ("external_id", json!(row.external_id)),
                ("name", json!(row.name)),
                ("tax_id", json!(row.tax_id)),
                ("parent_id", json!(row.parent_id)),
                ("owner_id", json!(row.owner_id)),
                ("phones", Value::Array(Vec::new())),
                ("emails", Value::Array(Vec::new())),
                ("tags", Value::Array(Vec::new())),
            ];
            let mut company: Company = revive(row.profile.clone(), row.envelope(), columns)?;
            company.phones = points.phones;
            company.emails = points.emails;
            company.tags = tags.remove(&row.id.0).unwrap_or_default();
            Ok(company)
        })
        .collect()
}

fn store_parts(tx: &mut WriteTx<'_>, c: &Company, recorded: &Recorded) -> Result<(), StoreError> {
    point::store(tx, point::Owner::Company(c.id.uuid()), &c.phones, &c.emails, &[], recorded)?;
    catalogue::tag(tx, catalogue::Tagged::Companies, c.id.uuid(), &c.tags, recorded)
}

impl Stored for Company {
    type Params = ListCompanies;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<CompanyRow> =
            seen!(tx, company, RecordType::Company).filter(company::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        Ok(load(tx, row.into_iter().collect())?.pop())
    }

    fn list(tx: &mut dyn Reading, params: &ListCompanies) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let names_only = tx
            .scope()
            .actor()
            .role()
            .fields
            .touches(RecordType::Company, &["phones", "emails", "legal_name", "tax_id", "external_id", "site"]);
        let build = || {
            let mut query = seen!(tx, company, RecordType::Company);
            if let Some(archived) = fragment::archived(request.archived, "company.archived_at") {
                query = query.filter(archived);
            }
            narrow!(query, params; company.owner_id in owner_id, company.parent_id in parent_id);
            narrow!(query, texts params; company.tax_id in tax_id, company.external_id in external_id);
            narrow!(query, from params; company.updated_at in updated_after);
            if let Some(AnyOf(names)) = &params.tag {
                query = query.filter(fragment::tagged("company.id", "t.company_id", tx.workspace(), names));
            }
            if let Some(found) = params.q.as_deref().and_then(|q| {
                if names_only { fragment::search_names("company.sort_key", q) } else { fragment::search(&["company.search_text"], q) }
            }) {
                query = query.filter(found);
            }
            query
        };
        let mut rows = page!(tx, CompanyRow, company, request, ["updated_at", "created_at", "sort_key"], build);
        let records = load(tx, rows.take())?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, company: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), company)?.insert(tx.db().0, &recorded)?;
        store_parts(tx, company, &recorded)
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        let workspace = tx.workspace();
        let recorded = replace!(tx, row(workspace, after)?, before.version, event);
        let id = after.id.uuid();
        delete_parts!(tx.db().0, &recorded, contact_point, workspace, company_id = id)?;
        delete_parts!(tx.db().0, &recorded, tagging, workspace, company_id = id)?;
        store_parts(tx, after, &recorded)
    }
}

/// Stores a change of its own columns alone: its parts are as they were.
pub(crate) fn update_itself(tx: &mut WriteTx<'_>, before: &Company, after: &Company, event: Event) -> Result<(), StoreError> {
    replace!(tx, row(tx.workspace(), after)?, before.version, event);
    Ok(())
}

/// Several by id, those the scope sees.
pub fn find_many(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<Company>, StoreError> {
    let rows: Vec<CompanyRow> =
        seen!(tx, company, RecordType::Company).filter(fragment::one_of("company.id", ids.iter().copied())).load(tx.db().0)?;
    load(tx, rows)
}

/// One the asker may change, whatever the scope was opened for.
pub fn find_changeable(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Company>, StoreError> {
    let changers = tx.scope().changers(RecordType::Company);
    let row: Option<CompanyRow> =
        seen!(tx, company, RecordType::Company, changers).filter(company::id.eq(Uid(id))).first(tx.db().0).optional()?;
    Ok(load(tx, row.into_iter().collect())?.pop())
}

/// By the integrator's own key.
pub fn find_by_external_id(tx: &mut dyn Reading, external_id: &str) -> Result<Option<Company>, StoreError> {
    let row: Option<CompanyRow> =
        seen!(tx, company, RecordType::Company).filter(company::external_id.eq(external_id.to_owned())).first(tx.db().0).optional()?;
    Ok(load(tx, row.into_iter().collect())?.pop())
}

/// The chain of parents above a company, the nearest first; ends at 50.
pub fn ancestors(tx: &mut dyn Reading, from: CompanyId) -> Result<Vec<Uuid>, StoreError> {
    let mut chain = vec![from.uuid()];
    while chain.len() < 50 {
        let at = chain.last().copied().unwrap_or_default();
        let parent: Option<Option<Uid>> =
            all!(tx, company).filter(company::id.eq(Uid(at))).select(company::parent_id).first(tx.db().0).optional()?;
        match parent.flatten() {
            Some(Uid(parent)) if !chain.contains(&parent) => chain.push(parent),
            _ => break,
        }
    }
    Ok(chain)
}

/// Who is responsible for some cards, whosever they are, and which of them the asker may read.
pub fn responsibles(tx: &mut dyn Reading, ids: &[Uuid]) -> Result<Vec<(Uuid, Option<kartoteka_domain::id::UserId>, bool)>, StoreError> {
    let readers = tx.scope().readers(RecordType::Company);
    let readable: Vec<Uid> = seen!(tx, company, RecordType::Company, readers)
        .filter(fragment::one_of("company.id", ids.iter().copied()))
        .select(company::id)
        .load(tx.db().0)?;
    let rows: Vec<(Uid, Option<Uid>)> = all!(tx, company)
        .filter(fragment::one_of("company.id", ids.iter().copied()))
        .select((company::id, company::owner_id))
        .load(tx.db().0)?;
    Ok(rows.into_iter().map(|(id, owner)| (id.0, owner.map(Into::into), readable.contains(&id))).collect())
}
