//! Upper and lower case in names: «ИВАНОВ» and «иванов» become «Иванов», what is mixed stays as it was typed.
//!
//! Refuses to touch a word that has both cases: its writer knew why.

use super::endings;
use crate::text;

/// The word as it is to be shown.
pub(super) fn shown(word: &str) -> String {
    let letters = || word.chars().filter(|c| c.is_alphabetic());
    let one_case = letters().all(|c| !c.is_lowercase()) || letters().all(|c| !c.is_uppercase());
    if !one_case || is_kept_capitals(word) {
        return word.to_owned();
    }
    word.split('-').map(part).collect::<Vec<_>>().join("-")
}

/// «jr» as «Jr», «iii» as «III», «мл.» as it is.
pub(super) fn suffix(word: &str) -> String {
    let lower = word.to_lowercase();
    match lower.trim_end_matches('.') {
        "ii" | "iii" | "iv" => lower.to_uppercase(),
        "jr" | "sr" => titled(&lower),
        _ => lower,
    }
}

/// «И.», «J» and other single letters are in order in capitals; in small letters they are titled as words.
fn is_kept_capitals(word: &str) -> bool {
    word.chars().filter(|c| c.is_alphabetic()).count() < 2 && !word.chars().any(char::is_lowercase)
}

/// A word between hyphens.
fn part(word: &str) -> String {
    let lower = word.to_lowercase();
    let folded = text::fold(word);
    if endings::is_particle(&folded) || endings::is_ogly(&folded) || matches!(folded.as_str(), "аль" | "эль" | "al" | "el") {
        return lower;
    }
    if let Some((head, tail)) = lower.split_once(text::is_apostrophe)
        && let Some(apostrophe) = lower.chars().nth(head.chars().count())
    {
        // О'Генри, Д'Артаньян, O'Brien; but Лук'ян and Д'яченко, where Ukrainian parts a consonant from я, ю, є, ї.
        let prefix = head.chars().count() == 1 && !tail.starts_with(['я', 'ю', 'є', 'ї']);
        let tail = if prefix { titled(tail) } else { tail.to_owned() };
        return format!("{}{apostrophe}{tail}", titled(head));
    }
    match lower.strip_prefix("mc") {
        Some(clan) if clan.chars().count() >= 3 && clan.is_ascii() => format!("Mc{}", titled(clan)),
        _ => titled(&lower),
    }
}

fn titled(lower: &str) -> String {
    let mut letters = lower.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
