//! Telegram: a message of a bot to a chat.

use super::{Again, Failure, Outgoing, Receipt, http, invalid};
use crate::Result;
use crate::notify::notice::Notice;
use crate::notify::template::shortened;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use teloxide_core::payloads::SendMessageSetters;
use teloxide_core::prelude::Requester;
use teloxide_core::types::{
    ChatId, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, MessageId, ParseMode, Recipient, ThreadId,
};
use teloxide_core::{Bot, RequestError};

/// Longest text that Telegram takes, in UTF-16 units; kept below, as entities count too.
const LONGEST: usize = 3900;

/// Where it is sent.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telegram {
    /// The token that BotFather gave. Masked.
    pub bot_token: String,
    /// The chat: its number, or `@name` of a public channel.
    pub chat_id: String,
    /// The topic of a forum; 0: none.
    pub thread_id: i32,
    /// Address of the Bot API, for a server of one's own.
    pub api_url: String,
    /// HTTP proxy; empty: that of the environment. Masked.
    pub proxy: String,
    /// Whether the bot answers commands of people who were paired with a user.
    pub commands: bool,
}

impl Default for Telegram {
    fn default() -> Telegram {
        Telegram {
            bot_token: String::new(),
            chat_id: String::new(),
            thread_id: 0,
            api_url: "https://api.telegram.org".into(),
            proxy: String::new(),
            commands: false,
        }
    }
}

/// Without what is secret.
impl std::fmt::Debug for Telegram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telegram").field("chat_id", &self.chat_id).finish_non_exhaustive()
    }
}

impl Telegram {
    /// What it must be.
    pub fn check(self) -> Result<Telegram> {
        let token = self.bot_token.trim();
        // it becomes part of an address
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
        if token.is_empty() || !token.chars().all(fits) {
            return Err(invalid("bot_token is required: the token that BotFather gave, such as 123456:ABC-DEF"));
        }
        self.recipient()?;
        drop(self.bot(Duration::from_secs(30))?);
        Ok(self)
    }

    fn recipient(&self) -> Result<Recipient> {
        let chat = self.chat_id.trim();
        if chat.starts_with('@') && chat.len() > 1 {
            return Ok(Recipient::ChannelUsername(chat.into()));
        }
        let id = chat.parse().map_err(|_| invalid("chat_id must be the number of a chat, or @name of a channel"))?;
        Ok(Recipient::Id(ChatId(id)))
    }

    /// The bot; `patience` for one request.
    pub fn bot(&self, patience: Duration) -> Result<Bot> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(15))
            .timeout(patience)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true);
        let client = http::by_ways_allowed(client, &self.proxy)?;
        let client = client.build().map_err(|error| invalid(format!("the HTTP client cannot be made: {error}")))?;
        let url = http::url("api_url", &self.api_url)?;
        Ok(Bot::with_client(self.bot_token.trim(), client).set_api_url(url))
    }

    /// The request that a button below the message answers; only where somebody listens to buttons.
    fn tape_change(&self, notice: &Notice) -> Option<i64> {
        let asks = matches!(notice.topic.as_str(), "tape_required" | "wrong_tape");
        notice.details.get("tape_change_id").filter(|_| asks && self.commands)?.as_i64()
    }

    /// Whether Telegram answers and knows the bot.
    pub async fn reach(&self) -> Result<String, String> {
        let bot = self.bot(Duration::from_secs(15)).map_err(|error| error.message)?;
        let me = bot.get_me().await.map_err(|error| failure(&error).message)?;
        Ok(format!("Telegram answers, and knows the bot @{}", me.username()))
    }

    /// Sends it.
    pub async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, Failure> {
        let bad = |error: crate::Error| Failure::later(error.message);
        let bot = self.bot(Duration::from_secs(45)).map_err(bad)?;
        let chat = self.recipient().map_err(bad)?;
        let html = message.words.body.as_str();
        let fits = html.encode_utf16().count() <= LONGEST;
        // cut, markup would be broken
        let text = if fits { html.to_owned() } else { shortened(&message.notice.message, LONGEST) };
        let mut request = bot.send_message(chat, text).link_preview_options(no_preview());
        if fits {
            request = request.parse_mode(ParseMode::Html);
        }
        if let Some(id) = self.tape_change(message.notice) {
            let button = InlineKeyboardButton::callback("The tape is in", format!("ack:{id}"));
            request = request.reply_markup(InlineKeyboardMarkup::new([[button]]));
        }
        if self.thread_id > 0 {
            request = request.message_thread_id(ThreadId(MessageId(self.thread_id)));
        }
        let sent = request.await.map_err(|error| failure(&error))?;
        Ok(format!("message {} in chat {}", sent.id.0, sent.chat.id))
    }
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

/// What went wrong, in words, without the address (it holds the token).
pub fn failure(error: &RequestError) -> Failure {
    let again = match error {
        RequestError::RetryAfter(wait) => Again::After(Duration::from_secs(u64::from(wait.seconds()))),
        _ => Again::Later,
    };
    let message = match error {
        RequestError::Network(cause) => {
            let mut words = "Telegram cannot be reached".to_owned();
            let mut source = std::error::Error::source(&**cause);
            while let Some(error) = source {
                words = format!("{words}: {error}");
                source = error.source();
            }
            words
        }
        RequestError::InvalidJson { .. } => "the answer is none of the Bot API; look at api_url and proxy".into(),
        RequestError::MigrateToChatId(id) => format!("the group became a supergroup: its chat_id is {id} now"),
        other => other.to_string(),
    };
    Failure { message, again }
}
