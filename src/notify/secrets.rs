//! What of a channel's configuration is secret: taken out and sealed before it is stored, masked when it is shown.
//!
//! A secret shows as [`MASK`]; of an address that holds secrets, scheme and host are shown. What was shown and comes
//! back unchanged means "as it is".

use crate::config::MASK;
use crate::db::ChannelKind;
use crate::keys::KeyStore;
use crate::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// Fields of a channel's configuration that are secret. `headers` is an object whose values are.
fn secret_fields(kind: ChannelKind) -> &'static [&'static str] {
    match kind {
        ChannelKind::Email => &["password"],
        ChannelKind::Telegram => &["bot_token", "proxy"],
        // chat services put the right to post into the path
        ChannelKind::Webhook => &["url", "secret", "headers", "proxy"],
        ChannelKind::Ntfy => &["token", "password", "proxy"],
        ChannelKind::Gotify => &["token", "proxy"],
    }
}

/// The two parts in which a configuration is stored: as it is, and sealed.
pub fn split(keys: &KeyStore, kind: ChannelKind, config: &Value) -> Result<(String, Option<String>)> {
    let (mut open, mut secret) = (config.as_object().cloned().unwrap_or_default(), Map::new());
    for field in secret_fields(kind) {
        secret.extend(open.remove(*field).filter(|value| !is_empty(value)).map(|value| ((*field).to_owned(), value)));
    }
    let sealed = (!secret.is_empty()).then(|| keys.seal(&purpose(kind), Value::Object(secret).to_string().as_bytes()));
    Ok((Value::Object(open).to_string(), sealed.transpose()?))
}

/// The whole configuration, secrets readable.
///
/// # Errors
/// 500 `channel_sealed`: another server sealed them.
pub fn join(keys: &KeyStore, kind: ChannelKind, config: &str, secrets: Option<&str>) -> Result<Value> {
    let mut whole: Map<String, Value> = serde_json::from_str(config)?;
    if let Some(sealed) = secrets {
        let plain = keys.open_sealed(&purpose(kind), sealed).ok_or_else(|| {
            let message = "the secrets of this channel were sealed by another server (another master key): enter them \
                           again";
            Error::new(ErrorKind::Internal, "channel_sealed", message)
        })?;
        whole.extend(serde_json::from_slice::<Map<String, Value>>(&plain)?);
    }
    Ok(Value::Object(whole))
}

/// The configuration as people see it.
pub fn mask(kind: ChannelKind, whole: &Value) -> Value {
    let mut shown = whole.clone();
    for field in secret_fields(kind) {
        if let Some(value) = shown.get_mut(*field) {
            *value = masked(value);
        }
    }
    shown
}

/// `given` with what came back masked as it was in `known`.
pub fn unmask(kind: ChannelKind, known: &Value, given: &mut Value) {
    for field in secret_fields(kind) {
        let (Some(known), Some(given)) = (known.get(*field), given.get_mut(*field)) else { continue };
        if let (Value::Object(known), Value::Object(given)) = (known, &mut *given) {
            for (name, value) in given.iter_mut() {
                if let Some(known) = known.get(name).filter(|known| *value == masked(known)) {
                    *value = known.clone();
                }
            }
        } else if *given == masked(known) {
            *given = known.clone();
        }
    }
}

/// Takes everything secret out of a message that goes into a log, an answer or the database: libraries put addresses, and
/// with them tokens, into their errors.
pub fn scrub(kind: ChannelKind, whole: &Value, text: &str) -> String {
    let mut clean = text.to_owned();
    for field in secret_fields(kind) {
        match whole.get(*field) {
            Some(Value::String(secret)) => clean = without(clean, secret),
            Some(Value::Object(fields)) => {
                for secret in fields.values().filter_map(Value::as_str) {
                    clean = without(clean, secret);
                }
            }
            _ => {}
        }
    }
    clean
}

fn without(text: String, secret: &str) -> String {
    // shorter ones would take words apart, and protect nobody
    if secret.len() < 4 { text } else { text.replace(secret, MASK) }
}

fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => value.clone(),
        Value::String(text) => match reqwest::Url::parse(text) {
            Ok(url) if url.has_host() => {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}://{}{port}/{MASK}", url.scheme(), url.host_str().unwrap_or_default()).into()
            }
            _ => MASK.into(),
        },
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), masked(value))).collect(),
        Value::Null => Value::Null,
        _ => MASK.into(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn purpose(kind: ChannelKind) -> String {
    format!("notification channel {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use crate::keys::MasterKey;
    use serde_json::json;

    const KIND: ChannelKind = ChannelKind::Webhook;

    fn config() -> Value {
        json!({"url": "https://hooks.example:8443/T0/s3cr3t?x=1", "secret": "hmac-key", "method": "POST",
            "headers": {"Authorization": "Bearer abcdef"}})
    }

    fn keys(conn: &mut crate::db::Conn) -> (tempfile::TempDir, KeyStore) {
        let dir = tempfile::tempdir().unwrap();
        let master = MasterKey::open(conn, dir.path()).unwrap();
        (dir, KeyStore::new(master))
    }

    #[test]
    fn what_is_stored_readable_holds_no_secret_and_only_this_server_opens_the_rest() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let (_dir, store) = keys(conn);
        let (open, sealed) = split(&store, KIND, &config()).unwrap();
        assert_eq!(open, r#"{"method":"POST"}"#);
        let sealed = sealed.unwrap();
        assert!(!sealed.contains("s3cr3t"));
        assert_eq!(join(&store, KIND, &open, Some(&sealed)).unwrap(), config());
        assert_eq!(join(&store, ChannelKind::Ntfy, &open, Some(&sealed)).unwrap_err().code, "channel_sealed");
        let (_other_dir, other) = keys(conn);
        assert_eq!(join(&other, KIND, &open, Some(&sealed)).unwrap_err().code, "channel_sealed");
    }

    #[test]
    fn what_was_shown_comes_back_as_it_was() {
        let shown = mask(KIND, &config());
        assert_eq!(shown["url"], format!("https://hooks.example:8443/{MASK}"));
        assert_eq!((&shown["secret"], &shown["headers"]["Authorization"]), (&json!(MASK), &json!(MASK)));
        let mut back = shown.clone();
        unmask(KIND, &config(), &mut back);
        assert_eq!(back, config());
        let mut other = json!({"url": "https://elsewhere.example/x", "secret": "", "headers": {"X": MASK}});
        unmask(KIND, &config(), &mut other);
        assert_eq!(other, json!({"url": "https://elsewhere.example/x", "secret": "", "headers": {"X": MASK}}));
    }

    #[test]
    fn errors_lose_what_is_secret() {
        let text = "POST https://hooks.example:8443/T0/s3cr3t?x=1 with Bearer abcdef: refused";
        let clean = scrub(KIND, &config(), text);
        assert!(!clean.contains("s3cr3t") && !clean.contains("abcdef") && clean.ends_with("refused"), "{clean}");
    }
}
