//! The server most tests share: started once per process, generous where a limit would only slow the suite down.

use std::{net::SocketAddr, sync::LazyLock};

use crate::{caller::Caller, database::Database, server::Server, workspace::Workspace};

static SHARED: LazyLock<Server> = LazyLock::new(|| {
    Server::start(
        &Database::fresh(),
        &[("KARTOTEKA_SIGN_IN_PER_MINUTE", "1000000"), ("KARTOTEKA_FAILURES_PER_ADDRESS", "1000000"), ("KARTOTEKA_STREAM_SECONDS", "1")],
    )
});

/// A server a test talks to.
#[derive(Debug, Clone, Copy)]
pub struct App {
    /// Where it listens.
    pub address: SocketAddr,
    database: &'static Database,
}

/// The shared server.
pub fn app() -> App {
    App { address: SHARED.address, database: &SHARED.database }
}

impl App {
    /// A server of the test's own, with its database and settings; the database is kept for the rest of the process.
    pub fn of(server: &Server) -> Self {
        Self { address: server.address, database: Box::leak(Box::new(server.database.clone())) }
    }
    /// A fresh workspace with its administrator, signed in.
    #[track_caller]
    pub fn workspace(self) -> Workspace {
        Workspace::fresh(self, "RU")
    }
    /// A fresh workspace of another country.
    #[track_caller]
    pub fn workspace_in(self, country: &str) -> Workspace {
        Workspace::fresh(self, country)
    }
    /// Somebody without any credential.
    pub fn anyone(self) -> Caller {
        Caller::anonymous(self)
    }
    /// Its database.
    pub fn database(self) -> &'static Database {
        self.database
    }
}
