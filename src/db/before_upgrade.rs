//! The copy of the database that is made before its tables are changed by a newer program: with it the older program can
//! be gone back to, and a migration that fails costs nothing.

use super::Conn;
use super::connection::copy_to;
use super::staged::{sync_folder, with_suffix};
use crate::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// How many copies are kept; older ones are deleted after an upgrade that went well.
const KEPT: usize = 2;

const MARK: &str = ".before-upgrade-";

/// Copies the database at `path`, whose tables are those of `schema`, to a file beside it, and returns where. A copy of the
/// same schema is replaced: it was made for an upgrade that did not go well, or that was taken back.
///
/// # Errors
/// `database_copy`, and then the tables must not be changed.
pub(super) fn keep(conn: &mut Conn, path: &Path, schema: &str) -> Result<PathBuf> {
    let (copy, part) = (with_suffix(path, &format!("{MARK}{schema}")), with_suffix(path, ".upgrade-part"));
    crate::systemd::status(&format!("Copying the database before the upgrade to {}", copy.display()));
    let made = copy_whole(conn, path, &part).and_then(|()| {
        std::fs::rename(&part, &copy)?;
        sync_folder(&copy)
    });
    if let Err(error) = made {
        let _ = std::fs::remove_file(&part);
        let message = format!(
            "the database has to be upgraded, and cannot be copied to {} before: {}; nothing was changed. Make room there \
             and start again",
            copy.display(),
            error.message
        );
        return Err(Error::new(ErrorKind::Internal, "database_copy", message));
    }
    tracing::info!(copy = %copy.display(), "the database was copied before it is upgraded");
    crate::systemd::status("Upgrading the database");
    Ok(copy)
}

fn copy_whole(conn: &mut Conn, path: &Path, part: &Path) -> Result<()> {
    // what a crash left
    if part.exists() {
        std::fs::remove_file(part)?;
    }
    copy_to(conn, part)?;
    std::fs::set_permissions(part, std::fs::metadata(path)?.permissions())?;
    Ok(std::fs::File::open(part)?.sync_all()?)
}

/// Deletes copies that are older than the newest few.
pub(super) fn prune(path: &Path) -> Result<()> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let begin = format!("{name}{MARK}");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut copies = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(&begin)) {
            copies.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    copies.sort();
    let surplus = copies.len().saturating_sub(KEPT);
    for (_, old) in copies.into_iter().take(surplus) {
        std::fs::remove_file(&old)?;
        tracing::info!(copy = %old.display(), "an old copy from before an upgrade was deleted");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{open, open_one, settings, testing};
    use diesel::prelude::*;

    #[derive(QueryableByName)]
    struct Version {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
    }

    fn versions(conn: &mut Conn) -> Vec<String> {
        let sql = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
        diesel::sql_query(sql).load::<Version>(conn).expect("versions").into_iter().map(|row| row.version).collect()
    }

    fn copies(path: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path.parent().expect("folder")).expect("folder");
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
        found.retain(|path| path.to_string_lossy().contains("upgrade-"));
        found.sort();
        found
    }

    /// A database with the tables of the version before, and a setting to know it by; and that version.
    fn older() -> (testing::TestDatabase, String) {
        let db = testing::database();
        let conn = &mut *db.conn();
        settings::set(conn, "which", &"before".into()).expect("set");
        crate::db::connection::revert_last(conn).expect("revert");
        let schema = versions(conn).pop().expect("a version");
        (db, schema)
    }

    #[test]
    fn a_database_is_copied_before_it_is_upgraded() {
        let (db, schema) = older();
        std::fs::write(with_suffix(&db.path, ".upgrade-part"), "what a crash left").expect("write");
        open(&db.path).expect("upgrade");
        let copy = with_suffix(&db.path, &format!("{MARK}{schema}"));
        assert_eq!(copies(&db.path), std::slice::from_ref(&copy));
        let before = &mut open_one(&copy).expect("copy");
        assert_eq!(versions(before).pop(), Some(schema.clone()));
        assert_eq!(settings::get(before, "which").expect("get"), Some("before".into()));
        assert!(versions(&mut db.conn()).pop() > Some(schema), "it was upgraded");
    }

    #[test]
    fn neither_a_new_database_nor_one_that_is_up_to_date_is_copied() {
        let db = testing::database();
        open(&db.path).expect("again");
        assert!(copies(&db.path).is_empty());
    }

    #[test]
    fn what_cannot_be_copied_is_not_upgraded() {
        let (db, schema) = older();
        // a folder in the way: nothing can be renamed to its name
        let copy = with_suffix(&db.path, &format!("{MARK}{schema}"));
        std::fs::create_dir_all(copy.join("in the way")).expect("folder");
        let error = open(&db.path).expect_err("must refuse");
        assert_eq!(error.code, "database_copy");
        assert!(error.message.contains("nothing was changed"), "{error}");
        assert_eq!(versions(&mut db.conn()).pop(), Some(schema));
        assert!(!with_suffix(&db.path, ".upgrade-part").exists());
    }

    #[test]
    fn only_the_newest_copies_stay() {
        let db = testing::database();
        for (age, schema) in [(30, "1"), (10, "2"), (20, "3")] {
            let copy = with_suffix(&db.path, &format!("{MARK}{schema}"));
            let file = std::fs::File::create(&copy).expect("copy");
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).expect("time");
        }
        prune(&db.path).expect("prune");
        let left = ["2", "3"].map(|schema| with_suffix(&db.path, &format!("{MARK}{schema}")));
        assert_eq!(copies(&db.path), left);
    }
}
