//! Changing settings while the server runs: only what is named, all of it valid, or nothing.

use super::sources::{Sources, Values, bad, bad_at, changeable, flatten, spec_of};
use super::{Config, MASK};
use crate::Result;
use serde_json::Value;

/// A change that is valid as a whole.
#[derive(Debug)]
pub struct Change {
    /// The values to store, by dotted key.
    pub values: Values,
    /// Keys whose stored value is forgotten: file or default count again.
    pub forgotten: Vec<String>,
    /// The settings in force afterwards.
    pub config: Config,
    /// Keys that were stored but that environment or command line hold at another value.
    pub fixed: Vec<String>,
}

impl Sources {
    /// What `request` (a nested object as [`Sources::show`] makes it, or part of it, or dotted keys) changes when
    /// `stored` was changed before. Keys that already have the value asked for, and masked secrets, are left out; null
    /// forgets what was stored.
    ///
    /// # Errors
    /// An unknown key, a value that is not accepted, a key that cannot be changed while running: by name.
    pub fn change(&self, stored: &Values, request: &Value) -> Result<Change> {
        if !request.is_object() {
            return Err(bad("expected an object of settings, such as {\"server\": {\"port\": 8080}}"));
        }
        let mut wanted = Values::new();
        flatten("", request, &mut wanted);
        let mut now = Values::new();
        flatten("", &self.show(stored)?, &mut now);

        let (mut values, mut forgotten) = (Values::new(), Vec::new());
        for (key, value) in wanted {
            let spec = spec_of(&key)?;
            let same = now.get(&key) == Some(&value);
            if same || (spec.is_secret() && value == MASK) {
                continue;
            }
            changeable(spec)?;
            if value.is_null() {
                forgotten.extend(stored.contains_key(&key).then_some(key));
                continue;
            }
            spec.check(&value).map_err(|message| bad_at(&key, message))?;
            values.insert(key, value);
        }
        let fixed = values.keys().filter(|key| self.is_fixed(key)).cloned().collect();
        let mut merged = stored.clone();
        merged.extend(values.clone());
        merged.retain(|key, _| !forgotten.contains(key));
        let config = self.resolve(&merged)?;
        Ok(Change { values, forgotten, config, fixed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keys(change: &Change) -> Vec<&str> {
        change.values.keys().map(String::as_str).collect()
    }

    #[test]
    fn only_what_is_named_changes() {
        let sources = Sources::with([]).unwrap();
        let change = sources.change(&Values::new(), &json!({"server": {"port": 9000}})).unwrap();
        assert_eq!(keys(&change), ["server.port"]);
        assert_eq!(change.config.server.port, 9000);
        assert_eq!(change.config.auth.token_hours, 24);
    }

    #[test]
    fn sending_back_what_was_shown_changes_nothing() {
        let sources = Sources::with([("auth.jwt_secret", json!("0123456789abcdef0123456789abcdef"))]).unwrap();
        let stored = Values::from([("server.port".to_owned(), json!(9000))]);
        let shown = sources.show(&stored).unwrap();
        assert_eq!(shown["auth"]["jwt_secret"], MASK);
        let change = sources.change(&stored, &shown).unwrap();
        assert!(change.values.is_empty(), "{:?}", change.values);
        assert_eq!(change.config.auth.jwt_secret, "0123456789abcdef0123456789abcdef");
    }

    #[test]
    fn refused_changes_name_the_key() {
        let sources = Sources::with([]).unwrap();
        let refused = |request: Value| sources.change(&Values::new(), &request).unwrap_err().message;
        assert!(refused(json!({"server": {"prot": 1}})).contains("server.prot"));
        assert!(refused(json!({"server": 5})).contains("server"));
        assert!(refused(json!({"server": {"port": "x"}})).contains("server.port"));
        assert!(refused(json!({"data_dir": "/tmp"})).contains("data_dir"));
        assert!(refused(json!({"auth": {"jwt_secret": "0123456789abcdef0123456789abcdef"}})).contains("jwt_secret"));
        assert!(refused(json!({"tape": {"start_percent": 5}})).contains("tape.refill_percent"));
        assert!(refused(json!([])).contains("object"));
    }

    #[test]
    fn null_forgets_what_was_stored_and_the_field_is_named() {
        let sources = Sources::with([]).unwrap();
        let stored = Values::from([("server.port".to_owned(), json!(9000))]);
        let change = sources.change(&stored, &json!({"server": {"port": null, "workers": null}})).unwrap();
        assert_eq!((change.forgotten.as_slice(), change.config.server.port), (&["server.port".to_owned()][..], 8080));
        assert!(change.values.is_empty());
        for (body, field) in [
            (json!({"server": {"port": "x"}}), "server.port"),
            (json!({"tape": {"start_percent": 5}}), "tape.refill_percent"),
            (json!({"scrub": {"schedule": "never"}}), "scrub.schedule"),
        ] {
            let error = sources.change(&stored, &body).unwrap_err();
            assert_eq!(error.details.unwrap()["field"], field);
        }
    }

    #[test]
    fn a_key_fixed_from_outside_is_told() {
        let sources = Sources::with([("server.port", json!(1))]).unwrap();
        let change = sources.change(&Values::new(), &json!({"server": {"port": 2}})).unwrap();
        assert_eq!(change.fixed, ["server.port"]);
        assert_eq!(change.config.server.port, 1);
    }
}
