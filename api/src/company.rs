//! Companies over HTTP.

use kartoteka_domain::{
    access::{RecordType, Verb},
    company::{Company, ListCompanies, NewCompany},
    contact::{DuplicateChoice, OnDuplicate},
    event::{Action, Event},
    invalid::FieldCode,
    record::{Made, Record},
    workspace::Workspace,
};
use kartoteka_persistence::{Reading, Stored, WriteTx, company as store, duplicate::Cards, workspace};
use uuid::Uuid;

use crate::{
    answer::{Answer, Created, CreatedOrFound, Found},
    can::{Can, CreateCompanies, UpdateCompanies},
    duplicate,
    problem::{Problem, ProblemCode, Result},
    record,
    request::{ByExternalId, IfMatch, Params, Patch, Valid},
};

crud_read! { Company, ListCompanies; "companies", "/v1/companies", "/v1/companies/{id}";
list list_companies "List companies", get get_company "Get a company", read ReadCompanies, expand expand }
crud_change! { Company, NewCompany; "companies", "/v1/companies/{id}", "/v1/companies/{id}/restore";
    update update_company "Change a company", right UpdateCompanies, by update;
    archive archive_company "Archive a company", by record::archive::<Company>;
    restore restore_company "Restore a company", by restore;
}

/// Create a company
///
/// Checks for duplicates by tax id, phone and e-mail first; `on_duplicate` says what happens when one is found.
#[utoipa::path(post, path = "/v1/companies", tag = "companies")]
pub async fn create_company(
    can: Can<CreateCompanies>,
    choice: Params<DuplicateChoice>,
    new: Valid<NewCompany>,
) -> Answer<CreatedOrFound<Company>> {
    let dry_run = choice.dry_run.unwrap_or(false);
    let create = move |tx: &mut WriteTx<'_>| create(tx, &new, choice.on_duplicate.unwrap_or(OnDuplicate::Reject)).map(CreatedOrFound);
    if dry_run { can.rehearse(create).await } else { can.write(create).await }
}

/// Create or change a company by the integrator's own key
///
/// 201 when it was new, which needs the right to create, too; 200 when it was changed. The fields given replace the stored ones, those left
/// out stay.
#[utoipa::path(put, path = "/v1/companies/by-external-id/{external_id}", tag = "companies")]
pub async fn upsert_company(
    can: Can<UpdateCompanies>,
    key: ByExternalId,
    choice: Params<DuplicateChoice>,
    new: Valid<NewCompany>,
) -> Answer<CreatedOrFound<Company>> {
    let dry_run = choice.dry_run.unwrap_or(false);
    let upsert =
        move |tx: &mut WriteTx<'_>| upsert(tx, &key.0, &new, choice.on_duplicate.unwrap_or(OnDuplicate::Reject)).map(CreatedOrFound);
    if dry_run { can.rehearse(upsert).await } else { can.write(upsert).await }
}

/// Makes a company, or says what stands in the way.
pub fn create(tx: &mut WriteTx<'_>, input: &NewCompany, on_duplicate: OnDuplicate) -> Result<Created<Company>> {
    let settings = workspace::current(tx)?;
    let mut company: Company = record::make_in(tx, &settings, input, None)?;
    record::check_owner::<Company>(tx, company.owner_id, tx.scope().actor().user().filter(|_| company.owner_id.is_some()))?;
    let candidates = duplicate::find(tx, Cards::Companies, &company.identities(), None)?;
    if let Some(best) = candidates.first() {
        match on_duplicate {
            OnDuplicate::Attach => {
                tx.hold(RecordType::Company, best.id)?;
                let Some(existing) = store::find_changeable(tx, best.id)? else {
                    return Err(duplicate::refusal(tx, Cards::Companies, candidates));
                };
                tx.follow(existing.updated_at);
                let mut filled = existing.filled_from(&company);
                record::ensure_tags(tx, &mut filled.tags)?;
                let record = record::store_change(tx, &existing, filled, Action::Updated)?;
                return Ok(Created { record, fresh: false });
            }
            OnDuplicate::Create if duplicate::may_create(tx, &settings) => {}
            OnDuplicate::Create | OnDuplicate::Reject => return Err(duplicate::refusal(tx, Cards::Companies, candidates)),
        }
    }
    record::ensure_tags(tx, &mut company.tags)?;
    Company::insert(tx, &company, Event::created(&company))?;
    duplicate::queue_all(tx, Cards::Companies, company.uuid(), &candidates)?;
    Ok(Created::new(company))
}

pub(crate) fn update(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<NewCompany>, if_match: &IfMatch) -> Result<Found<Company>> {
    record::change(tx, id, patch, if_match, |tx, before, after| {
        let settings = workspace::current(tx)?;
        check(tx, &settings, before, after)
    })
}

pub(crate) fn check(tx: &mut WriteTx<'_>, settings: &Workspace, before: &Company, after: &mut Company) -> Result<()> {
    record::check_owner::<Company>(tx, after.owner_id, before.owner_id)?;
    record::ensure_tags(tx, &mut after.tags)?;
    if let Some(parent) = after.parent_id.filter(|p| before.parent_id != Some(*p))
        && store::ancestors(tx, parent)?.contains(&before.uuid())
    {
        return Err(Problem::invalid("/parent_id", FieldCode::Cycle));
    }
    let known = before.identities();
    let added: Vec<_> = after.identities().into_iter().filter(|i| !known.contains(i)).collect();
    if let Some(text) = duplicate::check_change(tx, Cards::Companies, settings, before.uuid(), &added)? {
        after.warn(record::warning("duplicate_contact_point", &text));
    }
    Ok(())
}

pub(crate) fn restore(tx: &mut WriteTx<'_>, id: Uuid, if_match: &IfMatch) -> Result<Company> {
    let before: Company = record::get_to_change(tx, id)?;
    let candidates = duplicate::find(tx, Cards::Companies, &before.identities(), Some(id))?;
    let settings = workspace::current(tx)?;
    if before.archived_at.is_some() && !candidates.is_empty() && !duplicate::may_create(tx, &settings) {
        return Err(duplicate::refusal(tx, Cards::Companies, candidates));
    }
    record::restore::<Company>(tx, id, if_match)
}

pub(crate) fn upsert(tx: &mut WriteTx<'_>, external_id: &str, input: &NewCompany, on_duplicate: OnDuplicate) -> Result<Created<Company>> {
    // the address names the record: a body that names another one contradicts it
    if input.external_id.as_deref().is_some_and(|given| given != external_id) {
        return Err(Problem::invalid("/external_id", FieldCode::ConflictingFields));
    }
    let input = NewCompany { external_id: Some(external_id.to_owned()), ..input.clone() };
    // twins with one key come one after the other: the first makes, the others change
    duplicate::lock_key(tx, RecordType::Company, external_id)?;
    let Some(before) = store::find_by_external_id(tx, external_id)? else {
        if !tx.may(RecordType::Company, Verb::Create) {
            return Err(Problem::new(ProblemCode::Forbidden));
        }
        return create(tx, &input, on_duplicate);
    };
    tx.hold(RecordType::Company, before.uuid())?;
    // as it is now: somebody may have held it until a moment ago
    let before = store::find_by_external_id(tx, external_id)?.unwrap_or(before);
    tx.follow(before.updated_at);
    let given = serde_json::to_value(&input).map_err(Problem::internal)?;
    record::refuse_hidden(tx, &before, given.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str)))?;
    let mut merged = serde_json::to_value(before.input()).map_err(Problem::internal)?;
    json_patch::merge(&mut merged, &given);
    let merged: NewCompany = serde_json::from_value(merged).map_err(Problem::internal)?;
    let settings = workspace::current(tx)?;
    let mut after: Company = record::make_in(tx, &settings, &merged, Some(&before))?;
    check(tx, &settings, &before, &mut after)?;
    let record = record::store_change(tx, &before, after, Action::Updated)?;
    Ok(Created { record, fresh: false })
}
