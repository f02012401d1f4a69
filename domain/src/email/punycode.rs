//! Decoding of one `xn--` label (RFC 3492), so that `пример.рф` and `xn--e1afmkfd.xn--p1ai` are one domain.
//!
//! Refuses a label that overflows or holds other characters than the standard names. Encoding is the mailer's work.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_BIAS: u32 = 72;
const FIRST_CODE: u32 = 0x80;

/// The Unicode form of a label given without its `xn--`; `None` when it is not punycode.
pub(super) fn decode(encoded: &str) -> Option<String> {
    let (basic, extended) = encoded.rsplit_once('-').unwrap_or(("", encoded));
    if extended.is_empty() {
        return None;
    }
    let mut letters: Vec<char> = basic.chars().collect();
    let (mut code, mut at, mut bias) = (FIRST_CODE, 0_u32, FIRST_BIAS);
    let mut digits = extended.chars().map(digit);
    while let Some(first) = digits.next() {
        let started_at = at;
        let (mut next, mut weight, mut k) = (Some(first), 1_u32, BASE);
        loop {
            let value = next??;
            at = at.checked_add(value.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
            if value < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            k += BASE;
            next = digits.next();
        }
        let length = u32::try_from(letters.len()).ok()?.checked_add(1)?;
        bias = adapt(at - started_at, length, started_at == 0);
        code = code.checked_add(at / length)?;
        at %= length;
        letters.insert(usize::try_from(at).ok()?, char::from_u32(code)?);
        at += 1;
    }
    Some(letters.into_iter().collect())
}

fn digit(c: char) -> Option<u32> {
    match c.to_ascii_lowercase() {
        letter @ 'a'..='z' => Some(u32::from(letter) - u32::from('a')),
        figure @ '0'..='9' => Some(u32::from(figure) - u32::from('0') + 26),
        _ => None,
    }
}

fn adapt(delta: u32, length: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / length;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn samples_decode() {
        for (encoded, label) in [
            ("e1afmkfd", "пример"),
            ("p1ai", "рф"),
            ("j1amh", "укр"),
            ("mnchen-3ya", "münchen"),
            ("bcher-kva", "bücher"),
            ("fiqs8s", "中国"),
        ] {
            assert_eq!(decode(encoded).as_deref(), Some(label), "{encoded}");
        }
        for broken in ["", "a-", "9999999999", "ё", "a_b"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
