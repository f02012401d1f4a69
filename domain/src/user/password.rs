//! What a password may be: long enough, not among the common ones, not one's own name. No composition theatre (NIST SP
//! 800-63B, 3.1.1.2): nobody is asked for a digit and a capital.

use std::{collections::HashSet, sync::LazyLock};

use crate::invalid::{FieldCode, FieldErrors};

/// Fewest characters.
pub const SHORTEST: usize = 10;
/// Most characters.
pub const LONGEST: usize = 256;
/// What a guesser tries behind or before a common word: the rest beside one must be at least so long.
const REST: usize = 7;

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").lines().filter(|line| !line.starts_with('#')).collect());

/// Refuses a password that is short, huge, easily guessed or made of what is known of the person (`own`: address, name).
pub fn check_password(password: &str, own: &[&str], pointer: &str, errors: &mut FieldErrors) {
    let length = password.chars().count();
    if length > LONGEST {
        errors.add_with(pointer, FieldCode::TooLong, LONGEST.to_string());
        return;
    }
    let lower = password.to_lowercase();
    if length < SHORTEST || is_monotonous(&lower) || is_common(&lower) || is_own(&lower, own) {
        errors.add(pointer, FieldCode::WeakPassword);
    }
}

/// Few different characters, one short piece over and over, or a walk along the alphabet or the digits.
fn is_monotonous(lower: &str) -> bool {
    let letters: Vec<char> = lower.chars().collect();
    let different: HashSet<char> = letters.iter().copied().collect();
    let repeats = |unit: usize| letters.iter().zip(letters.iter().skip(unit)).all(|(a, b)| a == b);
    let steps = |by: i64| {
        letters.iter().zip(letters.iter().skip(1)).filter(|(a, b)| i64::from(u32::from(**b)) - i64::from(u32::from(**a)) == by).count()
    };
    let most = letters.len() * 3 / 4;
    different.len() < 4 || (1..SHORTEST.min(letters.len() / 2 + 1)).any(repeats) || steps(1) >= most || steps(-1) >= most
}

/// A common password, also on the other keyboard, with the usual replacements, or with little around it.
fn is_common(lower: &str) -> bool {
    let typed: String = lower.chars().map(latin_key).collect();
    [lower, &typed].into_iter().any(|text| {
        let core = text.trim_matches(|c: char| !c.is_alphabetic());
        let plain: String = core.chars().map(without_disguise).collect();
        let rest = text.chars().count().saturating_sub(core.chars().count());
        COMMON.contains(text) || (rest < REST && [core, &plain].into_iter().any(|word| COMMON.contains(word)))
    })
}

/// Little is left when the parts of address and name are taken away.
fn is_own(lower: &str, own: &[&str]) -> bool {
    let mut parts: Vec<String> = own
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|part| part.chars().count() > 3)
        .map(str::to_lowercase)
        .collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let rest = parts.iter().fold(lower.to_owned(), |rest, part| rest.replace(part.as_str(), ""));
    rest.len() < lower.len() && rest.chars().filter(|c| c.is_alphanumeric()).count() < REST
}

/// The Latin letter on the key of a Cyrillic one.
fn latin_key(c: char) -> char {
    const CYRILLIC: &str = "йцукенгшщзхъфывапролджэячсмитьбюёіїєґ";
    const LATIN: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`s]'\\";
    CYRILLIC.chars().position(|letter| letter == c).and_then(|at| LATIN.chars().nth(at)).unwrap_or(c)
}

/// The letter that a digit or sign stands for.
fn without_disguise(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(password: &str) -> Option<FieldCode> {
        let mut errors = FieldErrors::default();
        check_password(password, &["anna.petrova@example.com", "Анна Петрова"], "/password", &mut errors);
        errors.0.first().map(|error| error.code)
    }

    #[test]
    fn a_password_is_judged_by_length_and_commonness_not_by_composition() {
        for weak in [
            "short",
            "Password123",
            "P@ssw0rd2026",
            "aaaaaaaaaaaa",
            "anna12345",
            "1234567890",
            "98765432100",
            "abcdefghijkl",
            "парольпароль",
            "пароль2026",
            "йцукенгшщз",
            "gfhjkm12345",
            "qwertyuiop",
            "1q2w3e4r5t6y",
            "12:12:12:12:12",
            "kartoteka123",
            "!!!!football!!",
            "letmein1234",
        ] {
            assert_eq!(verdict(weak), Some(FieldCode::WeakPassword), "{weak}");
        }
        for good in [
            "correct horse battery",
            "зелёный слон спит",
            "ключ под ковриком 42",
            "xkcd-936-tr0ub4dor",
            "пароль от синего сундука",
            "7419-2086-3350",
        ] {
            assert_eq!(verdict(good), None, "{good}");
        }
    }

    #[test]
    fn one_s_own_name_and_address_are_no_password() {
        for weak in ["anna.petrova", "petrova1985", "Анна Петрова", "петрова_2026", "anna.petrova@example.com"] {
            assert_eq!(verdict(weak), Some(FieldCode::WeakPassword), "{weak}");
        }
        assert_eq!(verdict("петрова любит чай с мятой"), None);
    }

    #[test]
    fn length_counts_characters_up_to_256() {
        let spell = |count: usize| {
            "жил был пёс ".chars().cycle().zip('а'..).map(|(c, d)| if c == ' ' { d } else { c }).take(count).collect::<String>()
        };
        assert_eq!(verdict(&"щука и рак на горе ".repeat(20)[..0]), Some(FieldCode::WeakPassword));
        let long: String = (0..64).map(|n| format!("{:04}", n * n * 7919 % 10_000)).collect();
        assert_eq!(verdict(&long), None);
        assert_eq!(verdict(&format!("{long}x")), Some(FieldCode::TooLong));
        assert_eq!(spell(9).chars().count(), 9);
        assert_eq!(verdict(&spell(9)), Some(FieldCode::WeakPassword));
    }
}
