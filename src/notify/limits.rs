//! How long and how much: from the settings.

use crate::config;
use chrono::TimeDelta;
use std::time::Duration;

/// Most messages that wait for one channel; older ones are discarded.
const MOST_WAITING: i64 = 5000;

/// How long and how much.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A message that nobody took for so long is given up.
    pub give_up: TimeDelta,
    /// Ended messages are kept so long.
    pub history: TimeDelta,
    /// The wait after the first failure; it doubles.
    pub first_wait: Duration,
    /// Most messages that wait for one channel.
    pub most_waiting: i64,
    /// Address of the web interface, for links; empty: none.
    pub public_url: String,
}

impl Limits {
    /// As configured.
    pub fn new(config: &config::Notify) -> Limits {
        Limits {
            give_up: TimeDelta::hours(i64::from(config.give_up_hours)),
            history: TimeDelta::days(i64::from(config.history_days)),
            first_wait: Duration::from_secs(config.retry_seconds),
            most_waiting: MOST_WAITING,
            public_url: config.public_url.clone(),
        }
    }
}

#[cfg(test)]
impl Default for Limits {
    fn default() -> Limits {
        Limits {
            give_up: TimeDelta::hours(24),
            history: TimeDelta::days(30),
            first_wait: Duration::from_secs(10),
            most_waiting: MOST_WAITING,
            public_url: "https://tapes.example/".into(),
        }
    }
}
