//! What leaves: mail and messages of the bot, in the person's language, once, in spite of servers that refuse, put off and die.

use kartoteka_tests::{
    App, Caller, Database, Server, Value, Workspace, eventually, json,
    sink::{BotSink, MailSink},
};

use crate::api_key::later;

/// A server that sends to sinks.
struct Post {
    database: Database,
    mail: MailSink,
    bot: BotSink,
}

impl Post {
    fn new() -> Self {
        Self { database: Database::fresh(), mail: MailSink::start(), bot: BotSink::start() }
    }
    fn server(&self, more: &[(&str, &str)]) -> Server {
        let own = [
            ("KARTOTEKA_SMTP_URL", self.mail.url.as_str()),
            ("KARTOTEKA_MAIL_FROM", "Kartoteka <crm@example.com>"),
            ("KARTOTEKA_TELEGRAM_BOT_TOKEN", "123:secret"),
            ("KARTOTEKA_TELEGRAM_BASE_URL", self.bot.url.as_str()),
            ("KARTOTEKA_INTERFACE_URL", "https://crm.example.com/"),
            ("KARTOTEKA_SIGN_IN_PER_MINUTE", "100000"),
        ];
        Server::start(&self.database, &[&own[..], more].concat())
    }
    /// The one mail that an address gets.
    fn letter(&self, to: &str) -> String {
        eventually("a mail", || self.mail.mails(to).pop()).read()
    }
}

fn remind(whom: &Caller, title: &str) -> Value {
    whom.post("/v1/tasks", json!({"title": title, "remind_at": [later(2)], "due_at": later(7200)})).created().json().clone()
}

#[test]
fn everybody_is_written_to_in_his_language_by_mail_and_bot() {
    let post = Post::new();
    let server = post.server(&[]);
    let workspace = App::of(&server).workspace();
    for (chat, language, said) in
        [("1001", "ru", "Напоминание: Позвонить"), ("1002", "uk", "Нагадування: Позвонить"), ("1003", "en", "Reminder: Позвонить")]
    {
        let person = workspace.somebody("manager", json!({"language": language, "time_zone": "Europe/Kyiv"}));
        let setup = person.put("/v1/me/notification-settings", json!({"telegram_chat_id": chat})).ok();
        assert!(setup["channels"].as_array().unwrap().iter().all(|channel| channel["available"] == true), "{setup}");
        let task = remind(&person, "Позвонить");
        let letter = post.letter(&person.email);
        let link = format!("https://crm.example.com/tasks/{}", task["id"].as_str().unwrap());
        for part in [
            &format!("Subject: {said}"),
            "From: Kartoteka <crm@example.com>",
            "Auto-Submitted: auto-generated",
            "text/plain",
            "text/html",
            &link,
        ] {
            assert!(letter.contains(part), "{part} is missing in\n{letter}");
        }
        let (path, message) = eventually("a message", || post.bot.messages(chat).pop());
        assert_eq!(path, "/bot123:secret/sendMessage");
        let text = message["text"].as_str().unwrap();
        assert!(text.starts_with(said) && text.ends_with(&link), "{text}");
        assert_eq!(post.mail.mails(&person.email).len(), 1);
    }
    let shown = String::from_utf8(post.database.command(&["config"]).output().unwrap().stdout).unwrap_or_default();
    assert!(!shown.contains("123:secret"));
}

#[test]
fn a_refused_address_fails_alone_and_what_is_put_off_is_tried_again() {
    let post = Post::new();
    let server = post.server(&[]);
    let workspace = App::of(&server).workspace();
    let person = |mailbox: &str, chat: &str| {
        let email = format!("{mailbox}-{}@example.com", kartoteka_tests::workspace::unique());
        let password = kartoteka_tests::workspace::PASSWORD;
        workspace.administrator().post("/v1/users", json!({"email": email, "name": mailbox, "password": password})).created();
        let caller = kartoteka_tests::workspace::sign_in(App::of(&server), &email);
        caller.put("/v1/me/notification-settings", json!({"telegram_chat_id": chat})).ok();
        caller
    };
    let (refused, put_off) = (person("refused", "403"), person("later", "429"));
    remind(&refused, "раз");
    remind(&put_off, "два");
    assert!(post.letter(&put_off.email).contains("два"));
    assert_eq!(post.mail.asked(&put_off.email), 2);
    eventually("the message that was put off", || (post.bot.messages("429").len() == 2).then_some(()));
    // who blocked the bot is not written to any more, and told why
    let telegram = || refused.get("/v1/me/notification-settings").ok().at("/channels/2").clone();
    eventually("the bot to be known as blocked", || (telegram()["reason"] == "blocked").then_some(()));
    let states = || post.database.sql("SELECT channel, state, attempts FROM notification_delivery ORDER BY channel, state, attempts");
    eventually("everything to have ended", || {
        (states() == [["email", "failed", "1"], ["email", "sent", "2"], ["telegram", "failed", "1"], ["telegram", "sent", "2"]])
            .then_some(())
    });
    remind(&refused, "три");
    eventually("the next refusal", || (post.mail.asked(&refused.email) == 2).then_some(()));
    assert_eq!(post.bot.messages("403").len(), 1);
    // what was said is not kept once it is sent
    assert_eq!(
        post.database.number("SELECT count(*) FROM notification_delivery WHERE state = 'sent' AND CAST(message AS TEXT) <> '{}'"),
        0
    );
    // saving tries anew
    refused.put("/v1/me/notification-settings", json!({"telegram_chat_id": "1004"})).ok();
    assert_eq!(telegram()["available"], true);
}

#[test]
fn with_the_mail_server_down_nothing_waits_and_nothing_is_lost() {
    let (database, mail) = (Database::fresh(), MailSink::start());
    // a port nobody listens on
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let down = format!("smtp://{nobody}");
    let start = |url: &str| Server::start(&database, &[("KARTOTEKA_SMTP_URL", url), ("KARTOTEKA_MAIL_FROM", "crm@example.com")]);
    let server = start(&down);
    let workspace = App::of(&server).workspace();
    let anna = workspace.manager();
    remind(&anna, "раз");
    eventually("the list", || (anna.get("/v1/notifications").ok().items().len() == 1).then_some(()));
    eventually("a try", || {
        (database.number("SELECT count(*) FROM notification_delivery WHERE state = 'pending' AND error IS NOT NULL") == 1).then_some(())
    });
    server.kill();
    // the server is there again; who was waited for is asked at once
    let server = start(&mail.url);
    assert!(eventually("the mail", || mail.mails(&anna.email).pop()).read().contains("раз"));
    assert!(server.stop());
    assert_eq!(mail.mails(&anna.email).len(), 1);
}

#[test]
fn quiet_hours_delay_what_is_sent_and_not_the_list() {
    let post = Post::new();
    let server = post.server(&[]);
    let anna = App::of(&server).workspace().somebody("manager", json!({"time_zone": "UTC"}));
    let hour: u32 = later(0)[11..13].parse().unwrap();
    let quiet = json!({"from": format!("{:02}:00", (hour + 23) % 24), "until": format!("{:02}:00", (hour + 2) % 24)});
    anna.put("/v1/me/notification-settings", json!({"quiet_hours": quiet})).ok();
    remind(&anna, "тихо");
    eventually("the list", || (anna.get("/v1/notifications").ok().items().len() == 1).then_some(()));
    let waiting = || post.database.number("SELECT count(*) FROM notification_delivery WHERE state = 'pending' AND attempts = 0");
    assert_eq!((waiting(), post.mail.asked(&anna.email)), (1, 0));
}

/// A form whose enquiries go to somebody.
fn enquire(workspace: &Workspace, form: &Value, fields: &Value) {
    let path = format!("/public/v1/forms/{}/submissions", form["key"].as_str().unwrap());
    workspace.app.anyone().send_unchecked(
        "POST",
        &path,
        Some("application/json"),
        Some(json!({"fields": fields}).to_string().into_bytes()),
    );
}

#[test]
fn an_enquiry_is_told_to_its_owner_with_masks_kept_and_copied_to_the_reserve_address() {
    let post = Post::new();
    let server = post.server(&[]);
    let workspace = App::of(&server).workspace();
    let (anna, analyst) = (workspace.manager(), workspace.somebody("analyst", json!({})));
    let form = workspace.form(json!({"assignment": {"kind": "user", "user_id": anna.user_id}, "reserve_email": "reserve@example.com",
        "notify_user_ids": [analyst.user_id], "min_fill_seconds": 0,
        "fields": [{"name": "name", "kind": "name", "required": true}, {"name": "phone", "kind": "phone"}, {"name": "comment", "kind": "comment"}]}));
    enquire(&workspace, form.json(), &json!({"name": "Анна Ахматова", "phone": "+79123456789", "comment": "Перезвоните"}));
    let letter = post.letter(&anna.email);
    assert!(letter.contains("Subject: Новая заявка: ") && letter.contains("+79123456789") && letter.contains("Перезвоните"), "{letter}");
    // who sees no contact data is told without
    let masked = post.letter(&analyst.email);
    assert!(masked.contains("Новая заявка") && !masked.contains("+79123456789") && masked.contains('•'), "{masked}");
    let listed = anna.get("/v1/notifications?kind=lead_received").ok();
    assert!(listed.items().len() == 1 && !listed.text().contains("9123456789"), "{listed}");
    // the copy holds what was sent, letter by letter
    let copy = post.letter("reserve@example.com");
    assert!(copy.contains("Заявка с формы") && copy.contains("phone: +79123456789"), "{copy}");
    assert!(copy.contains(r#"{"fields":{"comment":"Перезвоните","name":"Анна Ахматова","phone":"+79123456789"}}"#), "{copy}");
    // also of what cannot be used, not of spam
    enquire(&workspace, form.json(), &json!({"phone": "12"}));
    enquire(&workspace, form.json(), &json!({"name": "робот", "website": "https://spam.example.com"}));
    enquire(&workspace, form.json(), &json!({"name": "Пётр"}));
    eventually("the copies", || (post.mail.mails("reserve@example.com").len() == 3).then_some(()));
    assert!(post.mail.mails("reserve@example.com").iter().all(|mail| !mail.read().contains("робот")));
    let wrong = json!({"reserve_email": "nowhere", "notify_user_ids": ["01939d5a-0000-7000-8000-000000000000"]});
    let refused = workspace.administrator().patch(&form.path(), wrong).is_problem(422, "validation_failed");
    refused.names_with("/reserve_email", "invalid_email");
    let unknown = json!({"notify_user_ids": ["01939d5a-0000-7000-8000-000000000000"]});
    workspace.administrator().patch(&form.path(), unknown).is_problem(422, "validation_failed").names("/notify_user_ids/0");
}

#[test]
fn a_forgotten_password_is_answered_by_mail() {
    let post = Post::new();
    let server = post.server(&[]);
    let app = App::of(&server);
    let anna = app.workspace().manager();
    for _ in 0..3 {
        app.anyone().post("/v1/auth/password-reset", json!({"email": anna.email})).accepted();
    }
    app.anyone().post("/v1/auth/password-reset", json!({"email": "nobody@example.com"})).accepted();
    let letter = post.letter(&anna.email);
    let token = letter.split("set-password?token=").nth(1).unwrap().split(['"', '\n', ' ', '<']).next().unwrap().trim().to_owned();
    let kept = post.database.sql("SELECT CAST(message AS TEXT) FROM notification_delivery");
    assert!(!format!("{kept:?}").contains(&token), "a secret is not kept in the open");
    let wanted = json!({"token": token, "new_password": "совсем другая длинная фраза"});
    app.anyone().post("/v1/auth/password-reset/confirm", wanted).no_content();
    app.anyone().post("/v1/auth/token", json!({"email": anna.email, "password": "совсем другая длинная фраза"})).ok();
    assert_eq!(post.mail.mails(&anna.email).len(), 1, "a mailbox is not filled");
}
