//! Where settings come from, and laying one over the other.

use super::spec::{self, Reach, Spec};
use super::{Config, MASK, Tls};
use crate::{Error, ErrorKind, Result};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Values by dotted key.
pub type Values = BTreeMap<String, Value>;

/// The layers that do not change while the server runs: below the settings changed in the UI are defaults and file,
/// above them environment and command line.
#[derive(Clone)]
pub struct Sources {
    pub(super) below: Values,
    pub(super) above: Values,
    /// The keys that the file names.
    pub(super) in_file: BTreeSet<String>,
    /// The keys that the command line names.
    pub(super) in_flags: BTreeSet<String>,
    /// What the server was started with.
    pub(super) running: Option<Values>,
}

/// Without the values: some are secret.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("above", &self.above.keys()).finish_non_exhaustive()
    }
}

/// A setting that is wrong: 400, `bad_setting`.
pub(super) fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::BadRequest, "bad_setting", message)
}

/// The same, and which key it is about: in `details.field`.
pub(super) fn bad_at(key: &str, message: impl Into<String>) -> Error {
    bad(message).with_details(serde_json::json!({"field": key}))
}

impl Sources {
    /// Defaults, then `file` if one is named (it must be readable), then `environment` (all of it; only names that
    /// begin with `TAPEBACKARR_` matter), then `flags` of the command line by dotted key.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Sources> {
        let mut below = parse(DEFAULTS)?;
        let mut in_file = BTreeSet::new();
        if let Some(path) = file {
            let name = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| bad(format!("cannot read the configuration file {name}: {error}")))?;
            let named = parse(&text).map_err(|error| error.context(name))?;
            in_file = named.keys().cloned().collect();
            overlay(&mut below, named).map_err(|error| error.context(path.display()))?;
        }
        let mut above = from_environment(environment)?;
        let mut in_flags = BTreeSet::new();
        for (key, value) in flags {
            spec_of(&key)?.check(&value).map_err(bad)?;
            in_flags.insert(key.clone());
            above.insert(key, value);
        }
        Ok(Sources { below, above, in_file, in_flags, running: None })
    }

    /// The same, and it remembers that the server runs with what `stored` gives now.
    pub fn started_with(mut self, stored: &Values) -> Result<Sources> {
        self.running = Some(self.values(stored)?);
        Ok(self)
    }

    /// Only the defaults and `flags`: for tests and for embedding.
    pub fn with(flags: impl IntoIterator<Item = (&'static str, Value)>) -> Result<Sources> {
        Self::load(None, [], flags.into_iter().map(|(key, value)| (key.to_owned(), value)))
    }

    /// The settings in force when `stored` is what was changed in the UI. Checked as a whole.
    pub fn resolve(&self, stored: &Values) -> Result<Config> {
        let values = self.values(stored)?;
        let config: Config = serde_json::from_value(nest(&values))
            .map_err(|error| bad(format!("the settings do not fit together: {error}")))?;
        if config.tape.refill_percent >= config.tape.start_percent {
            let message = format!(
                "tape.refill_percent = {} is not accepted: it must be below tape.start_percent = {}",
                config.tape.refill_percent, config.tape.start_percent
            );
            return Err(bad_at("tape.refill_percent", message));
        }
        let schedules = [
            ("maintenance", config.maintenance.schedule()),
            ("scrub", config.scrub.schedule()),
            ("drill", config.drill.schedule()),
        ];
        for (section, schedule) in schedules {
            if let Err(error) = schedule {
                let message = format!("{section}.schedule (with {section}.time_zone) is not accepted: {error}");
                return Err(bad_at(&format!("{section}.schedule"), message));
            }
        }
        let pair =
            [("server.tls_certificate", &config.server.tls_certificate), ("server.tls_key", &config.server.tls_key)];
        let empty = pair.map(|(_, path)| path.as_os_str().is_empty());
        if empty[0] != empty[1] {
            let [named, missing] = if empty[0] { [pair[1].0, pair[0].0] } else { [pair[0].0, pair[1].0] };
            return Err(bad_at(
                missing,
                format!("{missing} is not accepted: {named} is set, and needs the other file too"),
            ));
        }
        if config.server.tls == Tls::Off && !empty[0] {
            let message = "server.tls = \"off\" is not accepted: a certificate is set (server.tls_certificate); write \"on\", or \
                           take the certificate out";
            return Err(bad_at("server.tls", message));
        }
        if config.auth.lockout_max_seconds < config.auth.lockout_seconds {
            let message = format!(
                "auth.lockout_max_seconds = {} is not accepted: it must not be below auth.lockout_seconds = {}",
                config.auth.lockout_max_seconds, config.auth.lockout_seconds
            );
            return Err(bad_at("auth.lockout_max_seconds", message));
        }
        if let Some((key, message)) = config.oidc.problem() {
            return Err(bad_at(key, message));
        }
        Ok(config)
    }

    /// The settings in force as a nested object for people, secrets masked.
    pub fn show(&self, stored: &Values) -> Result<Value> {
        let mut values = self.values(stored)?;
        for (key, value) in &mut values {
            let filled = value.as_str().is_some_and(|text| !text.is_empty());
            if filled && spec::find(key).is_some_and(Spec::is_secret) {
                *value = MASK.into();
            }
        }
        Ok(nest(&values))
    }

    /// Whether environment or command line fix this key.
    pub fn is_fixed(&self, key: &str) -> bool {
        self.above.contains_key(key)
    }

    pub(super) fn values(&self, stored: &Values) -> Result<Values> {
        let mut values = self.below.clone();
        values.extend(
            stored.iter().filter(|(key, value)| is_acceptable(key, value)).map(|(k, v)| (k.clone(), v.clone())),
        );
        overlay(&mut values, self.above.clone())?;
        Ok(values)
    }
}

/// The spec of `key`, or an error that names it.
pub(super) fn spec_of(key: &str) -> Result<&'static Spec> {
    spec::find(key).ok_or_else(|| bad(format!("{key}: there is no such setting")))
}

/// Whether `key` may be changed while the server runs.
pub(super) fn changeable(spec: &Spec) -> Result<()> {
    match spec.reach {
        Reach::Everywhere => Ok(()),
        Reach::BeforeStart => {
            let places = "in the configuration file, the environment or on the command line";
            Err(bad_at(spec.key, format!("{} can only be set {places}", spec.key)))
        }
    }
}

/// What was stored by another version of the program may mean nothing to this one; that must not keep it from starting.
pub(super) fn is_acceptable(key: &str, value: &Value) -> bool {
    let verdict = spec_of(key).and_then(|spec| changeable(spec).and_then(|()| spec.check(value).map_err(bad)));
    if let Err(error) = &verdict {
        tracing::warn!("a stored setting is ignored: {error}");
    }
    verdict.is_ok()
}

pub(super) fn parse(text: &str) -> Result<Values> {
    let table: toml::Table = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
    let value = serde_json::to_value(table).map_err(|error| bad(error.to_string()))?;
    let mut values = Values::new();
    flatten("", &value, &mut values);
    Ok(values)
}

/// Nested objects to dotted keys. Lists are values.
pub(super) fn flatten(prefix: &str, value: &Value, into: &mut Values) {
    let Value::Object(fields) = value else {
        into.insert(prefix.to_owned(), value.clone());
        return;
    };
    for (name, field) in fields {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        flatten(&key, field, into);
    }
}

fn nest(values: &Values) -> Value {
    let mut root = Map::new();
    for (key, value) in values {
        match key.split_once('.') {
            None => {
                root.insert(key.clone(), value.clone());
            }
            Some((section, name)) => {
                if let Value::Object(fields) = root.entry(section).or_insert_with(|| Value::Object(Map::new())) {
                    fields.insert(name.to_owned(), value.clone());
                }
            }
        }
    }
    Value::Object(root)
}

fn overlay(values: &mut Values, over: Values) -> Result<()> {
    for (key, value) in over {
        spec_of(&key)?.check(&value).map_err(bad)?;
        values.insert(key, value);
    }
    Ok(())
}

/// `TAPEBACKARR_SERVER__PORT=9000` is `server.port = 9000`. Names without a double underscore that are no setting
/// belong to somebody else (`TAPEBACKARR_CONFIG`, the command line's own).
fn from_environment(environment: impl IntoIterator<Item = (String, String)>) -> Result<Values> {
    let mut values = Values::new();
    for (name, text) in environment {
        let Some(rest) = name.strip_prefix("TAPEBACKARR_") else { continue };
        let key = rest.to_lowercase().replace("__", ".");
        match spec::find(&key) {
            Some(spec) => {
                let value = from_text(spec, &text);
                spec.check(&value).map_err(|error| bad(format!("{name}: {error}")))?;
                values.insert(key, value);
            }
            None if rest.contains("__") => return Err(bad(format!("{name}: there is no setting {key}"))),
            None => {}
        }
    }
    Ok(values)
}

fn from_text(spec: &Spec, text: &str) -> Value {
    match spec.rule {
        spec::Rule::Whole(..) | spec::Rule::Numbers(_) => {
            text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from)
        }
        spec::Rule::Networks | spec::Rule::Names | spec::Rule::Texts | spec::Rule::Origins | spec::Rule::AnyOf(_) => {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
        }
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn every_documented_key_has_a_spec_and_every_spec_is_documented() {
        let documented: Vec<String> = parse(DEFAULTS).unwrap().into_keys().collect();
        let mut known: Vec<String> = spec::SPECS.iter().map(|spec| spec.key.to_owned()).collect();
        known.sort();
        assert_eq!(documented, known);
    }

    #[test]
    fn defaults_are_valid() {
        let config = Sources::with([]).unwrap().resolve(&Values::new()).unwrap();
        assert_eq!(config.server.port, 8080);
        assert_eq!(config.database_path(), Path::new("/var/lib/tapebackarr/tapebackarr.db"));
    }

    #[test]
    fn stronger_layers_win() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "[server]\nport = 1\nworkers = 1\nstatic_dir = \"a\"\nshutdown_seconds = 1\n").unwrap();
        let env = environment(&[("TAPEBACKARR_SERVER__WORKERS", "3"), ("TAPEBACKARR_CONFIG", "x"), ("HOME", "/")]);
        let flags = [("server.port".to_owned(), json!(4))];
        let sources = Sources::load(Some(&file), env, flags).unwrap();
        let stored = Values::from([
            ("server.port".to_owned(), json!(2)),
            ("server.workers".to_owned(), json!(2)),
            ("server.static_dir".to_owned(), json!("b")),
        ]);
        let server = sources.resolve(&stored).unwrap().server;
        assert_eq!((server.port, server.workers, server.shutdown_seconds), (4, 3, 1));
        assert_eq!(server.static_dir, Path::new("b"));
        assert!(sources.is_fixed("server.workers") && !sources.is_fixed("server.static_dir"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let file = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("c.toml");
            std::fs::write(&path, text).unwrap();
            Sources::load(Some(&path), [], []).unwrap_err().message
        };
        let unknown = file("[server]\nprot = 1\n");
        assert!(unknown.contains("server.prot") && unknown.contains("c.toml"), "{unknown}");
        let range = file("[server]\nport = 70000\n");
        assert!(range.contains("server.port = 70000") && range.contains("65535"), "{range}");
        let kind = file("[logging]\nformat = 3\n");
        assert!(kind.contains("logging.format = 3") && kind.contains("json"), "{kind}");
        let env = Sources::load(None, environment(&[("TAPEBACKARR_SERVER__PROT", "1")]), []).unwrap_err();
        assert!(env.message.contains("TAPEBACKARR_SERVER__PROT"), "{env}");
        let pair = Sources::with([("tape.refill_percent", json!(95))]).unwrap().resolve(&Values::new()).unwrap_err();
        assert!(pair.message.contains("tape.start_percent"), "{pair}");
    }

    #[test]
    fn stored_settings_that_mean_nothing_are_ignored() {
        let stored = Values::from([
            ("server.gone".to_owned(), json!(1)),
            ("server.port".to_owned(), json!("x")),
            ("data_dir".to_owned(), json!("/elsewhere")),
            ("server.workers".to_owned(), json!(2)),
        ]);
        let config = Sources::with([]).unwrap().resolve(&stored).unwrap();
        assert_eq!((config.server.port, config.server.workers), (8080, 2));
        assert_eq!(config.data_dir, Path::new("/var/lib/tapebackarr"));
    }

    #[test]
    fn lists_come_from_the_environment_too() {
        let env = environment(&[("TAPEBACKARR_SERVER__TRUSTED_PROXIES", "10.0.0.1, ::1, 172.16.5.0/12")]);
        let config = Sources::load(None, env, []).unwrap().resolve(&Values::new()).unwrap();
        let shown: Vec<String> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.1/32", "::1/128", "172.16.0.0/12"]);
        for all in ["0.0.0.0/0", "::/0", "proxy.example", "10.0.0.0/33"] {
            let error = Sources::with([("server.trusted_proxies", json!([all]))]).unwrap_err();
            assert!(error.message.contains("server.trusted_proxies"), "{error}");
        }
    }

    #[test]
    fn certificate_and_key_go_together_and_with_tls() {
        let resolve = |pairs: &[(&'static str, &str)]| {
            let flags = pairs.iter().map(|(key, value)| (*key, json!(value)));
            Sources::with(flags).unwrap().resolve(&Values::new())
        };
        let (certificate, key, on) = (("server.tls_certificate", "a"), ("server.tls_key", "b"), ("server.tls", "on"));
        let field = |pairs: &[_]| resolve(pairs).unwrap_err().details.unwrap()["field"].as_str().unwrap().to_owned();
        assert_eq!(field(&[certificate, on]), "server.tls_key");
        assert_eq!(field(&[key, on]), "server.tls_certificate");
        assert_eq!(field(&[certificate, key]), "server.tls");
        assert!(resolve(&[certificate, key, on]).is_ok() && resolve(&[on]).is_ok());
    }

    #[test]
    fn whoever_listens_for_others_without_tls_is_open() {
        let open = |pairs: &[(&'static str, Value)]| {
            Sources::with(pairs.iter().cloned()).unwrap().resolve(&Values::new()).unwrap().server.is_open()
        };
        assert!(open(&[]) && open(&[("server.listen", json!("192.0.2.7"))]));
        for safe in [
            ("server.listen", json!("127.0.0.1")),
            ("server.listen", json!("::1")),
            ("server.listen", json!("::ffff:127.0.0.1")),
            ("server.tls", json!("on")),
            ("server.trusted_proxies", json!(["10.0.0.0/8"])),
        ] {
            assert!(!open(std::slice::from_ref(&safe)), "{safe:?}");
        }
    }

    #[test]
    fn secrets_are_masked_and_never_in_an_error() {
        let secret = "0123456789abcdef0123456789abcdef";
        let sources = Sources::with([("auth.jwt_secret", json!(secret))]).unwrap();
        let shown = sources.show(&Values::new()).unwrap();
        assert_eq!(shown["auth"]["jwt_secret"], MASK);
        assert!(!format!("{sources:?}").contains(secret));
        let short = Sources::with([("auth.jwt_secret", json!("tooshort"))]).unwrap_err();
        assert!(!short.message.contains("tooshort") && short.message.contains("auth.jwt_secret"), "{short}");
    }
}
