//! By what a card is recognised and found, and how one card is filled from another.

use std::collections::BTreeSet;

use super::{Contact, Email, Identity, Messenger, Phone, point};
use crate::{phone, text};

impl Contact {
    /// Everything by which this card is recognised exactly, each once, in lock order.
    pub fn identities(&self) -> Vec<Identity> {
        identities(&self.phones, &self.emails, &self.messengers, None)
    }

    /// What lists are sorted by: nothing for a card without a name, since the phone it is shown by is not everybody's to see.
    pub fn sorted_by(&self) -> &str {
        if self.is_nameless() { "" } else { &self.display_name }
    }

    fn is_nameless(&self) -> bool {
        self.last_name.is_none() && self.first_name.is_none() && self.middle_name.is_none()
    }

    /// What `q` searches: folded names, digits, addresses.
    pub fn search_text(&self) -> String {
        search_text(
            &[
                Some(&self.display_name),
                self.last_name.as_ref(),
                self.first_name.as_ref(),
                self.middle_name.as_ref(),
                self.external_id.as_ref(),
            ],
            &self.phones,
            &self.emails,
            &self.messengers,
        )
    }

    /// Fills what this card lacks from an input, overwriting nothing: what `attach` does.
    /// Contact points and lists are added to, single values are taken only where there is none.
    pub fn filled_from(&self, other: &Contact) -> Contact {
        let mut filled = self.clone();
        let take = |mine: &mut Option<String>, theirs: &Option<String>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        let named = other.last_name.is_some() || other.first_name.is_some();
        if self.is_nameless() && named {
            filled.display_name.clone_from(&other.display_name);
            filled.last_name.clone_from(&other.last_name);
            filled.first_name.clone_from(&other.first_name);
            filled.middle_name.clone_from(&other.middle_name);
        }
        take(&mut filled.external_id, &other.external_id);
        take(&mut filled.status, &other.status);
        take(&mut filled.position, &other.position);
        take(&mut filled.preferred_channel, &other.preferred_channel);
        take(&mut filled.convenient_hours, &other.convenient_hours);
        take(&mut filled.language, &other.language);
        take(&mut filled.time_zone, &other.time_zone);
        take(&mut filled.comment, &other.comment);
        filled.company_id = filled.company_id.or(other.company_id);
        filled.owner_id = filled.owner_id.or(other.owner_id);
        filled.source_id = filled.source_id.or(other.source_id);
        filled.birthday = filled.birthday.or(other.birthday);
        if filled.address.is_none() {
            filled.address.clone_from(&other.address);
        }
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
        for messenger in &other.messengers {
            let key = point::messenger_key(&messenger.network, &messenger.handle);
            if !filled.messengers.iter().any(|m| point::messenger_key(&m.network, &m.handle) == key) {
                filled.messengers.push(Messenger { primary: filled.messengers.is_empty(), ..messenger.clone() });
            }
        }
        for (mine, theirs) in [(&mut filled.tags, &other.tags), (&mut filled.interests, &other.interests)] {
            for word in theirs {
                if !mine.iter().any(|m| text::fold(m) == text::fold(word)) {
                    mine.push(word.clone());
                }
            }
        }
        filled
    }
}

/// Identities of a card's contact points and tax id, sorted, each once.
pub fn identities(phones: &[Phone], emails: &[Email], messengers: &[Messenger], tax_id: Option<&str>) -> Vec<Identity> {
    let mut all: Vec<Identity> = phones
        .iter()
        .map(|p| Identity::phone(&p.e164))
        .chain(emails.iter().map(|e| Identity::email(&e.value)))
        .chain(messengers.iter().map(|m| Identity::messenger(&m.network, &m.handle)))
        .chain(tax_id.map(Identity::tax_id))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The folded text `q` looks into, each distinct word once.
pub fn search_text(names: &[Option<&String>], phones: &[Phone], emails: &[Email], messengers: &[Messenger]) -> String {
    let mut words: BTreeSet<String> = BTreeSet::new();
    for name in names.iter().flatten() {
        for word in text::fold(name).split(' ') {
            words.insert(word.to_owned());
        }
    }
    let mut all: Vec<String> = words.into_iter().filter(|w| !w.is_empty()).collect();
    for entry in phones {
        all.push(entry.e164.trim_start_matches('+').to_owned());
        let typed = phone::digits(&entry.value);
        if !entry.e164.ends_with(&typed) {
            all.push(typed);
        }
    }
    all.extend(emails.iter().map(|e| text::fold(&e.value)));
    all.extend(messengers.iter().map(|m| text::fold(&m.handle)));
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::ActorRef,
        contact::{EmailInput, NewContact, PhoneInput},
        invalid::FieldErrors,
        record::{Birth, Made, Making},
    };
    use std::cell::Cell;
    use uuid::Uuid;

    fn made(input: &NewContact, previous: Option<&Contact>) -> Result<Contact, FieldErrors> {
        let birth = Birth { id: Uuid::from_u128(1), at: "2026-11-22T10:00:00Z".parse().unwrap(), by: ActorRef::system() };
        let next = Cell::new(previous.map_or(100, |_| 200));
        let fresh = || {
            next.set(next.get() + 1);
            Uuid::from_u128(next.get())
        };
        Contact::make(input, previous, &Making { birth: &birth, workspace: None, fresh_id: &fresh, asker: None })
    }
    fn phone(value: &str) -> PhoneInput {
        PhoneInput { value: Some(value.into()), ..PhoneInput::default() }
    }
    fn anna() -> Contact {
        let phones = vec![phone("8 (912) 345-67-89"), phone("+7 495 123-45-67")];
        made(&NewContact { display_name: Some("Анна Ахматова".into()), phones: Some(phones), ..NewContact::default() }, None).unwrap()
    }

    #[test]
    fn one_name_is_split_and_numbers_are_normalised() {
        let anna = anna();
        assert_eq!((anna.last_name.as_deref(), anna.first_name.as_deref()), (Some("Ахматова"), Some("Анна")));
        assert_eq!(anna.phones[0].e164, "+79123456789");
        assert_eq!(anna.phones.iter().map(|p| p.primary).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn new_parts_change_the_name_shown_and_a_new_name_changes_the_parts() {
        let anna = anna();
        let married = made(&NewContact { last_name: Some("Гумилёва".into()), ..anna.input() }, Some(&anna)).unwrap();
        assert_eq!(married.display_name, "Гумилёва Анна");
        let renamed = made(&NewContact { display_name: Some("Горенко Анна Андреевна".into()), ..anna.input() }, Some(&anna)).unwrap();
        assert_eq!(renamed.last_name.as_deref(), Some("Горенко"));
        assert_eq!(renamed.middle_name.as_deref(), Some("Андреевна"));
    }

    #[test]
    fn a_record_made_from_its_own_input_is_the_same_record() {
        let anna = anna();
        assert_eq!(made(&anna.input(), Some(&anna)).unwrap(), anna);
    }

    #[test]
    fn a_known_entry_keeps_what_the_list_leaves_out_and_a_missing_one_goes() {
        let anna = anna();
        let kept = PhoneInput { id: Some(anna.phones[1].id), label: Some(Some("office".into())), ..PhoneInput::default() };
        let after = made(&NewContact { phones: Some(vec![kept]), ..anna.input() }, Some(&anna)).unwrap();
        assert_eq!(after.phones.len(), 1);
        assert_eq!(after.phones[0].e164, "+74951234567");
        assert_eq!(after.phones[0].label.as_deref(), Some("office"));
        assert!(after.phones[0].primary);
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let input = NewContact {
            phones: Some(vec![phone("12")]),
            emails: Some(vec![EmailInput { value: Some("a@b".into()), ..EmailInput::default() }]),
            time_zone: Some("Mars/Olympus".into()),
            ..NewContact::default()
        };
        let pointers: Vec<String> = made(&input, None).unwrap_err().0.into_iter().map(|e| e.pointer).collect();
        assert_eq!(pointers, ["/phones/0/value", "/emails/0/value", "/time_zone"]);
    }

    #[test]
    fn a_card_of_nothing_is_refused() {
        assert_eq!(made(&NewContact::default(), None).unwrap_err().0[0].pointer, "/display_name");
    }

    #[test]
    fn attaching_fills_and_never_overwrites() {
        let anna = anna();
        let other = made(
            &NewContact {
                position: Some("Поэт".into()),
                phones: Some(vec![phone("+7 912 345 67 89"), phone("+7 903 111-22-33")]),
                ..NewContact::default()
            },
            None,
        )
        .unwrap();
        let filled = anna.filled_from(&other);
        assert_eq!(filled.display_name, anna.display_name);
        assert_eq!(filled.position.as_deref(), Some("Поэт"));
        assert_eq!(filled.phones.len(), 3);
    }
}
