//! TapeBackarr: a tape backup server.
//!
//! The rooms of the house, from the street to the cellar; dependencies point downwards only:
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`cli`] | one file per subcommand; everything but `serve`, `demo` and `virtual` talks to a server through REST |
//! | [`web`] | the REST API, server-sent events, OpenAPI, static files: one folder per resource |
//! | [`actors`] | who owns what while the server runs: drives, libraries, the queue, the clock, the catalog, the events |
//! | [`executions`] | long work as data: typed requests, progress, log, and the small kinds (label, format, inspect, moves) |
//! | [`backup`] | what to send: walk, filters, comparison with the baseline, the pipeline, the run of one job |
//! | [`restore`] | plan, extract, verify |
//! | [`coverage`] | how many copies there are of what |
//! | [`media`] | pools, choice of a tape, its lifecycle |
//! | [`import`] | taking over from version 1, the Go program: what its database becomes here |
//! | [`schedule`] | cron expressions and time zones |
//! | [`catalog`] | what is where: insert, browse, search |
//! | [`notify`] | rules, outbox, mail, Telegram, webhooks: telling people |
//! | [`metrics`] | what Prometheus is told, collected when it asks |
//! | [`doctor`] | what a server needs, looked at, and how to mend it |
//! | [`telegram`] | the bot that operators talk to |
//! | [`auth`] | users, sessions, API keys, roles and the one permission table |
//! | [`tls`] | the certificate that the server shows: read, made, taken anew while it runs |
//! | [`keys`] | encryption keys and the master key that wraps them |
//! | [`db`] | connections, schema, row types, one module per aggregate |
//! | [`clock`] | which time is believed where data is let go |
//! | [`systemd`] | telling the service manager: ready, alive, what it is at |
//!
//! Below them the crates `tape-format` (what is on a tape), `tape-drive` (what a drive is) and `tape-scsi`.
//!
//! **Threads.** Each drive has a thread of its own that alone touches the device; the catalog has one writer thread;
//! each execution has a worker thread that may block; actors and HTTP handlers never do. Bulk data goes from the
//! reader pool to the drive's thread through one bounded ring, never through a mailbox.

pub mod actors;
pub mod app;
pub mod attention;
pub mod auth;
pub mod backup;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod coverage;
pub mod db;
pub mod doctor;
pub mod drive_test;
pub mod error;
pub mod events;
pub mod executions;
pub mod human;
pub mod import;
pub mod keys;
pub mod media;
pub mod metrics;
pub mod notify;
pub mod restore;
pub mod schedule;
pub mod systemd;
pub mod telegram;
pub mod tls;
pub mod web;

pub use error::{Error, ErrorKind, Result};
