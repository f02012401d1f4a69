//! Support of the black-box suite: one server per run and database, a fresh workspace per test, and a client that
//! holds every single answer against the served specification. Knows nothing of Kartoteka's code: only its HTTP
//! contract, its command line and, to prove locks and crashes, its tables.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this library exists only to make tests fail, and a panic is how a test fails"
)]
#![allow(clippy::missing_panics_doc, reason = "every function here panics when what it asserts does not hold")]

pub mod answer;
pub mod app;
pub mod breaking;
pub mod caller;
pub mod database;
pub mod receiver;
pub mod seen;
pub mod server;
pub mod sink;
pub mod spec;
pub mod wait;
pub mod wire;
pub mod workspace;

pub use answer::Answer;
pub use app::{App, app};
pub use caller::Caller;
pub use database::{Database, Engine};
pub use receiver::{Message, Receiver, Reply};
pub use serde_json::{Value, json};
pub use server::Server;
pub use wait::eventually;
pub use workspace::Workspace;
