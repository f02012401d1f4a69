//! VAT numbers of the European Union, Northern Ireland (XI) and Great Britain.
//!
//! Forms are those of the European Commission's VIES. A checksum is applied only where its rule is published and
//! without exceptions known to us; otherwise the form decides (persons of Bulgaria, Czechia and Latvia, French keys
//! with letters, Spanish numbers in K, L and M). Refuses a known form whose check digits disagree.

use super::{TaxIdProblem, numbers, weighted};

/// The prefix a country's VAT numbers bear; empty where there are none.
pub(super) fn prefix(country: &str) -> &str {
    match country {
        "GR" => "EL",
        "AT" | "BE" | "BG" | "CY" | "CZ" | "DE" | "DK" | "EE" | "EL" | "ES" | "FI" | "FR" | "GB" | "HR" | "HU" | "IE" | "IT" | "LT"
        | "LU" | "LV" | "MT" | "NL" | "PL" | "PT" | "RO" | "SE" | "SI" | "SK" | "XI" => country,
        _ => "",
    }
}

/// The normalised number if it has the form of one, `None` if it has not, an error if its checksum disagrees.
pub(super) fn judge(plain: &str) -> Result<Option<String>, TaxIdProblem> {
    let Some((head, body)) = plain.split_at_checked(2) else { return Ok(None) };
    let (head, mut body) = (prefix(head), body.to_owned());
    if head == "BE" && body.len() == 9 {
        // Numbers given before 2005 have nine digits; a zero made them ten.
        body.insert(0, '0');
    }
    if !body.is_ascii() {
        return Ok(None);
    }
    match verdict(head, &body) {
        None => Ok(None),
        Some(false) => Err(TaxIdProblem::BadChecksum),
        Some(true) => Ok(Some(format!("{head}{body}"))),
    }
}

/// `None`: not of the country's form; else whether the checksum agrees (or there is none).
fn verdict(country: &str, body: &str) -> Option<bool> {
    match country {
        "AT" => austria(&numbers(body.strip_prefix('U')?)?),
        "CY" => cyprus(body),
        "ES" => spain(body),
        "FR" => france(body),
        "IE" => ireland(body),
        "NL" => netherlands(body),
        "GB" | "XI" if body.len() == 5 && (body.starts_with("GD") || body.starts_with("HA")) => numbers(body.get(2..)?).map(|_| true),
        "" => None,
        _ => digits_only(country, &numbers(body)?),
    }
}

fn digits_only(country: &str, d: &[u32]) -> Option<bool> {
    if d.iter().all(|&digit| digit == 0) {
        return None;
    }
    let first = d.first().copied()?;
    let last = d.last().copied()?;
    let agrees = match (country, d.len()) {
        ("BE", 10) if first <= 1 => 97 - number(d.get(..8)?) % 97 == number(d.get(8..)?),
        ("BG", 9) => {
            let sum = weighted(d, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
            last == if sum == 10 { weighted(d, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10 } else { sum }
        }
        ("CZ", 8) if first != 9 => last == (11 - weighted(d, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 10,
        ("BG", 10) | ("CZ", 9 | 10) => true,
        ("LV", 11) if first <= 3 => true, // a person's code; those given since 2017 bear no checksum
        ("DE", 9) if first != 0 => iso_7064_mod_11_10(d),
        ("DK", 8) if first != 0 => weighted(d, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11),
        ("EE", 9) => weighted(d, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10),
        ("EL", 9) => last == weighted(d, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10,
        ("FI", 8) => weighted(d, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11),
        ("HR", 11) => iso_7064_mod_11_10(d),
        ("HU", 8) => weighted(d, &[9, 7, 3, 1, 9, 7, 3, 1]).is_multiple_of(10),
        ("IT", 11) => luhn(d),
        ("LT", 9 | 12) => lithuania(d)?,
        ("LU", 8) => number(d.get(..6)?) % 89 == number(d.get(6..)?),
        ("LV", 11) => weighted(d, &[9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1]) % 11 == 3,
        ("MT", 8) => weighted(d, &[3, 4, 6, 7, 8, 9, 10, 1]).is_multiple_of(37),
        ("PL", 10) => last == weighted(d, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11,
        ("PT", 9) if first != 0 => {
            let check = 11 - weighted(d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            last == if check > 9 { 0 } else { check }
        }
        ("RO", 2..=10) if first != 0 => {
            let weights: Vec<u32> = [7, 5, 3, 2, 1, 7, 5, 3, 2].into_iter().skip(10 - d.len()).collect();
            last == weighted(d, &weights) * 10 % 11 % 10
        }
        ("SE", 12) if number(d.get(10..)?) > 0 => luhn(d.get(..10)?),
        ("SI", 8) if first != 0 => match 11 - weighted(d, &[8, 7, 6, 5, 4, 3, 2]) % 11 {
            10 => last == 0,
            check => last == check,
        },
        ("SK", 10) if first != 0 && matches!(d.get(2), Some(2..=4 | 7..=9)) => {
            d.iter().fold(0, |rest, digit| (rest * 10 + digit) % 11) == 0
        }
        ("GB" | "XI", 9 | 12) => {
            // Numbers given since 2009 have the checksum shifted by 55.
            let sum = weighted(d, &[8, 7, 6, 5, 4, 3, 2, 10, 1]) % 97;
            sum == 0 || sum == 42
        }
        _ => return None,
    };
    Some(agrees)
}

fn number(digits: &[u32]) -> u32 {
    digits.iter().fold(0, |number, digit| number * 10 + digit)
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |d: u32| if d > 4 { 2 * d - 9 } else { 2 * d };
    let sum: u32 = digits.iter().rev().enumerate().map(|(i, &d)| if i % 2 == 1 { doubled(d) } else { d }).sum();
    sum.is_multiple_of(10)
}

fn iso_7064_mod_11_10(digits: &[u32]) -> bool {
    let Some((last, head)) = digits.split_last() else { return false };
    let product = head.iter().fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (product + last) % 10 == 1
}

fn austria(d: &[u32]) -> Option<bool> {
    let last = d.last().filter(|_| d.len() == 8)?;
    let sum: u32 = d.iter().take(7).enumerate().map(|(i, &d)| if i % 2 == 1 { d / 5 + 2 * d % 10 } else { d }).sum();
    Some((10 - (sum + 4) % 10) % 10 == *last)
}

fn cyprus(body: &str) -> Option<bool> {
    let (digits, letter) = body.split_at_checked(8)?;
    let digits = numbers(digits)?;
    let letter = one_letter(letter)?;
    let odd = |d: u32| [1, 0, 5, 7, 9, 13, 15, 17, 19, 21].into_iter().nth(d as usize);
    let mut sum = 0;
    for (i, &digit) in digits.iter().enumerate() {
        sum += if i % 2 == 0 { odd(digit)? } else { digit };
    }
    Some(u32::from(letter) - u32::from('A') == sum % 26)
}

/// Persons by the DNI letter (modulo 23), companies by the control digit or its letter; others by form.
fn spain(body: &str) -> Option<bool> {
    if body.len() != 9 {
        return None;
    }
    let first = body.chars().next()?;
    let last = body.chars().last()?;
    let middle = body.get(1..8)?;
    let d = numbers(middle)?;
    let dni_letter = |number: u32| "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth((number % 23) as usize);
    match first {
        '0'..='9' if last.is_ascii_alphabetic() => Some(dni_letter(number(&numbers(body.get(..8)?)?)) == Some(last)),
        'X' | 'Y' | 'Z' if last.is_ascii_alphabetic() => {
            let leading = u32::from(first) - u32::from('X');
            Some(dni_letter(leading * 10_000_000 + number(&d)) == Some(last))
        }
        'K' | 'L' | 'M' if last.is_ascii_alphabetic() => Some(true),
        'A'..='H' | 'J' | 'N' | 'P'..='S' | 'U' | 'V' | 'W' => {
            let doubled = |d: u32| if d > 4 { 2 * d - 9 } else { 2 * d };
            let sum: u32 = d.iter().enumerate().map(|(i, &d)| if i % 2 == 0 { doubled(d) } else { d }).sum();
            let check = (10 - sum % 10) % 10;
            Some(last.to_digit(10) == Some(check) || "JABCDEFGHI".chars().nth(check as usize) == Some(last))
        }
        _ => None,
    }
}

/// SIREN by Luhn, and the key where it is of digits; Monaco's numbers (000) have no SIREN.
fn france(body: &str) -> Option<bool> {
    let (key, siren) = body.split_at_checked(2)?;
    let siren = numbers(siren).filter(|siren| siren.len() == 9)?;
    if key.contains(['I', 'O']) || !key.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let company = siren.starts_with(&[0, 0, 0]) || luhn(&siren);
    let key_agrees = numbers(key).is_none_or(|key| number(&key) == (12 + 3 * (number(&siren) % 97)) % 97);
    Some(company && key_agrees)
}

fn ireland(body: &str) -> Option<bool> {
    let letter = |at: usize| body.chars().nth(at);
    let table = |c: char| "WABCDEFGHIJKLMNOPQRSTUV".chars().position(|known| known == c);
    if !matches!(body.len(), 8 | 9) {
        return None;
    }
    let second = letter(1)?;
    // Before 2013 the second place could hold a letter (or sign, lost here); its number then moves.
    let digits = if second.is_ascii_digit() {
        numbers(body.get(..7)?)?
    } else {
        let mut moved = numbers(body.get(2..7)?)?;
        moved.insert(0, 0);
        moved.push(letter(0)?.to_digit(10)?);
        moved
    };
    let check = letter(7).filter(char::is_ascii_uppercase)?;
    let extra = letter(8).map_or(Some(0), |c| table(c).filter(|_| c != 'W'))?;
    let sum = weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) + u32::try_from(extra).ok()? * 9;
    Some(table(check) == usize::try_from(sum % 23).ok())
}

fn lithuania(d: &[u32]) -> Option<bool> {
    let (last, head) = d.split_last()?;
    if head.last() != Some(&1) {
        return None;
    }
    let sum = |shift: u32| head.iter().zip(shift..).map(|(d, i)| d * (1 + i % 9)).sum::<u32>() % 11;
    Some(*last == if sum(0) == 10 { sum(2) % 10 } else { sum(0) })
}

/// Companies by the elevenfold test, sole traders (since 2020) modulo 97 of the whole with letters as 10–35.
fn netherlands(body: &str) -> Option<bool> {
    let (digits, branch) = body.split_at_checked(9)?;
    let d = numbers(digits)?;
    numbers(branch.strip_prefix('B')?).filter(|branch| branch.len() == 2 && number(branch) > 0)?;
    let eleven = d.last() == Some(&(weighted(&d, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11));
    let mut rest = 0;
    for c in "NL".chars().chain(body.chars()) {
        let value = c.to_digit(36)?;
        rest = (if value > 9 { rest * 100 } else { rest * 10 } + value) % 97;
    }
    Some(eleven || rest == 1)
}

fn one_letter(text: &str) -> Option<char> {
    let mut letters = text.chars();
    letters.next().filter(|c| c.is_ascii_uppercase() && letters.next().is_none())
}
