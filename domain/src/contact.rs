//! Contact: a person's card. Refuses a card without any name or contact point, and contact points that are none.

mod matching;
pub mod point;
mod reveal;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

pub use matching::{identities, search_text};
pub use point::{
    AddedEmail, AddedMessenger, AddedPhone, Email, EmailInput, Identity, Messenger, MessengerInput, Phone, PhoneInput, PointKind, Validity,
};
pub use reveal::Reveal;

use crate::{
    access::RecordType,
    id::{CompanyId, ResponsibleId, SourceId, UserId},
    invalid::{FieldCode, FieldErrors, line, prose},
    list::AnyOf,
    person_name::{self, PersonName},
    record::{Made, Making, Reference},
    task::NewTask,
    text, workspace,
};

/// A further responsible person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Responsible {
    /// Id of this entry.
    #[schema(required = true)]
    pub id: ResponsibleId,
    /// Who.
    #[schema(required = true)]
    pub user_id: UserId,
    /// For what: a product line, a direction.
    #[schema(required = true)]
    pub direction: Option<String>,
}

/// A further responsible person to keep.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponsibleInput {
    /// Id of an existing entry: what is left out keeps its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ResponsibleId>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// For what: a product line, a direction.
    #[validate(length(max = 100))]
    #[schema(max_length = 100)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
}

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    /// Country, ISO 3166 alpha-2.
    #[validate(length(max = 2))]
    #[schema(max_length = 2, required = true)]
    pub country: Option<String>,
    /// Region.
    #[validate(length(max = 200))]
    #[schema(max_length = 200, required = true)]
    pub region: Option<String>,
    /// City.
    #[validate(length(max = 200))]
    #[schema(max_length = 200, required = true)]
    pub city: Option<String>,
    /// Street, house, flat.
    #[validate(length(max = 300))]
    #[schema(max_length = 300, required = true)]
    pub street: Option<String>,
    /// Postal code.
    #[validate(length(max = 20))]
    #[schema(max_length = 20, required = true)]
    pub postal_code: Option<String>,
    /// The whole address in one line, where the parts are not known.
    #[validate(length(max = 500))]
    #[schema(max_length = 500, required = true)]
    pub text: Option<String>,
}

/// A date worth remembering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Anniversary {
    /// What happens on it.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100)]
    pub label: String,
    /// The date.
    pub on: NaiveDate,
}

record! {
    /// A person's card.
    pub struct Contact (RecordType::Contact, forgets no_next_step_reason) {
        /// The integrator's own key, unique among contacts.
        pub external_id: Option<String>,
        /// `lead`, `customer`, `partner`, `supplier` or an own type of the workspace.
        pub r#type: String,
        /// Key of one of the workspace's contact statuses.
        pub status: Option<String>,
        /// The name to show.
        pub display_name: String,
        /// Last name.
        pub last_name: Option<String>,
        /// First name.
        pub first_name: Option<String>,
        /// Middle name or patronymic.
        pub middle_name: Option<String>,
        /// Position in the company.
        pub position: Option<String>,
        /// The company.
        pub company_id: Option<CompanyId>,
        /// The responsible user.
        pub owner_id: Option<UserId>,
        /// Further responsible users by direction.
        pub responsibles: Vec<Responsible>,
        /// Where the client came from.
        pub source_id: Option<SourceId>,
        /// What the client is interested in.
        pub interests: Vec<String>,
        /// Phone numbers.
        pub phones: Vec<Phone>,
        /// E-mail addresses.
        pub emails: Vec<Email>,
        /// Messenger handles.
        pub messengers: Vec<Messenger>,
        /// Channel the client prefers: call, email, sms, telegram, …
        pub preferred_channel: Option<String>,
        /// Hours that suit the client, in words.
        pub convenient_hours: Option<String>,
        /// Language, BCP 47.
        pub language: Option<String>,
        /// Time zone, IANA.
        pub time_zone: Option<String>,
        /// Birthday.
        pub birthday: Option<NaiveDate>,
        /// Other dates worth remembering.
        pub dates: Vec<Anniversary>,
        /// Postal address.
        pub address: Option<Address>,
        /// Names of tags.
        pub tags: Vec<String>,
        /// Free text.
        pub comment: Option<String>,
        /// Due time of the earliest open task; derived.
        pub next_task_at: Option<DateTime<Utc>>,
        /// Why it has no next step; derived, gone with the next open task.
        pub no_next_step_reason: Option<String>,
        /// When the last communication took place; derived.
        pub last_communication_at: Option<DateTime<Utc>>,
    }
}

input! {
    /// A contact to create. A name in any form or one contact point is needed.
    pub struct NewContact, ContactPatch clears ContactField {
        /// The integrator's own key, unique among contacts.
        external_id: String, max 200;
        /// `lead` (default), `customer`, `partner`, `supplier` or an own type of the workspace.
        r#type: String, max 50;
        /// Key of one of the workspace's contact statuses.
        status: String, max 50;
        /// The whole name in one string; split when the parts are not given.
        display_name: String, max 200;
        /// Last name.
        last_name: String, max 200;
        /// First name.
        first_name: String, max 200;
        /// Middle name or patronymic.
        middle_name: String, max 200;
        /// Position in the company.
        position: String, max 200;
        /// The company.
        company_id: CompanyId;
        /// The responsible user; the asking user when absent.
        owner_id: UserId;
        /// Further responsible users by direction.
        #[validate(nested)]
        responsibles: Vec<ResponsibleInput>, items 20;
        /// Where the client came from.
        source_id: SourceId;
        /// What the client is interested in.
        interests: Vec<String>, items 50;
        /// Phone numbers.
        #[validate(nested)]
        phones: Vec<PhoneInput>, items 20;
        /// E-mail addresses.
        #[validate(nested)]
        emails: Vec<EmailInput>, items 20;
        /// Messenger handles.
        #[validate(nested)]
        messengers: Vec<MessengerInput>, items 20;
        /// Channel the client prefers: call, email, sms, telegram, …
        preferred_channel: String, max 30;
        /// Hours that suit the client, in words.
        convenient_hours: String, max 100;
        /// Language, BCP 47.
        language: String, max 20;
        /// Time zone, IANA.
        time_zone: String, max 60;
        /// Birthday.
        birthday: NaiveDate;
        /// Other dates worth remembering.
        #[validate(nested)]
        dates: Vec<Anniversary>, items 20;
        /// Postal address.
        #[validate(nested)]
        address: Address;
        /// Names of tags; a tag that is not there yet is made.
        tags: Vec<String>, items 50;
        /// Free text.
        comment: String, max 20_000;
        /// The next step, made in the same transaction.
        #[validate(nested)]
        next_task: NewTask;
        /// Why there is no next step.
        no_next_step_reason: String, max 1000;
    }
}

sorts! {
    /// Orders of contacts.
    pub enum ContactSort {
        UpdatedDown = "-updated_at" => "updated_at" down,
        UpdatedUp = "updated_at" => "updated_at" up,
        CreatedDown = "-created_at" => "created_at" down,
        CreatedUp = "created_at" => "created_at" up,
        NameUp = "display_name" => "sort_key" up,
        NameDown = "-display_name" => "sort_key" down,
        NextTaskUp = "next_task_at" => "next_task_key" up,
    }
}

expands!(Contact by ContactExpansion { Owner = "owner", Company = "company", Source = "source" });

list_params! {
    /// Filters of contacts.
    pub struct ListContacts sort ContactSort {
        /// Words to find: names in any order, digits of a phone, part of an e-mail.
        q: String,
        /// Responsible users.
        owner_id: AnyOf<UserId>,
        /// Companies.
        company_id: AnyOf<CompanyId>,
        /// Sources.
        source_id: AnyOf<SourceId>,
        /// Keys of statuses.
        status: AnyOf<String>,
        /// Types.
        r#type: AnyOf<String>,
        /// Names of tags.
        tag: AnyOf<String>,
        /// Integrator's own keys.
        external_id: AnyOf<String>,
        /// Changed at or after.
        updated_after: crate::list::Moment,
        /// Made at or after.
        created_after: crate::list::Moment,
        /// Related records to put beside each one: owner, company, source.
        expand: AnyOf<ContactExpansion>,
    }
}

params! {
    /// What to do when the card seems to exist.
    pub struct DuplicateChoice {
        /// `reject` (default), `attach` or `create`.
        on_duplicate: OnDuplicate,
        /// Check everything, answer what would happen, write nothing.
        dry_run: bool,
    }
}

words! {
    /// What to do when the card seems to exist.
    pub enum OnDuplicate {
        /// Refuse with the candidates.
        Reject = "reject",
        /// Take the existing card and fill what it lacks.
        Attach = "attach",
        /// Create and queue the pair for review, where the policy allows.
        Create = "create",
    }
}

/// The name parts and the name to show, from whatever was given.
fn names(input: &NewContact, previous: Option<&Contact>, fallback: Option<&str>) -> (PersonName, String) {
    let typed = PersonName {
        last: line(input.last_name.as_deref()),
        first: line(input.first_name.as_deref()),
        middle: line(input.middle_name.as_deref()),
    };
    let shown = line(input.display_name.as_deref());
    let given = typed.last.is_some() || typed.first.is_some() || typed.middle.is_some();
    if let Some(old) = previous {
        let renamed = (&old.last_name, &old.first_name, &old.middle_name) != (&typed.last, &typed.first, &typed.middle);
        let shown_anew = shown.as_ref().filter(|shown| **shown != old.display_name);
        match (shown_anew, renamed) {
            // a new whole name overrules the parts it was once split into
            (Some(new), false) => return (person_name::split(new), new.clone()),
            // new parts overrule the name shown so far
            (None, true) if given => {
                let display = person_name::display(&typed);
                return (typed, display);
            }
            _ => {}
        }
    }
    match shown {
        Some(shown) if !given => (person_name::split(&shown), shown),
        Some(shown) => (typed, shown),
        None if given => {
            let display = person_name::display(&typed);
            (typed, display)
        }
        None => (typed, fallback.unwrap_or_default().to_owned()),
    }
}

impl Made for Contact {
    type Input = NewContact;

    fn input(&self) -> NewContact {
        let parts = PersonName { last: self.last_name.clone(), first: self.first_name.clone(), middle: self.middle_name.clone() };
        let derived = person_name::display(&parts) == self.display_name;
        NewContact {
            external_id: self.external_id.clone(),
            r#type: Some(self.r#type.clone()),
            status: self.status.clone(),
            display_name: (!derived).then(|| self.display_name.clone()),
            last_name: self.last_name.clone(),
            first_name: self.first_name.clone(),
            middle_name: self.middle_name.clone(),
            position: self.position.clone(),
            company_id: self.company_id,
            owner_id: self.owner_id,
            responsibles: Some(
                self.responsibles
                    .iter()
                    .map(|r| ResponsibleInput { id: Some(r.id), user_id: Some(r.user_id), direction: r.direction.clone() })
                    .collect(),
            ),
            source_id: self.source_id,
            interests: Some(self.interests.clone()),
            phones: Some(self.phones.iter().map(Into::into).collect()),
            emails: Some(self.emails.iter().map(Into::into).collect()),
            messengers: Some(self.messengers.iter().map(Into::into).collect()),
            preferred_channel: self.preferred_channel.clone(),
            convenient_hours: self.convenient_hours.clone(),
            language: self.language.clone(),
            time_zone: self.time_zone.clone(),
            birthday: self.birthday,
            dates: Some(self.dates.clone()),
            address: self.address.clone(),
            tags: Some(self.tags.clone()),
            comment: self.comment.clone(),
            next_task: None,
            no_next_step_reason: None,
        }
    }

    fn make(input: &NewContact, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let phones = point::phones(slice(input.phones.as_ref()), previous.map_or(&[], |p| &p.phones), making, &mut errors);
        let emails = point::emails(slice(input.emails.as_ref()), previous.map_or(&[], |p| &p.emails), making, &mut errors);
        let messengers = point::messengers(slice(input.messengers.as_ref()), previous.map_or(&[], |p| &p.messengers), making, &mut errors);
        let reachable = phones
            .first()
            .map(|p| p.e164.as_str())
            .or_else(|| emails.first().map(|e| e.value.as_str()))
            .or_else(|| messengers.first().map(|m| m.handle.as_str()));
        let (name, display_name) = names(input, previous, reachable);
        if display_name.is_empty() && errors.is_empty() {
            errors.add("/display_name", FieldCode::Required);
        }
        let kind = line(input.r#type.as_deref()).unwrap_or_else(|| "lead".into());
        if making.workspace.is_some_and(|workspace| !workspace.knows_contact_type(&kind)) {
            errors.add_with("/type", FieldCode::ReferenceNotFound, &kind);
        }
        let language = line(input.language.as_deref());
        if let Some(language) = language.as_deref().filter(|l| !workspace::is_language(l)) {
            errors.add_with("/language", FieldCode::InvalidLanguage, language);
        }
        let time_zone = errors.zone("/time_zone", input.time_zone.as_deref());
        let this_year = making.birth.at.year();
        if let Some(day) = input.birthday.filter(|day| day.year() < 1880 || day.year() > this_year) {
            errors.add_with("/birthday", FieldCode::InvalidTime, day.to_string());
        }
        for (index, date) in slice(input.dates.as_ref()).iter().enumerate() {
            if !(1880..=2199).contains(&date.on.year()) {
                errors.add_with(format!("/dates/{index}/on"), FieldCode::InvalidTime, date.on.to_string());
            }
        }
        let responsibles = responsibles(slice(input.responsibles.as_ref()), previous, making, &mut errors);
        let tags = words("/tags", slice(input.tags.as_ref()), &mut errors);
        let interests = words("/interests", slice(input.interests.as_ref()), &mut errors);
        let address = input.address.clone().map(|a| a.cleaned("/address", &mut errors)).filter(|a| *a != Address::default());
        errors.finish()?;
        let owner_id = if previous.is_some() { input.owner_id } else { input.owner_id.or(making.asker) };
        let old = previous;
        let contact = fresh!(Contact, making.birth, {
            external_id: line(input.external_id.as_deref()),
            r#type: kind,
            status: line(input.status.as_deref()),
            display_name: display_name,
            last_name: name.last,
            first_name: name.first,
            middle_name: name.middle,
            position: line(input.position.as_deref()),
            company_id: input.company_id,
            owner_id: owner_id,
            responsibles: responsibles,
            source_id: input.source_id,
            interests: interests,
            phones: phones,
            emails: emails,
            messengers: messengers,
            preferred_channel: line(input.preferred_channel.as_deref()),
            convenient_hours: line(input.convenient_hours.as_deref()),
            language: language,
            time_zone: time_zone,
            birthday: input.birthday,
            dates: input.dates.clone().unwrap_or_default(),
            address: address,
            tags: tags,
            comment: prose(input.comment.as_deref()),
            next_task_at: old.and_then(|o| o.next_task_at),
            no_next_step_reason: old.and_then(|o| o.no_next_step_reason.clone()),
            last_communication_at: old.and_then(|o| o.last_communication_at),
        });
        Ok(match old {
            None => contact,
            Some(old) => contact.in_the_envelope_of(old),
        })
    }

    fn references(&self) -> Vec<Reference> {
        let mut references: Vec<Reference> = [
            Reference::optional("/owner_id", RecordType::User, self.owner_id),
            Reference::optional("/company_id", RecordType::Company, self.company_id),
            Reference::optional("/source_id", RecordType::Source, self.source_id),
        ]
        .into_iter()
        .flatten()
        .collect();
        references.extend(self.responsibles.iter().enumerate().map(|(index, responsible)| {
            Reference::new(format!("/responsibles/{index}/user_id"), RecordType::User, responsible.user_id.uuid())
        }));
        references
    }
}

/// The items of an optional list.
pub fn slice<T>(list: Option<&Vec<T>>) -> &[T] {
    list.map_or(&[], Vec::as_slice)
}

/// Cleaned words, each once (case and `ё` aside), with their faults.
pub fn words(pointer: &str, given: &[String], errors: &mut FieldErrors) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(given.len());
    for (index, word) in given.iter().enumerate() {
        let word = text::clean_line(word);
        if word.is_empty() {
            errors.add(format!("{pointer}/{index}"), FieldCode::Required);
        } else if word.chars().count() > 100 {
            errors.add_with(format!("{pointer}/{index}"), FieldCode::TooLong, "100");
        } else if !kept.iter().any(|other| text::fold(other) == text::fold(&word)) {
            kept.push(word);
        }
    }
    kept
}

fn responsibles(
    inputs: &[ResponsibleInput],
    previous: Option<&Contact>,
    making: &Making<'_>,
    errors: &mut FieldErrors,
) -> Vec<Responsible> {
    let mut kept = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate() {
        let old = input.id.map(|id| previous.and_then(|p| p.responsibles.iter().find(|r| r.id == id)));
        if old == Some(None) {
            errors.add(format!("/responsibles/{index}/id"), FieldCode::ReferenceNotFound);
            continue;
        }
        let old = old.flatten();
        let Some(user_id) = input.user_id.or_else(|| old.map(|o| o.user_id)) else {
            errors.add(format!("/responsibles/{index}/user_id"), FieldCode::Required);
            continue;
        };
        kept.push(Responsible {
            id: old.map_or_else(|| ResponsibleId::new((making.fresh_id)()), |o| o.id),
            user_id,
            direction: line(input.direction.as_deref()).or_else(|| old.and_then(|o| o.direction.clone())),
        });
    }
    kept
}

impl Address {
    /// Trims its parts and checks the country.
    pub fn cleaned(self, pointer: &str, errors: &mut FieldErrors) -> Self {
        let country = line(self.country.as_deref()).map(|c| c.to_ascii_uppercase());
        if let Some(country) = country.as_deref().filter(|c| !workspace::is_country(c)) {
            errors.add_with(format!("{pointer}/country"), FieldCode::InvalidCountry, country);
        }
        Self {
            country,
            region: line(self.region.as_deref()),
            city: line(self.city.as_deref()),
            street: line(self.street.as_deref()),
            postal_code: line(self.postal_code.as_deref()),
            text: line(self.text.as_deref()),
        }
    }
}
