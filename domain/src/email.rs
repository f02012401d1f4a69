//! E-mail addresses: one address out of a typed or pasted string, and the form in which two of them are compared.
//!
//! Refuses what no mail can be sent to from a CRM though RFC 5321 would let it pass: quoted local parts, IP
//! literals, hosts without a dot; and display names, which belong in the name field. Whether the mailbox exists is
//! not known here.

mod punycode;

use std::net::Ipv4Addr;

use email_address::{EmailAddress, Options};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::text;

/// RFC 5321, 4.5.3.1.3: a path is 256 octets with its brackets.
const LONGEST: usize = 254;

/// An address that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email {
    /// As it was typed and is to be shown: trimmed, the domain in lower case.
    pub address: String,
    /// For matching: NFKC, lower case, the domain in Unicode letters, `gmail.com` for `googlemail.com`. Dots and
    /// `+tag` stay: elsewhere than at Gmail they make another mailbox.
    pub normalised: String,
}

/// Why a string is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EmailProblem {
    /// Nothing visible was typed.
    Empty,
    /// More than 254 octets.
    TooLong,
    /// Not one address of the form `local@domain.tld`.
    NotAnAddress,
}

/// Reads one address, forgiving what comes along when it is pasted: `mailto:`, `<…>`, invisible characters, full-width
/// letters, a trailing dot or comma.
pub fn parse(typed: &str) -> Result<Email, EmailProblem> {
    // Far more than an address with its wrapping can be; keeps the work bounded.
    if typed.len() > 4 * LONGEST {
        return Err(EmailProblem::TooLong);
    }
    let visible: String = typed.chars().filter(|&c| !text::is_invisible(c)).map(ascii_sign).collect();
    let bare = unwrapped(&visible);
    if bare.is_empty() {
        return Err(EmailProblem::Empty);
    }
    if bare.len() > LONGEST {
        return Err(EmailProblem::TooLong);
    }
    let (local, domain) = bare.split_once('@').ok_or(EmailProblem::NotAnAddress)?;
    let local: String = local.nfc().collect();
    let domain = lower(domain);
    let address = format!("{local}@{domain}");
    check(&address, &local, &domain)?;

    let local = lower(&local);
    let domain = readable(&domain).ok_or(EmailProblem::NotAnAddress)?;
    let domain = if domain == "googlemail.com" { "gmail.com".to_owned() } else { domain };
    let normalised = format!("{local}@{domain}");
    // NFKC and punycode can bring forth characters that were not there before.
    check(&normalised, &local, &domain)?;
    Ok(Email { address, normalised })
}

/// The signs an East Asian keyboard puts for `@` and `.`; NFKC of the whole would do more than the shown form allows.
fn ascii_sign(c: char) -> char {
    match c {
        '＠' | '﹫' => '@',
        '．' | '。' | '｡' => '.',
        _ => c,
    }
}

fn unwrapped(typed: &str) -> &str {
    let mut bare = typed;
    loop {
        let before = bare;
        bare = bare.trim().trim_end_matches(['.', ',', ';']);
        if bare.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:")) {
            bare = bare.get(7..).unwrap_or_default();
            bare = bare.split_once('?').map_or(bare, |(address, _)| address);
        }
        if let Some(inner) = bare.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            bare = inner;
        }
        if bare == before {
            return bare;
        }
    }
}

fn check(address: &str, local: &str, domain: &str) -> Result<(), EmailProblem> {
    if address.len() > LONGEST {
        return Err(EmailProblem::TooLong);
    }
    let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
    let sound = EmailAddress::parse_with_options(address, options).is_ok() && is_local(local) && is_domain(domain);
    if sound { Ok(()) } else { Err(EmailProblem::NotAnAddress) }
}

/// A dot-atom of RFC 5322 with the letters of RFC 6532; no quotes, since no form asks for them on purpose.
fn is_local(local: &str) -> bool {
    local.len() <= 64
        && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(|c| is_letter(c) || "!#$%&'*+-/=?^_`{|}~".contains(c)))
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c == '-' || is_letter(c))
    };
    domain.split('.').all(is_label)
        && domain.parse::<Ipv4Addr>().is_err()
        && domain.rsplit('.').next().is_some_and(|tld| tld.chars().count() >= 2 && !tld.chars().all(char::is_numeric))
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// The domain with its `xn--` labels in Unicode, so that both spellings of one domain match.
fn readable(domain: &str) -> Option<String> {
    let labels: Option<Vec<String>> =
        domain.split('.').map(|label| label.strip_prefix("xn--").map_or_else(|| Some(label.to_owned()), punycode::decode)).collect();
    Some(lower(&labels?.join(".")))
}

fn lower(text: &str) -> String {
    let mut lowered: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    // One pass is not always stable: «İ» becomes two characters, the second of which may compose anew.
    for _ in 0..4 {
        let again: String = lowered.chars().flat_map(char::to_lowercase).nfkc().collect();
        if again == lowered {
            break;
        }
        lowered = again;
    }
    lowered
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(typed: &str) -> (String, String) {
        let email = parse(typed).unwrap_or_else(|problem| panic!("{typed:?}: {problem:?}"));
        (email.address, email.normalised)
    }

    #[test]
    fn what_people_paste_is_accepted() {
        for (typed, address) in [
            ("anna@example.com", "anna@example.com"),
            ("  Anna.Ivanova@Example.COM ", "Anna.Ivanova@example.com"),
            ("mailto:anna@example.com?subject=Hi", "anna@example.com"),
            ("MAILTO:anna@example.com", "anna@example.com"),
            ("<anna@example.com>", "anna@example.com"),
            ("<mailto:anna@example.com>,", "anna@example.com"),
            ("anna@example.com.", "anna@example.com"),
            ("anna@example.com;", "anna@example.com"),
            ("\u{FEFF}anna@\u{200B}example.com\u{200E}", "anna@example.com"),
            ("anna+crm@example.co.uk", "anna+crm@example.co.uk"),
            ("o'brien_1@mail-host.io", "o'brien_1@mail-host.io"),
            ("почта@Пример.РФ", "почта@пример.рф"),
            ("пошта@приклад.укр", "пошта@приклад.укр"),
            ("anna＠example。com", "anna@example.com"),
            ("a@b.museum", "a@b.museum"),
            ("1@2.ru", "1@2.ru"),
            ("user@sub.domain.example.org", "user@sub.domain.example.org"),
            ("info@xn--e1afmkfd.xn--p1ai", "info@xn--e1afmkfd.xn--p1ai"),
        ] {
            assert_eq!(both(typed).0, address, "{typed:?}");
        }
    }

    #[test]
    fn spellings_of_one_mailbox_match() {
        assert_eq!(both("Anna@GoogleMail.com").1, "anna@gmail.com");
        assert_eq!(both("a.n.n.a+x@gmail.com").1, "a.n.n.a+x@gmail.com");
        assert_eq!(both("info@xn--e1afmkfd.xn--p1ai").1, both("INFO@ПРИМЕР.РФ").1);
        assert_eq!(both("info@xn--mnchen-3ya.de").1, both("info@münchen.de").1);
        assert_eq!(both("ａnna@example.com").1, "anna@example.com");
    }

    #[test]
    fn what_no_mail_reaches_is_refused() {
        for typed in [
            "a@b",
            "anna",
            "anna@",
            "@example.com",
            "anna@@example.com",
            "a@b@c.com",
            "Anna <anna@example.com>",
            "\"Anna\" <anna@example.com>",
            "anna @example.com",
            "anna@exam ple.com",
            "an na@example.com",
            "a@example.com, b@example.com",
            "a@example.com b@example.com",
            "anna@[127.0.0.1]",
            "anna@127.0.0.1",
            "anna@1.2.3.4",
            "anna@-example.com",
            "anna@example-.com",
            "anna@example.com-",
            "anna@example.123",
            "anna@example.c",
            "anna@.com",
            "anna@example..com",
            ".anna@example.com",
            "anna.@example.com",
            "an..na@example.com",
            "\"an na\"@example.com",
            "an\0na@example.com",
            "anna@exa_mple.com",
            "anna@localhost",
            "anna@example,com",
            "anna(work)@example.com",
            "anna@example.com/path",
            "http://example.com",
            "test",
            "anna@xn--zzzzzzz999999999.com",
            "anna@example.com\nbcc:x@example.com",
            "anna;@example.com",
        ] {
            assert_eq!(parse(typed), Err(EmailProblem::NotAnAddress), "{typed:?}");
        }
        for typed in ["", "  ", "\u{200B}", "<>", "mailto:", ".", "\n"] {
            assert_eq!(parse(typed), Err(EmailProblem::Empty), "{typed:?}");
        }
    }

    #[test]
    fn length_counts_octets() {
        let domain = format!("{}.{}.{}.com", "b".repeat(60), "c".repeat(60), "d".repeat(60));
        assert!(parse(&format!("{}@{domain}", "a".repeat(64))).is_ok());
        assert_eq!(parse(&format!("{}@{domain}", "a".repeat(65))), Err(EmailProblem::NotAnAddress));
        let long = format!("{}.{domain}", "e".repeat(60));
        assert_eq!(parse(&format!("aaaaaaaaaa@{long}")), Err(EmailProblem::TooLong));
        assert_eq!(parse(&"a".repeat(100_000)), Err(EmailProblem::TooLong));
    }

    proptest! {
        #[test]
        fn no_string_panics(typed in any::<String>()) {
            let _ = parse(&typed);
        }

        #[test]
        fn parsing_twice_changes_nothing(typed in "[ <]{0,2}(mailto:)?[\\PC]{0,3}[a-zA-Zа-яё0-9._+-]{1,12}@[a-zA-ZА-яßİςﬁ0-9.-]{1,16}\\.(com|рф|xn--p1ai|Бел|de)[>., ]{0,2}") {
            if let Ok(email) = parse(&typed) {
                let again = parse(&email.address).unwrap();
                prop_assert_eq!(&again, &email);
                prop_assert_eq!(parse(&email.normalised).unwrap().normalised, email.normalised);
            }
        }

        #[test]
        fn case_and_wrapping_do_not_matter(local in "[a-z0-9]{1,10}", domain in "[a-z]{1,10}\\.(ru|com|com\\.ua)") {
            let plain = parse(&format!("{local}@{domain}")).unwrap();
            let shouted = parse(&format!(" <{}@{}>, ", local.to_uppercase(), domain.to_uppercase())).unwrap();
            prop_assert_eq!(plain.normalised, shouted.normalised);
        }
    }
}
