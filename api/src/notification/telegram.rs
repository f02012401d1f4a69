//! Messages of a Telegram bot. Who blocked it is not written to any more; how long it wants to be left alone is its own to say.

use std::time::Duration;

use kartoteka_domain::notification::delivery::{Delivery, Outcome};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::config::TelegramSettings;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// The bot.
pub struct Telegram {
    client: reqwest::Client,
    /// With the token in it.
    address: SecretString,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    ok: bool,
    description: String,
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    retry_after: Option<i64>,
}

impl Telegram {
    /// From the settings.
    pub fn new(settings: &TelegramSettings) -> Option<Self> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build();
        let base = settings.base_url.trim_end_matches('/');
        let address = format!("{base}/bot{}/sendMessage", settings.token.expose_secret());
        match client {
            Ok(client) => Some(Self { client, address: address.into() }),
            Err(error) => {
                tracing::error!(%error, "nothing can be sent by the bot");
                None
            }
        }
    }

    /// Sends one.
    pub async fn send(&self, delivery: &Delivery) -> Outcome {
        let message = &delivery.message;
        let parts = [Some(message.title.as_str()), Some(message.body.as_str()), message.link.as_deref()];
        let text = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        let body = serde_json::json!({"chat_id": message.to, "text": text, "link_preview_options": {"is_disabled": true}});
        let answer = match self.client.post(self.address.expose_secret()).json(&body).send().await {
            Ok(answer) => answer,
            // the address holds the token
            Err(error) => return Outcome::Later(error.without_url().to_string(), None),
        };
        let status = answer.status().as_u16();
        outcome(status, &read(answer).await)
    }
}

async fn read(mut answer: reqwest::Response) -> Said {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LONGEST_ANSWER {
            return Said::default();
        }
    }
    serde_json::from_slice(&bytes).unwrap_or_default()
}

fn outcome(status: u16, said: &Said) -> Outcome {
    let why = format!("{status} {}", said.description);
    match status {
        200 if said.ok => Outcome::Sent,
        403 => Outcome::Blocked(why),
        429 => Outcome::Later(why, said.parameters.retry_after),
        // a chat there is not, a text that cannot be sent
        400 => Outcome::Refused(why),
        // a token that is wrong is the operator's to put right; whatever else may pass
        _ => Outcome::Later(why, said.parameters.retry_after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_decides_whether_it_is_tried_again() {
        let said = |text: &str| serde_json::from_str::<Said>(text).unwrap_or_default();
        assert_eq!(outcome(200, &said(r#"{"ok": true, "result": {}}"#)), Outcome::Sent);
        // a page of somebody between says nothing of the bot
        assert!(matches!(outcome(200, &said("<html>")), Outcome::Later(_, None)));
        assert!(matches!(outcome(403, &said(r#"{"ok": false, "description": "bot was blocked by the user"}"#)), Outcome::Blocked(_)));
        assert!(matches!(outcome(429, &said(r#"{"parameters": {"retry_after": 7}}"#)), Outcome::Later(_, Some(7))));
        assert!(matches!(outcome(400, &said(r#"{"description": "chat not found"}"#)), Outcome::Refused(_)));
        for status in [302, 401, 404, 500, 502] {
            assert!(matches!(outcome(status, &Said::default()), Outcome::Later(..)), "{status}");
        }
    }
}
