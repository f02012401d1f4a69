//! Company: an organisation's card. Refuses a company without a name and a tax id whose checksum is wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    contact::{self, Address, Email, EmailInput, Identity, Phone, PhoneInput, point, slice},
    id::{CompanyId, ContactId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    list::AnyOf,
    record::{Made, Making, Reference},
    tax_id::{self, TaxIdKind},
};

words! {
    /// What an address is for.
    pub enum AddressKind {
        /// Registered.
        Legal = "legal",
        /// Where people sit.
        Actual = "actual",
        /// Where goods go.
        Delivery = "delivery",
        /// Anything else.
        Other = "other",
    }
}

/// One of a company's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompanyAddress {
    /// What it is for.
    pub kind: AddressKind,
    /// The address.
    #[validate(nested)]
    pub address: Address,
}

/// Who heads the company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompanyHead {
    /// Name as in documents.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Position.
    #[validate(length(max = 200))]
    #[schema(max_length = 200, required = true)]
    pub position: Option<String>,
    /// His card, when there is one.
    #[schema(required = true)]
    pub contact_id: Option<ContactId>,
}

record! {
    /// An organisation's card.
    pub struct Company (RecordType::Company) {
        /// The integrator's own key, unique among companies.
        pub external_id: Option<String>,
        /// Name as people say it.
        pub name: String,
        /// Name as in documents.
        pub legal_name: Option<String>,
        /// INN, EDRPOU, VAT number, normalised.
        pub tax_id: Option<String>,
        /// Which tax id it is.
        pub tax_id_kind: Option<TaxIdKind>,
        /// Requisites for documents by their names: bank, account, …
        #[schema(value_type = crate::free::Requisites)]
        pub requisites: BTreeMap<String, String>,
        /// Web site.
        pub site: Option<String>,
        /// Industry.
        pub industry: Option<String>,
        /// Parent company.
        pub parent_id: Option<CompanyId>,
        /// The responsible user.
        pub owner_id: Option<UserId>,
        /// Phone numbers.
        pub phones: Vec<Phone>,
        /// E-mail addresses.
        pub emails: Vec<Email>,
        /// Addresses.
        pub addresses: Vec<CompanyAddress>,
        /// Opening hours, in words.
        pub opening_hours: Option<String>,
        /// Heads with their positions.
        pub heads: Vec<CompanyHead>,
        /// Names of tags.
        pub tags: Vec<String>,
        /// Free text.
        pub comment: Option<String>,
    }
}

input! {
    /// A company to create.
    pub struct NewCompany, CompanyPatch clears CompanyField {
        /// The integrator's own key, unique among companies.
        external_id: String, max 200;
        /// Name as people say it.
        name (required = true): String, max 300;
        /// Name as in documents.
        legal_name: String, max 500;
        /// INN, EDRPOU, VAT number; its checksum is verified where one exists.
        tax_id: String, max 40;
        /// Requisites for documents by their names: bank, account, …
        #[schema(value_type = Option<crate::free::Requisites>)]
        requisites: BTreeMap<String, String>;
        /// Web site, http or https.
        site: String, max 500;
        /// Industry.
        industry: String, max 200;
        /// Parent company.
        parent_id: CompanyId;
        /// The responsible user; the asking user when absent.
        owner_id: UserId;
        /// Phone numbers.
        #[validate(nested)]
        phones: Vec<PhoneInput>, items 20;
        /// E-mail addresses.
        #[validate(nested)]
        emails: Vec<EmailInput>, items 20;
        /// Addresses.
        #[validate(nested)]
        addresses: Vec<CompanyAddress>, items 20;
        /// Opening hours, in words.
        opening_hours: String, max 300;
        /// Heads with their positions.
        #[validate(nested)]
        heads: Vec<CompanyHead>, items 20;
        /// Names of tags; a tag that is not there yet is made.
        tags: Vec<String>, items 50;
        /// Free text.
        comment: String, max 20_000;
    }
}

sorts! {
    /// Orders of companies.
    pub enum CompanySort {
        UpdatedDown = "-updated_at" => "updated_at" down,
        UpdatedUp = "updated_at" => "updated_at" up,
        CreatedDown = "-created_at" => "created_at" down,
        CreatedUp = "created_at" => "created_at" up,
        NameUp = "name" => "sort_key" up,
        NameDown = "-name" => "sort_key" down,
    }
}

expands!(Company by CompanyExpansion { Owner = "owner", Contacts = "contacts" });

list_params! {
    /// Filters of companies.
    pub struct ListCompanies sort CompanySort {
        /// Words to find: names in any order, digits of a phone or tax id, part of an e-mail.
        q: String,
        /// Responsible users.
        owner_id: AnyOf<UserId>,
        /// Parent companies.
        parent_id: AnyOf<CompanyId>,
        /// Names of tags.
        tag: AnyOf<String>,
        /// Tax ids.
        tax_id: AnyOf<String>,
        /// Integrator's own keys.
        external_id: AnyOf<String>,
        /// Changed at or after.
        updated_after: crate::list::Moment,
        /// Related records to put beside each one: owner, contacts.
        expand: AnyOf<CompanyExpansion>,
    }
}

impl Made for Company {
    type Input = NewCompany;

    fn input(&self) -> NewCompany {
        NewCompany {
            external_id: self.external_id.clone(),
            name: Some(self.name.clone()),
            legal_name: self.legal_name.clone(),
            tax_id: self.tax_id.clone(),
            requisites: Some(self.requisites.clone()),
            site: self.site.clone(),
            industry: self.industry.clone(),
            parent_id: self.parent_id,
            owner_id: self.owner_id,
            phones: Some(self.phones.iter().map(Into::into).collect()),
            emails: Some(self.emails.iter().map(Into::into).collect()),
            addresses: Some(self.addresses.clone()),
            opening_hours: self.opening_hours.clone(),
            heads: Some(self.heads.clone()),
            tags: Some(self.tags.clone()),
            comment: self.comment.clone(),
        }
    }

    fn make(input: &NewCompany, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let typed = line(input.tax_id.as_deref());
        let (tax_id, tax_id_kind) = match (typed, previous) {
            (None, _) => (None, None),
            (Some(same), Some(old)) if old.tax_id.as_ref() == Some(&same) => (Some(same), old.tax_id_kind),
            (Some(typed), _) => {
                if let Ok(parsed) = tax_id::parse(&typed, making.country()) {
                    (Some(parsed.value), Some(parsed.kind))
                } else {
                    errors.add_with("/tax_id", FieldCode::InvalidTaxId, &typed);
                    (None, None)
                }
            }
        };
        let requisites = input.requisites.clone().unwrap_or_default();
        if requisites.len() > 50 {
            errors.add_with("/requisites", FieldCode::TooLong, "50");
        }
        for (key, value) in &requisites {
            if key.chars().count() > 100 || value.chars().count() > 500 {
                errors.add_with(format!("/requisites/{}", crate::invalid::pointer_token(key)), FieldCode::TooLong, "500");
            }
        }
        let site = errors.url("/site", input.site.as_deref());
        let phones = point::phones(slice(input.phones.as_ref()), previous.map_or(&[], |p| &p.phones), making, &mut errors);
        let emails = point::emails(slice(input.emails.as_ref()), previous.map_or(&[], |p| &p.emails), making, &mut errors);
        let tags = contact::words("/tags", slice(input.tags.as_ref()), &mut errors);
        let addresses = slice(input.addresses.as_ref())
            .iter()
            .enumerate()
            .map(|(index, a)| CompanyAddress {
                kind: a.kind,
                address: a.address.clone().cleaned(&format!("/addresses/{index}/address"), &mut errors),
            })
            .collect();
        if previous.is_some_and(|old| input.parent_id == Some(old.id)) {
            errors.add("/parent_id", FieldCode::Cycle);
        }
        errors.finish()?;
        let owner_id = if previous.is_some() { input.owner_id } else { input.owner_id.or(making.asker) };
        let company = fresh!(Company, making.birth, {
            external_id: line(input.external_id.as_deref()),
            name: name,
            legal_name: line(input.legal_name.as_deref()),
            tax_id: tax_id,
            tax_id_kind: tax_id_kind,
            requisites: requisites,
            site: site,
            industry: line(input.industry.as_deref()),
            parent_id: input.parent_id,
            owner_id: owner_id,
            phones: phones,
            emails: emails,
            addresses: addresses,
            opening_hours: line(input.opening_hours.as_deref()),
            heads: input.heads.clone().unwrap_or_default(),
            tags: tags,
            comment: prose(input.comment.as_deref()),
        });
        Ok(match previous {
            None => company,
            Some(old) => company.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        let heads = self.heads.iter().enumerate().filter_map(|(index, head)| {
            Some(Reference::new(format!("/heads/{index}/contact_id"), RecordType::Contact, head.contact_id?.uuid()))
        });
        [
            Reference::optional("/owner_id", RecordType::User, self.owner_id),
            Reference::optional("/parent_id", RecordType::Company, self.parent_id),
        ]
        .into_iter()
        .flatten()
        .chain(heads)
        .collect()
    }
}

impl Company {
    /// Everything by which this card is recognised exactly, in lock order.
    pub fn identities(&self) -> Vec<Identity> {
        contact::identities(&self.phones, &self.emails, &[], self.tax_id.as_deref())
    }

    /// What `q` searches.
    pub fn search_text(&self) -> String {
        contact::search_text(
            &[Some(&self.name), self.legal_name.as_ref(), self.tax_id.as_ref(), self.external_id.as_ref(), self.site.as_ref()],
            &self.phones,
            &self.emails,
            &[],
        )
    }

    /// Fills what this card lacks, overwriting nothing: what `attach` does.
    pub fn filled_from(&self, other: &Company) -> Company {
        let mut filled = self.clone();
        let take = |mine: &mut Option<String>, theirs: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        take(&mut filled.external_id, &other.external_id);
        take(&mut filled.legal_name, &other.legal_name);
        take(&mut filled.site, &other.site);
        take(&mut filled.industry, &other.industry);
        take(&mut filled.opening_hours, &other.opening_hours);
        take(&mut filled.comment, &other.comment);
        if filled.tax_id.is_none() {
            filled.tax_id.clone_from(&other.tax_id);
            filled.tax_id_kind = other.tax_id_kind;
        }
        filled.parent_id = filled.parent_id.or(other.parent_id);
        filled.owner_id = filled.owner_id.or(other.owner_id);
        for phone in &other.phones {
            if !filled.phones.iter().any(|p| p.e164 == phone.e164) {
                filled.phones.push(Phone { primary: filled.phones.is_empty(), ..phone.clone() });
            }
        }
        for email in &other.emails {
            if !filled.emails.iter().any(|e| Identity::email(&e.value) == Identity::email(&email.value)) {
                filled.emails.push(Email { primary: filled.emails.is_empty(), ..email.clone() });
            }
        }
        filled
    }
}
