//! Names of people: one typed string as last name, first name and patronymic (or middle name), and back.
//!
//! Answers for every string, since a wrong guess is corrected in a moment and a refusal is not; what cannot be told
//! goes where most people would put it. Refuses to guess genders, to translate and to correct spelling: letters are
//! only changed between upper and lower case, and only where the word was typed in one of them throughout.

mod capitals;
mod endings;
mod given_names;
mod order;
mod token;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::text;
use token::Token;

/// Far more than any name; the rest of a pasted page is not looked at.
const LONGEST: usize = 300;

/// What stands before a name and is no part of it, folded and without its full stop.
const TITLES: &str = "mr mrs ms miss mx dr prof professor doctor sir lady lord dame madam madame rev hon capt herr frau mme mlle
    г-н г-жа гн гжа господин госпожа гр гражданин гражданка громадянин громадянка тов товарищ товариш пан пані
    пани панна панове добродій добродійка д-р доктор проф профессор професор акад академик академік инж інж ип фоп
    адвокат нотариус нотаріус";

/// What stays with the last name, folded and without its full stop.
const SUFFIXES: &str = "jr sr ii iii iv мл ст младший старший молодший";

/// Degrees and the like behind a name, dropped.
const DEGREES: &str = "phd ph.d md m.d esq mba cpa dds rn msc bsc";

/// A name in its parts; each as it is to be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct PersonName {
    /// Family name, with its particles and suffixes: `van der Berg`, `King Jr.`.
    pub last: Option<String>,
    /// Given name.
    pub first: Option<String>,
    /// Patronymic or middle names.
    pub middle: Option<String>,
}

/// Splits what was typed into the parts of a name.
pub fn split(full: &str) -> PersonName {
    let line: String = text::clean_line(full).chars().take(LONGEST).collect();
    let (line, suffix) = without_suffix(&line);
    let cyrillic = is_cyrillic(&line);
    let mut name = match line.split_once(',') {
        Some((before, after)) => around_comma(token::read(without_titles(before)), token::read(after), cyrillic),
        None => order::assign(&token::read(without_titles(&line)), cyrillic),
    };
    // «доктор Хаус»: a title calls for a surname, unless what follows is known to be a given name.
    if without_titles(&line) != line && name.last.is_none() && name.middle.is_none() && !name.first.as_deref().is_some_and(is_given) {
        name = PersonName { last: name.first.take(), ..name };
    }
    if let Some(suffix) = suffix {
        name.last = Some(name.last.map_or_else(|| suffix.clone(), |last| format!("{last} {suffix}")));
    }
    name
}

/// The whole name as it is written: «Last First Middle» in Cyrillic, «First Middle Last» in other letters.
pub fn display(name: &PersonName) -> String {
    let parts = [&name.last, &name.first, &name.middle].map(|part| part.as_deref().unwrap_or_default());
    let [last, first, middle] = parts;
    let written = if parts.iter().any(|part| is_cyrillic(part)) { [last, first, middle] } else { [first, middle, last] };
    text::clean_line(&written.join(" "))
}

/// «Last, First Middle»; the other way round only where both words leave no doubt.
fn around_comma(before: Vec<Token>, after: Vec<Token>, cyrillic: bool) -> PersonName {
    match (before.as_slice(), after.as_slice()) {
        (all, []) | ([], all) => order::assign(all, cyrillic),
        ([first], [last]) if first.given.is_some() && last.is_clearly_surname() => {
            PersonName { last: Some(last.text.clone()), first: Some(first.text.clone()), middle: None }
        }
        (last, [first, middle @ ..]) => {
            PersonName { last: token::joined(last), first: Some(first.text.clone()), middle: token::joined(middle) }
        }
    }
}

fn without_titles(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some((word, after)) = rest.split_once(' ') {
        // «Г. Иванов» is rather an initial; only words of the list go.
        if !is_listed(TITLES, &bare(word)) || after.trim().is_empty() {
            break;
        }
        rest = after.trim();
    }
    rest
}

/// The line without degrees, and its generational suffix apart.
fn without_suffix(line: &str) -> (String, Option<String>) {
    let mut rest = line.trim();
    let mut suffix = None;
    while let Some((before, word)) = rest.rsplit_once([' ', ',']) {
        let known = bare(word);
        if is_listed(SUFFIXES, &known) && suffix.is_none() {
            suffix = Some(capitals::suffix(word));
        } else if !is_listed(DEGREES, &known) {
            break;
        }
        let before = before.trim_end_matches([' ', ',']);
        if before.is_empty() {
            // Nothing but the suffix: then it was a name after all.
            return (rest.to_owned(), None);
        }
        rest = before;
    }
    (rest.to_owned(), suffix)
}

fn is_given(word: &str) -> bool {
    token::read(word).iter().any(|token| token.given.is_some() || token.initial)
}

fn bare(word: &str) -> String {
    text::fold(word.trim_end_matches(['.', ',', ':']))
}

fn is_listed(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

fn is_cyrillic(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{400}'..='\u{52F}'))
}

#[cfg(test)]
mod tests;
