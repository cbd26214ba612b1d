//! A webhook: JSON by HTTP POST, signed if there is a secret.
//!
//! Headers: `X-TapeBackarr-Delivery` (the same in every repetition of a message), `X-TapeBackarr-Topic`,
//! `X-TapeBackarr-Timestamp` (seconds since 1970) and, with a secret, `X-TapeBackarr-Signature: sha256=` with the
//! HMAC-SHA256 in hex of timestamp, a full stop and the body. A receiver compares it in constant time and refuses old
//! timestamps.

use super::{Failure, Outgoing, Receipt, http, invalid};
use crate::Result;
use chrono::Utc;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// Where it is sent.
#[derive(Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The address; shown as `https://host/********`.
    pub url: String,
    /// Key of the signature; empty: none. Masked.
    pub secret: String,
    /// Further headers; values are masked.
    pub headers: BTreeMap<String, String>,
    /// A certificate authority of one's own, PEM; empty: those of the system.
    pub ca_certificate: String,
    /// HTTP proxy; empty: that of the environment. Masked.
    pub proxy: String,
}

/// Without what is secret.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl Webhook {
    /// What it must be.
    pub fn check(self) -> Result<Webhook> {
        http::url("url", &self.url)?;
        http::client(&self.ca_certificate, &self.proxy)?;
        self.headers()?;
        Ok(self)
    }

    fn headers(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| invalid(format!("headers: '{name}' is no name of a header")))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| invalid(format!("headers: the value of '{name}' cannot stand in a header")))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }

    /// Sends it.
    pub async fn send(&self, message: Outgoing<'_>) -> Result<Receipt, Failure> {
        let bad = |error: crate::Error| Failure::later(error.message);
        // a template that people wrote, or all there is
        let body = match message.words.body.trim() {
            "" => json!({"id": message.uid, "notification": message.notice}).to_string(),
            written => written.to_owned(),
        };
        let timestamp = Utc::now().timestamp().to_string();
        let mut request = http::client(&self.ca_certificate, &self.proxy)
            .map_err(bad)?
            .post(http::url("url", &self.url).map_err(bad)?)
            .header(CONTENT_TYPE, "application/json")
            .header("X-TapeBackarr-Delivery", message.uid)
            .header("X-TapeBackarr-Topic", &message.notice.topic)
            .header("X-TapeBackarr-Timestamp", &timestamp)
            .headers(self.headers().map_err(bad)?);
        if !self.secret.is_empty() {
            let signature = signature(&self.secret, &timestamp, &body)
                .map_err(|error| Failure::later(format!("cannot sign the message: {error}")))?;
            request = request.header("X-TapeBackarr-Signature", format!("sha256={signature}"));
        }
        http::send(request.body(body)).await
    }
}

/// Hex of the HMAC-SHA256 of `TIMESTAMP.BODY`.
fn signature(secret: &str, timestamp: &str, body: &str) -> Result<String, openssl::error::ErrorStack> {
    let key = PKey::hmac(secret.as_bytes())?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    signer.update(timestamp.as_bytes())?;
    signer.update(b".")?;
    signer.update(body.as_bytes())?;
    Ok(hex::encode(signer.sign_to_vec()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_on_the_command_line_makes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature("key", "1700000000", r#"{"a":1}"#).unwrap(),
            "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
        );
    }
}
