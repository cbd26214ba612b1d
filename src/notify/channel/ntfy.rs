//! ntfy: a message to everybody who subscribed to a topic, by its JSON interface.

use super::{Failure, Outgoing, Receipt, http, invalid};
use crate::Result;
use crate::db::Weight;
use crate::notify::template::shortened;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// ntfy takes longer ones as an attachment.
const LONGEST: usize = 3500;

/// Where it is sent.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ntfy {
    /// The server.
    pub server: String,
    /// The topic. On a public server everybody who knows it can read along.
    pub topic: String,
    /// Access token; empty: none. Masked.
    pub token: String,
    /// User name, in place of a token.
    pub username: String,
    /// Password, in place of a token. Masked.
    pub password: String,
    /// A certificate authority of one's own, PEM; empty: those of the system.
    pub ca_certificate: String,
    /// HTTP proxy; empty: that of the environment. Masked.
    pub proxy: String,
}

impl Default for Ntfy {
    fn default() -> Ntfy {
        Ntfy {
            server: "https://ntfy.sh".into(),
            topic: String::new(),
            token: String::new(),
            username: String::new(),
            password: String::new(),
            ca_certificate: String::new(),
            proxy: String::new(),
        }
    }
}

/// Without what is secret.
impl std::fmt::Debug for Ntfy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ntfy").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Ntfy {
    /// What it must be.
    pub fn check(self) -> Result<Ntfy> {
        http::url("server", &self.server)?;
        http::client(&self.ca_certificate, &self.proxy)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.topic.is_empty() || self.topic.len() > 64 || !self.topic.chars().all(fits) {
            return Err(invalid("topic must be 1 to 64 letters, digits, - or _"));
        }
        Ok(self)
    }

    /// Sends it.
    pub async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, Failure> {
        let bad = |error: crate::Error| Failure::later(error.message);
        let (priority, tag) = match message.notice.weight() {
            Weight::Info => (3, "information_source"),
            Weight::Warning => (4, "warning"),
            Weight::Error => (5, "rotating_light"),
        };
        let mut body = json!({
            "topic": self.topic, "title": message.words.subject, "message": shortened(&message.words.body, LONGEST),
            "priority": priority, "tags": [tag],
        });
        if let (Some(link), Some(fields)) = (&message.notice.link, body.as_object_mut()) {
            fields.insert("click".into(), link.as_str().into());
        }
        let url = http::url("server", &self.server).map_err(bad)?;
        let mut request = http::client(&self.ca_certificate, &self.proxy).map_err(bad)?.post(url).json(&body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        } else if !self.username.is_empty() {
            request = request.basic_auth(&self.username, Some(&self.password));
        }
        http::send(request).await
    }
}
