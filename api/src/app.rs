//! The application: its state, its routes, its life from start to graceful stop.

use std::{
    collections::HashSet,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix_cors::Cors;
use actix_web::{
    App as WebApp, HttpServer,
    dev::ServerHandle,
    http::{Method, header},
    middleware::from_fn,
    web,
};
use arc_swap::ArcSwap;
use kartoteka_domain::notification::NotificationChannel;
use kartoteka_persistence::{Store, store::StoreSettings, workspace};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    audit::{self, refusal::Refusals},
    config::Settings,
    credential::{Credentials, Noted, Passwords, Signer, Vault, noted},
    escalation, integration, journal,
    limits::Limits,
    lockout::{Locks, locks},
    mount, notification,
    observe::{self, TrustProxy},
    outside::Outside,
    problem::Result,
    router::Router,
    spec,
    stream::Streams,
    submission, webhook,
};

/// What handlers and workers share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// The shared state.
pub struct Shared {
    /// The database.
    pub store: Store,
    /// Settings in force.
    pub settings: Settings,
    /// Signs and verifies tokens.
    pub signer: Signer,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Credentials verified within the last second.
    pub credentials: Credentials,
    /// Seals secrets that must be read again.
    pub vault: Arc<Vault>,
    /// Locks of accounts and addresses that this process knows of.
    pub locks: Locks,
    /// Attacks written down within the last minute.
    pub attacks: Noted,
    /// Rate limits.
    pub limits: Limits,
    /// Live streams of this process.
    pub streams: Streams,
    /// Refusals on their way into the audit.
    pub refusals: Refusals,
    /// Rings when there is work.
    pub worker_bell: Arc<Notify>,
    /// Rings when events were numbered.
    pub journal_bell: journal::Bell,
    /// The way to the outside.
    pub outside: Outside,
    origins: ArcSwap<HashSet<String>>,
    stopping: AtomicBool,
    metrics: PrometheusHandle,
}

/// The OpenAPI document as JSON: made when it is first asked for, since most servers never are.
pub static DOCUMENT_JSON: LazyLock<String> = LazyLock::new(|| openapi().to_string());

/// The same as YAML.
pub static DOCUMENT_YAML: LazyLock<String> = LazyLock::new(|| spec::to_yaml(&openapi()));

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Opens the store and everything on it.
    pub fn open(settings: Settings) -> std::result::Result<Self, String> {
        // first: connections count their statements from the start
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full("http_request_seconds".into()),
                &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            )
            .map_err(|e| e.to_string())?
            .install_recorder()
            .map_err(|e| e.to_string())?;
        notification::text::check()?;
        notification::set_up(&settings);
        let store = open_store(&settings)?;
        let vault = Arc::new(Vault::new(&settings.installation_secret()?).map_err(|_| "secret_key: cannot be used".to_owned())?);
        let signer = Signer::open(&store, Arc::clone(&vault))
            .map_err(|_| "the signing keys cannot be opened: was the secret key changed?".to_owned())?;
        let passwords = Passwords::new().map_err(|_| "passwords cannot be hashed".to_owned())?;
        let limits = Limits::new(settings.sign_in_per_minute);
        let outside = Outside::new(&settings.outgoing_allowed_networks, settings.webhook_timeout);
        Ok(Self(Arc::new(Shared {
            store,
            settings,
            signer,
            passwords,
            credentials: Credentials::new(),
            vault,
            locks: locks(),
            attacks: noted(),
            limits,
            streams: Streams::default(),
            refusals: Refusals::default(),
            worker_bell: Arc::new(Notify::new()),
            journal_bell: journal::Bell::default(),
            outside,
            origins: ArcSwap::from_pointee(HashSet::new()),
            stopping: AtomicBool::new(false),
            metrics,
        })))
    }

    /// Wakes the worker.
    pub fn wake_worker(&self) {
        self.worker_bell.notify_one();
    }

    /// Whether the application is going down.
    pub fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The metrics in Prometheus' text format.
    pub fn render_metrics(&self) -> String {
        let (reads, writes) = self.store.waiting();
        metrics::gauge!("password_queue_length").set(f64::from(u32::try_from(self.passwords.waiting()).unwrap_or(u32::MAX)));
        metrics::gauge!("open_streams").set(f64::from(u32::try_from(self.streams.count()).unwrap_or(u32::MAX)));
        metrics::gauge!("database_queue_length", "lane" => "read").set(f64::from(u32::try_from(reads).unwrap_or(u32::MAX)));
        metrics::gauge!("database_queue_length", "lane" => "write").set(f64::from(u32::try_from(writes).unwrap_or(u32::MAX)));
        self.metrics.render()
    }

    /// Reads anew which origins may call from a browser.
    pub async fn refresh_origins(&self) {
        match workspace::all_cors_origins(&self.store).await {
            Ok(origins) => self.origins.store(Arc::new(origins.into_iter().collect())),
            Err(error) => tracing::warn!(%error, "the origins could not be read"),
        }
    }
}

/// Opens the database threads.
pub fn open_store(settings: &Settings) -> std::result::Result<Store, String> {
    Store::open(&StoreSettings {
        write_url: settings.database_url.expose_secret().to_owned(),
        read_url: settings.read_database_url.expose_secret().to_owned(),
        readers: settings.readers,
        writers: settings.writers,
        queue: settings.queue_length,
        patience: settings.patience,
        cache_statements: settings.cache_statements,
    })
    .map_err(|error| format!("database_url: {error}"))
}

/// Everything that is mounted; the one list.
pub fn router() -> Router {
    let mut router = Router::default();
    mount! { router;
        crate::service: check_health, check_readiness, get_metrics, get_openapi_json, get_openapi_yaml;
        crate::session: create_token, refresh_token, revoke_token, list_signing_keys;
        crate::session::link: request_password_reset, confirm_password_reset;
        crate::session::open: list_my_sessions, get_my_session, end_my_session, end_my_sessions, get_user_sessions, end_user_sessions;
        crate::second_factor: begin_totp, confirm_totp, disable_totp, create_recovery_codes, reset_user_totp;
        crate::user: get_me, change_my_password, list_users, create_user, get_user, update_user, create_password_link, get_open_work;
        crate::access: get_access_explanation, get_role_preview;
        crate::role: list_roles, create_role, get_role, update_role, archive_role, restore_role;
        crate::department: list_departments, create_department, get_department, update_department, archive_department, restore_department;
        crate::api_key: list_api_keys, create_api_key, get_api_key, update_api_key, archive_api_key, rotate_api_key;
        crate::workspace: get_workspace, update_workspace;
        crate::catalogue: list_sources, create_source, get_source, update_source, archive_source, restore_source,
            list_contact_statuses, create_contact_status, get_contact_status, update_contact_status, archive_contact_status, restore_contact_status,
            list_reject_reasons, create_reject_reason, get_reject_reason, update_reject_reason, archive_reject_reason, restore_reject_reason,
            list_lost_reasons, create_lost_reason, get_lost_reason, update_lost_reason, archive_lost_reason, restore_lost_reason,
            list_tags, create_tag, get_tag, update_tag, archive_tag, restore_tag;
        crate::contact: list_contacts, create_contact, get_contact, update_contact, archive_contact, restore_contact, upsert_contact,
            add_contact_phone, add_contact_email, add_contact_messenger, reveal_contact;
        crate::batch: batch_contacts, batch_companies, batch_leads, batch_deals, batch_tasks, batch_communications, batch_notes;
        crate::contact::view: get_contact_overview, get_contact_timeline;
        crate::company: list_companies, create_company, get_company, update_company, archive_company, restore_company, upsert_company;
        crate::lookup: look_up;
        crate::lead: list_leads, create_lead, get_lead, update_lead, archive_lead, restore_lead, reject_lead, qualify_lead;
        crate::pipeline: list_pipelines, create_pipeline, get_pipeline, update_pipeline, archive_pipeline, restore_pipeline;
        crate::pipeline::board: get_board;
        crate::deal: list_deals, create_deal, get_deal, update_deal, archive_deal, restore_deal, move_deal, get_deal_moves, place_deal, get_deal_stage_changes, get_stuck_deals;
        crate::next_step: get_attention;
        crate::form: list_forms, create_form, get_form, update_form, archive_form, restore_form, rotate_form_key, get_form_snippet, test_form;
        crate::submission: list_submissions, get_submission, replay_submission;
        crate::form::public: get_public_form, submit_form;
        crate::task: list_tasks, create_task, get_task, update_task, archive_task, restore_task, complete_task, cancel_task, reopen_task, get_my_day;
        crate::task::no_answer: record_no_answer;
        crate::task::repeat: get_task_occurrences;
        crate::task::hand_over: hand_over_task;
        crate::hand_over: create_hand_over, list_hand_overs, get_hand_over, undo_hand_over;
        crate::notification: list_notifications, get_notification, count_unread_notifications, read_notification, read_notifications,
            get_notification_settings, update_notification_settings;
        crate::calendar: create_calendar_link, get_calendar_link, revoke_calendar_link, get_calendar;
        crate::communication: list_communications, create_communication, get_communication, update_communication, archive_communication, restore_communication;
        crate::communication::chain: get_communication_chain;
        crate::communication::meeting: check_in_to_meeting, check_out_of_meeting;
        crate::communication::outcome: list_communication_outcomes, create_communication_outcome, get_communication_outcome, update_communication_outcome,
            archive_communication_outcome, restore_communication_outcome;
        crate::recording: upload_recording, delete_recording, listen_to_recording, play_recording;
        crate::position: get_position_consent, update_position_consent, submit_positions, list_positions;
        crate::assignment: list_assignment_rules, create_assignment_rule, get_assignment_rule, update_assignment_rule, archive_assignment_rule,
            restore_assignment_rule, list_assignment_decisions, assign_lead;
        crate::telephony: submit_call_event;
        crate::audit: list_audit_events, get_audit_event, verify_audit_events;
        crate::audit::history: get_contact_history, get_company_history, get_lead_history, get_deal_history, get_task_history;
        crate::audit::reversal: revert_audit_event, revert_period, revert_contact, revert_company, revert_lead, revert_deal, revert_task, revert_communication, revert_note, revert_form, revert_user, revert_role;
        crate::journal: get_events;
        crate::integration: get_integration_health;
        crate::stream: stream_events, get_presence;
        crate::webhook: list_webhooks, create_webhook, get_webhook, update_webhook, archive_webhook, restore_webhook, rotate_webhook, resume_webhook,
            test_webhook, replay_webhook, list_webhook_deliveries, get_webhook_delivery, replay_webhook_delivery;
        crate::note: list_notes, create_note, get_note, update_note, archive_note, restore_note;
    }
    router
}

/// The document of everything mounted.
pub fn openapi() -> Value {
    spec::document(router().operations())
}

fn cors(app: &App) -> Cors {
    let app = app.clone();
    Cors::default()
        .allowed_origin_fn(move |origin, head| {
            // a form decides about its pages itself, when the post arrives
            head.uri.path().starts_with("/public/") || origin.to_str().is_ok_and(|origin| app.origins.load().contains(origin))
        })
        .allowed_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, header::ACCEPT_LANGUAGE, header::IF_MATCH])
        .allowed_headers(["idempotency-key", "x-request-id", "consistency-token"])
        .expose_headers([
            "etag",
            "location",
            "link",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
            "x-request-id",
            "idempotent-replayed",
            "content-range",
            "accept-ranges",
        ])
        .block_on_origin_mismatch(false)
        .max_age(3600)
}

/// Connections one worker holds open at a time; further ones wait to be accepted.
const MOST_CONNECTIONS: usize = 8192;

/// Serves until a signal; `announce` is told the address.
pub async fn serve(app: App, listener: std::net::TcpListener, announce: impl FnOnce(std::net::SocketAddr)) -> std::io::Result<()> {
    let router = Arc::new(router().undocumented());
    if let Err(problem) = crate::role::install_everywhere(&app.store).await {
        tracing::error!(%problem, "ready-made roles could not be put into older workspaces");
    }
    app.refresh_origins().await;
    let state = web::Data::new(app.clone());
    let trust = TrustProxy(app.settings.trust_proxy);
    let for_server = app.clone();
    let server = HttpServer::new(move || {
        let router = Arc::clone(&router);
        WebApp::new()
            .app_data(state.clone())
            .app_data(trust)
            .wrap(cors(&for_server))
            .wrap(from_fn(observe::observe))
            .wrap(actix_web::middleware::Compress::default())
            .configure(|config| router.configure(config))
            .service(web::redirect("/docs", "/docs/"))
            .service(utoipa_swagger_ui::SwaggerUi::new("/docs/{_:.*}").config(utoipa_swagger_ui::Config::from("/openapi.json")))
            .default_service(web::to(observe::nothing_here))
    })
    .client_request_timeout(Duration::from_secs(15))
    .max_connections(MOST_CONNECTIONS)
    .shutdown_timeout(20)
    .disable_signals()
    .listen(listener)?;
    if let Some(address) = server.addrs().first().copied() {
        announce(address);
    }
    let server = server.run();
    let handle = server.handle();
    if app.settings.workers {
        let worker = app.clone();
        actix_web::rt::spawn(async move { submission::worker::run(worker).await });
        let watchman = app.clone();
        actix_web::rt::spawn(async move { escalation::run(watchman).await });
        let scheduler = app.clone();
        actix_web::rt::spawn(async move { notification::schedule::run(scheduler).await });
        let dispatcher = app.clone();
        actix_web::rt::spawn(async move { notification::dispatch::run(dispatcher).await });
        for channel in NotificationChannel::ALL {
            let sender = app.clone();
            actix_web::rt::spawn(async move { notification::send::run(sender, *channel).await });
        }
        let sealer = app.clone();
        actix_web::rt::spawn(async move { audit::sealer::run(sealer).await });
        let teller = app.clone();
        actix_web::rt::spawn(async move { webhook::worker::run(teller).await });
        let doctor = app.clone();
        actix_web::rt::spawn(async move { integration::watch(doctor).await });
        let keeper = app.clone();
        actix_web::rt::spawn(async move { keep_house(keeper).await });
        let database = app.store.clone();
        actix_web::rt::spawn(async move {
            for turn in 0_u64.. {
                tokio::time::sleep(Duration::from_secs(2)).await;
                if let Err(error) = database.maintain(turn % 300 == 0).await {
                    tracing::warn!(%error, "the database is kept in shape later");
                }
            }
        });
    }
    let tidy = app.clone();
    actix_web::rt::spawn(async move {
        for turn in 0_u64.. {
            tokio::time::sleep(Duration::from_secs(if turn == 0 { 1 } else { 5 })).await;
            if turn % 12 == 0 {
                give_back_memory();
            }
            tidy.metrics.run_upkeep();
            tidy.limits.tidy();
            tidy.refresh_origins().await;
        }
    });
    actix_web::rt::spawn(stop_on_signal(app, handle));
    server.await
}

/// Serves `GET /hello` alone, with nothing around it: what this machine and framework can do at most.
pub async fn hello(listener: std::net::TcpListener) -> std::io::Result<()> {
    println!("listening on http://{}", listener.local_addr()?);
    HttpServer::new(|| WebApp::new().route("/hello", web::get().to(async || "hello"))).listen(listener)?.run().await
}

/// What is free goes back to the system: the allocator does so only while it is busy, and a start leaves much behind.
#[expect(unsafe_code, reason = "the allocator's own function; it takes a flag and has no conditions")]
fn give_back_memory() {
    // SAFETY: may be called at any time from any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// Readiness off, stop accepting, drain, stop workers.
async fn stop_on_signal(app: App, handle: ServerHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else { return };
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    tracing::info!("stopping: open requests are finished first");
    app.0.stopping.store(true, Ordering::Relaxed);
    app.wake_worker();
    handle.stop(true).await;
}

/// Once an hour: forgets expired idempotency keys, failed sign-ins of days ago, events and positions that are kept no longer.
async fn keep_house(app: App) {
    use kartoteka_persistence::{idempotency, lockout, presence};
    loop {
        let long_ago = crate::clock::now() - chrono::Duration::seconds(kartoteka_domain::lockout::FORGOTTEN_AFTER);
        if let Err(error) = lockout::forget_before(&app.store, long_ago).await {
            tracing::warn!(%error, "old failures stay for now");
        }
        if let Ok(ids) = idempotency::workspaces(&app.store).await {
            for id in ids {
                let scope = crate::credential::lookup_scope(id.into());
                let swept: Result<usize> =
                    app.store.write(scope, crate::clock::own_circumstances(), |tx| Ok(idempotency::forget_expired(tx)?)).await;
                let scope = crate::credential::lookup_scope(id.into());
                let forgotten = app.store.write(scope, crate::clock::own_circumstances(), notification::forget_old).await;
                if let Err(problem) = forgotten {
                    tracing::warn!(%problem, "messages that ended long ago stay for now");
                }
                if let Err(problem) = swept {
                    tracing::warn!(%problem, "expired idempotency keys stay for now");
                }
                let scope = crate::credential::lookup_scope(id.into());
                let swept: Result<usize> =
                    app.store.write(scope, crate::clock::own_circumstances(), |tx| Ok(presence::forget_expired(tx)?)).await;
                if let Err(problem) = swept {
                    tracing::warn!(%problem, "who had a card open stays for now");
                }
                let scope = crate::credential::lookup_scope(id.into());
                if let Err(problem) = app.store.write(scope, crate::clock::own_circumstances(), crate::position::forget_old).await {
                    tracing::warn!(%problem, "old positions stay for now");
                }
                loop {
                    let scope = crate::credential::lookup_scope(id.into());
                    match app.store.write(scope, crate::clock::own_circumstances(), crate::recording::forget_old).await {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(problem) => {
                            tracing::warn!(%problem, "old recordings stay for now");
                            break;
                        }
                    }
                }
                if let Err(problem) = journal::forget_old(&app, id.into()).await {
                    tracing::warn!(%problem, "old events stay for now");
                }
                if let Err(problem) = webhook::worker::forget_old(&app, id.into()).await {
                    tracing::warn!(%problem, "old deliveries stay for now");
                }
            }
        }
        tokio::time::sleep(Duration::from_hours(1)).await;
    }
}
