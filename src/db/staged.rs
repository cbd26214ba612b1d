//! A database that is to take the place of the one in use, at the next start.
//!
//! Nobody can swap a database under a running server. So a new one is checked, laid beside the old one under a name of
//! its own, and [`swap_in`] puts it into place before the next start opens it; the old one stays, under a name with the
//! time of the swap.

use super::connection::{known_migrations, open_one};
use super::schema::users;
use super::{Role, now};
use crate::{Error, Result};
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// What every SQLite database begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Where a database for the next start lies.
pub fn place_of(database: &Path) -> PathBuf {
    with_suffix(database, ".restore")
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

/// Checks that `file` is a database of ours that this program can open.
pub fn check(file: &Path) -> Result<()> {
    let refused = |why: String| Error::bad_request(format!("this is no database that can be restored: {why}"));
    let mut magic = [0u8; 16];
    let begins = std::fs::File::open(file).and_then(|mut open| open.read_exact(&mut magic));
    if begins.is_err() || &magic != MAGIC {
        return Err(refused("it is not an SQLite file".into()));
    }
    let mut conn = open_one(file).map_err(|error| refused(error.message))?;
    let damage: Vec<Line> = diesel::sql_query("SELECT integrity_check AS text FROM pragma_integrity_check")
        .load(&mut conn)
        .map_err(|error| refused(error.to_string()))?;
    if damage.iter().any(|line| line.text != "ok") {
        let lines: Vec<String> = damage.into_iter().map(|line| line.text).collect();
        return Err(refused(format!("it is damaged ({})", lines.join("; "))));
    }
    let applied: Vec<Line> = diesel::sql_query("SELECT version AS text FROM __diesel_schema_migrations")
        .load(&mut conn)
        .map_err(|_| refused("it has no tables of TapeBackarr".into()))?;
    let known = known_migrations()?;
    if let Some(newer) = applied.iter().find(|version| !known.contains(&version.text)) {
        let message = format!(
            "this database was written by a newer TapeBackarr (schema {}); start that version instead",
            newer.text
        );
        return Err(Error::conflict("database_newer", message));
    }
    let admins: i64 = users::table
        .filter(users::role.eq(Role::Admin))
        .count()
        .get_result(&mut conn)
        .map_err(|error| refused(error.to_string()))?;
    if admins == 0 {
        return Err(refused("it has no administrator, so nobody could log in".into()));
    }
    Ok(())
}

/// Checks `file` and lays a copy of it ready for the next start of the server whose database is `database`.
pub fn stage(file: &Path, database: &Path) -> Result<()> {
    check(file)?;
    let (place, part) = (place_of(database), with_suffix(database, ".restore-part"));
    std::fs::copy(file, &part)?;
    std::fs::File::open(&part)?.sync_all()?;
    std::fs::rename(&part, &place)?;
    sync_folder(&place)
}

pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(std::fs::File::open(folder)?.sync_all()?)
}

/// Puts a database that was laid ready into place, if there is one. Nobody may have the database open. Returns where the
/// old one is now.
pub fn swap_in(database: &Path) -> Result<Option<PathBuf>> {
    let place = place_of(database);
    if !place.exists() {
        return Ok(None);
    }
    let kept = with_suffix(database, &format!(".before-{}", now().format("%Y%m%d-%H%M%S-%3f")));
    // a crash between these steps leaves the new one where the next start finds it
    for suffix in ["-wal", "-shm", ""] {
        let (old, new) = (with_suffix(database, suffix), with_suffix(&kept, suffix));
        match std::fs::rename(&old, &new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::from(error).context(format!("setting {} aside", old.display())));
            }
            _ => {}
        }
    }
    std::fs::rename(&place, database)?;
    sync_folder(database)?;
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{self, testing};

    fn admin(conn: &mut db::Conn) {
        diesel::insert_into(users::table)
            .values((users::username.eq("admin"), users::password_hash.eq("x"), users::role.eq(Role::Admin)))
            .execute(conn)
            .expect("admin");
    }

    #[test]
    fn a_staged_database_takes_over_at_the_next_start() {
        let (old, new) = (testing::database(), testing::database());
        admin(&mut new.conn());
        db::settings::set(&mut old.conn(), "which", &"old".into()).expect("old");
        db::settings::set(&mut new.conn(), "which", &"new".into()).expect("new");
        let copy = new.path.with_extension("copy");
        db::copy_to(&mut new.conn(), &copy).expect("copy");
        assert_eq!(swap_in(&old.path).expect("nothing staged"), None);
        stage(&copy, &old.path).expect("stage");
        let (path, folder) = (old.path.clone(), old);
        drop(folder.pool.clone());
        let kept = swap_in(&path).expect("swap").expect("staged");
        let which =
            |path: &Path| db::settings::get(&mut open_one(path).expect("open"), "which").expect("get").expect("set");
        assert_eq!(which(&path), serde_json::json!("new"));
        assert_eq!(which(&kept), serde_json::json!("old"));
        assert_eq!(swap_in(&path).expect("once"), None);
    }

    #[test]
    fn what_is_no_database_of_ours_is_refused() {
        let db = testing::database();
        let folder = tempfile::tempdir().expect("folder");
        let text = folder.path().join("x");
        std::fs::write(&text, "not a database at all, but long enough").expect("write");
        assert!(stage(&text, &db.path).expect_err("text").message.contains("not an SQLite file"));
        let copy = folder.path().join("copy.db");
        db::copy_to(&mut db.conn(), &copy).expect("copy");
        assert!(check(&copy).expect_err("nobody").message.contains("no administrator"));
        admin(&mut db.conn());
        diesel::sql_query("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')")
            .execute(&mut *db.conn())
            .expect("newer");
        let newer = folder.path().join("newer.db");
        db::copy_to(&mut db.conn(), &newer).expect("copy");
        assert_eq!(check(&newer).expect_err("newer").code, "database_newer");
        assert!(!place_of(&db.path).exists());
    }
}
