//! Uploaded databases of version 1 on their way in. They hold keys in the clear: only their owner can read them, and none
//! outlives its import.

use crate::Result;
use crate::db::executions::{self, ExecutionFilter};
use crate::db::{Conn, ExecutionStatus, Page};
use std::path::Path;
use tempfile::NamedTempFile;

const PREFIX: &str = "v1-import-";

/// An empty file for one.
pub fn fresh(data_dir: &Path) -> Result<NamedTempFile> {
    Ok(tempfile::Builder::new().prefix(PREFIX).suffix(".db").tempfile_in(data_dir)?)
}

/// Deletes those that no execution waits for: what a crash left.
pub fn clear(conn: &mut Conn, data_dir: &Path) -> Result<()> {
    let filter = ExecutionFilter { kind: Some("import_v1_database".into()), ..ExecutionFilter::default() };
    let rows = executions::list(conn, &filter, Page::first(500))?;
    let waits = |name: &str| {
        rows.iter().any(|row| row.execution.status == ExecutionStatus::Pending && row.execution.request.contains(name))
    };
    for entry in std::fs::read_dir(data_dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) && !waits(&name) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_a_crash_left_is_deleted_and_was_nobody_elses() {
        let db = crate::db::testing::database();
        let folder = tempfile::tempdir().unwrap();
        let path = fresh(folder.path()).unwrap().keep().unwrap().1;
        let other = folder.path().join("tapebackarr.db");
        std::fs::write(&other, "x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        clear(&mut db.conn(), folder.path()).unwrap();
        assert!(!path.exists() && other.exists());
    }
}
