//! Typed functions over SQLite and PostgreSQL. Decides nothing: rules are the domain's, HTTP is the api's.
//!
//! The corridor: a [`store::Store`] opens a transaction for a `Scope`; a transaction reaches tables; a change is
//! only possible with the token that recording its event gives.

#[macro_use]
pub mod entity;
pub mod escalation;

mod db;
mod fragment;
mod schema;

pub mod api_key;
pub mod assignment;
pub mod audit;
pub mod calendar;
pub mod call;
pub mod catalogue;
pub mod communication;
pub mod company;
pub mod contact;
pub mod deal;
pub mod department;
pub mod duplicate;
pub mod form;
pub mod hand_over;
pub mod idempotency;
pub mod integration;
pub mod journal;
pub mod lead;
pub mod lockout;
pub mod migrate;
pub mod next_step;
pub mod note;
pub mod notification;
pub mod open_work;
pub mod pipeline;
pub mod position;
pub mod presence;
pub mod recording;
pub mod reference;
pub mod role;
pub mod second_factor;
pub mod session;
pub mod store;
pub mod submission;
pub mod task;
pub mod timeline;
pub mod user;
pub mod webhook;
pub mod workspace;

pub use entity::Stored;
pub use store::{Circumstances, ReadTx, Reading, Store, StoreError, WriteTx};
