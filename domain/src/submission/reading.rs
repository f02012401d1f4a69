//! What an enquiry says. Reading never fails: what does not fit its field stays among the answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Posted, as_text, cut};
use crate::{
    email,
    form::{Form, FormFieldKind},
    phone, text,
};

/// An enquiry as understood from a submission.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Enquiry {
    /// The whole name.
    pub name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Middle name.
    pub middle_name: Option<String>,
    /// Phones, as typed; each is a phone number.
    pub phones: Vec<String>,
    /// E-mails; each is an address.
    pub emails: Vec<String>,
    /// Company.
    pub company: Option<String>,
    /// What the client wrote.
    pub comment: Option<String>,
    /// Everything else.
    pub answers: BTreeMap<String, Value>,
}

/// Names people give their fields when the form does not say what they mean.
const USUAL: &[(FormFieldKind, &[&str])] = &[
    (FormFieldKind::Name, &["name", "fullname", "full_name", "fio", "фио", "имя", "піб", "ім'я", "імя", "your-name", "username"]),
    (FormFieldKind::FirstName, &["first_name", "firstname", "first-name"]),
    (FormFieldKind::LastName, &["last_name", "lastname", "last-name", "surname", "фамилия", "прізвище"]),
    (FormFieldKind::MiddleName, &["middle_name", "middlename", "patronymic", "отчество"]),
    (FormFieldKind::Phone, &["phone", "tel", "telephone", "mobile", "телефон", "your-phone", "your-tel", "phone_number"]),
    (FormFieldKind::Email, &["email", "e-mail", "mail", "почта", "пошта", "your-email"]),
    (FormFieldKind::Company, &["company", "organization", "organisation", "компания", "компанія"]),
    (
        FormFieldKind::Comment,
        &[
            "comment",
            "comments",
            "message",
            "text",
            "question",
            "комментарий",
            "сообщение",
            "коментар",
            "повідомлення",
            "your-message",
            "textarea",
        ],
    ),
];

fn meaning(name: &str, form: &Form) -> FormFieldKind {
    if let Some(field) = form.fields.iter().find(|field| field.name == name) {
        return field.kind;
    }
    let folded = name.trim().to_lowercase();
    USUAL.iter().find(|(_, names)| names.contains(&folded.as_str())).map_or(FormFieldKind::Text, |(kind, _)| *kind)
}

/// Understands a submission. What does not fit its field (a phone that is none) stays among the answers.
pub fn understand(posted: &Posted, form: &Form, country: &str) -> Enquiry {
    let mut enquiry = Enquiry::default();
    for (name, value) in &posted.fields {
        if *name == form.honeypot_field || *name == form.start_field {
            continue;
        }
        let typed = as_text(value).map(|v| text::clean(&v)).filter(|v| !v.is_empty());
        let keep = |answers: &mut BTreeMap<String, Value>| {
            let name: String = text::clean_line(name).chars().take(100).collect();
            if answers.len() < crate::lead::MOST_ANSWERS {
                answers.insert(name, clean_value(value, 0));
            }
        };
        let Some(typed) = typed else {
            if !value.is_null() && *value != Value::String(String::new()) {
                keep(&mut enquiry.answers);
            }
            continue;
        };
        let short = || cut(&typed, 200);
        match meaning(name, form) {
            FormFieldKind::Name => enquiry.name = Some(short()),
            FormFieldKind::FirstName => enquiry.first_name = Some(short()),
            FormFieldKind::LastName => enquiry.last_name = Some(short()),
            FormFieldKind::MiddleName => enquiry.middle_name = Some(short()),
            FormFieldKind::Company => {
                enquiry.company = Some(short());
                keep(&mut enquiry.answers);
            }
            FormFieldKind::Comment => {
                let text: String = typed.chars().take(20_000).collect();
                enquiry.comment = Some(match enquiry.comment.take() {
                    Some(before) => format!("{before}\n{text}"),
                    None => text,
                });
            }
            FormFieldKind::Phone if phone::parse(&typed, country).is_ok() => enquiry.phones.push(cut(&typed, 100)),
            FormFieldKind::Email if email::parse(&typed).is_ok() => enquiry.emails.push(cut(&typed, 320)),
            _ => keep(&mut enquiry.answers),
        }
    }
    enquiry
}

/// A value without control characters, shallow and bounded.
fn clean_value(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) => Value::String(text::clean(text).chars().take(5000).collect()),
        Value::Array(items) if depth < 4 => items.iter().take(100).map(|v| clean_value(v, depth + 1)).collect(),
        Value::Object(map) if depth < 4 => {
            map.iter().take(100).map(|(k, v)| (text::clean_line(k), clean_value(v, depth + 1))).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(_) | Value::Object(_) => Value::Null,
        other => other.clone(),
    }
}

/// What was read, ready to be stored and shown: bounded, without control characters.
pub fn summary(posted: &Posted) -> BTreeMap<String, Value> {
    posted.fields.iter().take(200).map(|(k, v)| (text::clean_line(k).chars().take(100).collect(), clean_value(v, 0))).collect()
}
