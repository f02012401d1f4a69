//! Which operation answered with which status in this run, so that the end of a run can name what was never seen.

use std::{
    collections::HashSet,
    fs::OpenOptions,
    io::Write,
    sync::{LazyLock, Mutex},
};

use crate::database::{Engine, run_directory};

static SEEN: LazyLock<Mutex<HashSet<(String, u16)>>> = LazyLock::new(Mutex::default);

/// Notes one; each is written once per process, as a line of its own.
pub fn note(operation: &str, status: u16) {
    let fresh = SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert((operation.to_owned(), status));
    if fresh {
        let file = run_directory().join(format!("seen-{}.txt", Engine::of_this_run().name()));
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        file.write_all(format!("{operation} {status}\n").as_bytes()).unwrap();
    }
}
