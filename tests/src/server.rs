//! A server process of its own. It dies with its owner: by drop, or, when the whole test process goes, by a guard that
//! waits for its standard input to close.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::database::Database;

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its database.
    pub database: Database,
    /// Its log.
    pub log: PathBuf,
    child: Child,
    guard: Child,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Server {
    /// Starts one on a free port; `settings` are environment variables.
    pub fn start(database: &Database, settings: &[(&str, &str)]) -> Self {
        let log = database.directory.join(format!("server-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let mut child = database
            .serve()
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .expect("the server starts");
        let guard = Command::new("sh")
            .args(["-c", "read -r _; kill -9 \"$1\" 2>/dev/null", "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        let address = first.trim().strip_prefix("listening on http://").and_then(|a| a.parse().ok());
        // the rest of its output is read away, lest a full pipe stop it
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let Some(address) = address else {
            let _ = child.kill();
            panic!(
                "the first line must be «listening on http://ADDR», not «{first}»; log:\n{}",
                std::fs::read_to_string(&log).unwrap_or_default()
            );
        };
        Self { address, database: database.clone(), log, child, guard }
    }

    /// Kills it without any warning, as a power cut would.
    pub fn kill(mut self) -> Database {
        self.child.kill().expect("a running server");
        self.child.wait().unwrap();
        self.database.clone()
    }

    /// Asks it to stop and waits for its end; whether it ended well.
    pub fn stop(mut self) -> bool {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().is_ok_and(|s| s.success());
        asked && self.child.wait().is_ok_and(|status| status.success())
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // the guard first: the process id may belong to somebody else afterwards
        let _ = self.guard.kill();
        let _ = self.guard.wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
