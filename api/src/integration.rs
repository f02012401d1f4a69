//! Health of integrations over HTTP, and the alarm of those that fail.

use std::time::Duration;

use kartoteka_domain::{
    id::WorkspaceId,
    integration::{IntegrationHealth, IntegrationKind, IntegrationState, Integrations, Signs},
    notification::NotificationChannel,
};
use kartoteka_persistence::{ReadTx, idempotency, integration as store, notification::delivery, webhook};
use uuid::Uuid;

use crate::{
    answer::{Answer, Plain},
    app::App,
    can::{Can, ReadWebhooks},
    clock, credential, notification,
    problem::Result,
};

/// How often it is looked whether one fails.
const LOOK: Duration = Duration::from_mins(1);

/// Get the health of integrations
///
/// Of each webhook, each form, mail and Telegram: what got through last, what failed last, how much waits and for how long. Those that fail come first.
#[utoipa::path(get, path = "/v1/integrations/health", tag = "service")]
pub async fn get_integration_health(can: Can<ReadWebhooks>) -> Answer<Plain<Integrations>> {
    let (now, channels) = (clock::now(), channels(can.app()));
    can.read(move |tx| {
        let known = known(tx, channels)?.into_iter();
        let mut data: Vec<_> = known.map(|(kind, named, signs)| IntegrationHealth::new(kind, named, signs, now)).collect();
        data.sort_by_key(|one| one.state != IntegrationState::Failing);
        Ok(Plain(Integrations { data }))
    })
    .await
}

/// The channels, and whether the server has them.
type Channels = [(IntegrationKind, NotificationChannel, bool); 2];

fn channels(app: &App) -> Channels {
    [
        (IntegrationKind::Email, NotificationChannel::Email, app.settings.mail.is_some()),
        (IntegrationKind::Telegram, NotificationChannel::Telegram, app.settings.telegram.is_some()),
    ]
}

/// An integration, its id and name where it is one of many, and what is known of it.
type Known = (IntegrationKind, Option<(Uuid, String)>, Signs);

fn known(tx: &mut ReadTx<'_>, channels: Channels) -> Result<Vec<Known>> {
    let mut all = webhooks(tx)?;
    for (kind, channel, on) in channels {
        let known = delivery::health(tx, channel)?;
        let signs = Signs {
            on,
            last_success_at: known.last_success_at,
            last_error_at: known.last_error_at,
            last_error: known.last_error,
            queue_length: known.queued,
            waiting_since: known.waiting_since,
            stopped: false,
        };
        all.push((kind, None, signs));
    }
    all.extend(store::forms(tx)?.into_iter().map(|(id, name, signs)| (IntegrationKind::Form, Some((id, name)), signs)));
    Ok(all)
}

/// Looks at every workspace's integrations once a minute: of those that fail for longer than a moment the administrators are told.
pub async fn watch(app: App) {
    while !app.stopping() {
        match idempotency::workspaces(&app.store).await {
            Ok(places) => {
                for place in places {
                    if let Err(problem) = look(&app, place.into()).await {
                        tracing::warn!(%problem, workspace = %place, "how integrations are is looked at later");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "how integrations are is looked at later"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(app: &App, place: WorkspaceId) -> Result<()> {
    let (now, channels) = (clock::now(), channels(app));
    let scope = credential::lookup_scope(place);
    let all = app.store.read(scope.clone(), move |tx: &mut ReadTx<'_>| known(tx, channels)).await?;
    let failing: Vec<Known> = all.into_iter().filter(|(_, _, signs)| signs.is_alarming(now)).collect();
    if failing.is_empty() {
        return Ok(());
    }
    let told = app.store.write(scope, clock::own_circumstances(), move |tx| -> Result<()> {
        for (kind, named, signs) in &failing {
            let (id, name) = named.as_ref().map(|(id, name)| (*id, name.as_str())).unzip();
            let what = id.map_or_else(|| kind.to_string(), |id| id.to_string());
            // of a day of trouble there is one word
            notification::alarm(tx, &format!("{what}:{}", now.date_naive()), name.unwrap_or(kind.word()), &signs.why(now))?;
        }
        Ok(())
    });
    told.await
}

fn webhooks(tx: &mut ReadTx<'_>) -> Result<Vec<Known>> {
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
                stopped: hook.paused_at.is_some(),
                ..queue
            };
            (IntegrationKind::Webhook, Some((hook.id.uuid(), hook.name)), signs)
        })
        .collect())
}
