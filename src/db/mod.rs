//! The database: connections, row types and one module per aggregate.
//!
//! Every function takes the connection it works on, so that callers decide what belongs into one transaction
//! ([`write_transaction`]). Names of things that are not found, still used, or exist already are in the error: nobody
//! above has to invent them. Rows are the tables' columns; what a list shows beside them (names of pools, tapes, jobs)
//! is in a `…Listed` struct that serialises flat.
//!
//! Catalog rows (what is in which set) are the business of [`crate::catalog`].

pub mod api_keys;
pub mod audit;
pub mod audit_chain;
mod before_upgrade;
pub mod checkpoints;
pub mod clock;
pub mod connection;
pub mod copies;
pub mod coverage;
pub mod dashboard;
pub mod database_backups;
pub mod drive_health;
pub mod drives;
pub mod element_names;
pub mod encryption_keys;
mod errors;
pub mod events;
pub mod execution_logs;
pub mod executions;
pub mod figures;
pub mod forewarnings;
pub mod identities;
pub mod imported;
pub mod job_runs;
pub mod jobs;
pub mod key_uses;
pub mod kinds;
pub mod libraries;
pub mod library_slots;
pub mod locked_keys;
pub mod lost;
pub mod notification_channels;
pub mod notification_outbox;
pub mod notification_problems;
pub mod notification_rules;
pub mod notification_templates;
pub mod paging;
pub mod pools;
pub mod reserve;
pub mod restores;
pub mod retention;
pub mod returned;
pub mod schema;
pub mod second_factors;
mod seed_queries;
pub mod sessions;
pub mod set_parts;
pub mod sets;
pub mod settings;
pub mod sources;
pub mod spanning;
pub mod sqlite_log;
pub mod staged;
pub mod tape_briefs;
pub mod tape_care;
pub mod tape_changes;
pub mod tape_health;
pub mod tape_lifecycle;
pub mod tape_list;
pub mod tape_wear;
pub mod tapes;
pub mod telegram_chats;
pub(crate) mod text_enum;
pub mod throughput;
pub mod time;
pub mod upkeep;
pub mod users;
pub mod whereabouts;

pub use connection::{
    Conn, DbPool, PooledConn, SchemaState, copy_to, open, open_copy, open_one, schema_state, write_transaction,
};
pub use kinds::*;
pub use paging::{Direction, Page};
pub use time::now;

#[cfg(test)]
pub mod testing;
