//! Look-up: exact, normalised, within the asker's sight.

use kartoteka_domain::{
    access::RecordType,
    contact::{Contact, Identity, point::messenger_key},
    email,
    invalid::FieldCode,
    lookup::{LookUp, LookUpAnswer, MOST_OPEN, SwitchTo},
    phone, tax_id,
    workspace::Workspace,
};
use kartoteka_persistence::{
    Reading, communication, company, contact,
    duplicate::{Cards, matches},
    lead, task, user, workspace,
};

use crate::{
    answer::{Answer, Plain},
    can::{Can, ReadContacts},
    contact::view,
    problem::{Problem, Result},
    request::Params,
};

/// Look up who it is
///
/// By exactly one of phone, e-mail, tax id or messenger, normalised as cards are.
#[utoipa::path(get, path = "/v1/lookup", tag = "lookup")]
pub async fn look_up(can: Can<ReadContacts>, by: Params<LookUp>) -> Answer<Plain<LookUpAnswer>> {
    can.read(move |tx| {
        let country = workspace::current(tx)?.country.clone();
        let identity = identity(&by, &country)?;
        let people: Vec<_> = matches(tx, Cards::Contacts, std::slice::from_ref(&identity), None)?.into_iter().map(|m| m.card).collect();
        // a company is not told by what is hidden of it; a contact's fields were asked about with the request
        let field = if identity.kind == "tax_id" { "tax_id".to_owned() } else { format!("{}s", identity.kind) };
        let firms: Vec<_> = if tx.scope().actor().role().fields.hides(RecordType::Company, &field) {
            Vec::new()
        } else {
            matches(tx, Cards::Companies, std::slice::from_ref(&identity), None)?.into_iter().map(|m| m.card).collect()
        };
        let mut contacts = if identity.kind == "tax_id" { Vec::new() } else { contact::find_many(tx, &people)? };
        let mut companies = company::find_many(tx, &firms)?;
        contacts.sort_by_key(|c| c.id);
        companies.sort_by_key(|c| c.id);
        let settings = workspace::current(tx)?;
        let responsible = responsible(tx, &settings, &contacts)?;
        let ids: Vec<_> = contacts.iter().map(|c| c.id.uuid()).collect();
        let (last_communication, open_leads, open_tasks) = if ids.is_empty() {
            (None, Vec::new(), Vec::new())
        } else {
            (
                communication::latest_of(tx, &ids)?,
                lead::open_of_contacts(tx, &ids, MOST_OPEN)?,
                task::open_of_contacts(tx, &ids, MOST_OPEN)?,
            )
        };
        let clients: Vec<_> = contacts.iter().map(|c| c.id).collect();
        let turnover = if clients.is_empty() { None } else { view::turnover(tx, &clients, None)? };
        Ok(Plain(LookUpAnswer { contacts, companies, responsible, last_communication, open_leads, open_tasks, turnover }))
    })
    .await
}

/// Whom to switch a call of these clients to: the responsible person of the first that has one.
pub fn responsible(tx: &mut dyn Reading, settings: &Workspace, contacts: &[Contact]) -> Result<Option<SwitchTo>> {
    if tx.scope().actor().role().fields.hides(RecordType::Contact, "owner_id") {
        return Ok(None);
    }
    let Some(owner) = contacts.iter().find_map(|contact| contact.owner_id) else { return Ok(None) };
    let now = crate::clock::now();
    Ok(user::find_many(tx, &[owner.uuid()])?.pop().map(|person| SwitchTo {
        user_id: person.id,
        extension: settings.telephony.extension_of(person.id).map(ToOwned::to_owned),
        available: person.active && person.absent_until.is_none_or(|until| until <= now),
        absent_until: person.absent_until,
        name: person.name,
    }))
}

fn identity(by: &LookUp, country: &str) -> Result<Identity> {
    let given = [("phone", &by.phone), ("email", &by.email), ("tax_id", &by.tax_id), ("messenger", &by.messenger)];
    let mut given = given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let (name, value) = given.next().ok_or_else(|| Problem::parameter("phone", FieldCode::Required))?;
    if let Some((second, _)) = given.next() {
        return Err(Problem::parameter(second, FieldCode::ConflictingFields));
    }
    let wrong = |code| Problem::parameter(name, code).given(value);
    Ok(match name {
        "phone" => Identity::phone(&phone::parse(value, country).map_err(|_| wrong(FieldCode::InvalidPhone))?.e164),
        "email" => Identity { kind: "email", value: email::parse(value).map_err(|_| wrong(FieldCode::InvalidEmail))?.normalised },
        "tax_id" => Identity::tax_id(&tax_id::parse(value, country).map_err(|_| wrong(FieldCode::InvalidTaxId))?.value),
        _ => {
            let (network, handle) = value.split_once(':').ok_or_else(|| wrong(FieldCode::InvalidMessenger))?;
            Identity { kind: "messenger", value: messenger_key(network, handle) }
        }
    })
}
