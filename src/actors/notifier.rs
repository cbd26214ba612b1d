//! The notifier.
//!
//! * **owns** the table of events and the [`Inbox`] of the bus, on a thread of its own;
//! * **accepts** events from everywhere, in order;
//! * **emits** to the subscribers of the bus what it has stored, and into the outbox what rules make of it
//!   ([`crate::notify`]), in the same transaction;
//! * **invariants**: an event is shown under an id only after it is on disk, and ids rise; only the newest
//!   [`EVENTS_KEPT`] events are kept;
//! * **on failure** of the database it tries again for [`PATIENCE`], then shows the event without storing it and says
//!   so in the log: the news must not be lost with the disk. A panic is logged and ends nothing.

use crate::db::events::{self as table, NewEvent};
use crate::db::{Conn, DbPool, now, write_transaction};
use crate::events::{Bus, Event, Inbox, News, Post, Screen, StoredEvent};
use crate::notify::{Bell, Limits, route};
use crate::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How many events the table holds at most (give or take one round of pruning).
pub const EVENTS_KEPT: i64 = 100_000;
/// How long it tries to store one event.
pub const PATIENCE: Duration = Duration::from_secs(5);
const PRUNE_EVERY: u32 = 1000;

/// Stores events and shows them.
#[derive(Debug)]
pub struct Notifier {
    pool: DbPool,
    screen: Screen,
    limits: Limits,
    bell: Bell,
    stored: u32,
}

impl Notifier {
    /// Starts the notifier's thread. It ends when `bus` and all its clones are gone and everything is stored, or with
    /// the program: call [`Bus::flush`] before that.
    pub fn start(pool: DbPool, bus: &Bus, inbox: Inbox, limits: Limits, bell: Bell) -> Result<JoinHandle<()>> {
        let mut notifier = Notifier { pool, screen: bus.screen(), limits, bell, stored: 0 };
        std::thread::Builder::new()
            .name("notifier".into())
            .spawn(move || {
                while let Some(post) = inbox.next() {
                    let work = AssertUnwindSafe(|| notifier.handle(post));
                    if catch_unwind(work).is_err() {
                        tracing::error!("the notifier panicked over an event and goes on with the next");
                    }
                }
            })
            .map_err(|error| Error::from(error).context("cannot start the thread of the notifier"))
    }

    fn handle(&mut self, post: Post) {
        match post {
            Post::Event(event) => self.keep_and_show(*event),
            // Whoever asked may have given up waiting.
            Post::Flush(done) => drop(done.send(())),
        }
    }

    fn keep_and_show(&mut self, event: Event) {
        let row = NewEvent {
            event_type: event.event_type,
            category: event.category.as_str().into(),
            title: event.title,
            message: event.message,
            details: (!event.details.is_null()).then(|| event.details.to_string()),
        };
        match self.store(&row) {
            Ok(stored) => self.screen.show(News::Stored(stored.id, Arc::new(stored.into()))),
            Err(error) => {
                tracing::error!(%error, event = ?row, "cannot store an event; it is only in this log");
                let shown = StoredEvent {
                    id: "unstored".into(),
                    event_type: row.event_type,
                    category: row.category,
                    title: row.title,
                    message: row.message,
                    details: Some(event.details).filter(|details| !details.is_null()),
                    timestamp: now(),
                };
                self.screen.show(News::Unstored(Arc::new(shown)));
            }
        }
    }

    fn store(&mut self, row: &NewEvent) -> Result<table::Event> {
        let begun = Instant::now();
        loop {
            match self.try_store(row) {
                Err(error) if begun.elapsed() < PATIENCE => {
                    tracing::warn!(%error, "cannot store an event yet; trying again");
                    std::thread::sleep(Duration::from_millis(200));
                }
                result => return result,
            }
        }
    }

    fn try_store(&mut self, row: &NewEvent) -> Result<table::Event> {
        let conn = &mut *self.pool.get()?;
        let stored = write_transaction(conn, |conn| {
            let stored = table::insert(conn, row)?;
            self.route(conn, &stored);
            Ok(stored)
        })?;
        self.bell.ring();
        self.stored = self.stored.wrapping_add(1);
        if self.stored.is_multiple_of(PRUNE_EVERY)
            && let Err(error) = table::prune(conn, EVENTS_KEPT)
        {
            tracing::warn!(%error, "cannot remove old events");
        }
        Ok(stored)
    }
}

impl Notifier {
    /// Into the outbox. An event that cannot be routed is stored all the same.
    fn route(&self, conn: &mut Conn, stored: &table::Event) {
        let event = StoredEvent::from(stored.clone());
        let routed = write_transaction(conn, |conn| route::event(conn, &event, &self.limits, chrono::Utc::now()));
        if let Err(error) = routed {
            tracing::error!(%error, event = stored.id, title = stored.title, "an event could not be routed to channels");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use crate::events::Category;
    use serde_json::json;

    #[test]
    fn events_are_stored_before_they_are_shown_and_in_order() {
        let db = testing::database();
        let (bus, inbox) = Bus::new();
        let mut subscriber = bus.subscribe();
        bus.publish(Event::info(Category::Tape, "first", "before the notifier").details(json!({"tape_id": 3})));
        Notifier::start(db.pool.clone(), &bus, inbox, Limits::default(), Bell::default()).unwrap();
        bus.publish(Event::error(Category::Drive, "second", "after"));
        assert!(bus.flush(Duration::from_secs(10)));

        let rows = table::recent(&mut db.conn(), 10).unwrap();
        assert_eq!(rows.iter().map(|row| row.title.as_str()).collect::<Vec<_>>(), ["first", "second"]);
        for row in rows {
            match subscriber.try_recv().unwrap() {
                News::Stored(id, event) => assert_eq!((id, &event.title), (row.id, &row.title)),
                other => panic!("{other:?}"),
            }
        }
    }
}
