//! Configuration: flag, then environment, then file, then default. A bad setting is named and stops the start.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use ipnet::IpNet;
use kartoteka_domain::webhook::delivery::PAUSES;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Settings as flags and environment variables; the file has the same keys.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Given {
    /// Address to listen on; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "KARTOTEKA_LISTEN", global = true)]
    pub listen: Option<String>,
    /// Database: sqlite:PATH or postgres://… [default: sqlite:DATA_DIR/kartoteka.db]
    #[arg(long, env = "KARTOTEKA_DATABASE_URL", global = true, hide_env_values = true)]
    pub database_url: Option<String>,
    /// Database for reads, a replica perhaps [default: the same]
    #[arg(long, env = "KARTOTEKA_READ_DATABASE_URL", global = true, hide_env_values = true)]
    pub read_database_url: Option<String>,
    /// Where the embedded database and the secret key live [default: ./kartoteka-data]
    #[arg(long, env = "KARTOTEKA_DATA_DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// 32 bytes in hexadecimal that seal signing keys; instead of DATA_DIR/secret.key
    #[arg(long, env = "KARTOTEKA_SECRET_KEY", global = true, hide_env_values = true)]
    #[serde(skip)]
    pub secret_key: Option<String>,
    /// Address under which browsers reach this server [default: http://LISTEN]
    #[arg(long, env = "KARTOTEKA_PUBLIC_URL", global = true)]
    pub public_url: Option<String>,
    /// Address of the interface people use, for links in messages [default: PUBLIC_URL]
    #[arg(long, env = "KARTOTEKA_INTERFACE_URL", global = true)]
    pub interface_url: Option<String>,
    /// Mail server: smtps://USER:PASSWORD@HOST, or smtp://…?tls=required; without it no mail is sent
    #[arg(long, env = "KARTOTEKA_SMTP_URL", global = true, hide_env_values = true)]
    pub smtp_url: Option<String>,
    /// Sender of mails: «Kartoteka <crm@example.com>»
    #[arg(long, env = "KARTOTEKA_MAIL_FROM", global = true)]
    pub mail_from: Option<String>,
    /// Token of the Telegram bot; without it nothing is sent there
    #[arg(long, env = "KARTOTEKA_TELEGRAM_BOT_TOKEN", global = true, hide_env_values = true)]
    pub telegram_bot_token: Option<String>,
    /// Address of the bot's interface [default: https://api.telegram.org]
    #[arg(long, env = "KARTOTEKA_TELEGRAM_BASE_URL", global = true)]
    pub telegram_base_url: Option<String>,
    /// Threads that read from the database [default: 4]
    #[arg(long, env = "KARTOTEKA_READERS", global = true)]
    pub readers: Option<usize>,
    /// Connections that write to PostgreSQL [default: 8]
    #[arg(long, env = "KARTOTEKA_WRITERS", global = true)]
    pub writers: Option<usize>,
    /// Requests that may wait for the database; more are answered 503 [default: 1024]
    #[arg(long, env = "KARTOTEKA_QUEUE_LENGTH", global = true)]
    pub queue_length: Option<usize>,
    /// Seconds a request may wait for the database [default: 10]
    #[arg(long, env = "KARTOTEKA_PATIENCE_SECONDS", global = true)]
    pub patience_seconds: Option<u64>,
    /// Keep statements prepared; off behind a pooler that mixes them up [default: true]
    #[arg(long, env = "KARTOTEKA_CACHE_STATEMENTS", global = true)]
    pub cache_statements: Option<bool>,
    /// Run background work in this process [default: true]
    #[arg(long, env = "KARTOTEKA_WORKERS", global = true)]
    pub workers: Option<bool>,
    /// Seconds after which a live stream ends and is to be resumed [default: 300]
    #[arg(long, env = "KARTOTEKA_STREAM_SECONDS", global = true)]
    pub stream_seconds: Option<u64>,
    /// Sign-ins one address may try in a minute [default: 30]
    #[arg(long, env = "KARTOTEKA_SIGN_IN_PER_MINUTE", global = true)]
    pub sign_in_per_minute: Option<u32>,
    /// Failed sign-ins an address may have before it has to wait, longer each time [default: 20]
    #[arg(long, env = "KARTOTEKA_FAILURES_PER_ADDRESS", global = true)]
    pub failures_per_address: Option<u32>,
    /// Believe X-Forwarded-For: only behind a proxy that sets it [default: false]
    #[arg(long, env = "KARTOTEKA_TRUST_PROXY", global = true)]
    pub trust_proxy: Option<bool>,
    /// Networks the server may call into although they are not public, `10.1.0.0/16,192.168.5.7` [default: none]
    #[arg(long, env = "KARTOTEKA_OUTGOING_ALLOWED_NETWORKS", global = true, value_delimiter = ',')]
    pub outgoing_allowed_networks: Option<Vec<String>>,
    /// Seconds a webhook's receiver has to answer [default: 15]
    #[arg(long, env = "KARTOTEKA_WEBHOOK_TIMEOUT_SECONDS", global = true)]
    pub webhook_timeout_seconds: Option<u64>,
    /// Pauses between the tries of a delivery, seconds [default: 5,300,1800,7200,18000,36000,50400,72000,86400]
    #[arg(long, env = "KARTOTEKA_WEBHOOK_PAUSES", global = true, value_delimiter = ',')]
    pub webhook_pauses: Option<Vec<u64>>,
    /// Log level: error, warn, info, debug [default: info]
    #[arg(long, env = "KARTOTEKA_LOG", global = true)]
    pub log: Option<String>,
    /// Log format: json, pretty, or auto (pretty on a terminal) [default: auto]
    #[arg(long, env = "KARTOTEKA_LOG_FORMAT", global = true)]
    pub log_format: Option<String>,
    /// Configuration file [default: ./kartoteka.toml if it is there]
    #[arg(long, env = "KARTOTEKA_CONFIG", global = true)]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// Settings in force.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Database for changes.
    pub database_url: SecretString,
    /// Database for reads.
    pub read_database_url: SecretString,
    /// Data directory.
    pub data_dir: PathBuf,
    /// Key given by flag or environment.
    pub secret_key: Option<SecretString>,
    /// Address for browsers.
    pub public_url: String,
    /// Address of the interface people use.
    pub interface_url: Option<String>,
    /// How mail is sent.
    pub mail: Option<MailSettings>,
    /// How messages of the bot are sent.
    pub telegram: Option<TelegramSettings>,
    /// Reader threads.
    pub readers: usize,
    /// Writer connections.
    pub writers: usize,
    /// Queue length.
    pub queue_length: usize,
    /// Longest wait.
    pub patience: Duration,
    /// Prepared statements.
    pub cache_statements: bool,
    /// Background work.
    pub workers: bool,
    /// How long a live stream lasts.
    pub stream_life: Duration,
    /// Sign-ins a minute.
    pub sign_in_per_minute: u32,
    /// Failed sign-ins of an address before it is locked.
    pub failures_per_address: u32,
    /// Believe the proxy.
    pub trust_proxy: bool,
    /// Networks that may be called into although they are not public.
    pub outgoing_allowed_networks: Vec<IpNet>,
    /// How long a webhook's receiver has to answer.
    pub webhook_timeout: Duration,
    /// Pauses between the tries of a delivery, seconds.
    pub webhook_pauses: Vec<u64>,
    /// Log level.
    pub log: String,
    /// Log format.
    pub log_format: LogFormat,
}

/// How mail is sent.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The server, with name and password.
    pub url: SecretString,
    /// The sender.
    pub from: lettre::message::Mailbox,
}

/// How messages of the bot are sent.
#[derive(Debug, Clone)]
pub struct TelegramSettings {
    /// The bot's token.
    pub token: SecretString,
    /// Address of its interface.
    pub base_url: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

impl Given {
    /// What is given here, else what the other gives.
    fn or(self, file: Self) -> Self {
        Self {
            listen: self.listen.or(file.listen),
            database_url: self.database_url.or(file.database_url),
            read_database_url: self.read_database_url.or(file.read_database_url),
            data_dir: self.data_dir.or(file.data_dir),
            secret_key: self.secret_key,
            public_url: self.public_url.or(file.public_url),
            interface_url: self.interface_url.or(file.interface_url),
            smtp_url: self.smtp_url.or(file.smtp_url),
            mail_from: self.mail_from.or(file.mail_from),
            telegram_bot_token: self.telegram_bot_token.or(file.telegram_bot_token),
            telegram_base_url: self.telegram_base_url.or(file.telegram_base_url),
            readers: self.readers.or(file.readers),
            writers: self.writers.or(file.writers),
            queue_length: self.queue_length.or(file.queue_length),
            patience_seconds: self.patience_seconds.or(file.patience_seconds),
            cache_statements: self.cache_statements.or(file.cache_statements),
            workers: self.workers.or(file.workers),
            stream_seconds: self.stream_seconds.or(file.stream_seconds),
            sign_in_per_minute: self.sign_in_per_minute.or(file.sign_in_per_minute),
            failures_per_address: self.failures_per_address.or(file.failures_per_address),
            trust_proxy: self.trust_proxy.or(file.trust_proxy),
            outgoing_allowed_networks: self.outgoing_allowed_networks.or(file.outgoing_allowed_networks),
            webhook_timeout_seconds: self.webhook_timeout_seconds.or(file.webhook_timeout_seconds),
            webhook_pauses: self.webhook_pauses.or(file.webhook_pauses),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
            config: self.config,
        }
    }

    /// The settings in force, or the name of the bad one.
    pub fn settle(self) -> Result<Settings, String> {
        let path = self.config.clone().or_else(|| Path::new("kartoteka.toml").exists().then(|| PathBuf::from("kartoteka.toml")));
        let file = match path {
            None => Self::default(),
            Some(path) => {
                let text = fs::read_to_string(&path).map_err(|e| format!("config: cannot read {}: {e}", path.display()))?;
                toml::from_str(&text).map_err(|e| format!("config: {}: {}", path.display(), e.message()))?
            }
        };
        let given = self.or(file);
        let listen_text = given.listen.unwrap_or_else(|| "127.0.0.1:8080".into());
        let listen: SocketAddr =
            listen_text.parse().map_err(|_| format!("listen: «{listen_text}» is not an address like 127.0.0.1:8080"))?;
        let data_dir = given.data_dir.unwrap_or_else(|| PathBuf::from("kartoteka-data"));
        let database_url = given.database_url.unwrap_or_else(|| format!("sqlite:{}", data_dir.join("kartoteka.db").display()));
        kartoteka_persistence::store::Engine::of(&database_url).map_err(|e| format!("database_url: {e}"))?;
        let read_database_url = given.read_database_url.unwrap_or_else(|| database_url.clone());
        kartoteka_persistence::store::Engine::of(&read_database_url).map_err(|e| format!("read_database_url: {e}"))?;
        let positive = |name: &str, value: usize, most: usize| {
            if (1..=most).contains(&value) { Ok(value) } else { Err(format!("{name}: {value} is not between 1 and {most}")) }
        };
        let log = given.log.unwrap_or_else(|| "info".into());
        if !["error", "warn", "info", "debug", "trace"].contains(&log.as_str()) {
            return Err(format!("log: «{log}» is none of error, warn, info, debug, trace"));
        }
        let log_format = match given.log_format.as_deref().unwrap_or("auto") {
            "json" => LogFormat::Json,
            "pretty" => LogFormat::Pretty,
            "auto" if std::io::IsTerminal::is_terminal(&std::io::stderr()) => LogFormat::Pretty,
            "auto" => LogFormat::Json,
            other => return Err(format!("log_format: «{other}» is none of json, pretty, auto")),
        };
        let public_url = given.public_url.unwrap_or_else(|| format!("http://{listen}"));
        if !kartoteka_domain::workspace::is_url(&public_url) {
            return Err(format!("public_url: «{public_url}» is not an http or https address"));
        }
        let is_url = |name: &str, url: &Option<String>| match url.as_deref().filter(|url| !kartoteka_domain::workspace::is_url(url)) {
            Some(url) => Err(format!("{name}: «{url}» is not an http or https address")),
            None => Ok(()),
        };
        is_url("interface_url", &given.interface_url)?;
        is_url("telegram_base_url", &given.telegram_base_url)?;
        let mut outgoing_allowed_networks = Vec::new();
        for text in given.outgoing_allowed_networks.iter().flatten().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let network = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
            outgoing_allowed_networks
                .push(network.map_err(|_| format!("outgoing_allowed_networks: «{text}» is not a network like 10.1.0.0/16"))?);
        }
        let webhook_pauses = given.webhook_pauses.unwrap_or_else(|| PAUSES.to_vec());
        if webhook_pauses.len() > 50 || webhook_pauses.iter().any(|pause| *pause > 604_800) {
            return Err("webhook_pauses: at most 50 pauses of at most a week".into());
        }
        Ok(Settings {
            listen,
            database_url: database_url.into(),
            read_database_url: read_database_url.into(),
            data_dir,
            secret_key: given.secret_key.map(Into::into),
            public_url,
            interface_url: given.interface_url,
            mail: mail(given.smtp_url, given.mail_from)?,
            telegram: given.telegram_bot_token.map(|token| TelegramSettings {
                token: token.into(),
                base_url: given.telegram_base_url.unwrap_or_else(|| "https://api.telegram.org".into()),
            }),
            readers: positive("readers", given.readers.unwrap_or(4), 256)?,
            writers: positive("writers", given.writers.unwrap_or(8), 256)?,
            queue_length: given.queue_length.unwrap_or(1024).min(1_000_000),
            patience: Duration::from_secs(given.patience_seconds.unwrap_or(10).clamp(1, 300)),
            cache_statements: given.cache_statements.unwrap_or(true),
            workers: given.workers.unwrap_or(true),
            stream_life: Duration::from_secs(given.stream_seconds.unwrap_or(300).clamp(1, 3600)),
            sign_in_per_minute: given.sign_in_per_minute.unwrap_or(30).max(1),
            failures_per_address: given.failures_per_address.unwrap_or(20).max(1),
            trust_proxy: given.trust_proxy.unwrap_or(false),
            outgoing_allowed_networks,
            webhook_timeout: Duration::from_secs(given.webhook_timeout_seconds.unwrap_or(15).clamp(1, 60)),
            webhook_pauses,
            log,
            log_format,
        })
    }
}

impl Settings {
    /// Takes over the address that was really bound: with port 0 the system chose one.
    pub fn listens_on(&mut self, address: std::net::SocketAddr) {
        if self.public_url == format!("http://{}", self.listen) {
            self.public_url = format!("http://{address}");
        }
        self.listen = address;
    }
    /// The settings as they may be shown: without passwords and keys.
    pub fn shown(&self) -> serde_json::Value {
        serde_json::json!({
            "listen": self.listen.to_string(),
            "database_url": without_password(self.database_url.expose_secret()),
            "read_database_url": without_password(self.read_database_url.expose_secret()),
            "data_dir": self.data_dir.display().to_string(),
            "secret_key": if self.secret_key.is_some() { "***" } else { "from the data directory" },
            "public_url": self.public_url,
            "interface_url": self.interface_url,
            "smtp_url": self.mail.as_ref().map(|mail| without_password(mail.url.expose_secret())),
            "mail_from": self.mail.as_ref().map(|mail| mail.from.to_string()),
            "telegram_bot_token": if self.telegram.is_some() { "***" } else { "none" },
            "telegram_base_url": self.telegram.as_ref().map(|telegram| &telegram.base_url),
            "readers": self.readers,
            "writers": self.writers,
            "queue_length": self.queue_length,
            "patience_seconds": self.patience.as_secs(),
            "cache_statements": self.cache_statements,
            "workers": self.workers,
            "stream_seconds": self.stream_life.as_secs(),
            "sign_in_per_minute": self.sign_in_per_minute,
            "failures_per_address": self.failures_per_address,
            "trust_proxy": self.trust_proxy,
            "outgoing_allowed_networks": self.outgoing_allowed_networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "webhook_timeout_seconds": self.webhook_timeout.as_secs(),
            "webhook_pauses": self.webhook_pauses,
            "log": self.log,
            "log_format": format!("{:?}", self.log_format).to_lowercase(),
        })
    }

    /// The installation's secret: given, or kept in the data directory, made at the first start.
    pub fn installation_secret(&self) -> Result<[u8; 32], String> {
        let text = if let Some(key) = &self.secret_key {
            key.expose_secret().to_owned()
        } else {
            let path = self.data_dir.join("secret.key");
            if !path.exists() {
                fs::create_dir_all(&self.data_dir).map_err(|e| format!("data_dir: cannot make {}: {e}", self.data_dir.display()))?;
                let fresh: [u8; 32] = rand::random();
                write_secret(&path, &crate::credential::hex(&fresh))?;
            }
            fs::read_to_string(&path).map_err(|e| format!("data_dir: cannot read {}: {e}", path.display()))?
        };
        let bad = || "secret_key: 64 hexadecimal digits are wanted".to_owned();
        let text = text.trim();
        if text.len() != 64 || !text.is_ascii() {
            return Err(bad());
        }
        let mut key = [0_u8; 32];
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = text.get(at * 2..at * 2 + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or_else(bad)?;
        }
        Ok(key)
    }
}

/// Writes a file only its owner may read; a process that was faster is left alone.
fn write_secret(path: &Path, text: &str) -> Result<(), String> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Ok(mut file) => file
            .write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|e| format!("data_dir: cannot write {}: {e}", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(format!("data_dir: cannot write {}: {e}", path.display())),
    }
}

/// How mail is sent: both settings or neither.
fn mail(url: Option<String>, from: Option<String>) -> Result<Option<MailSettings>, String> {
    match (url, from) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("smtp_url: mail_from is there without a server to send by".into()),
        (Some(_), None) => Err("mail_from: smtp_url is there without a sender".into()),
        (Some(url), Some(from)) => {
            lettre::AsyncSmtpTransport::<lettre::Tokio1Executor>::from_url(&url)
                .map_err(|error| format!("smtp_url: cannot be used: {error}"))?;
            let from = from.parse().map_err(|error| format!("mail_from: «{from}» is no sender: {error}"))?;
            Ok(Some(MailSettings { url: url.into(), from }))
        }
    }
}

/// A URL without the password in it.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.split_once('@') {
        Some((user, host)) => format!("{scheme}://{}:***@{host}", user.split(':').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_setting_is_named() {
        let bad = |given: Given| given.settle().unwrap_err();
        assert!(bad(Given { listen: Some("nowhere".into()), ..Given::default() }).starts_with("listen"));
        assert!(bad(Given { database_url: Some("mysql://x".into()), ..Given::default() }).starts_with("database_url"));
        assert!(bad(Given { readers: Some(0), ..Given::default() }).starts_with("readers"));
        assert!(bad(Given { log_format: Some("xml".into()), ..Given::default() }).starts_with("log_format"));
    }

    #[test]
    fn mail_needs_a_server_and_a_sender() {
        let given = |url: Option<&str>, from: Option<&str>| {
            Given { smtp_url: url.map(Into::into), mail_from: from.map(Into::into), ..Given::default() }.settle()
        };
        assert!(given(None, None).unwrap().mail.is_none());
        assert!(given(Some("smtp://localhost"), None).unwrap_err().starts_with("mail_from"));
        assert!(given(None, Some("crm@example.com")).unwrap_err().starts_with("smtp_url"));
        assert!(given(Some("http://localhost"), Some("crm@example.com")).unwrap_err().starts_with("smtp_url"));
        assert!(given(Some("smtp://localhost"), Some("nobody")).unwrap_err().starts_with("mail_from"));
        let good = given(Some("smtps://anna:secret@mail.example.com"), Some("Kartoteka <crm@example.com>")).unwrap();
        let shown = good.shown().to_string();
        assert!(good.mail.is_some() && !shown.contains("secret@"), "{shown}");
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(without_password("postgres://anna:secret@db/kartoteka"), "postgres://anna:***@db/kartoteka");
        let given =
            Given { database_url: Some("postgres://anna:secret@db/k".into()), secret_key: Some("ab".repeat(32)), ..Given::default() };
        let shown = given.settle().unwrap().shown().to_string();
        assert!(!shown.contains("secret@") && !shown.contains("abab"), "{shown}");
    }
}
