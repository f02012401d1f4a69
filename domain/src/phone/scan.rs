//! The scanner of phone numbers: a typed string as runs of digits with what stood between them.
//!
//! Decides nothing about validity; refuses only to see anything but digits, pluses, separators and the words that
//! announce an extension.

use unicode_normalization::UnicodeNormalization;

use crate::text;

/// What stood before a run; where several things did, the greatest counts («, доб. 12» is an extension).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    /// `,`: another number, an extension or a mere separator of groups.
    Comma,
    /// `/`: another number or a mere separator of groups.
    Slash,
    /// A word, a new line, `;`: another number.
    Break,
    /// «доб.», `ext`, `x`, `#`.
    Extension,
}

/// Digits with nothing between them but the signs numbers are written with.
#[derive(Debug)]
pub(super) struct Run {
    /// What stood before it.
    pub(super) link: Link,
    /// A plus stood right before it.
    pub(super) plus: bool,
    /// The digits between spaces.
    pub(super) groups: Vec<String>,
    /// A word follows: «25 лет».
    pub(super) before_word: bool,
}

impl Run {
    pub(super) fn digits(&self) -> String {
        self.groups.concat()
    }
}

/// Words that announce an extension, in Russian, Ukrainian, English, German and French; «х» is also the Cyrillic one.
const EXTENSION_WORDS: &[&str] = &[
    "доб",
    "добав",
    "добавочный",
    "добавочн",
    "доп",
    "внутр",
    "внутренний",
    "внут",
    "вн",
    "дод",
    "додатковий",
    "додат",
    "внутрішній",
    "внтр",
    "тон",
    "х",
    "x",
    "ext",
    "extn",
    "exten",
    "extension",
    "dob",
    "dw",
    "durchwahl",
    "poste",
];

/// Words inside a number: «8 (код 912) 345-67-89».
const WORDS_WITHIN: &[&str] = &["код", "code", "area"];

/// The runs of a text in their order.
pub(super) fn runs(typed: &str) -> Vec<Run> {
    let mut scanner = Scanner { runs: Vec::new(), link: Link::Break, plus: false, open: false, new_group: true };
    let mut word = String::new();
    for c in readable(typed).chars() {
        if c.is_alphabetic() {
            word.push(c);
            continue;
        }
        scanner.word(&std::mem::take(&mut word));
        scanner.sign(c);
    }
    scanner.word(&word);
    scanner.runs
}

/// Full-width letters and digits made plain, digits of other scripts made ASCII, the escapes of `tel:` URIs undone.
fn readable(typed: &str) -> String {
    let plain: String = typed
        .chars()
        .filter(|&c| !text::is_invisible(c))
        .nfkc()
        .flat_map(char::to_lowercase)
        .map(|c| text::decimal_digit(c).unwrap_or(c))
        .collect();
    if !plain.contains('%') {
        return plain;
    }
    ["%20", "%28", "%29", "%2d"].iter().fold(plain.replace("%2b", "+"), |text, escape| text.replace(escape, " "))
}

struct Scanner {
    runs: Vec<Run>,
    link: Link,
    plus: bool,
    /// Digits continue the last run.
    open: bool,
    new_group: bool,
}

impl Scanner {
    fn sign(&mut self, c: char) {
        match c {
            '0'..='9' => self.digit(c),
            '+' => {
                self.end(Link::Break);
                self.plus = true;
            }
            '\n' | '\r' => self.end(Link::Break),
            ',' => self.end(Link::Comma),
            '/' | '\\' | '|' => self.end(Link::Slash),
            '#' | '*' => self.end(Link::Extension),
            '(' | ')' | '[' | ']' | '.' | '_' | '~' | '·' | '•' | '⁃' | '\u{30FC}' => {}
            _ if c.is_whitespace() => self.new_group = true,
            _ if text::is_dash(c) => {}
            _ => self.end(Link::Break),
        }
    }

    fn digit(&mut self, digit: char) {
        if !self.open {
            self.runs.push(Run { link: self.link, plus: self.plus, groups: Vec::new(), before_word: false });
            (self.open, self.new_group) = (true, true);
        }
        let Some(run) = self.runs.last_mut() else { return };
        if self.new_group {
            run.groups.push(String::new());
            self.new_group = false;
        }
        if let Some(group) = run.groups.last_mut() {
            group.push(digit);
        }
    }

    fn word(&mut self, word: &str) {
        if word.is_empty() || WORDS_WITHIN.contains(&word) {
            return;
        }
        if EXTENSION_WORDS.contains(&word) {
            self.end(Link::Extension);
            return;
        }
        if self.open
            && let Some(run) = self.runs.last_mut()
        {
            run.before_word = true;
        }
        self.end(Link::Break);
    }

    fn end(&mut self, link: Link) {
        self.link = if self.open { link } else { self.link.max(link) };
        (self.open, self.plus) = (false, false);
    }
}
