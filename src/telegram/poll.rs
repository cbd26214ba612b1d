//! The long poll: one loop per bot, kept alive while its channel wants it.

use super::answer::{Mind, Sender, broken};
use super::caller::Api;
use super::reply::Reply;
use crate::db::telegram_chats as chats;
use crate::db::{ChannelKind, notification_channels};
use crate::keys::KeyStore;
use crate::notify::backoff;
use crate::notify::channel::telegram::{Telegram, failure};
use crate::notify::channel::{Address, Ready};
use crate::{Error, Result};
use chrono::{TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use teloxide_core::Bot;
use teloxide_core::payloads::{EditMessageTextSetters, GetUpdatesSetters, SendMessageSetters};
use teloxide_core::prelude::Requester;
use teloxide_core::types::{
    AllowedUpdate, BotCommand, CallbackQuery, ChatId, Message, MessageId, ParseMode, Update, UpdateKind,
};
use tokio::task::AbortHandle;

/// How often channels are looked at: whether a bot is wanted, and with which token.
const LOOK: Duration = Duration::from_secs(2);
/// How long one poll waits for news.
const POLL_SECONDS: u32 = 50;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Commands that change something are not done when they are older.
const LATE: TimeDelta = TimeDelta::minutes(5);

const COMMANDS: &[(&str, &str)] = &[
    ("status", "What runs, and what waits for you"),
    ("jobs", "Jobs"),
    ("runs", "Runs, the newest first"),
    ("next", "What runs next"),
    ("tapes", "Tapes"),
    ("drives", "Drives"),
    ("library", "Slots of libraries"),
    ("ack", "Requests for tapes"),
    ("run", "Run a job"),
    ("pause", "Pause a run"),
    ("resume", "Let a run go on"),
    ("cancel", "Cancel a run"),
    ("load", "Load a tape"),
    ("unload", "Put a tape back"),
    ("eject", "Eject a tape"),
    ("verify", "Read a tape back"),
    ("help", "All commands"),
];

/// The bots of all channels.
#[derive(Clone)]
pub struct Bots {
    /// What opens the tokens.
    pub keys: Arc<KeyStore>,
    /// Where commands go.
    pub api: Api,
}

/// What decides whether a running bot is the right one.
type Identity = (String, Option<String>);

impl Bots {
    /// Starts the thread. It ends with the program.
    pub fn start(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("telegram".into())
            .spawn(move || runtime.block_on(self.live()))
            .map_err(|error| Error::from(error).context("cannot start the thread of the Telegram bot"))?;
        Ok(())
    }

    async fn live(self) {
        let mut running: BTreeMap<i32, (Identity, AbortHandle)> = BTreeMap::new();
        loop {
            match self.wanted().await {
                Ok(wanted) => {
                    running.retain(|id, (identity, task)| {
                        let right = wanted.get(id).is_some_and(|(known, _)| known == identity) && !task.is_finished();
                        if !right {
                            task.abort();
                        }
                        right
                    });
                    for (id, (identity, address)) in wanted {
                        running.entry(id).or_insert_with(|| {
                            let task = tokio::spawn(poll(id, address, self.api.clone()));
                            (identity, task.abort_handle())
                        });
                    }
                }
                Err(error) => tracing::warn!(%error, "the channels of Telegram bots could not be read"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The channels whose bots answer commands. Of several with one bot the first: Telegram gives news to one only.
    async fn wanted(&self) -> Result<BTreeMap<i32, (Identity, Telegram)>> {
        let keys = self.keys.clone();
        let rows = self.api.query(notification_channels::list).await?;
        let mut wanted: BTreeMap<i32, (Identity, Telegram)> = BTreeMap::new();
        for row in rows.into_iter().filter(|row| row.enabled && row.kind == ChannelKind::Telegram) {
            // one that cannot be opened says so where it is shown
            let Ok(ready) = Ready::open(&keys, &row) else { continue };
            let Address::Telegram(address) = ready.address() else { continue };
            let twice = wanted.values().any(|(_, known)| known.bot_token == address.bot_token);
            if address.commands && !twice {
                wanted.insert(row.id, ((row.config, row.secrets), address.clone()));
            }
        }
        Ok(wanted)
    }
}

async fn poll(channel: i32, address: Telegram, api: Api) {
    let patience = Duration::from_secs(u64::from(POLL_SECONDS) + 15);
    let bot = match address.bot(patience) {
        Ok(bot) => bot,
        Err(error) => return tracing::warn!(channel, %error, "the Telegram bot cannot be started"),
    };
    let mut mind = Mind::new(channel, api.clone());
    let (mut failures, mut introduced) = (0u32, false);
    let mut offset = api.query(move |conn| chats::offset(conn, channel)).await.ok().flatten();
    loop {
        if !introduced {
            let commands = COMMANDS.iter().map(|(name, words)| BotCommand::new(*name, *words));
            introduced = bot.set_my_commands(commands).await.is_ok();
        }
        let mut request = bot
            .get_updates()
            .timeout(POLL_SECONDS)
            .allowed_updates([AllowedUpdate::Message, AllowedUpdate::CallbackQuery]);
        if let Some(offset) = offset {
            request = request.offset(offset);
        }
        match request.await {
            Ok(updates) => {
                if failures > 0 {
                    tracing::info!(channel, "Telegram answers again");
                }
                failures = 0;
                for update in updates {
                    let next = update.id.as_offset();
                    // before it is handled: rather lost than done twice
                    if let Err(error) = api.query(move |conn| chats::set_offset(conn, channel, next)).await {
                        tracing::error!(channel, %error, "a command was not looked at: the database does not take it");
                        tokio::time::sleep(FIRST_WAIT).await;
                        break;
                    }
                    offset = Some(next);
                    handle(&bot, &mut mind, update).await;
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let failure = failure(&error);
                if failures == 1 {
                    tracing::warn!(
                        channel,
                        error = failure.message,
                        "the Telegram bot has no connection; it goes on trying"
                    );
                }
                let wait = backoff::wait(FIRST_WAIT, failures, backoff::chance()).min(LONGEST_WAIT);
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn handle(bot: &Bot, mind: &mut Mind, update: Update) {
    match update.kind {
        UpdateKind::Message(message) => on_message(bot, mind, &message).await,
        UpdateKind::CallbackQuery(query) => on_button(bot, mind, query).await,
        _ => {}
    }
}

async fn on_message(bot: &Bot, mind: &mut Mind, message: &Message) {
    let (Some(text), Some(from)) = (message.text(), message.from.as_ref()) else { return };
    if from.is_bot {
        return;
    }
    let sender = Sender {
        chat: message.chat.id.0,
        person: i64::try_from(from.id.0).unwrap_or(-1),
        name: from.full_name(),
        late: Utc::now() - message.date > LATE,
    };
    let reply = mind.message(&sender, text).await.unwrap_or_else(|error| Some(broken(&error)));
    if let Some(reply) = reply {
        send(bot, message.chat.id, &reply).await;
    }
}

async fn on_button(bot: &Bot, mind: &mut Mind, query: CallbackQuery) {
    // the button stops turning, whatever comes of it
    let _ = bot.answer_callback_query(query.id.clone()).await;
    let (Some(data), Some(message)) = (query.data.as_deref(), query.message.as_ref()) else { return };
    let sender = Sender {
        chat: message.chat().id.0,
        person: i64::try_from(query.from.id.0).unwrap_or(-1),
        name: query.from.full_name(),
        late: false,
    };
    let reply = mind.button(&sender, data).await.unwrap_or_else(|error| Some(broken(&error)));
    let Some(reply) = reply else { return };
    let in_place = data.starts_with("page:") || data.starts_with("yes:") || data.starts_with("no:");
    if !in_place || !edit(bot, message.chat().id, message.id(), &reply).await {
        send(bot, message.chat().id, &reply).await;
    }
}

async fn send(bot: &Bot, chat: ChatId, reply: &Reply) {
    let mut request = bot.send_message(chat, reply.words()).reply_markup(reply.keyboard());
    if reply.fits() {
        request = request.parse_mode(ParseMode::Html);
    }
    if let Err(error) = request.await {
        tracing::warn!(error = failure(&error).message, "an answer could not be sent to a Telegram chat");
    }
}

async fn edit(bot: &Bot, chat: ChatId, id: MessageId, reply: &Reply) -> bool {
    let request = bot.edit_message_text(chat, id, reply.words()).reply_markup(reply.keyboard());
    let request = if reply.fits() { request.parse_mode(ParseMode::Html) } else { request };
    request.await.is_ok()
}
