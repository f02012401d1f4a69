//! Contact points: phones, e-mails, messenger handles. Kept as typed and in the form they are matched by.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{
    email,
    id::PointId,
    invalid::{FieldCode, FieldErrors, line},
    phone,
    record::Making,
};

words! {
    /// Kind of a contact point.
    pub enum PointKind {
        /// A phone number.
        Phone = "phone",
        /// An e-mail address.
        Email = "email",
        /// A messenger or network handle.
        Messenger = "messenger",
    }
}

words! {
    /// Whether a contact point works.
    pub enum Validity {
        /// Nobody knows.
        Unknown = "unknown",
        /// Somebody answered there.
        Valid = "valid",
        /// Mail came back.
        Bounced = "bounced",
        /// Nobody can be reached there.
        Unreachable = "unreachable",
    }
}

/// A phone number of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Phone {
    /// Id of this entry.
    #[schema(required = true)]
    pub id: PointId,
    /// As it was typed.
    #[schema(required = true)]
    pub value: String,
    /// The number in E.164.
    #[schema(required = true)]
    pub e164: String,
    /// Extension.
    #[schema(required = true)]
    pub extension: Option<String>,
    /// What it is for: work, mobile, own words.
    #[schema(required = true)]
    pub label: Option<String>,
    /// Whether it is the one to use first.
    #[schema(required = true)]
    pub primary: bool,
    /// Whether it works.
    #[schema(required = true)]
    pub validity: Validity,
}

/// An e-mail address of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Email {
    /// Id of this entry.
    #[schema(required = true)]
    pub id: PointId,
    /// The address.
    #[schema(required = true)]
    pub value: String,
    /// What it is for.
    #[schema(required = true)]
    pub label: Option<String>,
    /// Whether it is the one to use first.
    #[schema(required = true)]
    pub primary: bool,
    /// Whether it works.
    #[schema(required = true)]
    pub validity: Validity,
}

/// A messenger or network handle of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Messenger {
    /// Id of this entry.
    #[schema(required = true)]
    pub id: PointId,
    /// Network: telegram, whatsapp, viber, vk, …
    #[schema(required = true)]
    pub network: String,
    /// Handle in it.
    #[schema(required = true)]
    pub handle: String,
    /// What it is for.
    #[schema(required = true)]
    pub label: Option<String>,
    /// Whether it is the one to use first.
    #[schema(required = true)]
    pub primary: bool,
    /// Whether it works.
    #[schema(required = true)]
    pub validity: Validity,
}

/// Tells null from absent: what is left out of a known entry stays, null clears it.
#[expect(clippy::option_option, reason = "absent, null and a value are three things here")]
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The label after an input: as given, or as it was.
fn label(input: Option<&Option<String>>, old: Option<&Option<String>>) -> Option<String> {
    input.map_or_else(|| old.cloned().flatten(), |given| line(given.as_deref()))
}

macro_rules! point_input {
    ($(#[$meta:meta])* $name:ident, alone $alone:ident { $($(#[$fm:meta])* $field:ident : $ty:ty, max $max:tt);* $(;)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Id of an existing entry: what is left out keeps its value.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub id: Option<PointId>,
            $($(#[$fm])* #[validate(length(max = $max))] #[schema(max_length = $max)]
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $field: Option<$ty>,)*
            /// What it is for: work, mobile, own words; null clears it.
            #[validate(length(max = 50))]
            #[schema(max_length = 50, value_type = Option<String>)]
            #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
            pub label: Option<Option<String>>,
            /// Whether it is the one to use first; the first entry when none says so.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub primary: Option<bool>,
            /// Whether it works.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub validity: Option<Validity>,
        }

        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $alone {
            $($(#[$fm])* #[validate(length(max = $max))] #[schema(max_length = $max, required = true)]
            #[serde(default)]
            pub $field: Option<$ty>,)*
            /// What it is for: work, mobile, own words.
            #[validate(length(max = 50))]
            #[schema(max_length = 50)]
            #[serde(default)]
            pub label: Option<String>,
            /// Whether it is the one to use first.
            #[serde(default)]
            pub primary: Option<bool>,
            /// Whether it works.
            #[serde(default)]
            pub validity: Option<Validity>,
        }
        impl From<$alone> for $name {
            fn from(new: $alone) -> Self {
                Self { id: None, $($field: new.$field,)* label: Some(new.label), primary: new.primary, validity: new.validity }
            }
        }
    };
}
point_input!(
    /// A phone number to keep.
    PhoneInput, alone AddedPhone {
        /// The number as people write it.
        value: String, max 100;
    }
);
point_input!(
    /// An e-mail address to keep.
    EmailInput, alone AddedEmail {
        /// The address.
        value: String, max 320;
    }
);
point_input!(
    /// A messenger handle to keep.
    MessengerInput, alone AddedMessenger {
        /// Network: telegram, whatsapp, viber, vk, …
        network: String, max 30;
        /// Handle in it.
        handle: String, max 200;
    }
);

/// One contact point by which a card is recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Kind.
    pub kind: &'static str,
    /// Normalised value.
    pub value: String,
}

impl Identity {
    /// By a phone in E.164.
    pub fn phone(e164: &str) -> Self {
        Self { kind: "phone", value: e164.to_owned() }
    }
    /// By an e-mail address.
    pub fn email(address: &str) -> Self {
        Self { kind: "email", value: email::parse(address).map_or_else(|_| address.to_lowercase(), |e| e.normalised) }
    }
    /// By a handle in a network.
    pub fn messenger(network: &str, handle: &str) -> Self {
        Self { kind: "messenger", value: messenger_key(network, handle) }
    }
    /// By a tax id.
    pub fn tax_id(value: &str) -> Self {
        Self { kind: "tax_id", value: value.to_owned() }
    }
}

/// Handles are matched without `@`, case and the network's address in front.
pub fn messenger_key(network: &str, handle: &str) -> String {
    let handle = handle.trim().to_lowercase();
    let handle = handle.rsplit('/').next().unwrap_or_default().trim_start_matches('@');
    format!("{}:{handle}", network.trim().to_lowercase())
}

/// The common part of one entry.
trait Entry {
    fn id(&self) -> PointId;
    fn key(&self) -> String;
    fn primary(&mut self) -> &mut bool;
}
macro_rules! entry {
    ($ty:ty, $self:ident => $key:expr) => {
        impl Entry for $ty {
            fn id(&self) -> PointId {
                self.id
            }
            fn key(&self) -> String {
                let $self = self;
                $key
            }
            fn primary(&mut self) -> &mut bool {
                &mut self.primary
            }
        }
    };
}
entry!(Phone, p => format!("{}#{}", p.e164, p.extension.as_deref().unwrap_or_default()));
entry!(Email, e => Identity::email(&e.value).value);
entry!(Messenger, m => messenger_key(&m.network, &m.handle));

/// Keeps known entries (by id, or by what they hold), adds new ones, refuses ids of nobody; one entry is primary, the same one is not kept twice.
fn assemble<I, T: Entry + Clone>(
    pointer: &str,
    inputs: &[I],
    previous: &[T],
    id_of: impl Fn(&I) -> Option<PointId>,
    mut build: impl FnMut(&I, Option<&T>, &str, &mut FieldErrors) -> Option<(T, Option<bool>)>,
    errors: &mut FieldErrors,
) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(inputs.len());
    let mut wanted = None;
    for (index, input) in inputs.iter().enumerate() {
        let here = format!("{pointer}/{index}");
        let old = match id_of(input) {
            None => None,
            Some(id) => {
                let found = previous.iter().find(|entry| entry.id() == id);
                if found.is_none() {
                    errors.add(format!("{here}/id"), FieldCode::ReferenceNotFound);
                    continue;
                }
                found
            }
        };
        let built = build(input, old, &here, errors);
        // sent again without its id it is the same entry: an upsert that runs every night changes nothing
        let same = match (&built, old) {
            (Some((entry, _)), None) => previous.iter().find(|other| other.key() == entry.key()),
            _ => None,
        };
        let built = if same.is_some() { build(input, same, &here, errors) } else { built };
        if let Some((entry, primary)) = built
            && !kept.iter().any(|other| other.key() == entry.key() || other.id() == entry.id())
        {
            if primary == Some(true) {
                wanted = Some(entry.id());
            }
            kept.push(entry);
        }
    }
    let chosen = wanted.or_else(|| kept.iter_mut().find_map(|e| (*e.primary()).then(|| e.id()))).or_else(|| kept.first().map(Entry::id));
    for entry in &mut kept {
        let is_chosen = Some(entry.id()) == chosen;
        *entry.primary() = is_chosen;
    }
    kept
}

/// Phones of a card from their input; faults are noted with their pointers.
pub fn phones(inputs: &[PhoneInput], previous: &[Phone], making: &Making<'_>, errors: &mut FieldErrors) -> Vec<Phone> {
    assemble(
        "/phones",
        inputs,
        previous,
        |i| i.id,
        |input, old, here, errors| {
            let value = line(input.value.as_deref()).or_else(|| old.map(|o| o.value.clone()));
            let Some(value) = value else {
                errors.add(format!("{here}/value"), FieldCode::Required);
                return None;
            };
            let (e164, extension) = match old.filter(|o| o.value == value) {
                Some(same) => (same.e164.clone(), same.extension.clone()),
                None => {
                    if let Ok(parsed) = phone::parse(&value, making.country()) {
                        (parsed.e164, parsed.extension)
                    } else {
                        errors.add_with(format!("{here}/value"), FieldCode::InvalidPhone, &value);
                        return None;
                    }
                }
            };
            let phone = Phone {
                id: old.map_or_else(|| PointId::new((making.fresh_id)()), |o| o.id),
                value,
                e164,
                extension,
                label: label(input.label.as_ref(), old.map(|o| &o.label)),
                primary: input.primary.unwrap_or_else(|| old.is_some_and(|o| o.primary)),
                validity: input.validity.or(old.map(|o| o.validity)).unwrap_or(Validity::Unknown),
            };
            Some((phone, input.primary))
        },
        errors,
    )
}

/// E-mails of a card from their input.
pub fn emails(inputs: &[EmailInput], previous: &[Email], making: &Making<'_>, errors: &mut FieldErrors) -> Vec<Email> {
    assemble(
        "/emails",
        inputs,
        previous,
        |i| i.id,
        |input, old, here, errors| {
            let value = line(input.value.as_deref()).or_else(|| old.map(|o| o.value.clone()));
            let Some(value) = value else {
                errors.add(format!("{here}/value"), FieldCode::Required);
                return None;
            };
            let Ok(parsed) = email::parse(&value) else {
                errors.add_with(format!("{here}/value"), FieldCode::InvalidEmail, &value);
                return None;
            };
            let email = Email {
                id: old.map_or_else(|| PointId::new((making.fresh_id)()), |o| o.id),
                value: parsed.address,
                label: label(input.label.as_ref(), old.map(|o| &o.label)),
                primary: input.primary.unwrap_or_else(|| old.is_some_and(|o| o.primary)),
                validity: input.validity.or(old.map(|o| o.validity)).unwrap_or(Validity::Unknown),
            };
            Some((email, input.primary))
        },
        errors,
    )
}

/// Messengers of a card from their input.
pub fn messengers(inputs: &[MessengerInput], previous: &[Messenger], making: &Making<'_>, errors: &mut FieldErrors) -> Vec<Messenger> {
    assemble(
        "/messengers",
        inputs,
        previous,
        |i| i.id,
        |input, old, here, errors| {
            let network = line(input.network.as_deref()).or_else(|| old.map(|o| o.network.clone()));
            let handle = line(input.handle.as_deref()).or_else(|| old.map(|o| o.handle.clone()));
            if network.is_none() {
                errors.add(format!("{here}/network"), FieldCode::Required);
            }
            if handle.is_none() {
                errors.add(format!("{here}/handle"), FieldCode::Required);
            }
            let messenger = Messenger {
                id: old.map_or_else(|| PointId::new((making.fresh_id)()), |o| o.id),
                network: network?.to_lowercase(),
                handle: handle?,
                label: label(input.label.as_ref(), old.map(|o| &o.label)),
                primary: input.primary.unwrap_or_else(|| old.is_some_and(|o| o.primary)),
                validity: input.validity.or(old.map(|o| o.validity)).unwrap_or(Validity::Unknown),
            };
            Some((messenger, input.primary))
        },
        errors,
    )
}

impl From<&Phone> for PhoneInput {
    fn from(p: &Phone) -> Self {
        Self {
            id: Some(p.id),
            value: Some(p.value.clone()),
            label: Some(p.label.clone()),
            primary: Some(p.primary),
            validity: Some(p.validity),
        }
    }
}
impl From<&Email> for EmailInput {
    fn from(e: &Email) -> Self {
        Self {
            id: Some(e.id),
            value: Some(e.value.clone()),
            label: Some(e.label.clone()),
            primary: Some(e.primary),
            validity: Some(e.validity),
        }
    }
}
impl From<&Messenger> for MessengerInput {
    fn from(m: &Messenger) -> Self {
        Self {
            id: Some(m.id),
            network: Some(m.network.clone()),
            handle: Some(m.handle.clone()),
            label: Some(m.label.clone()),
            primary: Some(m.primary),
            validity: Some(m.validity),
        }
    }
}
