//! What each field of a record was, when, and by whom: for everybody who may read the record.

use kartoteka_domain::{
    audit::{FieldHistoryEntry, HistoryParams},
    list::Page,
};
use kartoteka_persistence::{ReadTx, Stored, audit};
use uuid::Uuid;

use crate::{
    answer::Answer,
    can::{Can, ReadCompanies, ReadContacts, ReadDeals, ReadLeads, ReadTasks},
    problem::Result,
    record,
    request::{At, Params},
};

fn history<T: Stored>(tx: &mut ReadTx<'_>, id: Uuid, params: &HistoryParams) -> Result<Page<FieldHistoryEntry>> {
    let found: T = record::get(tx, id)?;
    let (field, cursor) = (params.field.as_deref(), params.cursor.as_ref().map(|c| c.0.as_str()));
    Ok(audit::history(tx, T::TYPE, found.uuid(), field, params.limit.unwrap_or_default().get(), cursor)?)
}

macro_rules! histories {
    ($($name:ident $text:tt: $ty:ty, $right:ident, $tag:tt, $path:tt;)*) => { $(
        #[utoipa::path(get, path = $path, tag = $tag, summary = $text, description = "Each change of each field, newest first: when, by whom, before, after.")]
        pub async fn $name(can: Can<$right>, at: At<$ty>, params: Params<HistoryParams>) -> Answer<Page<FieldHistoryEntry>> {
            can.read(move |tx| history::<$ty>(tx, at.0, &params)).await
        }
    )* };
}
histories! {
    get_contact_history "Get the history of a contact's fields": kartoteka_domain::contact::Contact, ReadContacts, "contacts", "/v1/contacts/{id}/history";
    get_company_history "Get the history of a company's fields": kartoteka_domain::company::Company, ReadCompanies, "companies", "/v1/companies/{id}/history";
    get_lead_history "Get the history of a lead's fields": kartoteka_domain::lead::Lead, ReadLeads, "leads", "/v1/leads/{id}/history";
    get_deal_history "Get the history of a deal's fields": kartoteka_domain::deal::Deal, ReadDeals, "deals", "/v1/deals/{id}/history";
    get_task_history "Get the history of a task's fields": kartoteka_domain::task::Task, ReadTasks, "tasks", "/v1/tasks/{id}/history";
}
