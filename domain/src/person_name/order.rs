//! Which word of a name is which: by dictionary, patronymics and endings, then by the custom of the script.
//!
//! Answers always. Cyrillic names come in both orders («Фамилия Имя Отчество», «Имя Отчество Фамилия»); Latin ones are
//! «First Middle Last» unless their words say otherwise.

use super::{
    PersonName,
    endings::Patronymic,
    token::{Token, joined},
};

/// The parts of a name from its words.
pub(super) fn assign(tokens: &[Token], cyrillic: bool) -> PersonName {
    if tokens.iter().any(|token| token.initial) {
        return with_initials(tokens, cyrillic);
    }
    match tokens {
        [] => PersonName::default(),
        [one] => single(one),
        [a, b] => pair(a, b, cyrillic),
        [a, b, c] => three(a, b, c, cyrillic),
        _ => many(tokens, cyrillic),
    }
}

fn name(last: &[Token], first: &[Token], middle: &[Token]) -> PersonName {
    PersonName { last: joined(last), first: joined(first), middle: joined(middle) }
}

fn one(token: &Token) -> &[Token] {
    std::slice::from_ref(token)
}

fn single(token: &Token) -> PersonName {
    match token.patronymic {
        Patronymic::Father | Patronymic::Daughter => name(&[], &[], one(token)),
        _ if token.given.is_none() && token.surname > 0 => name(one(token), &[], &[]),
        _ => name(&[], one(token), &[]),
    }
}

fn pair(a: &Token, b: &Token, cyrillic: bool) -> PersonName {
    use Patronymic::{Daughter, Father};
    match (a.patronymic, b.patronymic) {
        (_, Daughter) if a.given.is_none() && a.surname > 0 => name(one(a), &[], one(b)),
        (_, Daughter) => name(&[], one(a), one(b)),
        // «Анна Маркович» can only be a surname; in Latin letters surnames of this form are those one meets.
        (_, Father) if cyrillic && !a.is_female() && a.is_clearly_surname() => name(one(a), &[], one(b)),
        (_, Father) if cyrillic && !a.is_female() => name(&[], one(a), one(b)),
        (Daughter, _) if b.given.is_some() => name(&[], one(b), one(a)),
        (Daughter, _) => name(one(b), &[], one(a)),
        _ if last_comes_first(a, b, cyrillic) => name(one(a), one(b), &[]),
        _ => name(one(b), one(a), &[]),
    }
}

/// Of a first and a last name: «Иванов Иван» rather than «Иван Иванов».
fn last_comes_first(a: &Token, b: &Token, cyrillic: bool) -> bool {
    let heavier = a.weight() > b.weight();
    if cyrillic {
        return heavier;
    }
    // In Latin letters the order is a custom; it takes a sure surname or a known given name behind a likely one.
    heavier && a.given.is_none() && (a.surname >= 3 || (a.surname > 0 && b.given.is_some()))
}

fn three(a: &Token, b: &Token, c: &Token, cyrillic: bool) -> PersonName {
    let is_given = |token: &Token| token.given.is_some();
    let likely_surname = |token: &Token| token.given.is_none() && token.surname > 0;
    if !cyrillic && is_given(a) && is_given(b) && c.patronymic != Patronymic::Daughter {
        return name(one(c), one(a), one(b)); // «John Michael Abramovich»
    }
    if c.is_patronymic() {
        return match () {
            () if is_given(a) && matches!(b.patronymic, Patronymic::Father | Patronymic::Daughter) => name(one(c), one(a), one(b)),
            () if is_given(a) && likely_surname(b) => name(one(b), one(a), one(c)),
            () => name(one(a), one(b), one(c)),
        };
    }
    if b.is_patronymic() {
        return if likely_surname(a) && is_given(c) { name(one(a), one(c), one(b)) } else { name(one(c), one(a), one(b)) };
    }
    if a.is_patronymic() && is_given(b) && likely_surname(c) {
        return name(one(c), one(b), one(a));
    }
    let all = [a.clone(), b.clone(), c.clone()];
    let [first_two, last_two] = [all.get(..2), all.get(1..)].map(Option::unwrap_or_default);
    if !cyrillic {
        if b.is_spanish_surname() && c.is_spanish_surname() {
            return name(last_two, one(a), &[]);
        }
        let swapped = a.surname == 4 || (a.is_clearly_surname() && is_given(b) && !likely_surname(c));
        return if swapped { name(one(a), one(b), one(c)) } else { name(one(c), one(a), one(b)) };
    }
    match (is_given(a), is_given(b), is_given(c)) {
        (true, false, false) if likely_surname(b) && likely_surname(c) => name(last_two, one(a), &[]),
        (false, false, true) => name(first_two, one(c), &[]),
        (false, true, _) => name(one(a), one(b), one(c)),
        (true, true, true) if a.weight() > c.weight() => name(one(a), one(b), one(c)),
        _ if a.surname > c.surname && !is_given(a) => name(one(a), one(b), one(c)),
        _ => name(one(c), one(a), one(b)),
    }
}

/// Four words and more: the patronymic shows the given name before it; without one the first given name counts.
fn many(tokens: &[Token], cyrillic: bool) -> PersonName {
    let sure = |token: &Token| matches!(token.patronymic, Patronymic::Father | Patronymic::Daughter);
    let patronymic = tokens.iter().rposition(sure).or_else(|| tokens.iter().rposition(Token::is_patronymic));
    if let Some((at, before)) = patronymic.and_then(|at| Some((at, at.checked_sub(1)?))) {
        let part = |range: std::ops::Range<usize>| tokens.get(range).unwrap_or_default();
        let last = [part(0..before), part(at + 1..tokens.len())].concat();
        return name(&last, part(before..at), part(at..at + 1));
    }
    let given = if cyrillic { tokens.iter().position(|token| token.given.is_some()).unwrap_or(0) } else { 0 };
    let (before, rest) = tokens.split_at_checked(given).unwrap_or((&[], tokens));
    match rest {
        [first, middle @ ..] if !before.is_empty() => name(before, one(first), middle),
        [first, middle @ .., last] => name(one(last), one(first), middle),
        other => name(other, &[], &[]),
    }
}

/// Initials stand for first and middle names, except one behind a lone given name: «Анна К.».
fn with_initials(tokens: &[Token], cyrillic: bool) -> PersonName {
    let leading = tokens.iter().take_while(|token| token.initial).count();
    let trailing = tokens.iter().rev().take_while(|token| token.initial).count();
    let (initials, rest) = tokens.split_at_checked(leading).unwrap_or((tokens, &[]));
    if let [first, middle @ ..] = initials {
        return match rest {
            [] => name(&[], one(first), middle),
            [second] if middle.is_empty() && second.is_patronymic() && second.surname < 3 => name(&[], one(first), one(second)),
            [second, last @ ..] if middle.is_empty() && !last.is_empty() && (!cyrillic || second.is_patronymic()) => {
                name(last, one(first), one(second))
            }
            _ => name(rest, one(first), middle),
        };
    }
    let (words, initials) = tokens.split_at_checked(tokens.len() - trailing).unwrap_or((tokens, &[]));
    match (words, initials) {
        ([first], [last]) if first.given.is_some_and(|given| !given.surname_too) => name(one(last), one(first), &[]),
        ([first, middle], [last]) if first.given.is_some() && middle.is_patronymic() => name(one(last), one(first), one(middle)),
        ([a, b], [_]) => PersonName { middle: joined(initials), ..pair(a, b, cyrillic) },
        (last, [first, middle @ ..]) => name(last, one(first), middle),
        // «John F. Kennedy», «Иванов И. Петрович».
        ([last, first @ .., middle], []) if middle.patronymic != Patronymic::No && last.given.is_none() => {
            name(one(last), first, one(middle))
        }
        ([first, middle @ ..], []) => {
            let initials = middle.iter().take_while(|token| token.initial).count();
            let (middle, last) = middle.split_at_checked(initials).unwrap_or((&[], middle));
            if middle.is_empty() { many(words, cyrillic) } else { name(last, one(first), middle) }
        }
        ([], []) => PersonName::default(),
    }
}
