//! Which database a run is for, fresh ones beside it, and a look into their tables by the engine's own command-line
//! tool: only tests that prove a lock, a trace or a crash look there.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Embedded.
    Sqlite,
    /// Server.
    Postgres,
}

impl Engine {
    /// The engine this run is for, by `KARTOTEKA_TEST_DATABASE`; there is no silent default.
    pub fn of_this_run() -> Self {
        match std::env::var("KARTOTEKA_TEST_DATABASE").as_deref() {
            Ok("sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            other => panic!("KARTOTEKA_TEST_DATABASE must be «sqlite» or «postgres», not {other:?}; tests/run sets it"),
        }
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// One database with its data directory.
#[derive(Debug, Clone)]
pub struct Database {
    /// Its engine.
    pub engine: Engine,
    /// Its URL as Kartoteka takes it.
    pub url: String,
    /// Data directory, also for the logs of servers on it.
    pub directory: PathBuf,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// A new, empty one of this run's engine.
    pub fn fresh() -> Self {
        Self::fresh_of(Engine::of_this_run())
    }

    /// A new, empty one of either engine.
    pub fn fresh_of(engine: Engine) -> Self {
        let name = format!("kt_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = run_directory().join(&name);
        std::fs::create_dir_all(&directory).unwrap();
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", directory.join("kartoteka.db").display()),
            Engine::Postgres => {
                let beside = std::env::var("KARTOTEKA_TEST_DATABASE_URL")
                    .expect("KARTOTEKA_TEST_DATABASE_URL must name a database of the throw-away PostgreSQL cluster; tests/run sets it");
                psql(&beside, &format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
                let (server, _) = beside.rsplit_once('/').expect("a URL with a database name");
                format!("{server}/{name}")
            }
        };
        Self { engine, url, directory }
    }

    /// Kartoteka's command line on this database, ended after a minute should it not end by itself.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "60"]).arg(binary());
        self.prepared(command, arguments)
    }

    /// The server's process on this database, which ends only when it is told to.
    pub fn serve(&self) -> Command {
        self.prepared(Command::new(binary()), &["serve", "--listen", "127.0.0.1:0"])
    }

    fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KARTOTEKA_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("KARTOTEKA_DATABASE_URL", &self.url)
            .env("KARTOTEKA_DATA_DIR", &self.directory)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of Kartoteka to its end; its output when it succeeds.
    pub fn run(&self, arguments: &[&str]) -> String {
        succeeded(&format!("kartoteka {}", arguments.join(" ")), &self.command(arguments).output().unwrap())
    }

    /// Runs SQL as the database's owner; rows of texts.
    pub fn sql(&self, sql: &str) -> Vec<Vec<String>> {
        let output = match self.engine {
            Engine::Sqlite => {
                let file = self.url.trim_start_matches("sqlite:");
                let args = ["-batch", "-noheader", "-cmd", ".timeout 20000", "-cmd", ".separator \x1f \x1e", file, sql];
                succeeded("sqlite3", &Command::new("sqlite3").args(args).stdin(Stdio::null()).output().expect("the tool sqlite3"))
            }
            Engine::Postgres => psql(&self.url, sql),
        };
        output
            .split('\x1e')
            .map(|row| row.trim_matches('\n'))
            .filter(|row| !row.is_empty())
            .map(|row| row.split('\x1f').map(str::to_owned).collect())
            .collect()
    }

    /// The number a query of one row and column answers.
    pub fn number(&self, sql: &str) -> i64 {
        let rows = self.sql(sql);
        rows.last().and_then(|row| row.first()).and_then(|cell| cell.parse().ok()).unwrap_or_else(|| panic!("{sql} answered {rows:?}"))
    }

    /// A UUID as a literal of this engine.
    pub fn uuid(&self, id: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("x'{}'", id.replace('-', "")),
            Engine::Postgres => format!("'{id}'::uuid"),
        }
    }
}

/// Runs SQL through psql; rows end in U+001E, columns in U+001F.
pub fn psql(url: &str, sql: &str) -> String {
    let args = ["-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql];
    succeeded(sql, &Command::new("psql").args(args).stdin(Stdio::null()).output().expect("the tool psql"))
}

fn succeeded(what: &str, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{what} failed: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
    text
}

/// The binary under test: `KARTOTEKA_BIN`, else what cargo built last in this workspace.
pub fn binary() -> PathBuf {
    if let Ok(path) = std::env::var("KARTOTEKA_BIN") {
        return path.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    ["debug", "release"]
        .iter()
        .map(|profile| target.join(profile).join("kartoteka"))
        .find(|path| path.exists())
        .expect("no kartoteka in target/: build it or name it in KARTOTEKA_BIN")
}

/// Where this run keeps databases, logs and what it has seen: `KARTOTEKA_TEST_DIRECTORY`, else a temporary place.
pub fn run_directory() -> PathBuf {
    let directory = std::env::var("KARTOTEKA_TEST_DIRECTORY").map_or_else(|_| std::env::temp_dir().join("kartoteka-tests"), PathBuf::from);
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
