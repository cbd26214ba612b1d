//! For each key: what is accepted, who may see it, where it may be set.

use serde_json::Value;
use std::net::IpAddr;

/// What values a key accepts.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// A whole number in this range.
    Whole(i64, i64),
    /// One of these numbers.
    Numbers(&'static [i64]),
    /// One of these words.
    Words(&'static [&'static str]),
    /// A list of some of these words.
    AnyOf(&'static [&'static str]),
    /// Any text.
    Text,
    /// A text that must not be empty.
    Filled,
    /// Nothing, or at least this many characters, never shown.
    Secret(usize),
    /// An IP address.
    Address,
    /// A list of networks: `10.0.0.0/8`, or single addresses.
    Networks,
    /// A list of host names and addresses.
    Names,
    /// A list of texts that are not empty.
    Texts,
    /// A list of web origins: `https://host[:port]`.
    Origins,
    /// Nothing, or an address that begins with `http://` or `https://`.
    Url,
    /// A filter of log lines.
    LogFilter,
}

/// Where a key may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Anywhere, also in the UI.
    Everywhere,
    /// Needed before the database is open: file, environment, command line.
    BeforeStart,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// Dotted: `server.port`.
    pub key: &'static str,
    /// What is accepted.
    pub rule: Rule,
    /// Where it may be set.
    pub reach: Reach,
}

const fn key(key: &'static str, rule: Rule) -> Spec {
    Spec { key, rule, reach: Reach::Everywhere }
}

const fn early(key: &'static str, rule: Rule) -> Spec {
    Spec { key, rule, reach: Reach::BeforeStart }
}

/// Days; 0 has a meaning of its own.
const DAYS: Rule = Rule::Whole(0, 36_500);

/// Every key there is; a test holds it against `config/default.toml`.
pub const SPECS: &[Spec] = &[
    early("data_dir", Rule::Filled),
    key("server.listen", Rule::Address),
    key("server.port", Rule::Whole(0, 65535)),
    key("server.static_dir", Rule::Filled),
    // A wrong one would keep the server from starting, and so from being corrected in its interface.
    early("server.tls", Rule::Words(&["off", "on"])),
    early("server.tls_certificate", Rule::Text),
    early("server.tls_key", Rule::Text),
    early("server.tls_names", Rule::Names),
    key("server.hsts_days", Rule::Whole(0, 3650)),
    key("server.trusted_proxies", Rule::Networks),
    key("server.proxy_header", Rule::Words(&["x-forwarded-for", "forwarded"])),
    key("server.cors_origins", Rule::Origins),
    key("server.workers", Rule::Whole(0, 1024)),
    key("server.requests_per_second", Rule::Whole(0, 1_000_000)),
    key("server.client_timeout_seconds", Rule::Whole(1, 3600)),
    key("server.shutdown_seconds", Rule::Whole(1, 3600)),
    early("database.path", Rule::Text),
    key("database.reserve_mb", Rule::Whole(0, 1 << 20)),
    key("tape.block_size", Rule::Numbers(&[65536, 131072, 262144, 524288, 1048576])),
    key("tape.buffer_size_mb", Rule::Whole(16, 1 << 20)),
    key("tape.start_percent", Rule::Whole(1, 100)),
    key("tape.refill_percent", Rule::Whole(0, 99)),
    key("tape.checkpoint_mb", Rule::Whole(1, 1 << 30)),
    key("tape.virtual_dir", Rule::Text),
    key("tape.wait_for_tape_minutes", Rule::Whole(1, 60 * 24 * 30)),
    key("backup.workers", Rule::Whole(0, 256)),
    key("backup.zstd_level", Rule::Whole(1, 19)),
    key("backup.gzip_level", Rule::Whole(1, 9)),
    key("maintenance.schedule", Rule::Text),
    key("maintenance.time_zone", Rule::Filled),
    key("maintenance.executions_days", DAYS),
    key("maintenance.logs_days", DAYS),
    key("maintenance.events_days", DAYS),
    key("maintenance.audit_days", DAYS),
    key("maintenance.check_days", DAYS),
    key("maintenance.warn_mounts", Rule::Whole(0, 1_000_000)),
    key("maintenance.warn_fills", Rule::Whole(0, 1_000_000)),
    key("maintenance.warn_years", Rule::Whole(0, 100)),
    key("maintenance.warn_expiry_days", Rule::Whole(0, 3650)),
    key("maintenance.warn_api_key_days", Rule::Whole(0, 3650)),
    key("maintenance.warn_key_days", Rule::Whole(0, 3650)),
    key("scrub.schedule", Rule::Text),
    key("scrub.time_zone", Rule::Filled),
    key("scrub.tapes", Rule::Whole(0, 10_000)),
    key("scrub.hours", Rule::Whole(0, 1000)),
    key("scrub.which", Rule::Words(&["library", "all"])),
    key("drill.schedule", Rule::Text),
    key("drill.time_zone", Rule::Filled),
    key("drill.files", Rule::Whole(1, 10_000)),
    key("drill.max_file_mb", Rule::Whole(1, 1 << 20)),
    key("database_backup.after", Rule::Words(&["never", "every_run", "daily"])),
    key("database_backup.pool", Rule::Text),
    key("database_backup.key", Rule::Text),
    key("notify.public_url", Rule::Url),
    key("notify.give_up_hours", Rule::Whole(1, 24 * 30)),
    key("notify.retry_seconds", Rule::Whole(1, 3600)),
    key("notify.history_days", Rule::Whole(1, 3650)),
    key("auth.token_hours", Rule::Whole(1, 24 * 366)),
    key("auth.idle_minutes", Rule::Whole(0, 60 * 24 * 366)),
    // In the database, any copy of it could forge logins.
    early("auth.jwt_secret", Rule::Secret(32)),
    key("auth.bcrypt_cost", Rule::Whole(4, 20)),
    key("auth.min_password_length", Rule::Whole(8, 64)),
    key("auth.second_factor_roles", Rule::AnyOf(&["admin", "operator", "readonly"])),
    key("auth.login_attempts", Rule::Whole(1, 1000)),
    key("auth.lockout_seconds", Rule::Whole(1, 3600)),
    key("auth.lockout_max_seconds", Rule::Whole(1, 24 * 3600)),
    key("metrics.networks", Rule::Networks),
    // Who gets in is not for the web interface to say, and with another issuer the secret would go elsewhere.
    early("oidc.issuer", Rule::Url),
    early("oidc.public_url", Rule::Url),
    early("oidc.client_id", Rule::Text),
    early("oidc.client_secret", Rule::Secret(1)),
    early("oidc.client_secret_file", Rule::Text),
    early("oidc.ca_certificate", Rule::Text),
    early("oidc.display_name", Rule::Filled),
    early("oidc.scopes", Rule::Texts),
    early("oidc.role_claim", Rule::Filled),
    early("oidc.admin_values", Rule::Texts),
    early("oidc.operator_values", Rule::Texts),
    early("oidc.readonly_values", Rule::Texts),
    early("oidc.default_role", Rule::Words(&["refuse", "readonly", "operator"])),
    early("oidc.create_users", Rule::Words(&["on", "off"])),
    early("oidc.name_claim", Rule::Filled),
    early("oidc.second_factor", Rule::Words(&["told", "trusted"])),
    early("oidc.password_login", Rule::Words(&["everybody", "administrators", "nobody"])),
    key("logging.level", Rule::LogFilter),
    key("logging.format", Rule::Words(&["text", "json", "journal"])),
    key("docs.dir", Rule::Filled),
];

/// The spec of `key`, if there is such a key.
pub fn find(key: &str) -> Option<&'static Spec> {
    SPECS.iter().find(|spec| spec.key == key)
}

impl Spec {
    /// Whether the value is never shown.
    pub fn is_secret(&self) -> bool {
        matches!(self.rule, Rule::Secret(_))
    }

    /// Check `value`; the error names key, value and what is accepted.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        if self.accepts(value) {
            return Ok(());
        }
        let shown = if self.is_secret() { MASKED.to_owned() } else { value.to_string() };
        Err(format!("{} = {shown} is not accepted: expected {}", self.key, self.expected()))
    }

    fn accepts(&self, value: &Value) -> bool {
        match self.rule {
            Rule::Whole(least, most) => value.as_i64().is_some_and(|n| (least..=most).contains(&n)),
            Rule::Numbers(numbers) => value.as_i64().is_some_and(|n| numbers.contains(&n)),
            Rule::Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Rule::AnyOf(words) => each(value, |word| words.contains(&word)),
            Rule::Text => value.is_string(),
            Rule::Filled => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Rule::Secret(least) => value.as_str().is_some_and(|text| text.is_empty() || text.chars().count() >= least),
            Rule::Address => value.as_str().is_some_and(|text| text.parse::<IpAddr>().is_ok()),
            Rule::Networks => each(value, |text| super::network(text).is_some()),
            Rule::Names => each(value, crate::tls::self_signed::is_name),
            Rule::Texts => each(value, |text| !text.trim().is_empty()),
            Rule::Origins => each(value, is_origin),
            Rule::Url => value.as_str().is_some_and(|text| text.is_empty() || is_url(text)),
            Rule::LogFilter => value
                .as_str()
                .is_some_and(|text| !text.is_empty() && text.parse::<tracing_subscriber::filter::Targets>().is_ok()),
        }
    }

    /// What is accepted, in words.
    pub fn expected(&self) -> String {
        match self.rule {
            Rule::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Rule::Numbers(numbers) => format!("one of {numbers:?}"),
            Rule::Words(words) => format!("one of {words:?}"),
            Rule::AnyOf(words) => format!("a list of some of {words:?}"),
            Rule::Text => "text".into(),
            Rule::Filled => "text that is not empty".into(),
            Rule::Secret(least) => format!("nothing, or at least {least} characters"),
            Rule::Address => "an IP address such as 0.0.0.0, 127.0.0.1 or ::".into(),
            Rule::Networks => "a list of networks such as 10.0.0.0/8 or 192.0.2.7 (not all addresses: /0)".into(),
            Rule::Names => "a list of host names and addresses such as tapes.example.org or 192.0.2.7".into(),
            Rule::Texts => "a list of texts that are not empty".into(),
            Rule::Origins => "a list of origins such as https://example.org (no path, no *)".into(),
            Rule::Url => "nothing, or an address such as https://tapes.example.org".into(),
            Rule::LogFilter => "error, warn, info, debug or trace, or a list like info,tapebackarr=debug".into(),
        }
    }
}

const MASKED: &str = "(secret)";

fn each(value: &Value, test: impl Fn(&str) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(|item| item.as_str().is_some_and(&test)))
}

fn is_url(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c)))
}
