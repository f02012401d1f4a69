//! Phone numbers: what a person typed or pasted, in E.164 with its extension.
//!
//! A number is accepted only when it is *valid* by libphonenumber's metadata, not merely of a possible length: a
//! number that cannot be called is worse in a CRM than a question asked at once. Refuses short and local numbers
//! without an area code (`345-67-89`, `112`) and numbers spelt in letters (`1-800-FLOWERS`). A metadata update may
//! make a refused new range valid; stored numbers are never judged again.

mod scan;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, Region};

use crate::text;
use scan::{Link, Run};

/// A field with more characters than this is a text that mentions a number, not a number.
const LONGEST: usize = 100;

/// A text given to [`parse_all`] is read up to this many characters.
const LONGEST_LIST: usize = 2000;

/// Fifteen digits of E.164, five of an international prefix dialled before them.
const MOST_DIGITS: usize = 20;

/// Countries where 8 is, or was within the memory of those who type, the long-distance prefix: eleven digits that
/// start with it are no Japanese or Vietnamese number there.
const TRUNK_8: &[&str] = &["RU", "KZ", "UA", "BY", "TM", "UZ", "KG", "TJ", "AZ", "AM", "GE", "MD", "LT"];

/// A number that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phone {
    /// `+` and up to fifteen digits (ITU-T E.164).
    pub e164: String,
    /// The digits dialled after the connection, with their leading zeros.
    pub extension: Option<String>,
}

/// Why a string is no phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PhoneProblem {
    /// Nothing visible was typed.
    Empty,
    /// More than a hundred characters.
    TooLong,
    /// No valid number was found.
    NotAPhone,
}

/// The first valid number of what was typed, `country` (ISO 3166 alpha-2) giving its calling code when it has none.
pub fn parse(typed: &str, country: &str) -> Result<Phone, PhoneProblem> {
    if typed.chars().all(|c| c.is_whitespace() || c.is_control() || text::is_invisible(c)) {
        return Err(PhoneProblem::Empty);
    }
    if typed.chars().count() > LONGEST {
        return Err(PhoneProblem::TooLong);
    }
    parse_all(typed, country).into_iter().next().ok_or(PhoneProblem::NotAPhone)
}

/// Every valid number of what was typed, in its order, each once: «+7912…, 8 913… доб. 5 или +380…».
pub fn parse_all(typed: &str, country: &str) -> Vec<Phone> {
    let head: String = typed.chars().take(LONGEST_LIST).collect();
    let runs = scan::runs(&head);
    let country = Country::of(country);
    let mut phones: Vec<Phone> = Vec::new();
    let mut rest = runs.as_slice();
    while let Some((found, taken)) = numbers_at_start(rest, &country) {
        rest = rest.get(taken..).unwrap_or_default();
        let extension = rest.first().and_then(extension);
        if !found.is_empty() && extension.is_some() {
            rest = rest.get(1..).unwrap_or_default();
        }
        let last = found.len();
        for (nth, e164) in found.into_iter().enumerate() {
            // An extension belongs to the number right before it.
            let phone = Phone { e164, extension: extension.clone().filter(|_| nth + 1 == last) };
            if !phones.contains(&phone) {
                phones.push(phone);
            }
        }
    }
    phones
}

/// ASCII digits of the decimal digits of any script, everything else dropped: for searching by a part of a number.
pub fn digits(text: &str) -> String {
    text.chars().filter_map(text::decimal_digit).collect()
}

/// Loads the metadata and compiles its expressions, so that the first request does not wait some 30 ms for it.
pub fn warm() {
    for (typed, country) in [("89123456789", "RU"), ("0501234567", "UA"), ("87011234567", "KZ"), ("+14155552671", "US")] {
        let _ = parse(typed, country);
    }
}

/// The numbers that the first runs make, and how many runs that took; `None` when there are no runs left.
fn numbers_at_start(runs: &[Run], country: &Country) -> Option<(Vec<String>, usize)> {
    let first = runs.first()?;
    if let Some(e164) = country.number(&first.digits(), first.plus) {
        return Some((vec![e164], 1));
    }
    // A slash or comma may have been a mere separator of groups: «495/123-45-67», «030/1234567».
    let mut joined = first.digits();
    for (more, run) in runs.iter().enumerate().skip(1).take(4) {
        if !matches!(run.link, Link::Slash | Link::Comma) || run.plus {
            break;
        }
        joined.push_str(&run.digits());
        if let Some(e164) = country.number(&joined, first.plus) {
            return Some((vec![e164], more + 1));
        }
    }
    // Two numbers with nothing but a space between them; only when both halves are numbers.
    let two = (1..first.groups.len()).find_map(|at| {
        let (head, tail) = first.groups.split_at_checked(at)?;
        Some(vec![country.number(&head.concat(), first.plus)?, country.number(&tail.concat(), false)?])
    });
    Some((two.unwrap_or_default(), 1))
}

/// The run as an extension of the number before it: named as one, or a few digits after a comma (a dialling pause).
fn extension(run: &Run) -> Option<String> {
    let digits = run.digits();
    let fits = match run.link {
        Link::Extension => digits.len() <= 9,
        Link::Comma => digits.len() <= 6 && !run.before_word,
        Link::Break | Link::Slash => false,
    };
    (fits && !run.plus).then_some(digits)
}

/// The country whose habits of dialling apply.
struct Country {
    region: Option<Region>,
    ukrainian: bool,
    trunk_8: bool,
}

impl Country {
    fn of(code: &str) -> Self {
        let code = code.trim().to_ascii_uppercase();
        Self {
            region: Region::from_code(&code).ok().filter(|_| code.len() == 2),
            ukrainian: code == "UA",
            trunk_8: TRUNK_8.contains(&code.as_str()),
        }
    }

    /// The valid number these digits are, tried from the surest reading to the least sure.
    fn number(&self, digits: &str, plus: bool) -> Option<String> {
        if !(5..=MOST_DIGITS).contains(&digits.len()) {
            return None;
        }
        if plus {
            return valid(&format!("+{digits}"), None)
                .or_else(|| abroad(digits.strip_prefix("00")?))
                // «+8 912 …», «+050 …»: a plus before a national number, typed because the form seemed to want one.
                .or_else(|| self.national(digits).filter(|_| digits.starts_with(['0', '8'])));
        }
        abroad(digits.strip_prefix("00").unwrap_or_default())
            .or_else(|| self.own_code_without_plus(digits))
            .or_else(|| self.national(digits))
            .or_else(|| self.foreign_without_plus(digits))
    }

    /// «4915112345678» in Germany, where libphonenumber would rather see a line in Papenburg without its zero.
    fn own_code_without_plus(&self, digits: &str) -> Option<String> {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(self.region?)?.to_string();
        if digits.len() >= 11 && digits.starts_with(&code) { abroad(digits) } else { None }
    }

    fn national(&self, digits: &str) -> Option<String> {
        // «8 050 …»: until 2009 Ukraine dialled 8 before the zero of the area code.
        let soviet = || valid(&format!("+380{}", digits.strip_prefix("80")?), None);
        valid(digits, Some(self.region?)).or_else(|| if self.ukrainian && digits.len() == 11 { soviet() } else { None })
    }

    /// A calling code without its plus. Fewer than eleven digits are rather a national number with a digit missing.
    fn foreign_without_plus(&self, digits: &str) -> Option<String> {
        let national_mistyped = self.trunk_8 && digits.len() == 11 && digits.starts_with('8');
        if digits.len() < 11 || national_mistyped {
            // «8 10 …», the international prefix of the same countries, is longer than eleven digits.
            return None;
        }
        abroad(digits).or_else(|| if self.trunk_8 { abroad(digits.strip_prefix("810")?) } else { None })
    }
}

fn abroad(digits: &str) -> Option<String> {
    if digits.is_empty() { None } else { valid(&format!("+{digits}"), None) }
}

fn valid(number: &str, region: Option<Region>) -> Option<String> {
    let number = PhoneNumber::parse(number, region).ok()?;
    number.is_valid().then(|| number.format_as(PhoneNumberFormat::E164).into_owned())
}

#[cfg(test)]
mod tests;
