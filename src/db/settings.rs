//! Settings that were changed while the server ran: dotted names as in the configuration file, values in JSON.

use super::Conn;
use super::errors::changed;
use super::schema::settings;
use super::time::now;
use crate::{Error, Result};
use diesel::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

fn parse(key: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal(format!("the stored value of the setting '{key}' is not JSON: {error}")))
}

/// The value of a setting, if it was ever set.
pub fn get(conn: &mut Conn, key: &str) -> Result<Option<Value>> {
    let text: Option<String> = settings::table.find(key).select(settings::value).first(conn).optional()?;
    text.map(|text| parse(key, &text)).transpose()
}

/// All settings that were set.
pub fn list(conn: &mut Conn) -> Result<BTreeMap<String, Value>> {
    let rows: Vec<(String, String)> = settings::table.select((settings::key, settings::value)).load(conn)?;
    rows.into_iter().map(|(key, text)| parse(&key, &text).map(|value| (key, value))).collect()
}

/// Sets a setting.
pub fn set(conn: &mut Conn, key: &str, value: &Value) -> Result<()> {
    let row = (settings::value.eq(value.to_string()), settings::updated_at.eq(now()));
    diesel::insert_into(settings::table)
        .values((settings::key.eq(key), row.clone()))
        .on_conflict(settings::key)
        .do_update()
        .set(row)
        .execute(conn)?;
    Ok(())
}

/// A setting is as if it had never been set.
pub fn delete(conn: &mut Conn, key: &str) -> Result<()> {
    changed(diesel::delete(settings::table.find(key)).execute(conn), format_args!("setting '{key}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;
    use serde_json::json;

    #[test]
    fn values_are_json_and_can_be_unset() {
        let db = testing::database();
        let conn = &mut *db.conn();
        set(conn, "tape.buffer_size_mb", &json!(512)).expect("set");
        set(conn, "tape.buffer_size_mb", &json!(1024)).expect("set again");
        set(conn, "notify.to", &json!(["a@b"])).expect("set");
        assert_eq!(get(conn, "tape.buffer_size_mb").expect("get"), Some(json!(1024)));
        assert_eq!(list(conn).expect("list").keys().collect::<Vec<_>>(), ["notify.to", "tape.buffer_size_mb"]);
        delete(conn, "notify.to").expect("delete");
        assert_eq!(get(conn, "notify.to").expect("get"), None);
        assert_eq!(delete(conn, "notify.to").expect_err("gone").message, "setting 'notify.to' not found");
    }
}
