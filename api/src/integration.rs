//! Health of integrations over HTTP.

use kartoteka_domain::{
    integration::{IntegrationHealth, IntegrationKind, IntegrationState, Integrations, Signs},
    notification::NotificationChannel,
};
use kartoteka_persistence::{ReadTx, integration as store, notification::delivery, webhook};

use crate::{
    answer::{Answer, Plain},
    can::{Can, ReadWebhooks},
    clock,
    problem::Result,
};

/// Get the health of integrations
///
/// Of each webhook, each form, mail and Telegram: what got through last, what failed last, how much waits and for how long. Those that fail come first.
#[utoipa::path(get, path = "/v1/integrations/health", tag = "service")]
pub async fn get_integration_health(can: Can<ReadWebhooks>) -> Answer<Plain<Integrations>> {
    let (now, settings) = (clock::now(), &can.app().settings);
    let channels = [
        (IntegrationKind::Email, NotificationChannel::Email, settings.mail.is_some()),
        (IntegrationKind::Telegram, NotificationChannel::Telegram, settings.telegram.is_some()),
    ];
    can.read(move |tx| {
        let mut data = webhooks(tx, now)?;
        for (kind, channel, on) in channels {
            let known = delivery::health(tx, channel)?;
            let signs = Signs {
                on,
                last_success_at: known.last_success_at,
                last_error_at: known.last_error_at,
                last_error: known.last_error,
                queue_length: known.queued,
                waiting_since: known.waiting_since,
            };
            data.push(IntegrationHealth::new(kind, None, signs, now));
        }
        for (id, name, signs) in store::forms(tx)? {
            data.push(IntegrationHealth::new(IntegrationKind::Form, Some((id, name)), signs, now));
        }
        data.sort_by_key(|one| one.state != IntegrationState::Failing);
        Ok(Plain(Integrations { data }))
    })
    .await
}

fn webhooks(tx: &mut ReadTx<'_>, now: chrono::DateTime<chrono::Utc>) -> Result<Vec<IntegrationHealth>> {
    let mut queues = store::webhook_queues(tx)?;
    let hooks = webhook::in_use(tx)?;
    Ok(hooks
        .into_iter()
        .map(|hook| {
            let queue = queues.remove(&hook.id.uuid()).unwrap_or_default();
            let signs = Signs {
                on: hook.active,
                last_success_at: hook.last_success_at,
                // a webhook that is paused fails until somebody resumes it
                last_error_at: hook.failing_since.or(hook.paused_at),
                last_error: hook.paused_reason.or(hook.last_error),
                ..queue
            };
            IntegrationHealth::new(IntegrationKind::Webhook, Some((hook.id.uuid(), hook.name)), signs, now)
        })
        .collect())
}
