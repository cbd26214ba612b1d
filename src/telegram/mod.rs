//! The Telegram bot of operators: commands from a chat, answered with what the REST API says.
//!
//! * **owns** the long poll of every Telegram channel that answers commands, on a thread of its own;
//! * **accepts** messages and buttons of people who were paired with a user by a code that works once ([`pairing`]);
//! * **emits** requests to this server's own REST API in the name of that user ([`caller`]), so that the permission table
//!   and the audit trail hold for a chat as they do for a browser;
//! * **invariants**: an update is marked as handled before it is, so that no command runs twice over a restart; what
//!   changes something and is old is not done; what cannot be taken back is asked for again, by a button that only the
//!   same person can press, for two minutes;
//! * **on failure** of the network it tries again, with waits up to a minute, for as long as it takes.
//!
//! [`command`]: what people write; [`answer`]: what becomes of it; [`show`] and [`act`]: reading and doing; [`reply`]:
//! what goes back.

mod act;
mod answer;
mod caller;
mod command;
pub mod pairing;
mod poll;
mod reply;
mod show;
mod strangers;

pub use caller::Api;
pub use poll::Bots;
