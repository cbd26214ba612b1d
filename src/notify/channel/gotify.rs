//! Gotify: a message of an application to its user.

use super::{Failure, Outgoing, Receipt, http, invalid};
use crate::Result;
use crate::db::Weight;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Where it is sent.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gotify {
    /// The server.
    pub server: String,
    /// Token of the application. Masked.
    pub token: String,
    /// A certificate authority of one's own, PEM; empty: those of the system.
    pub ca_certificate: String,
    /// HTTP proxy; empty: that of the environment. Masked.
    pub proxy: String,
}

/// Without what is secret.
impl std::fmt::Debug for Gotify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gotify").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Gotify {
    /// What it must be.
    pub fn check(self) -> Result<Gotify> {
        http::url("server", &self.server)?;
        http::client(&self.ca_certificate, &self.proxy)?;
        if self.token.trim().is_empty() {
            return Err(invalid("token is required: that of an application of the Gotify server"));
        }
        Ok(self)
    }

    /// Sends it.
    pub async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, Failure> {
        let bad = |error: crate::Error| Failure::later(error.message);
        let priority = match message.notice.weight() {
            Weight::Info => 3,
            Weight::Warning => 6,
            Weight::Error => 9,
        };
        let mut extras = json!({});
        if let (Some(link), Some(fields)) = (&message.notice.link, extras.as_object_mut()) {
            fields.insert("client::notification".into(), json!({"click": {"url": link}}));
        }
        let body = json!({
            "title": message.words.subject, "message": message.words.body, "priority": priority, "extras": extras,
        });
        let url = format!("{}/message", self.server.trim_end_matches('/'));
        let url = http::url("server", &url).map_err(bad)?;
        let request = http::client(&self.ca_certificate, &self.proxy).map_err(bad)?.post(url);
        http::send(request.header("X-Gotify-Key", &self.token).json(&body)).await
    }
}
