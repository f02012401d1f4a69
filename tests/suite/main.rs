//! The black-box suite: one file per room, a fresh workspace per test, every answer held against the specification.
//! Runs against a server process, on the database named by `KARTOTEKA_TEST_DATABASE`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails; clippy.toml's allowance does not reach a suite's helper functions"
)]

mod access;
mod api_key;
mod assignment;
mod audit;
mod batch;
mod bounded;
mod breaking;
mod calendar;
mod catalog;
mod catalogue;
mod command_line;
mod communication;
mod company;
mod concurrency;
mod contact;
mod contract;
mod conventions;
mod crash;
mod deactivation;
mod deal;
mod delivery;
mod department;
mod duplicate;
mod escalation;
mod explain;
mod form;
mod hand_over;
mod idempotency;
mod integration;
mod journal;
mod judge;
mod lead;
mod leak;
mod list;
mod lockout;
mod lookup;
mod main_flow;
mod matrix;
mod meeting;
mod naughty;
mod next_step;
mod note;
mod notification;
mod outcome;
mod parsing;
mod pipeline;
mod position;
mod preview;
mod problem;
mod recording;
mod role;
mod second_factor;
mod service;
mod session;
mod spec;
mod stream;
mod submission;
mod task;
mod telephony;
mod tenancy;
mod timeline;
mod turnover;
mod user;
mod webhook;
mod workspace;
