//! Notifications: telling people, where they are, what they want to know.
//!
//! An event → **rules** ([`route`]: which topics, how much it matters, which jobs and pools; [`quiet`]: quiet hours and
//! digests) → the **outbox**, in the transaction that stores the event → the [`delivery`], which puts it into words
//! ([`template`]) and sends it to a **channel** ([`channel`]: mail, Telegram, webhook, ntfy, Gotify) until it is taken
//! or given up.
//!
//! * [`topics`]: what there is to tell, and which problems begin and end
//! * [`notice`], [`facts`]: what a message says
//! * [`gather`], [`remind`]: digests; reminders while something waits
//! * [`secrets`]: passwords and tokens, sealed where they are stored, masked where they are shown

pub mod backoff;
pub mod channel;
pub mod delivery;
pub mod facts;
pub mod gather;
pub mod limits;
pub mod notice;
pub mod quiet;
pub mod remind;
pub mod route;
pub mod secrets;
pub mod settings;
pub mod template;
#[cfg(test)]
mod testing;
pub mod topics;

pub use delivery::{Bell, Delivery};
pub use limits::Limits;
pub use notice::Notice;
