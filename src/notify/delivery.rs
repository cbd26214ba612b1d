//! The delivery: takes messages out of the outbox and sends them.
//!
//! * **owns** what becomes of messages in the outbox, on a thread of its own;
//! * **invariants**: a message is marked as being sent, on disk, before the first byte goes out, and as sent when the
//!   other side has taken it; so one that was acknowledged is never sent twice. Between the answer of the other side and
//!   the mark lies a moment in which a crash makes the server send again, under the same `uid`: at least once, never
//!   forgotten. Each channel is served on its own and in order; one that fails rests, and holds up no other;
//! * **on failure** of a message: again, with growing waits, until its time is over; then it stays in the outbox as
//!   failed, and an event says so, unless the message itself was about such a failure.

use super::channel::{Again, Failure, Outgoing, Ready, Receipt};
use super::limits::Limits;
use super::notice::Notice;
use super::template::{Words, built_in};
use super::{backoff, gather, remind, topics};
use crate::db::notification_channels::{self as channels, Channel};
use crate::db::notification_outbox::{self as outbox, Message};
use crate::db::{Conn, DbPool, notification_templates as templates, now};
use crate::events::{Bus, Category, Event};
use crate::keys::KeyStore;
use crate::{Error, Result};
use chrono::TimeDelta;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How often it looks, woken or not.
const LOOK: Duration = Duration::from_secs(10);
/// How often ended messages are forgotten.
const PRUNE: Duration = Duration::from_secs(3600);

/// Wakes the delivery: something is in the outbox. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bell {
    rung: Arc<Notify>,
    /// Channels that rest after a failure, and until when.
    resting: Arc<Mutex<HashMap<i32, Instant>>>,
}

impl Bell {
    /// Look now.
    pub fn ring(&self) {
        self.rung.notify_one();
    }

    /// Look now, and let this channel rest no longer: a person changed something.
    pub fn ring_for(&self, channel: i32) {
        self.resting().remove(&channel);
        self.ring();
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, HashMap<i32, Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests(&self, channel: i32) -> bool {
        self.resting().get(&channel).is_some_and(|until| *until > Instant::now())
    }
}

/// Sends what is in the outbox.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The database.
    pub db: DbPool,
    /// What opens the secrets of channels.
    pub keys: Arc<KeyStore>,
    /// Where failures are told.
    pub bus: Bus,
    /// How long and how much.
    pub limits: Limits,
    /// What wakes it.
    pub bell: Bell,
}

impl Delivery {
    /// Starts the thread. It ends with the program: whatever it is doing then, it does again after the next start.
    pub fn start(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("delivery".into())
            .spawn(move || runtime.block_on(self.live()))
            .map_err(|error| Error::from(error).context("cannot start the thread of the delivery"))?;
        Ok(())
    }

    async fn live(self) {
        match self.query(outbox::send_again_after_a_crash).await {
            Ok(0) => {}
            Ok(count) => tracing::warn!(count, "messages were being sent when the server stopped; they are sent again"),
            Err(error) => tracing::error!(%error, "the outbox could not be put in order"),
        }
        let (mut busy, mut tasks, mut pruned) = (HashSet::new(), JoinSet::new(), None::<Instant>);
        loop {
            let prune = pruned.is_none_or(|at| at.elapsed() > PRUNE);
            pruned = if prune { Some(Instant::now()) } else { pruned };
            let wait = match self.look(prune, &mut busy, &mut tasks).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "the outbox could not be looked at; trying again");
                    LOOK
                }
            };
            tokio::select! {
                () = self.bell.rung.notified() => {}
                () = tokio::time::sleep(wait) => {}
                Some(ended) = tasks.join_next_with_id() => match ended {
                    Ok((_, channel)) => drop(busy.remove(&channel)),
                    // which channel it was cannot be told: those without a task are free again
                    Err(error) => {
                        tracing::error!(%error, "a delivery ended in a program error");
                        if tasks.is_empty() {
                            busy.clear();
                        }
                    }
                },
            }
        }
    }

    /// Does what is due, starts what is to be sent, and says how long nothing else is due.
    async fn look(&self, prune: bool, busy: &mut HashSet<i32>, tasks: &mut JoinSet<i32>) -> Result<Duration> {
        let limits = self.limits.clone();
        let work = move |conn: &mut Conn| {
            let time = now();
            gather::let_go(conn, &limits, time)?;
            remind::due(conn, &limits, time)?;
            if prune {
                outbox::prune(conn, time - limits.history)?;
            }
            Ok((outbox::overdue(conn, time)?, outbox::due_channels(conn, now())?, outbox::next_due(conn, now())?))
        };
        let (overdue, due, next) = self.query(work).await?;
        for message in overdue {
            let why = message.last_error.clone().unwrap_or_else(|| "the channel is switched off, or was".into());
            self.give_up(message, format!("given up after its time was over: {why}")).await?;
        }
        for channel in due.into_iter().filter(|channel| !self.bell.rests(*channel)) {
            if busy.insert(channel) {
                let delivery = self.clone();
                tasks.spawn(async move {
                    if let Err(error) = delivery.serve(channel).await {
                        tracing::error!(channel, %error, "messages could not be taken out of the outbox");
                        delivery.rest(channel, LOOK);
                    }
                    channel
                });
            }
        }
        let next = next.and_then(|at| (at - now()).to_std().ok());
        let rested = self.bell.resting().values().map(|until| until.saturating_duration_since(Instant::now())).min();
        let wait = [next, rested.filter(|wait| !wait.is_zero())].into_iter().flatten().min();
        Ok(wait.unwrap_or(LOOK).clamp(Duration::from_millis(50), LOOK))
    }

    /// Sends what is due on one channel, until there is nothing more or it fails.
    async fn serve(&self, channel: i32) -> Result<()> {
        while let Some((row, message)) = self.query(move |conn| next(conn, channel)).await? {
            let ended = self.attempt(&row, &message).await?;
            match ended {
                Ok(receipt) => self.sent(&row, &message, receipt).await?,
                Err(failure) => {
                    self.failed(&row, message, failure).await?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn attempt(&self, row: &Channel, message: &Message) -> Result<Result<Receipt, Failure>> {
        let (keys, stored, text) = (self.keys.clone(), row.clone(), message.clone());
        let prepared = self
            .query(move |conn| {
                let prepare = |conn: &mut Conn| -> Result<_> {
                    let notice: Notice = serde_json::from_str(&text.notice)?;
                    let words = words(conn, &stored, &notice)?;
                    Ok((Ready::open(&keys, &stored)?, words, notice))
                };
                // of this message or this channel, not of the database
                Ok(prepare(conn).map_err(|error| error.message))
            })
            .await?;
        let (ready, words, notice) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(Failure::later(error))),
        };
        tape_drive::breakpoint::pass("before a message is sent");
        let ended = ready.send(Outgoing { uid: &message.uid, notice: &notice, words: &words }).await;
        tape_drive::breakpoint::pass("after a message was sent");
        Ok(ended)
    }

    async fn sent(&self, row: &Channel, message: &Message, receipt: Receipt) -> Result<()> {
        let (id, channel) = (message.id, row.id);
        self.bell.resting().remove(&channel);
        let recovered = self
            .query(move |conn| {
                let recovered = outbox::has_given_up(conn, channel)?;
                crate::db::write_transaction(conn, |conn| {
                    outbox::sent(conn, id, &receipt)?;
                    channels::succeeded(conn, channel)
                })?;
                Ok(recovered)
            })
            .await?;
        if recovered {
            let text = format!("The notification channel \"{}\" takes messages again.", row.name);
            self.bus.publish(
                Event::success(Category::System, "Notification Recovered", text)
                    .details(json!({"channel_id": row.id, "channel": row.name})),
            );
        }
        Ok(())
    }

    async fn failed(&self, row: &Channel, message: Message, failure: Failure) -> Result<()> {
        let failures = u32::try_from(row.failures).unwrap_or(0).saturating_add(1);
        let wait = match failure.again {
            Again::After(wait) => wait,
            Again::Later | Again::Never => backoff::wait(self.limits.first_wait, failures, backoff::chance()),
        };
        tracing::warn!(
            channel = row.name,
            message = message.id,
            attempt = message.attempts,
            error = failure.message,
            "a message was not taken"
        );
        let at = now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::hours(1));
        let (id, channel, error) = (message.id, row.id, failure.message.clone());
        let over = failure.again == Again::Never || at > message.give_up_at;
        if failure.again != Again::Never {
            self.rest(channel, wait);
        }
        self.query(move |conn| {
            channels::failed(conn, channel, &error)?;
            if over { Ok(()) } else { outbox::try_later(conn, id, &error, at) }
        })
        .await?;
        if over {
            self.give_up(message, failure.message).await?;
        }
        Ok(())
    }

    fn rest(&self, channel: i32, wait: Duration) {
        self.bell.resting().insert(channel, Instant::now() + wait);
    }

    /// It stays in the outbox as failed. The first one that a channel fails is told, wherever else people look.
    async fn give_up(&self, message: Message, error: String) -> Result<()> {
        let (id, channel, why) = (message.id, message.channel_id, error.clone());
        let (row, known) = self
            .query(move |conn| {
                let known = outbox::has_given_up(conn, channel)?;
                outbox::give_up(conn, id, &why)?;
                Ok((channels::find(conn, channel)?, known))
            })
            .await?;
        if known || message.topic == topics::FAILED {
            return Ok(());
        }
        let text = format!(
            "The message \"{}\" could not be sent to the notification channel \"{}\" and was given up: {error}",
            message.title, row.name
        );
        self.bus.publish(Event::error(Category::System, "Notification Failed", text).details(
            json!({"channel_id": channel, "channel": row.name, "outbox_id": id, "attempts": message.attempts}),
        ));
        Ok(())
    }

    async fn query<T: Send + 'static>(&self, work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static) -> Result<T> {
        let db = self.db.clone();
        tokio::task::spawn_blocking(move || work(&mut *db.get()?))
            .await
            .map_err(|_| Error::internal("a query of the delivery ended in a program error"))?
    }
}

/// The channel with its next message.
fn next(conn: &mut Conn, channel: i32) -> Result<Option<(Channel, Message)>> {
    let row = channels::find(conn, channel)?;
    if !row.enabled {
        return Ok(None);
    }
    Ok(outbox::take(conn, channel, now())?.map(|message| (row, message)))
}

/// A notice in the words of a channel. What people wrote may not fit a message that nobody thought of: then the words that
/// come with the program are used, as a message in the wrong words is better than none.
pub fn words(conn: &mut Conn, channel: &Channel, notice: &Notice) -> Result<super::template::Rendered> {
    if let Some(row) = templates::for_topic(conn, &notice.topic, channel.kind)? {
        match Words::from(row).render(channel.kind, notice) {
            Ok(rendered) => return Ok(rendered),
            Err(error) => tracing::warn!(channel = channel.name, topic = notice.topic, %error, "a template fails"),
        }
    }
    built_in(channel.kind).render(channel.kind, notice)
}
