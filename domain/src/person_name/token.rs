//! The words of a name with what each could be: given name, patronymic, surname, initial.
//!
//! Decides nothing about their order; refuses only what has no letters.

use super::{
    capitals,
    endings::{self, Patronymic},
    given_names::{self, Gender, Given},
};
use crate::text;

/// One word, or several that belong together: «ван дер Берг», «Гейдар оглы».
#[derive(Debug, Clone)]
pub(super) struct Token {
    /// As it is to be shown.
    pub(super) text: String,
    /// A single letter, with or without a full stop.
    pub(super) initial: bool,
    pub(super) given: Option<Given>,
    pub(super) patronymic: Patronymic,
    /// How much its ending speaks for a surname: 0 nothing, 4 all.
    pub(super) surname: i8,
}

impl Token {
    fn of(word: &str) -> Self {
        let folded = text::fold(word.trim_end_matches('.'));
        let given = given(&folded);
        let patronymic = if given.is_some() { Patronymic::No } else { endings::patronymic(&folded) };
        let surname = match (given, patronymic) {
            (Some(given), _) => i8::from(given.surname_too),
            (None, Patronymic::Weak) => 3,
            (None, Patronymic::Father) => 2,
            (None, Patronymic::Daughter) => 0,
            // О'Генри, Д'Артаньян, O'Brien
            (None, Patronymic::No) if word.chars().nth(1).is_some_and(text::is_apostrophe) => 3,
            (None, Patronymic::No) => endings::surname(&folded),
        };
        Self { text: capitals::shown(word), initial: is_initial(word), given, patronymic, surname }
    }

    fn compound(text: String) -> Self {
        Self { text, initial: false, given: None, patronymic: Patronymic::No, surname: 4 }
    }

    pub(super) fn is_clearly_surname(&self) -> bool {
        self.given.is_none() && self.surname >= 2
    }

    pub(super) fn is_patronymic(&self) -> bool {
        self.patronymic != Patronymic::No
    }

    /// One of the two surnames of a Spanish name: «García Márquez».
    pub(super) fn is_spanish_surname(&self) -> bool {
        let folded = text::fold(&self.text);
        self.given.is_none() && endings::is_spanish(&folded)
    }

    pub(super) fn is_female(&self) -> bool {
        self.given.is_some_and(|given| given.gender == Gender::Female)
    }

    /// Greater: rather the surname of two words.
    pub(super) fn weight(&self) -> i8 {
        let as_given = match self.given {
            Some(Given { short: true, .. }) => 4,
            Some(Given { surname_too: true, .. }) => 2,
            Some(_) => 3,
            None => 0,
        };
        self.surname - as_given
    }
}

/// The words of a line.
pub(super) fn read(line: &str) -> Vec<Token> {
    let words = words(line);
    let all_capitals = !line.chars().any(char::is_lowercase);
    let mut tokens: Vec<Token> = Vec::new();
    let mut particles: Vec<String> = Vec::new();
    let mut hyphen = false;
    for (at, word) in words.iter().enumerate() {
        let folded = text::fold(word);
        let more = at + 1 < words.len();
        if word == "-" {
            // «Петров - Водкин»; elsewhere a dash is a dash.
            hyphen = more && tokens.last().is_some_and(Token::is_clearly_surname);
        } else if word.starts_with('(') {
            // A maiden or pet name stays with the word before it.
            match tokens.last_mut() {
                Some(before) => before.text = format!("{} {word}", before.text),
                None => tokens.push(Token::of(word.trim_matches(['(', ')']))),
            }
        } else if endings::is_ogly(&folded)
            && let Some(before) = tokens.last_mut()
        {
            *before = Token {
                text: format!("{} {}", before.text, capitals::shown(word)),
                patronymic: Patronymic::Father,
                given: None,
                ..Token::compound(String::new())
            };
        } else if more && endings::is_particle(&folded) && !(at == 0 && given_names::find(&folded).is_some()) {
            particles.push(capitals::shown(word));
        } else if !particles.is_empty() {
            particles.push(capitals::shown(word));
            tokens.push(Token::compound(std::mem::take(&mut particles).join(" ")));
        } else if hyphen && let Some(before) = tokens.last_mut() {
            *before = Token::compound(format!("{}-{}", before.text, capitals::shown(word)));
            hyphen = false;
        } else if let Some(letters) = glued_initials(word, all_capitals) {
            tokens.extend(letters.iter().map(|letter| Token::of(letter)));
        } else if is_latin_pair(word, all_capitals) {
            tokens.push(Token { text: word.clone(), ..Token::of(word) });
        } else {
            tokens.push(Token::of(word));
        }
    }
    tokens
}

/// The texts of tokens with spaces between.
pub(super) fn joined(tokens: &[Token]) -> Option<String> {
    let texts: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// Words without the punctuation around them, initials apart: «И.И.Иванов» is three. Brackets stay in one piece.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('(')
        && let Some((within, behind)) = after.split_once(')')
    {
        words.extend(before.split_whitespace().flat_map(pieces));
        if within.chars().any(char::is_alphabetic) {
            words.push(format!("({})", within.trim()));
        }
        rest = behind;
    }
    words.extend(rest.split_whitespace().flat_map(pieces));
    words
}

fn pieces(word: &str) -> Vec<String> {
    if word.chars().count() == 1 && word.chars().all(text::is_dash) {
        return vec!["-".to_owned()];
    }
    let is_edge = |c: char| !(c.is_alphanumeric() || c == '.');
    word.split_inclusive('.')
        .map(|piece| {
            let piece = piece.trim_matches(is_edge).trim_start_matches('.');
            // A full stop is part of an abbreviation only.
            if piece.chars().count() > 3 { piece.trim_end_matches('.') } else { piece }
        })
        .filter(|piece| piece.chars().any(char::is_alphabetic))
        .map(str::to_owned)
        .collect()
}

/// «Иванов ИИ»: two capitals beside a word in small letters.
fn glued_initials(word: &str, all_capitals: bool) -> Option<Vec<String>> {
    let capitals = word.chars().all(|c| matches!(c, 'А'..='Я' | 'Є' | 'І' | 'Ї' | 'Ґ' | 'Ё'));
    let glued = !all_capitals && capitals && word.chars().count() == 2 && given_names::find(&text::fold(word)).is_none();
    glued.then(|| word.chars().map(String::from).collect())
}

/// «TJ Miller»: a name of two capitals stays as it was typed.
fn is_latin_pair(word: &str, all_capitals: bool) -> bool {
    !all_capitals && word.len() == 2 && word.chars().all(|c| c.is_ascii_uppercase())
}

fn is_initial(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    letters == 1 || (letters == 2 && word.ends_with('.'))
}

/// A given name; of a hyphenated word every part must be one: «Анна-Мария».
fn given(folded: &str) -> Option<Given> {
    given_names::find(folded).or_else(|| {
        let (first, rest) = folded.split_once('-')?;
        let (first, rest) = (given_names::find(first)?, rest.split('-').map(given_names::find).collect::<Option<Vec<_>>>()?);
        (!rest.is_empty()).then_some(Given { surname_too: false, ..first })
    })
}
