//! Tax numbers of companies and people: recognised, normalised and checked by their checksum where one exists.
//!
//! Refuses a number whose digits contradict each other; that is almost always a typing slip. Does not ask any
//! register: a number accepted here may belong to nobody.

mod national;
mod vat;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text;

/// Far more than the longest number with its label and separators.
const LONGEST: usize = 100;

/// Labels that are pasted together with the number, folded; longer ones first, since one may begin another.
const LABELS: &[&str] = &[
    "идентификационный номер",
    "ідентифікаційний номер",
    "инн/кпп",
    "код єдрпоу",
    "код едрпоу",
    "єдрпоу",
    "едрпоу",
    "рнокпп",
    "edrpou",
    "rnokpp",
    "инн",
    "ипн",
    "іпн",
    "inn",
    "окпо",
    "ust-idnr",
    "ust-id",
    "p.iva",
    "vat id",
    "vat number",
    "vat no",
    "vat",
    "tax id",
    "tin",
    "nip",
    "tva",
    "код",
];

/// Which register issued a tax number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxIdKind {
    /// Russian taxpayer number, ten digits of a company or twelve of a person.
    Inn,
    /// Ukrainian register of companies, eight digits.
    Edrpou,
    /// Ukrainian taxpayer card of a person, ten digits.
    Rnokpp,
    /// VAT number of a country of the European Union, of Northern Ireland or of Great Britain, with its prefix.
    Vat,
    /// Anything else; kept without a check.
    Other,
}

/// A tax number that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct TaxId {
    /// Which register issued it.
    pub kind: TaxIdKind,
    /// Upper case, without spaces and separators; a VAT number with its country prefix.
    pub value: String,
}

/// Why a string is no tax number of the country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaxIdProblem {
    /// Nothing visible was typed.
    Empty,
    /// Not of the form the country's numbers have.
    BadFormat,
    /// Of the right form, but its check digits do not agree with the rest.
    BadChecksum,
}

/// Reads a tax number as a company or person of `country` (ISO 3166 alpha-2) has it.
///
/// A VAT number with its prefix is recognised in every country. Where no rule is known, four to twenty letters,
/// digits and hyphens with at least one digit are taken as they are.
pub fn parse(typed: &str, country: &str) -> Result<TaxId, TaxIdProblem> {
    if typed.chars().count() > LONGEST {
        return Err(TaxIdProblem::BadFormat);
    }
    let line = text::clean_line(typed);
    let body = without_label(&line);
    if body.is_empty() {
        return Err(if line.is_empty() { TaxIdProblem::Empty } else { TaxIdProblem::BadFormat });
    }
    let country = country.trim().to_ascii_uppercase();
    let plain = plain(body);
    match vat::judge(&plain) {
        Ok(Some(value)) => return Ok(TaxId { kind: TaxIdKind::Vat, value }),
        Err(problem) => return Err(problem),
        Ok(None) => {}
    }
    match country.as_str() {
        "RU" => national::russian(body),
        "UA" => national::ukrainian(&plain),
        _ => match vat::judge(&format!("{}{plain}", vat::prefix(&country))) {
            Ok(Some(value)) => Ok(TaxId { kind: TaxIdKind::Vat, value }),
            Err(problem) => Err(problem),
            Ok(None) => other(body),
        },
    }
}

fn without_label(line: &str) -> &str {
    let mut body = line.trim();
    for label in LABELS {
        // Folding can change lengths, so the label is sought letter by letter in the text as it is.
        let length = label.chars().count();
        let head: String = body.chars().take(length).flat_map(char::to_lowercase).collect();
        let mut tail = body.chars().skip(length);
        let ends_word = tail.next().is_none_or(|next| !next.is_alphabetic());
        if head == *label && ends_word {
            let at = body.char_indices().nth(length).map_or(body.len(), |(at, _)| at);
            body = body.get(at..).unwrap_or_default();
        }
    }
    body.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '№' | '#' | '=' | '-' | '.' | ',' | ';'))
}

/// Letters and digits only, upper case, digits in ASCII.
fn plain(body: &str) -> String {
    body.chars().filter_map(|c| text::decimal_digit(c).or_else(|| c.is_alphanumeric().then_some(c))).flat_map(char::to_uppercase).collect()
}

fn other(body: &str) -> Result<TaxId, TaxIdProblem> {
    let mut value = String::new();
    for c in body.chars() {
        match text::decimal_digit(c) {
            Some(digit) => value.push(digit),
            None if c.is_alphanumeric() => value.extend(c.to_uppercase()),
            None if text::is_dash(c) => value.push('-'),
            None if c.is_whitespace() || matches!(c, '.' | '/') => {}
            None => return Err(TaxIdProblem::BadFormat),
        }
    }
    let value = value.trim_matches('-').to_owned();
    let fits = (4..=20).contains(&value.chars().count()) && value.contains(|c: char| c.is_ascii_digit());
    if fits { Ok(TaxId { kind: TaxIdKind::Other, value }) } else { Err(TaxIdProblem::BadFormat) }
}

/// The digits as numbers; `None` when anything else is among them.
fn numbers(text: &str) -> Option<Vec<u32>> {
    text.chars().map(|c| c.to_digit(10)).collect()
}

/// Σ digit × weight, as far as the weights go.
fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

#[cfg(test)]
mod tests;
