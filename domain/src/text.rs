//! Text as people type it: cleaned for keeping, folded for searching, keyed for sorting.
//!
//! Refuses nothing: each function answers for every string. It does not decide what a name, an address or a
//! number is (those rooms are `person_name`, `email` and `phone`), and it does not transliterate.

use unicode_normalization::UnicodeNormalization;

/// A sort key is never longer than this many bytes, so that it fits every index.
const LONGEST_KEY: usize = 200;

/// Sorts after every letter of every script: the key of a text without letters and digits.
const LAST: char = '\u{10FFFD}';

/// Stands between words in a sort key; above the level separator, so that «Иванов» precedes «Иванов Анна».
const WORD_GAP: char = '!';

/// Stands between the first level of a sort key and what only breaks ties.
const LEVEL: char = ' ';

/// The union of the Russian and Ukrainian alphabets in dictionary order, with the Belarusian and Kazakh letters
/// at their places. «ё» is absent: at the first level it is «е».
const CYRILLIC_ORDER: &str = "аәбвгґғдеєжзиіїйкқлмнңоөпрстуўұүфхһцчшщъыьэюя";

/// Zeros of the runs of ten decimal digits (general category Nd of Unicode 17).
const ZEROS: &[u32] = &[
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20, 0x1040, 0x1090,
    0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA,
    0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50, 0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0,
    0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
];

/// The ASCII digit of a decimal digit of any script: `٣` is `3`, `３` is `3`; `²` and `Ⅻ` are no digits.
pub fn decimal_digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return c.is_ascii_digit().then_some(c);
    }
    let code = u32::from(c);
    let zero = ZEROS.partition_point(|&zero| zero <= code).checked_sub(1).and_then(|at| ZEROS.get(at))?;
    char::from_digit(code - zero, 10)
}

/// For searching: two texts that a reader takes for the same fold to the same string.
///
/// NFKC, lower case, «ё» as «е», «ґ» as «г», apostrophes gone, every dash `-`, Latin letters without their marks,
/// stress marks gone, one space between words. «й» and «ї» stay themselves. `fold(fold(x)) == fold(x)`.
pub fn fold(text: &str) -> String {
    let mut folded = fold_once(text);
    // Removing a mark may let its neighbours compose; a second pass settles all but contrived strings.
    for _ in 0..8 {
        let again = fold_once(&folded);
        if again == folded {
            break;
        }
        folded = again;
    }
    folded
}

fn fold_once(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Apostrophes go before NFKC, which would turn the spacing acute into a space with a mark.
    let lowered = lower(text.chars().filter(|&c| !is_apostrophe(c)));
    for c in lowered.chars() {
        match c {
            'ё' | 'ѐ' => folded.push('е'),
            'ѝ' => folded.push('и'),
            'ґ' => folded.push('г'),
            'ς' => folded.push('σ'),
            _ if is_apostrophe(c) || is_mark(c) || is_invisible(c) => {}
            _ if is_dash(c) => folded.push('-'),
            _ if c.is_whitespace() => folded.push(' '),
            _ if c.is_control() => {}
            _ => push_plain(&mut folded, c),
        }
    }
    one_spaced(&folded)
}

/// For sorting bytewise (`memcmp`, collation C): digits, Latin, Cyrillic, other scripts; without letters last.
///
/// The Cyrillic order serves Russian and Ukrainian at once. Case and punctuation do not count; «ё», diacritics and
/// punctuation only break ties. At most 200 bytes, never empty, never with U+0000.
pub fn sort_key(text: &str) -> String {
    let lowered = lower(clean_line(text).chars());
    let mut key = String::with_capacity(lowered.len() + 16);
    let mut exact = true;
    for c in lowered.chars() {
        let before = key.len();
        if c.is_whitespace() {
            if !key.is_empty() && !key.ends_with(WORD_GAP) {
                key.push(WORD_GAP);
            }
            continue;
        }
        if let Some(digit) = decimal_digit(c) {
            key.push(digit);
        } else if let Some(weight) = cyrillic_weight(c) {
            key.push(weight);
            exact &= !matches!(c, 'ё' | 'ѐ' | 'ѝ');
            continue;
        } else if c.is_alphanumeric() {
            push_plain(&mut key, c);
        }
        exact &= key.get(before..).is_some_and(|added| added.chars().eq([c]));
    }
    key.truncate(key.trim_end_matches(WORD_GAP).len());
    if key.is_empty() {
        key.push(LAST);
    }
    if !exact {
        key.push(LEVEL);
        key.extend(lowered.chars().filter(|c| !c.is_control()));
    }
    cut(&mut key, LONGEST_KEY);
    key
}

/// A part of a name as it stands within the [`sort_key`] of the whole.
pub fn sort_word(word: &str) -> String {
    let key = sort_key(word);
    key.split(LEVEL).next().unwrap_or_default().to_owned()
}

/// For keeping a text of several lines: trimmed, NFC, without control, zero-width and direction characters.
///
/// `\n` and `\t` stay; other line ends become `\n`.
pub fn clean(text: &str) -> String {
    let unified = text.replace("\r\n", "\n");
    let composed: String = unified
        .chars()
        .map(|c| if matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') { '\n' } else { c })
        .filter(|&c| matches!(c, '\n' | '\t') || is_joiner(c) || !(c.is_control() || is_invisible(c)))
        .nfc()
        .collect();
    // at an end, or beside a letter of ours, a joiner only makes two equal-looking texts differ
    let ours = |c: Option<&char>| {
        c.is_none_or(|c| c.is_ascii() || matches!(c, 'а'..='я' | 'А'..='Я' | 'ё' | 'Ё' | 'і' | 'ї' | 'є' | 'ґ' | 'І' | 'Ї' | 'Є' | 'Ґ'))
    };
    let letters: Vec<char> = composed.trim_matches(|c: char| c.is_whitespace() || is_joiner(c)).chars().collect();
    let kept = letters.iter().enumerate().filter(|(at, c)| {
        !is_joiner(**c) || !(ours(at.checked_sub(1).and_then(|before| letters.get(before))) || ours(letters.get(at + 1)))
    });
    kept.map(|(_, c)| *c).collect()
}

/// For keeping a text of one line: [`clean`] with every run of whitespace made one space.
pub fn clean_line(text: &str) -> String {
    one_spaced(&clean(text))
}

/// Zero-width and direction characters: they make two equal-looking texts differ and never carry meaning here.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Joiners carry meaning between two other characters: in emoji of several, in Persian and Indic names.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Every character that keyboards and word processors put where an apostrophe is meant.
pub(crate) fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '`' | '´' | '‘' | '’' | '‛' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | '′' | '＇')
}

/// Hyphens, dashes and the minus sign.
pub(crate) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{58A}' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}')
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}')
}

/// NFKC of the lower case. Letter by letter: `str::to_lowercase` makes sigma depend on its place in the word.
fn lower(text: impl Iterator<Item = char>) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

/// Pushes a lower-case letter without its diacritics where it is Latin, else as it is.
fn push_plain(to: &mut String, c: char) {
    let spelt = match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ŧ' => "t",
        _ => "",
    };
    if !spelt.is_empty() {
        to.push_str(spelt);
        return;
    }
    match std::iter::once(c).nfd().next() {
        Some(base) if base.is_ascii_alphabetic() => to.push(base),
        _ => to.push(c),
    }
}

/// A letter of the Cyrillic order as a character of its place: U+0400 and on, above every Latin letter.
fn cyrillic_weight(c: char) -> Option<char> {
    let letter = match c {
        'ё' | 'ѐ' => 'е',
        'ѝ' => 'и',
        _ => c,
    };
    let place = CYRILLIC_ORDER.chars().position(|known| known == letter)?;
    char::from_u32(0x400 + u32::try_from(place).ok()?)
}

fn one_spaced(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn cut(text: &mut String, longest: usize) {
    let end = (0..=longest.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn in_order(texts: &[&str]) {
        for pair in texts.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            assert!(sort_key(a) < sort_key(b), "{a:?} {:?} must precede {b:?} {:?}", sort_key(a), sort_key(b));
        }
    }

    #[test]
    fn folding_forgives_what_people_type_differently() {
        for (typed, folded) in [
            ("  Алёна   ОРЁЛ ", "алена орел"),
            ("Лук’яненко", "лукяненко"),
            ("Лук`яненко", "лукяненко"),
            ("Лук´яненко", "лукяненко"),
            ("Ґалаґан", "галаган"),
            ("Йосип Їжакевич", "йосип їжакевич"),
            ("и\u{306}од", "йод"),
            ("Ива\u{301}н", "иван"),
            ("José Peña-Łoś", "jose pena-los"),
            ("Groß Straße", "gross strasse"),
            ("İstanbul", "istanbul"),
            ("ＡＢＣ　１２", "abc 12"),
            ("Петрова–Водкина", "петрова-водкина"),
            ("a\u{200B}b\u{0}c\u{AD}d", "abcd"),
            ("", ""),
        ] {
            assert_eq!(fold(typed), folded, "{typed:?}");
        }
    }

    #[test]
    fn the_two_alphabets_sort_as_one() {
        in_order(&[
            "а", "б", "в", "г", "ґ", "д", "е", "ё", "є", "ж", "з", "и", "і", "ї", "й", "к", "л", "м", "н", "о", "п", "р", "с", "т", "у",
            "ф", "х", "ц", "ч", "ш", "щ", "ъ", "ы", "ь", "э", "ю", "я",
        ]);
        in_order(&["Жук", "Іваненко", "Їжак", "Йовенко", "Яценко"]);
        in_order(&["Гринь", "Ґудзь", "Дяк"]);
    }

    #[test]
    fn digits_then_latin_then_cyrillic_then_nothing() {
        in_order(&["1С", "24 часа", "Adams", "Zoë", "Αθήνα", "Абаев", "Ящук", "北京", "---", "😀"]);
        assert!(sort_key("") > sort_key("яяя"));
        assert!(!sort_key("").is_empty());
    }

    #[test]
    fn ties_only_count_after_letters() {
        in_order(&["елка", "ёлка", "елки"]);
        in_order(&["Иванов", "Иванов Анна", "Иванова"]);
        in_order(&["resume", "RÉSUMÉ", "resumes"]);
        assert_eq!(sort_key("ИВАНОВ"), sort_key("иванов"));
        assert!(sort_key("«Ромашка»") > sort_key("Ромашка") && sort_key("«Ромашка»") < sort_key("Ромашки"));
    }

    #[test]
    fn a_long_key_is_cut_at_a_letter() {
        let key = sort_key(&"щ".repeat(500));
        assert!(key.len() <= 200 && key.len() >= 198);
    }

    #[test]
    fn cleaning_keeps_lines_and_tabs_only() {
        assert_eq!(clean(" \u{FEFF}a\u{0}\u{7}b\r\nc\td\u{202E} "), "ab\nc\td");
        assert_eq!(clean("и\u{306}"), "й");
        assert_eq!(clean_line("  a\n\n b\u{A0}\u{2009}c\t"), "a b c");
    }

    #[test]
    fn decimal_digits_of_every_script_are_digits() {
        assert_eq!(decimal_digit('٣'), Some('3'));
        assert_eq!(decimal_digit('९'), Some('9'));
        assert_eq!(decimal_digit('９'), Some('9'));
        assert_eq!(decimal_digit('²'), None);
        assert!(ZEROS.is_sorted());
    }

    proptest! {
        #[test]
        fn fold_is_idempotent(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn fold_is_idempotent_for_marks_and_hangul(text in "[\u{300}-\u{345}\u{400}-\u{45F}\u{1100}-\u{11C2}a-zÀ-ž '´‍]{0,24}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn clean_is_idempotent(text in any::<String>()) {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
            let line = clean_line(&text);
            prop_assert_eq!(clean_line(&line), line);
        }

        #[test]
        fn a_sort_key_is_short_and_never_empty(text in any::<String>()) {
            let key = sort_key(&text);
            prop_assert!(!key.is_empty() && key.len() <= 200 && !key.contains('\0'));
            prop_assert!(key.as_str() <= sort_key("").as_str() || key.starts_with(LAST));
        }

        #[test]
        fn case_does_not_sort(text in "[а-яёіїєґa-z '-]{0,30}") {
            prop_assert_eq!(sort_key(&text), sort_key(&text.to_uppercase()));
        }
    }
}
