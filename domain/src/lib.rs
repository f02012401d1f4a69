//! The language and the rules of Kartoteka.
//!
//! Pure: no I/O, no clock, no randomness. Time and fresh ids come in as arguments, so that every rule can be
//! tested with plain values. One module ("room") per concept; the same word names it in every crate.

#[macro_use]
mod shape;

pub mod access;
pub mod actor;
pub mod api_key;
pub mod assignment;
pub mod audit;
pub mod batch;
pub mod calendar;
pub mod catalogue;
pub mod communication;
pub mod company;
pub mod contact;
pub mod deal;
pub mod department;
pub mod duplicate;
pub mod email;
pub mod escalation;
pub mod event;
pub mod form;
pub mod free;
pub mod hand_over;
pub mod hint;
pub mod id;
pub mod integration;
pub mod invalid;
pub mod journal;
pub mod lead;
pub mod list;
pub mod lockout;
pub mod lookup;
pub mod money;
pub mod next_step;
pub mod note;
pub mod notification;
pub mod outside;
pub mod person_name;
pub mod phone;
pub mod pipeline;
pub mod position;
pub mod record;
pub mod recording;
pub mod recurrence;
pub mod role;
pub mod second_factor;
pub mod session;
pub mod stream;
pub mod submission;
pub mod task;
pub mod tax_id;
pub mod telephony;
pub mod text;
pub mod timeline;
pub mod user;
pub mod webhook;
pub mod working_time;
pub mod workspace;
pub mod zone;
