//! Look-up: exact, normalised, within the asker's sight.

use kartoteka_domain::{
    access::RecordType,
    contact::{Identity, point::messenger_key},
    email,
    invalid::FieldCode,
    lookup::{LookUp, LookUpAnswer},
    phone, tax_id,
};
use kartoteka_persistence::{
    Reading, company, contact,
    duplicate::{Cards, matches},
    workspace,
};

use crate::{
    answer::{Answer, Plain},
    can::{Can, ReadContacts},
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
        Ok(Plain(LookUpAnswer { contacts, companies }))
    })
    .await
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
