//! The words of notifications: templates in three languages, proven at the start. A template that names what is not there is an error,
//! never an empty place; what comes from people is escaped in HTML, and no template runs for long.

use std::{collections::BTreeMap, sync::LazyLock};

use kartoteka_domain::{
    notification::{NotificationKind, delivery::Message},
    text::clean_line,
};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};

use crate::problem::{Problem, Result};

/// The languages there are words in; the last one is for everybody else.
const LANGUAGES: [(&str, &str); 3] =
    [("ru", include_str!("texts/ru.toml")), ("uk", include_str!("texts/uk.toml")), ("en", include_str!("texts/en.toml"))];

/// Letters of a title, and of what is said beside it: a message of the bot holds 4,096.
const LONGEST_TITLE: usize = 300;
const LONGEST_BODY: usize = 3000;
/// Steps a template may take.
const FUEL: u64 = 20_000;

/// What a message is made of beside the kinds of notifications.
pub const PASSWORD_LINK: &str = "password_link";
/// The copy of an enquiry for the form's own address.
pub const RESERVE_COPY: &str = "reserve_copy";

/// What templates may name. All of it is always there, empty where it does not apply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// What it is about: a task's title, a deal's name.
    pub subject: String,
    /// The client.
    pub client: String,
    /// How to reach him, as the person told may see it; not in the list inside Kartoteka.
    pub phone: String,
    /// A time, as clocks show it where the person is.
    pub at: String,
    /// Who did it.
    pub by: String,
    /// The stage of a deal.
    pub stage: String,
    /// What it comes to.
    pub amount: String,
    /// What somebody wrote.
    pub comment: String,
    /// How long it has been, minutes.
    pub minutes: i64,
    /// How many.
    pub count: i64,
    /// Whether a time has passed.
    pub passed: bool,
    /// How many tasks are overdue.
    pub overdue: i64,
    /// How many tasks are due today.
    pub today: i64,
    /// Overdue tasks.
    pub late: Vec<String>,
    /// Today's tasks.
    pub lines: Vec<String>,
}

#[derive(Deserialize)]
struct Words {
    mail: BTreeMap<String, String>,
    #[serde(flatten)]
    kinds: BTreeMap<String, Pair>,
}
#[derive(Deserialize)]
struct Pair {
    title: String,
    body: String,
}

struct Texts {
    environment: Environment<'static>,
    mail: BTreeMap<&'static str, BTreeMap<String, String>>,
}

static TEXTS: LazyLock<std::result::Result<Texts, String>> = LazyLock::new(Texts::read);

impl Texts {
    fn read() -> std::result::Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|name| if name == "mail.html" { AutoEscape::Html } else { AutoEscape::None });
        let mut mail = BTreeMap::new();
        let bad = |language: &str, error: &dyn std::fmt::Display| format!("texts of notifications, {language}: {error}");
        for (language, text) in LANGUAGES {
            let words: Words = toml::from_str(text).map_err(|e| bad(language, &e))?;
            for (kind, pair) in words.kinds {
                for (part, source) in [("title", pair.title), ("body", pair.body)] {
                    environment.add_template_owned(format!("{language}.{kind}.{part}"), source).map_err(|e| bad(language, &e))?;
                }
            }
            mail.insert(language, words.mail);
        }
        environment.add_template("mail.txt", include_str!("texts/mail.txt")).map_err(|e| bad("mail", &e))?;
        environment.add_template("mail.html", include_str!("texts/mail.html")).map_err(|e| bad("mail", &e))?;
        Ok(Self { environment, mail })
    }

    fn render(&self, name: &str, context: impl Serialize) -> std::result::Result<String, String> {
        let template = self.environment.get_template(name).map_err(|e| format!("{name}: {e:#}"))?;
        template.render(minijinja::value::Serde(context)).map_err(|e| format!("{name}: {e:#}"))
    }
}

fn texts() -> Result<&'static Texts> {
    TEXTS.as_ref().map_err(Problem::internal)
}

/// Renders everything once: a template that cannot be rendered stops the start.
pub fn check() -> std::result::Result<(), String> {
    let texts = TEXTS.as_ref().map_err(Clone::clone)?;
    let full = Facts {
        passed: true,
        late: vec![String::new()],
        lines: vec![String::new()],
        at: "x".into(),
        subject: "x".into(),
        ..Facts::default()
    };
    for (language, _) in LANGUAGES {
        for kind in NotificationKind::ALL.iter().map(|kind| kind.word()).chain([PASSWORD_LINK, RESERVE_COPY]) {
            for part in ["title", "body"] {
                for facts in [&Facts::default(), &full] {
                    texts.render(&format!("{language}.{kind}.{part}"), facts)?;
                }
            }
        }
        mail(texts, &Message { language: language.to_owned(), link: Some("x".into()), ..Message::default() }, true)?;
        mail(texts, &Message { language: language.to_owned(), ..Message::default() }, false)?;
    }
    Ok(())
}

/// The language among ours that somebody is addressed in: his own, else that of the business.
pub fn language<'a>(wishes: impl IntoIterator<Item = &'a str>) -> &'static str {
    let known = |wish: &str| LANGUAGES.iter().map(|(language, _)| *language).find(|language| wish.get(..2) == Some(*language));
    wishes.into_iter().find_map(known).unwrap_or("en")
}

/// Title and body of a message, in a language.
pub fn told(language: &str, what: &str, facts: &Facts) -> Result<(String, String)> {
    let texts = texts()?;
    let part = |part: &str| texts.render(&format!("{language}.{what}.{part}"), facts).map_err(Problem::internal);
    let title: String = clean_line(&part("title")?).chars().take(LONGEST_TITLE).collect();
    let body = part("body")?;
    let lines: Vec<&str> = body.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    Ok((title, lines.join("\n").chars().take(LONGEST_BODY).collect()))
}

/// A mail's two shapes: plain text and HTML. Of what comes by somebody's settings they say so.
pub fn letter(message: &Message, by_settings: bool) -> Result<(String, String)> {
    mail(texts()?, message, by_settings).map_err(Problem::internal)
}

#[derive(Serialize)]
struct Letter<'a> {
    title: &'a str,
    body: &'a str,
    link: Option<&'a str>,
    workspace: &'a str,
    language: &'a str,
    open: &'a str,
    footer: &'a str,
}

fn mail(texts: &Texts, message: &Message, by_settings: bool) -> std::result::Result<(String, String), String> {
    let language = language([message.language.as_str()]);
    let words = texts.mail.get(language).ok_or("no words for mails")?;
    let word = |name: &str| words.get(name).map(String::as_str).ok_or_else(|| format!("{language}: mail.{name} is missing"));
    let letter = Letter {
        title: &message.title,
        body: &message.body,
        link: message.link.as_deref(),
        workspace: &message.workspace,
        language,
        open: word("open")?,
        footer: if by_settings { word("footer")? } else { "" },
    };
    Ok((texts.render("mail.txt", &letter)?, texts.render("mail.html", &letter)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_words_in_every_language() {
        assert_eq!(check(), Ok(()));
    }

    #[test]
    fn a_template_that_names_what_is_not_there_is_an_error() {
        let mut texts = Texts::read().unwrap();
        texts.environment.add_template("wrong", "{{ clinet }}").unwrap();
        assert!(texts.render("wrong", Facts::default()).unwrap_err().contains("undefined"));
        texts.environment.add_template("endless", "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}").unwrap();
        assert!(texts.render("endless", Facts::default()).is_err());
    }

    #[test]
    fn what_people_typed_is_escaped_in_html_and_makes_no_second_line_of_a_title() {
        let facts = Facts { client: "<script>alert(1)</script>\r\nBcc: x@example.com".into(), ..Facts::default() };
        let (title, body) = told("en", "lead_received", &facts).unwrap();
        assert_eq!(title, "New enquiry: <script>alert(1)</script> Bcc: x@example.com");
        assert_eq!(body, "");
        let (text, html) = letter(&Message { title, language: "en".into(), ..Message::default() }, true).unwrap();
        assert!(text.contains("<script>") && !html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
    }

    #[test]
    fn somebody_is_addressed_in_his_language_else_in_that_of_the_business() {
        assert_eq!(language(["uk"]), "uk");
        assert_eq!(language(["pt-BR", "ru-RU"]), "ru");
        assert_eq!(language(["de"]), "en");
        assert_eq!(language([]), "en");
    }
}
