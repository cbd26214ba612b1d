//! Channels: the addresses messages go to. One file per kind; each turns a rendered message into one request and the
//! answer into a receipt or a failure.

pub mod email;
pub mod gotify;
pub mod http;
pub mod ntfy;
pub mod telegram;
pub mod webhook;

use super::notice::Notice;
use super::secrets;
use super::template::Rendered;
use crate::db::ChannelKind;
use crate::db::notification_channels::Channel;
use crate::keys::KeyStore;
use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Longest that one attempt takes.
pub const ATTEMPT: Duration = Duration::from_secs(60);

/// Where messages go, by kind.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Address {
    /// Mail.
    Email(email::Email),
    /// A Telegram chat.
    Telegram(telegram::Telegram),
    /// An HTTP POST.
    Webhook(webhook::Webhook),
    /// A topic of ntfy.
    Ntfy(ntfy::Ntfy),
    /// An application of Gotify.
    Gotify(gotify::Gotify),
}

/// One message as a channel sends it.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'m> {
    /// What a receiver tells repetitions by.
    pub uid: &'m str,
    /// What it says.
    pub notice: &'m Notice,
    /// In words.
    pub words: &'m Rendered,
}

/// What the other side said when it took a message.
pub type Receipt = String;

/// Why a message was not taken.
#[derive(Debug, Clone)]
pub struct Failure {
    /// In words. Scrubbed of secrets by [`send`].
    pub message: String,
    /// Whether it makes sense to try again.
    pub again: Again,
}

/// Whether it makes sense to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// When it is due.
    Later,
    /// Not before this.
    After(Duration),
    /// The other side refused this very message.
    Never,
}

impl Failure {
    /// It makes sense to try again.
    pub fn later(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), again: Again::Later }
    }

    /// The other side refused this very message.
    pub fn never(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), again: Again::Never }
    }
}

impl Address {
    /// Reads a configuration with its secrets.
    ///
    /// # Errors
    /// 400: what is missing or wrong, by field. Never with a secret.
    pub fn read(kind: ChannelKind, config: &Value) -> Result<Address> {
        let read = match kind {
            ChannelKind::Email => parse::<email::Email>(config).and_then(|one| one.check()).map(Address::Email),
            ChannelKind::Telegram => {
                parse::<telegram::Telegram>(config).and_then(|one| one.check()).map(Address::Telegram)
            }
            ChannelKind::Webhook => parse::<webhook::Webhook>(config).and_then(|one| one.check()).map(Address::Webhook),
            ChannelKind::Ntfy => parse::<ntfy::Ntfy>(config).and_then(|one| one.check()).map(Address::Ntfy),
            ChannelKind::Gotify => parse::<gotify::Gotify>(config).and_then(|one| one.check()).map(Address::Gotify),
        };
        read.map_err(|mut error| {
            error.message = secrets::scrub(kind, config, &error.message);
            error
        })
    }
}

fn parse<T: DeserializeOwned>(config: &Value) -> Result<T> {
    T::deserialize(config).map_err(|error| invalid(error.to_string()))
}

/// 400 about the configuration of a channel.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadRequest, "bad_channel", message)
}

/// A channel, ready to send.
#[derive(Debug)]
pub struct Ready {
    address: Address,
    kind: ChannelKind,
    config: Value,
}

impl Ready {
    /// Opens what is sealed of a stored channel and checks it.
    pub fn open(keys: &KeyStore, channel: &Channel) -> Result<Ready> {
        let config = secrets::join(keys, channel.kind, &channel.config, channel.secrets.as_deref())?;
        Ready::new(channel.kind, config)
    }

    /// From a configuration with its secrets.
    pub fn new(kind: ChannelKind, config: Value) -> Result<Ready> {
        Ok(Ready { address: Address::read(kind, &config)?, kind, config })
    }

    /// Where it goes.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// `text` without anything secret.
    pub fn scrub(&self, text: &str) -> String {
        secrets::scrub(self.kind, &self.config, text)
    }

    /// Whether the other side answers, without sending a message: what it said, or why not. Neither holds a secret.
    pub async fn reach(&self) -> Result<String, String> {
        let reached = match &self.address {
            Address::Email(one) => one.reach().await,
            Address::Telegram(one) => one.reach().await,
            Address::Webhook(one) => http::reach(&one.url, &one.ca_certificate, &one.proxy).await,
            Address::Ntfy(one) => http::reach(&one.server, &one.ca_certificate, &one.proxy).await,
            Address::Gotify(one) => http::reach(&one.server, &one.ca_certificate, &one.proxy).await,
        };
        reached.map(|said| self.scrub(&said)).map_err(|why| self.scrub(&why))
    }

    /// Sends one message and waits for the answer. Neither receipt nor failure holds a secret.
    pub async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, Failure> {
        let attempt = async {
            match &self.address {
                Address::Email(one) => one.send(message).await,
                Address::Telegram(one) => one.send(message).await,
                Address::Webhook(one) => one.send(message).await,
                Address::Ntfy(one) => one.send(message).await,
                Address::Gotify(one) => one.send(message).await,
            }
        };
        let ended = tokio::time::timeout(ATTEMPT, attempt)
            .await
            .unwrap_or_else(|_| Err(Failure::later(format!("no answer within {} seconds", ATTEMPT.as_secs()))));
        match ended {
            Ok(receipt) => Ok(self.scrub(&receipt)),
            Err(failure) => Err(Failure { message: self.scrub(&failure.message), ..failure }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let read = |kind, config: Value| Address::read(kind, &config).map(drop).unwrap_err().message;
        let message = read(ChannelKind::Telegram, json!({"bot_token": "123456:hush-hush", "chat_id": 5, "x": 1}));
        assert!(message.contains('x') && !message.contains("hush"), "{message}");
        assert!(read(ChannelKind::Telegram, json!({"bot_token": "", "chat_id": "5"})).contains("bot_token"));
        assert!(read(ChannelKind::Webhook, json!({"url": "file:///etc/passwd"})).contains("url"));
        assert!(read(ChannelKind::Email, json!({"host": "mx", "from": "a@b.example", "to": []})).contains("to"));
        assert!(read(ChannelKind::Email, json!({"host": "mx", "from": "no", "to": ["a@b.example"]})).contains("from"));
        assert!(read(ChannelKind::Ntfy, json!({"topic": "a/b"})).contains("topic"));
        assert!(read(ChannelKind::Gotify, json!({"server": "https://push.example", "token": ""})).contains("token"));
    }
}
