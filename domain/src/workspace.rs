//! The tenant: its settings and the policies of the guarantees.

pub mod calendar;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    access::RecordType,
    communication::meeting::USUAL_RADIUS,
    escalation::UntouchedLeads,
    invalid::{FieldCode, FieldErrors},
    journal::KEPT_DAYS,
    record::{Made, Making, Reference},
    task::no_answer::RepeatContact,
    telephony::settings::TelephonySettings,
    text, zone,
};
use calendar::WorkingCalendar;

words! {
    /// How strictly a guarantee is kept.
    pub enum Policy {
        /// Not at all.
        Off = "off",
        /// Allowed, but the answer warns and lists name it.
        Warn = "warn",
        /// Refused.
        Require = "require",
    }
}

/// Which open records must have a next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NextStepPolicies {
    /// Open leads.
    #[schema(required = true)]
    pub lead: Policy,
    /// Open deals.
    #[schema(required = true)]
    pub deal: Policy,
    /// Active clients.
    #[schema(required = true)]
    pub contact: Policy,
}
impl Default for NextStepPolicies {
    fn default() -> Self {
        Self { lead: Policy::Warn, deal: Policy::Warn, contact: Policy::Warn }
    }
}

/// The policies of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policies {
    /// Always a next step.
    #[schema(required = true)]
    pub next_step: NextStepPolicies,
    /// One client, one card: below `require` a caller may create a duplicate knowingly.
    #[schema(required = true)]
    pub duplicates: Policy,
    /// Required fields of a card.
    #[schema(required = true)]
    pub required_fields: Policy,
    /// Outcome of a communication.
    #[schema(required = true)]
    pub outcome: Policy,
    /// Second factor at sign-in.
    #[schema(required = true)]
    pub second_factor: Policy,
    /// `If-Match` on changes: with `require` a change without it is answered 428.
    #[schema(required = true)]
    pub if_match: Policy,
}
impl Default for Policies {
    fn default() -> Self {
        Self {
            next_step: NextStepPolicies::default(),
            duplicates: Policy::Require,
            required_fields: Policy::Warn,
            outcome: Policy::Warn,
            second_factor: Policy::Off,
            if_match: Policy::Off,
        }
    }
}

record! {
    /// The workspace: one tenant.
    pub struct Workspace (RecordType::Workspace) {
        /// Name of the business.
        pub name: String,
        /// Short name for sign-in when an e-mail is in several workspaces.
        pub slug: String,
        /// Default country of phones and tax ids, ISO 3166 alpha-2.
        pub country: String,
        /// Time zone of the business, IANA.
        pub time_zone: String,
        /// Default currency, ISO 4217.
        pub currency: String,
        /// Languages of the business, the first is the default.
        pub languages: Vec<String>,
        /// The policies of the guarantees.
        pub policies: Policies,
        /// Own types of contacts beside `lead`, `customer`, `partner`, `supplier`.
        pub contact_types: Vec<String>,
        /// Origins whose pages may call the API from a browser.
        pub cors_origins: Vec<String>,
        /// How calls become cards, enquiries and tasks.
        pub telephony: TelephonySettings,
        /// How far from the planned place a meeting may be, metres.
        pub meeting_radius_m: i64,
        /// What is done about leads nobody reacts to.
        pub untouched_leads: UntouchedLeads,
        /// When the business works.
        pub working_calendar: WorkingCalendar,
        /// When a client who did not answer is tried again.
        pub repeat_contact: RepeatContact,
        /// After how many days without a communication a client counts as silent.
        pub silent_after_days: i64,
        /// For how many days events are kept in the journal.
        pub event_retention_days: i64,
        /// For how many days uploaded recordings are kept; null for as long as their communications.
        pub recording_retention_days: Option<i64>,
    }
}

input! {
    /// Settings of a workspace.
    pub struct NewWorkspace, WorkspacePatch clears WorkspaceField {
        /// Name of the business.
        #[schema(nullable = false, min_length = 1, pattern = r"\S")]
        name: String, max 200;
        /// Default country of phones and tax ids, ISO 3166 alpha-2.
        country: String, max 2;
        /// Time zone of the business, IANA.
        time_zone: String, max 60;
        /// Default currency, ISO 4217.
        currency: String, max 3;
        /// Languages of the business, the first is the default.
        languages: Vec<String>, items 10;
        /// The policies of the guarantees.
        policies: Policies;
        /// Own types of contacts beside `lead`, `customer`, `partner`, `supplier`.
        #[schema(value_type = Option<Vec<crate::free::Key>>)]
        contact_types: Vec<String>, items 30;
        /// Origins whose pages may call the API from a browser, `https://crm.example.com`.
        cors_origins: Vec<String>, items 50;
        /// How calls become cards, enquiries and tasks.
        #[validate(nested)]
        telephony: TelephonySettings;
        /// How far from the planned place a meeting may be, metres.
        meeting_radius_m: i64, range 1 to 100_000;
        /// What is done about leads nobody reacts to.
        #[validate(nested)]
        untouched_leads: UntouchedLeads;
        /// When the business works, local time of its zone; Monday to Friday 9 to 18 when absent.
        working_calendar: WorkingCalendar;
        /// When a client who did not answer is tried again; after 2 hours, the next working morning, then every second one when absent.
        repeat_contact: RepeatContact;
        /// After how many days without a communication a client counts as silent; 90 when absent.
        silent_after_days: i64, range 1 to 3650;
        /// For how many days events are kept in the journal; 30 when absent.
        event_retention_days: i64, range 1 to 365;
        /// For how many days uploaded recordings are kept; for as long as their communications when absent.
        recording_retention_days: i64, range 1 to 36_500;
    }
}

/// After how many days a client counts as silent, where nothing else is said.
pub const SILENT_AFTER_DAYS: i64 = 90;

/// The ready-made types of contacts.
pub const CONTACT_TYPES: &[&str] = &["lead", "customer", "partner", "supplier"];

impl Workspace {
    /// Whether contacts may have this type.
    pub fn knows_contact_type(&self, kind: &str) -> bool {
        CONTACT_TYPES.contains(&kind) || self.contact_types.iter().any(|own| own == kind)
    }
}

impl Made for Workspace {
    type Input = NewWorkspace;

    fn input(&self) -> NewWorkspace {
        NewWorkspace {
            name: Some(self.name.clone()),
            country: Some(self.country.clone()),
            time_zone: Some(self.time_zone.clone()),
            currency: Some(self.currency.clone()),
            languages: Some(self.languages.clone()),
            policies: Some(self.policies.clone()),
            contact_types: Some(self.contact_types.clone()),
            cors_origins: Some(self.cors_origins.clone()),
            telephony: Some(self.telephony.clone()),
            meeting_radius_m: Some(self.meeting_radius_m),
            untouched_leads: Some(self.untouched_leads.clone()),
            working_calendar: Some(self.working_calendar.clone()),
            repeat_contact: Some(self.repeat_contact.clone()),
            silent_after_days: Some(self.silent_after_days),
            event_retention_days: Some(self.event_retention_days),
            recording_retention_days: self.recording_retention_days,
        }
    }

    fn make(input: &NewWorkspace, previous: Option<&Self>, making: &Making<'_>) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        let name = errors.required_line("/name", input.name.as_deref());
        let country = input.country.clone().unwrap_or_else(|| "RU".into()).to_ascii_uppercase();
        if !is_country(&country) {
            errors.add_with("/country", FieldCode::InvalidCountry, &country);
        }
        let time_zone = input.time_zone.clone().unwrap_or_else(|| default_zone(&country).into());
        if !zone::is_known(&time_zone) {
            errors.add_with("/time_zone", FieldCode::InvalidTimeZone, &time_zone);
        }
        let currency = input.currency.clone().unwrap_or_else(|| default_currency(&country).into()).to_ascii_uppercase();
        if iso_currency::Currency::from_code(&currency).is_none() {
            errors.add_with("/currency", FieldCode::InvalidCurrency, &currency);
        }
        let languages = input.languages.clone().filter(|list| !list.is_empty()).unwrap_or_else(|| vec![default_language(&country).into()]);
        for (index, language) in languages.iter().enumerate() {
            if !is_language(language) {
                errors.add_with(format!("/languages/{index}"), FieldCode::InvalidLanguage, language);
            }
        }
        let cors_origins = input.cors_origins.clone().unwrap_or_default();
        for (index, origin) in cors_origins.iter().enumerate() {
            if !is_origin(origin) {
                errors.add_with(format!("/cors_origins/{index}"), FieldCode::InvalidUrl, origin);
            }
        }
        let contact_types = input.contact_types.clone().unwrap_or_default();
        for (index, kind) in contact_types.iter().enumerate() {
            if !is_key(kind) {
                errors.add_with(format!("/contact_types/{index}"), FieldCode::InvalidKey, kind);
            }
        }
        let meeting_radius_m = input.meeting_radius_m.unwrap_or(USUAL_RADIUS);
        let telephony = input.telephony.clone().unwrap_or_default();
        telephony.check("/telephony", &mut errors);
        let untouched_leads = input.untouched_leads.clone().unwrap_or_default();
        let working_calendar = input.working_calendar.clone().unwrap_or_default().checked("/working_calendar", &mut errors);
        let repeat_contact = input.repeat_contact.clone().unwrap_or_default();
        repeat_contact.check("/repeat_contact", &mut errors);
        let silent_after_days = input.silent_after_days.unwrap_or(SILENT_AFTER_DAYS);
        let event_retention_days = input.event_retention_days.unwrap_or(KEPT_DAYS);
        errors.finish()?;
        let policies = input.policies.clone().unwrap_or_default();
        Ok(if let Some(old) = previous {
            Self {
                name,
                country,
                time_zone,
                currency,
                languages,
                policies,
                contact_types,
                cors_origins,
                telephony,
                meeting_radius_m,
                untouched_leads,
                working_calendar,
                repeat_contact,
                silent_after_days,
                event_retention_days,
                recording_retention_days: input.recording_retention_days,
                ..old.clone()
            }
        } else {
            fresh!(Workspace, making.birth, {
                slug: slug(&name, making.birth.id),
                name: name,
                country: country,
                time_zone: time_zone,
                currency: currency,
                languages: languages,
                policies: policies,
                contact_types: contact_types,
                cors_origins: cors_origins,
                telephony: telephony,
                meeting_radius_m: meeting_radius_m,
                untouched_leads: untouched_leads,
                working_calendar: working_calendar,
                repeat_contact: repeat_contact,
                silent_after_days: silent_after_days,
                event_retention_days: event_retention_days,
                recording_retention_days: input.recording_retention_days,
            })
        })
    }

    fn references(&self) -> Vec<Reference> {
        let extensions = self.telephony.extensions.iter().enumerate();
        extensions
            .map(|(index, entry)| Reference::new(format!("/telephony/extensions/{index}/user_id"), RecordType::User, entry.user_id.uuid()))
            .collect()
    }
}

/// A short name from the full one, made unique by the end of the id.
fn slug(name: &str, id: uuid::Uuid) -> String {
    let base: String = text::fold(name).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let base = base.trim_matches('-');
    let tail: String = id.simple().to_string().chars().rev().take(6).collect();
    let base: String = base.chars().take(30).collect();
    if base.is_empty() { format!("w-{tail}") } else { format!("{base}-{tail}") }
}

/// Whether this is written like an ISO 3166 alpha-2 code.
pub fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())
}

/// Whether this is written like a BCP 47 language, `ru`, `uk`, `en-GB`.
pub fn is_language(code: &str) -> bool {
    let mut parts = code.split('-');
    parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()))
        && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
        && code.len() <= 20
}

/// Whether this is a key: lower snake_case, 1 to 50 characters.
pub fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 50
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether this is a web origin: scheme, host, perhaps a port, nothing after.
pub fn is_origin(origin: &str) -> bool {
    let Some(host) = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) else { return false };
    !host.is_empty() && origin.len() <= 300 && !host.contains(['/', '?', '#', '@', ' ', ',', '*'])
}

/// Whether this is an http or https address.
pub fn is_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'))
    }) && url.len() <= 2000
}

fn default_zone(country: &str) -> &'static str {
    match country {
        "RU" => "Europe/Moscow",
        "UA" => "Europe/Kyiv",
        "KZ" => "Asia/Almaty",
        "BY" => "Europe/Minsk",
        "DE" => "Europe/Berlin",
        "GB" => "Europe/London",
        _ => "UTC",
    }
}

fn default_currency(country: &str) -> &'static str {
    match country {
        "RU" => "RUB",
        "UA" => "UAH",
        "KZ" => "KZT",
        "BY" => "BYN",
        "GB" => "GBP",
        "US" => "USD",
        _ => "EUR",
    }
}

fn default_language(country: &str) -> &'static str {
    match country {
        "RU" | "BY" | "KZ" => "ru",
        "UA" => "uk",
        _ => "en",
    }
}
