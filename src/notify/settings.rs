//! `notifications` in the settings, as clients of the Go program know it: one Telegram chat and one mail server. Each is
//! a channel like any other, in a slot of its own; made there for the first time, it gets a rule that sends what the Go
//! program sent.

use super::channel::email::Security;
use super::channel::{Address, invalid};
use super::secrets;
use crate::db::notification_channels::{self as channels, ChannelChanges, NewChannel};
use crate::db::notification_rules::{self as rules, RuleFields};
use crate::db::{ChannelKind, Conn, Weight};
use crate::keys::KeyStore;
use crate::{Error, Result};
use serde_json::{Map, Value, json};

/// What the Go program told of.
const TOPICS: &[&str] = &[
    "tape_required",
    "wrong_tape",
    "tape_full",
    "backup_started",
    "backup_completed",
    "backup_warnings",
    "backup_failed",
    "restore_started",
    "restore_completed",
    "drive_error",
];

const SLOTS: &[(&str, ChannelKind)] = &[("telegram", ChannelKind::Telegram), ("email", ChannelKind::Email)];

/// `notifications` as the settings show it, secrets masked.
pub fn show(conn: &mut Conn, keys: &KeyStore) -> Result<Value> {
    let mut shown = Map::new();
    for (slot, kind) in SLOTS {
        let row = channels::find_slot(conn, slot)?;
        let enabled = row.as_ref().is_some_and(|row| row.enabled);
        let whole = match &row {
            Some(row) => secrets::join(keys, *kind, &row.config, row.secrets.as_deref())
                .or_else(|_| serde_json::from_str(&row.config).map_err(Error::from))?,
            None => json!({}),
        };
        let masked = secrets::mask(*kind, &whole);
        shown.insert(
            (*slot).into(),
            if *kind == ChannelKind::Email { email(enabled, &masked) } else { telegram(enabled, &masked) },
        );
    }
    Ok(Value::Object(shown))
}

fn telegram(enabled: bool, config: &Value) -> Value {
    let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or_default();
    json!({"enabled": enabled, "bot_token": text("bot_token"), "chat_id": text("chat_id")})
}

fn email(enabled: bool, config: &Value) -> Value {
    let text = |field: &str| config.get(field).and_then(Value::as_str).unwrap_or_default();
    let security = config.get("security").and_then(Value::as_str).unwrap_or("starttls");
    let to: Vec<&str> =
        config.get("to").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let port = config.get("port").and_then(Value::as_u64).filter(|port| *port > 0);
    let name = text("from_name");
    json!({
        "enabled": enabled, "smtp_host": text("host"), "smtp_port": port.unwrap_or(587), "username": text("username"),
        "password": text("password"), "from_email": text("from"),
        "from_name": if name.is_empty() { "TapeBackarr" } else { name }, "to_emails": to.join(", "),
        "use_tls": security != "none",
        "skip_verify": config.get("accept_any_certificate").and_then(Value::as_bool).unwrap_or(false),
    })
}

/// Changes what `request` (part of what [`show`] shows) names. The keys that have a new value.
///
/// # Errors
/// 400 with the key: unknown, or not accepted.
pub fn change(conn: &mut Conn, keys: &KeyStore, request: &Value) -> Result<Vec<String>> {
    let given = request.as_object().ok_or_else(|| bad("notifications", "expected an object"))?;
    let shown = show(conn, keys)?;
    let mut changed = Vec::new();
    for (slot, fields) in given {
        let Some((slot, kind)) = SLOTS.iter().find(|known| known.0 == slot) else {
            return Err(bad(&format!("notifications.{slot}"), "there is no such setting"));
        };
        let fields = fields.as_object().ok_or_else(|| bad(&format!("notifications.{slot}"), "expected an object"))?;
        let before = &shown[*slot];
        let mut wanted = before.clone();
        let mut keys_changed = Vec::new();
        for (field, value) in fields {
            let key = format!("notifications.{slot}.{field}");
            let Some(known) = before.get(field) else { return Err(bad(&key, "there is no such setting")) };
            if std::mem::discriminant(known) != std::mem::discriminant(value) {
                return Err(bad(&key, "a value of another type is expected"));
            }
            if known != value {
                wanted[field] = value.clone();
                keys_changed.push(key);
            }
        }
        if !keys_changed.is_empty() {
            store(conn, keys, slot, *kind, &wanted).map_err(|error| error.context(format!("notifications.{slot}")))?;
            changed.append(&mut keys_changed);
        }
    }
    Ok(changed)
}

fn bad(key: &str, message: &str) -> Error {
    Error::new(crate::ErrorKind::BadRequest, "bad_setting", format!("{key}: {message}"))
}

fn store(conn: &mut Conn, keys: &KeyStore, slot: &str, kind: ChannelKind, wanted: &Value) -> Result<()> {
    let enabled = wanted["enabled"].as_bool().unwrap_or(false);
    let row = channels::find_slot(conn, slot)?;
    let known = match &row {
        Some(row) => secrets::join(keys, kind, &row.config, row.secrets.as_deref())?,
        None => json!({}),
    };
    let mut config = known.as_object().cloned().unwrap_or_default();
    config.extend(if kind == ChannelKind::Email { as_email(wanted)? } else { as_telegram(wanted) });
    let mut config = Value::Object(config);
    secrets::unmask(kind, &known, &mut config);
    let address = match Address::read(kind, &config) {
        Ok(address) => address,
        // what is off may be incomplete: it is as if it were not there
        Err(_) if !enabled => {
            return row.map_or(Ok(()), |row| channels::delete(conn, row.id));
        }
        Err(error) => return Err(error),
    };
    let (config, secrets) = secrets::split(keys, kind, &serde_json::to_value(address)?)?;
    if let Some(row) = row {
        let changes =
            ChannelChanges { enabled: Some(enabled), config: Some(config), secrets: Some(secrets), name: None };
        return channels::update(conn, row.id, &changes).map(drop);
    }
    let title = if kind == ChannelKind::Email { "E-mail" } else { "Telegram" };
    let name = format!("{title} (settings)");
    let new = NewChannel { name: name.clone(), kind, enabled, config, secrets, settings_slot: Some(slot.into()) };
    let id = channels::insert(conn, &new)?.id;
    let fields = RuleFields {
        name,
        enabled: true,
        topics: serde_json::to_string(TOPICS)?,
        min_severity: Weight::Info,
        job_ids: "[]".into(),
        pool_ids: "[]".into(),
        time_zone: "UTC".into(),
        quiet_from: String::new(),
        quiet_until: String::new(),
        errors_break_quiet: true,
        digest_cron: String::new(),
        reminder_minutes: 0,
        recovery: true,
    };
    match rules::list(conn)?.into_iter().find(|rule| rule.rule.name == fields.name) {
        Some(rule) => rules::update(conn, rule.rule.id, &fields, &[rule.channel_ids, vec![id]].concat()),
        None => rules::insert(conn, &fields, &[id]),
    }
    .map(drop)
}

fn as_telegram(wanted: &Value) -> Map<String, Value> {
    let fields = [("bot_token", &wanted["bot_token"]), ("chat_id", &wanted["chat_id"])];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

fn as_email(wanted: &Value) -> Result<Map<String, Value>> {
    let port = wanted["smtp_port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| invalid("smtp_port must be between 0 and 65535"))?;
    let security = match (wanted["use_tls"].as_bool().unwrap_or(true), port) {
        (false, _) => Security::None,
        (true, 465) => Security::Tls,
        (true, _) => Security::Starttls,
    };
    let to: Vec<&str> = wanted["to_emails"]
        .as_str()
        .unwrap_or_default()
        .split([',', ';'])
        .map(str::trim)
        .filter(|to| !to.is_empty())
        .collect();
    let fields = json!({
        "host": wanted["smtp_host"], "port": port, "security": security, "username": wanted["username"],
        "password": wanted["password"], "from": wanted["from_email"], "from_name": wanted["from_name"], "to": to,
        "accept_any_certificate": wanted["skip_verify"],
    });
    Ok(fields.as_object().cloned().unwrap_or_default())
}
