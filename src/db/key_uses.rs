//! What needs an encryption key: what nobody can read any more without it.

use super::{Conn, encryption_keys, encryption_keys::EncryptionKey};
use crate::Result;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use serde::Serialize;

/// How much needs a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, QueryableByName, Serialize, utoipa::ToSchema)]
pub struct KeyUse {
    /// The key.
    #[serde(skip)]
    #[diesel(sql_type = Integer)]
    pub key_id: i32,
    /// Jobs that encrypt with it.
    #[diesel(sql_type = BigInt)]
    pub jobs: i64,
    /// Sets that are encrypted with it.
    #[diesel(sql_type = BigInt)]
    pub sets: i64,
    /// Bytes in them.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Tapes that they are on.
    #[diesel(sql_type = BigInt)]
    pub tapes: i64,
    /// Copies of the database on tape that are encrypted with it.
    #[diesel(sql_type = BigInt)]
    pub database_copies: i64,
    /// Those made since there is the key of which nobody knows which one they need: perhaps it.
    #[diesel(sql_type = BigInt)]
    pub database_copies_unknown: i64,
}

/// A key as lists show it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct KeyListed {
    /// The key.
    #[serde(flatten)]
    pub key: EncryptionKey,
    /// What needs it.
    pub uses: KeyUse,
}

/// A job that encrypts with a key.
#[derive(Debug, QueryableByName, Serialize, utoipa::ToSchema)]
pub struct KeyJob {
    /// Its id.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
}

/// A tape with sets that are encrypted with a key.
#[derive(Debug, QueryableByName, Serialize, utoipa::ToSchema)]
pub struct KeyTape {
    /// Its id.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    /// Its label.
    #[diesel(sql_type = Text)]
    pub label: String,
    /// Its bar code.
    #[diesel(sql_type = Nullable<Text>)]
    pub barcode: Option<String>,
    /// Sets on it that need the key.
    #[diesel(sql_type = BigInt)]
    pub sets: i64,
    /// Bytes of theirs on it.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

/// What needs a key, by name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct KeyUses {
    /// The key.
    pub key: EncryptionKey,
    /// How much it is.
    pub uses: KeyUse,
    /// The jobs.
    pub jobs: Vec<KeyJob>,
    /// The tapes.
    pub tapes: Vec<KeyTape>,
}

const COUNTS: &str = "\
    SELECT k.id AS key_id, \
        (SELECT count(*) FROM backup_jobs j WHERE k.id IN (j.encryption_key_id, j.hw_encryption_key_id)) AS jobs, \
        (SELECT count(*) FROM backup_sets s WHERE k.id IN (s.encryption_key_id, s.hw_encryption_key_id)) AS sets, \
        (SELECT coalesce(sum(s.total_bytes), 0) FROM backup_sets s \
            WHERE k.id IN (s.encryption_key_id, s.hw_encryption_key_id)) AS bytes, \
        (SELECT count(DISTINCT p.tape_id) FROM backup_set_parts p JOIN backup_sets s ON s.id = p.backup_set_id \
            WHERE k.id IN (s.encryption_key_id, s.hw_encryption_key_id)) AS tapes, \
        (SELECT count(*) FROM database_backups d \
            WHERE d.status <> 'failed' AND d.key_fingerprint = k.key_fingerprint) AS database_copies, \
        (SELECT count(*) FROM database_backups d WHERE d.status <> 'failed' AND d.key_fingerprint IS NULL \
            AND d.set_uuid IS NOT NULL AND d.backup_time >= k.created_at) AS database_copies_unknown \
    FROM encryption_keys k";

const JOBS: &str =
    "SELECT id, name FROM backup_jobs WHERE ?1 IN (encryption_key_id, hw_encryption_key_id) ORDER BY name";

const TAPES: &str = "\
    SELECT t.id, t.label, t.barcode, count(DISTINCT s.id) AS sets, coalesce(sum(p.stream_bytes), 0) AS bytes \
    FROM backup_sets s JOIN backup_set_parts p ON p.backup_set_id = s.id JOIN tapes t ON t.id = p.tape_id \
    WHERE ?1 IN (s.encryption_key_id, s.hw_encryption_key_id) GROUP BY t.id ORDER BY t.label";

/// A tape on a key sheet.
#[derive(Debug, PartialEq, Eq, QueryableByName, Serialize, utoipa::ToSchema)]
pub struct SheetTape {
    /// Its label.
    #[diesel(sql_type = Text)]
    pub label: String,
    /// Name of its pool.
    #[diesel(sql_type = Nullable<Text>)]
    pub pool: Option<String>,
}

/// Tapes with sets or copies of the database that a key opens.
const SHEET_TAPES: &str = "\
    SELECT t.label, p.name AS pool FROM tapes t LEFT JOIN tape_pools p ON p.id = t.pool_id \
    WHERE t.id IN (SELECT q.tape_id FROM backup_set_parts q JOIN backup_sets s ON s.id = q.backup_set_id \
            WHERE ?1 IN (s.encryption_key_id, s.hw_encryption_key_id)) \
        OR t.id IN (SELECT d.tape_id FROM database_backups d JOIN encryption_keys k ON k.key_fingerprint = d.key_fingerprint \
            WHERE k.id = ?1 AND d.status <> 'failed') \
    ORDER BY t.label";

/// What a key sheet says of a key: jobs that encrypt with it, tapes that need it, and how many copies of the database do.
pub fn for_sheet(conn: &mut Conn, id: i32) -> Result<(Vec<String>, Vec<SheetTape>, i64)> {
    let uses = of(conn, id)?;
    let tapes = diesel::sql_query(SHEET_TAPES).bind::<Integer, _>(id).load(conn)?;
    Ok((uses.jobs.into_iter().map(|job| job.name).collect(), tapes, uses.uses.database_copies))
}

/// All keys by name, each with how much needs it.
pub fn list(conn: &mut Conn) -> Result<Vec<KeyListed>> {
    let mut counts = counts(conn)?;
    let keys = encryption_keys::list(conn)?.into_iter().map(|key| {
        let at = counts.iter().position(|uses| uses.key_id == key.id);
        KeyListed { uses: at.map(|at| counts.swap_remove(at)).unwrap_or_default(), key }
    });
    Ok(keys.collect())
}

/// What needs the key with this id.
pub fn of(conn: &mut Conn, id: i32) -> Result<KeyUses> {
    let key = encryption_keys::find(conn, id)?;
    let uses = counts(conn)?.into_iter().find(|uses| uses.key_id == id).unwrap_or_default();
    let jobs = diesel::sql_query(JOBS).bind::<Integer, _>(id).load(conn)?;
    let tapes = diesel::sql_query(TAPES).bind::<Integer, _>(id).load(conn)?;
    Ok(KeyUses { key, uses, jobs, tapes })
}

fn counts(conn: &mut Conn) -> Result<Vec<KeyUse>> {
    Ok(diesel::sql_query(COUNTS).load(conn)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::database_backups::{self, DatabaseBackupChanges};
    use crate::db::{jobs, set_parts, testing};

    fn key(conn: &mut Conn, name: &str) -> i32 {
        testing::key(conn, name).id
    }

    #[test]
    fn jobs_sets_and_tapes_that_need_a_key_are_counted_and_named() {
        use crate::db::schema::backup_sets;
        let db = testing::database();
        let conn = &mut *db.conn();
        let (used, idle) = (key(conn, "used"), key(conn, "idle"));
        let job = testing::job(conn, "etc");
        let new = jobs::NewJob {
            name: "secure".into(),
            source_id: job.source_id,
            pool_id: job.pool_id,
            encryption_enabled: true,
            encryption_key_id: Some(used),
            ..Default::default()
        };
        let secure = jobs::insert(conn, &new).expect("job");
        let tape = testing::tape(conn, "A00001");
        let set = testing::set(conn, &secure, &tape, None);
        diesel::update(backup_sets::table.find(set.id))
            .set((backup_sets::encryption_key_id.eq(used), backup_sets::total_bytes.eq(1000)))
            .execute(conn)
            .expect("set");
        let part = set_parts::NewPart { stream_bytes: 400, ..testing::part(set.id, tape.id, 1) };
        set_parts::insert(conn, &part).expect("part");

        let listed = list(conn).expect("list");
        let of_list = |id: i32| listed.iter().find(|row| row.key.id == id).map(|row| row.uses.clone()).expect("key");
        let nothing = KeyUse { key_id: idle, ..KeyUse::default() };
        assert_eq!(of_list(idle), nothing);
        assert_eq!(
            of_list(used),
            KeyUse { key_id: used, jobs: 1, sets: 1, bytes: 1000, tapes: 1, ..KeyUse::default() }
        );
        let copy = database_backups::insert(conn, tape.id).expect("copy").id;
        let encrypted = DatabaseBackupChanges {
            key_fingerprint: Some(Some("idle".into())),
            set_uuid: Some(Some("u".into())),
            ..Default::default()
        };
        database_backups::update(conn, copy, &encrypted).expect("key");
        assert_eq!(of(conn, idle).expect("uses").uses, KeyUse { database_copies: 1, ..nothing.clone() });
        assert_eq!(of(conn, used).expect("uses").uses.database_copies, 0);
        let unknown = DatabaseBackupChanges { key_fingerprint: Some(None), ..Default::default() };
        database_backups::update(conn, copy, &unknown).expect("key");
        assert_eq!(of(conn, idle).expect("uses").uses, KeyUse { database_copies_unknown: 1, ..nothing });

        let named = of(conn, used).expect("uses");
        assert_eq!((named.jobs[0].name.as_str(), named.tapes[0].label.as_str()), ("secure", "A00001"));
        assert_eq!((named.tapes[0].sets, named.tapes[0].bytes), (1, 400));
        assert_eq!(of(conn, 999).expect_err("none").code, "not_found");
    }
}
