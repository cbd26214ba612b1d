//! Encryption keys that have expired, and those in use that are on no key sheet.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::db::Conn;
use crate::db::key_uses::{self, KeyListed};
use crate::executions::command_line::quoted;
use chrono::NaiveDateTime;

/// What encryption keys need.
pub fn look(conn: &mut Conn, now: NaiveDateTime) -> Result<Vec<Attention>> {
    let keys = key_uses::list(conn)?;
    let mut all: Vec<Attention> = keys.iter().filter_map(|listed| expired(listed, now)).collect();
    all.extend(keys.iter().filter_map(unprinted));
    Ok(all)
}

/// A key that jobs encrypt with, that has expired, and that nothing replaces.
fn expired(KeyListed { key, uses }: &KeyListed, now: NaiveDateTime) -> Option<Attention> {
    if uses.jobs == 0 || key.retired_at.is_some() || key.rotation_due(now) || !key.expired(now) {
        return None;
    }
    let title = format!("Encryption key {} has expired", key.name);
    let about = format!("Jobs that encrypt with it ({}) fail until it is rotated or expires later.", uses.jobs);
    let name = quoted(&key.name).unwrap_or_else(|| key.id.to_string());
    Some(
        Attention::new(Topic::KeyExpired, Urgency::Critical, key.id, title, about)
            .since(key.expires_at)
            .at(format!("/keys/{}", key.id), "Look")
            .command(format!("tapebackarr key rotate {name}")),
    )
}

/// A key that something is encrypted with, and that exists on this server only.
fn unprinted(KeyListed { key, uses }: &KeyListed) -> Option<Attention> {
    if key.sheet_at.is_some() || (uses.sets == 0 && uses.database_copies == 0) {
        return None;
    }
    let title = format!("Encryption key {} is on no key sheet", key.name);
    let about = "If this server is lost, nobody reads what it encrypted. Print a new key sheet, and keep it away from the tapes.";
    Some(
        Attention::new(Topic::KeyUnprinted, Urgency::Warning, key.id, title, about)
            .since(key.created_at)
            .at("/keys/sheet".into(), "Key sheet")
            .command("tapebackarr key sheet --output keysheet.txt"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::encryption_keys::{self, KeyChanges};
    use crate::db::{jobs, now, testing};
    use chrono::TimeDelta;

    #[test]
    fn expired_keys_of_jobs_and_keys_that_are_only_here_are_told() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let key = testing::key(conn, "k 1");
        let job = testing::job(conn, "etc");
        let using = jobs::NewJob {
            name: "secure".into(),
            source_id: job.source_id,
            pool_id: job.pool_id,
            encryption_enabled: true,
            encryption_key_id: Some(key.id),
            ..Default::default()
        };
        jobs::insert(conn, &using).unwrap();
        assert_eq!(look(conn, now()).unwrap(), []);

        let ends = |end, days| KeyChanges {
            expires_at: Some(Some(end)),
            rotate_after_days: Some(days),
            ..KeyChanges::default()
        };
        let past = now() - TimeDelta::days(1);
        encryption_keys::update(conn, key.id, &ends(past, None)).unwrap();
        let told = look(conn, now()).unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].command.as_deref(), Some("tapebackarr key rotate 'k 1'"));
        encryption_keys::update(conn, key.id, &ends(past, Some(30))).unwrap();
        assert_eq!(look(conn, now()).unwrap(), [], "the next run rotates it");

        let tape = testing::tape(conn, "A00001");
        let copy = crate::db::database_backups::insert(conn, tape.id).unwrap().id;
        let named = crate::db::database_backups::DatabaseBackupChanges {
            key_fingerprint: Some(Some(key.key_fingerprint.clone())),
            ..Default::default()
        };
        crate::db::database_backups::update(conn, copy, &named).unwrap();
        let told = look(conn, now()).unwrap();
        assert_eq!(told.iter().map(|item| item.topic).collect::<Vec<_>>(), [Topic::KeyUnprinted], "{told:?}");
        encryption_keys::on_sheet(conn, &[key.id]).unwrap();
        assert_eq!(look(conn, now()).unwrap(), []);
    }
}
