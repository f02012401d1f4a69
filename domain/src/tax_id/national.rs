//! Russian INN and the two Ukrainian numbers.
//!
//! Refuses numbers of zeros: their checksums agree, but nobody has them. The twelve-digit Ukrainian VAT payer's
//! number is refused too: its check digit has no published rule, and every such payer has an EDRPOU.

use super::{TaxId, TaxIdKind, TaxIdProblem, numbers, weighted};
use crate::text;

/// INN: order ММВ-7-6/435 of the Federal Tax Service. A KPP pasted behind a slash or space is dropped.
pub(super) fn russian(body: &str) -> Result<TaxId, TaxIdProblem> {
    let value = without_kpp(body);
    let digits = numbers(&value).filter(|digits| digits.iter().any(|&d| d != 0)).ok_or(TaxIdProblem::BadFormat)?;
    let check = |weights: &[u32]| weighted(&digits, weights) % 11 % 10;
    let last_is = |from_end: usize, wanted: u32| digits.iter().rev().nth(from_end) == Some(&wanted);
    let agrees = match digits.len() {
        10 => last_is(0, check(&[2, 4, 10, 3, 5, 9, 4, 6, 8])),
        12 => last_is(1, check(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8])) && last_is(0, check(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8])),
        _ => return Err(TaxIdProblem::BadFormat),
    };
    answer(agrees, TaxIdKind::Inn, value)
}

/// EDRPOU of a company by its eight digits, RNOKPP of a person by its ten.
pub(super) fn ukrainian(plain: &str) -> Result<TaxId, TaxIdProblem> {
    let digits = numbers(plain).filter(|digits| digits.iter().any(|&d| d != 0)).ok_or(TaxIdProblem::BadFormat)?;
    let last = digits.last().copied();
    match digits.len() {
        8 => answer(Some(edrpou_check(&digits)) == last, TaxIdKind::Edrpou, plain.to_owned()),
        10 => {
            // The first weight is −1; 10 is the same modulo 11.
            let sum = weighted(&digits, &[10, 5, 7, 9, 4, 6, 10, 5, 7]);
            answer(Some(sum % 11 % 10) == last, TaxIdKind::Rnokpp, plain.to_owned())
        }
        _ => Err(TaxIdProblem::BadFormat),
    }
}

/// Codes between 30 and 60 million start their weights at seven; a remainder of ten is computed anew with weights
/// greater by two.
fn edrpou_check(digits: &[u32]) -> u32 {
    let code = digits.iter().fold(0, |code, digit| code * 10 + digit);
    let weights: [u32; 7] = if (30_000_000..=60_000_000).contains(&code) { [7, 1, 2, 3, 4, 5, 6] } else { [1, 2, 3, 4, 5, 6, 7] };
    let first = weighted(digits, &weights) % 11;
    if first < 10 { first } else { weighted(digits, &weights.map(|weight| weight + 2)) % 11 % 10 }
}

fn without_kpp(body: &str) -> String {
    let parts: Vec<String> = body
        .split(|c: char| c.is_whitespace() || matches!(c, '/' | '\\' | ','))
        .map(|part| part.chars().filter(|&c| !text::is_dash(c)).map(|c| text::decimal_digit(c).unwrap_or(c)).collect())
        .filter(|part: &String| !part.is_empty() && part != "КПП" && part != "кпп" && part != "КПП:")
        .collect();
    match parts.as_slice() {
        [inn, kpp] if matches!(inn.len(), 10 | 12) && kpp.len() == 9 => inn.clone(),
        _ => parts.concat(),
    }
}

fn answer(agrees: bool, kind: TaxIdKind, value: String) -> Result<TaxId, TaxIdProblem> {
    if agrees { Ok(TaxId { kind, value }) } else { Err(TaxIdProblem::BadChecksum) }
}
