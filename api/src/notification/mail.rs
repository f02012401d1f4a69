//! Mail over SMTP. What the server refuses for good fails that message only; whatever else goes wrong is tried again.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use kartoteka_domain::notification::delivery::{Delivery, Message, Outcome};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{
        Attachment, Mailbox, MultiPart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{Error, PoolConfig},
};
use secrecy::ExposeSecret;

use super::text;
use crate::{app::App, config::MailSettings, problem::Problem};

/// How long the server may take over a word of the protocol.
const PATIENCE: Duration = Duration::from_secs(20);
/// Answers that speak of our name and password, not of the message.
const OURS: [u16; 4] = [530, 534, 535, 538];

/// The mail server.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mail {
    /// From the settings, which were proven at the start.
    pub fn new(settings: &MailSettings) -> Option<Self> {
        let built = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.url.expose_secret());
        let transport = built.ok()?.timeout(Some(PATIENCE)).pool_config(PoolConfig::new().max_size(4)).build();
        Some(Self { transport, from: settings.from.clone() })
    }

    /// Sends one.
    pub async fn send(&self, app: &App, delivery: &Delivery) -> Outcome {
        let written = match self.written(app, delivery) {
            Ok(written) => written,
            Err(why) => return Outcome::Refused(why),
        };
        match self.transport.send(written).await {
            Ok(_) => Outcome::Sent,
            Err(error) if is_final(&error) => Outcome::Refused(error.to_string()),
            Err(error) => Outcome::Later(error.to_string(), None),
        }
    }

    fn written(&self, app: &App, delivery: &Delivery) -> Result<lettre::Message, String> {
        let message = opened(app, &delivery.message).map_err(|problem| problem.to_string())?;
        let (plain, html) =
            text::letter(&message, delivery.user.is_some() && delivery.message.sealed.is_none()).map_err(|problem| problem.to_string())?;
        let to: lettre::Address = message.to.parse().map_err(|error| format!("not an address: {error}"))?;
        let body = MultiPart::alternative_plain_html(plain, html);
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let letter = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.title)
            // the same with every try, so that a repeat is known for one
            .message_id(Some(format!("<{}@{}>", delivery.id, self.from.email.domain())))
            .raw_header(automatic);
        let letter = match message.attachment {
            None => letter.multipart(body),
            Some(attached) => {
                let bytes = STANDARD.decode(&attached.base64).map_err(|error| error.to_string())?;
                let raw = ContentType::parse("application/octet-stream").map_err(|error| error.to_string())?;
                letter.multipart(MultiPart::mixed().multipart(body).singlepart(Attachment::new(attached.name).body(bytes, raw)))
            }
        };
        letter.map_err(|error| error.to_string())
    }
}

fn is_final(error: &Error) -> bool {
    error.is_permanent() && error.status().is_none_or(|code| !OURS.contains(&u16::from(code)))
}

/// The message with the secret it was kept without.
fn opened(app: &App, message: &Message) -> Result<Message, Problem> {
    let mut message = message.clone();
    if let Some(sealed) = message.sealed.take() {
        let bytes = STANDARD.decode(sealed).map_err(Problem::internal)?;
        let secret = String::from_utf8(app.vault.open(&bytes)?).map_err(Problem::internal)?;
        message.link = message.link.map(|link| format!("{link}{secret}"));
    }
    Ok(message)
}
