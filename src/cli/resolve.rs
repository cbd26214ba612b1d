//! From what people call an object to its row: an id, or any of its names.

use super::client::Client;
use super::exit::{CliError, CliResult, Exit};
use super::output::{id_of, text_at};
use serde_json::Value;

/// A kind of object that can be named on the command line.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    collection: &'static str,
    noun: &'static str,
    names: &'static [&'static str],
}

/// Drives by display name, device path or serial number.
pub const DRIVE: Kind =
    Kind { collection: "drives", noun: "drive", names: &["display_name", "device_path", "serial_number"] };
/// Libraries by name or device path.
pub const LIBRARY: Kind = Kind { collection: "libraries", noun: "library", names: &["name", "device_path"] };
/// Tapes by label, bar code or uuid.
pub const TAPE: Kind = Kind { collection: "tapes", noun: "tape", names: &["label", "barcode", "uuid"] };
/// Pools by name.
pub const POOL: Kind = Kind { collection: "pools", noun: "pool", names: &["name"] };
/// Sources by name.
pub const SOURCE: Kind = Kind { collection: "sources", noun: "source", names: &["name"] };
/// Jobs by name.
pub const JOB: Kind = Kind { collection: "jobs", noun: "job", names: &["name"] };
/// Users by name.
pub const USER: Kind = Kind { collection: "users", noun: "user", names: &["username"] };
/// API keys by name or prefix.
pub const API_KEY: Kind = Kind { collection: "api-keys", noun: "API key", names: &["name", "key_prefix"] };
/// Encryption keys by name or fingerprint.
pub const KEY: Kind =
    Kind { collection: "encryption-keys", noun: "encryption key", names: &["name", "key_fingerprint"] };

/// Notification channels by name.
pub const CHANNEL: Kind = Kind { collection: "notifications/channels", noun: "notification channel", names: &["name"] };
/// Notification rules by name.
pub const RULE: Kind = Kind { collection: "notifications/rules", noun: "notification rule", names: &["name"] };

/// The row that `name` means: an exact name first, then an id, then a name in any case.
pub fn find(client: &Client, kind: Kind, name: &str) -> CliResult<Value> {
    let answer = client.get(kind.collection)?;
    let rows = answer.get("keys").unwrap_or(&answer).as_array().cloned().unwrap_or_default();
    choose(&rows, kind, name)
}

/// The id of the object that `name` means.
pub fn id(client: &Client, kind: Kind, name: &str) -> CliResult<i64> {
    id_of(&find(client, kind, name)?)
}

/// The id of the object that `name` means, if a name was given.
pub fn optional_id(client: &Client, kind: Kind, name: Option<&str>) -> CliResult<Option<i64>> {
    name.map(|name| id(client, kind, name)).transpose()
}

fn choose(rows: &[Value], kind: Kind, name: &str) -> CliResult<Value> {
    let named = |same: &dyn Fn(&str) -> bool| -> Vec<&Value> {
        let fits = |row: &&Value| kind.names.iter().any(|field| text_at(row, field).is_some_and(same));
        rows.iter().filter(fits).collect()
    };
    let exact = named(&|text| text == name);
    let by_id = || rows.iter().filter(|row| id_of(row).is_ok_and(|id| id.to_string() == name)).collect::<Vec<_>>();
    let any_case = || named(&|text| text.eq_ignore_ascii_case(name));
    let found = [exact, by_id(), any_case()].into_iter().find(|found| !found.is_empty()).unwrap_or_default();
    match found.as_slice() {
        [row] => Ok((*row).clone()),
        [] => Err(not_found(rows, kind, name)),
        several => {
            let ids: Vec<String> = several.iter().filter_map(|row| Some(id_of(row).ok()?.to_string())).collect();
            let message = format!("there are {} {}s called \"{name}\"", several.len(), kind.noun);
            Err(CliError::usage(message).advise(format!("name it by its id: {}", ids.join(", "))))
        }
    }
}

fn not_found(rows: &[Value], kind: Kind, name: &str) -> CliError {
    let known: Vec<&str> =
        rows.iter().filter_map(|row| kind.names.iter().find_map(|field| text_at(row, field))).take(12).collect();
    let error = CliError::new(Exit::NotFound, format!("there is no {} \"{name}\"", kind.noun));
    match known.as_slice() {
        [] => error.advise(format!("there is none yet; `tapebackarr {} --help` says how to make one", kind.noun)),
        known => error.advise(format!("known: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tapes() -> Vec<Value> {
        vec![
            json!({"id": 1, "label": "DAILY-1", "barcode": "A00001L9", "uuid": "u1"}),
            json!({"id": 2, "label": "1", "barcode": null}),
            json!({"id": 3, "label": "twin", "barcode": "A00003L9"}),
            json!({"id": 4, "label": "TWIN"}),
        ]
    }

    fn id(name: &str) -> Result<i64, String> {
        choose(&tapes(), TAPE, name).and_then(|row| id_of(&row)).map_err(|error| error.message)
    }

    #[test]
    fn names_before_ids_before_case() {
        assert_eq!(id("DAILY-1"), Ok(1));
        assert_eq!(id("daily-1"), Ok(1));
        assert_eq!(id("a00003l9"), Ok(3));
        assert_eq!(id("1"), Ok(2), "a label that looks like an id is a label");
        assert_eq!(id("4"), Ok(4));
        assert_eq!(id("twin"), Ok(3));
        assert_eq!(id("Twin"), Err("there are 2 tapes called \"Twin\"".to_owned()));
        assert_eq!(id("nobody"), Err("there is no tape \"nobody\"".to_owned()));
    }
}
