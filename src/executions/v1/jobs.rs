//! The job that a set found on a tape belongs to.

use crate::Result;
use crate::db::schema::{backup_jobs, backup_sources};
use crate::db::{self, Conn, jobs::NewJob, sources::NewSource, write_transaction};
use diesel::prelude::*;

/// What a set belongs to whose tape does not name a job.
pub const UNNAMED: &str = "version 1";

/// The job with this name; if there is none, one that a person has to complete, disabled, with a source of the same name.
pub fn of_name(conn: &mut Conn, name: &str, pool_id: Option<i32>) -> Result<i32> {
    let name = match name.trim() {
        "" => UNNAMED,
        name => name,
    };
    let known = backup_jobs::table.filter(backup_jobs::name.eq(name)).select(backup_jobs::id).first(conn);
    if let Some(id) = known.optional()? {
        return Ok(id);
    }
    write_transaction(conn, |conn| {
        let source = backup_sources::table.filter(backup_sources::name.eq(name)).select(backup_sources::id).first(conn);
        let source_id = match source.optional()? {
            Some(id) => id,
            None => {
                let new = NewSource { name: name.into(), path: "/".into(), enabled: false, ..NewSource::default() };
                let id = db::sources::insert(conn, &new)?.id;
                diesel::update(backup_sources::table.find(id)).set(backup_sources::rebuilt.eq(true)).execute(conn)?;
                id
            }
        };
        let pool_id = match pool_id {
            Some(id) => id,
            None => first_pool(conn)?,
        };
        let new = NewJob { name: name.into(), source_id, pool_id, enabled: false, ..NewJob::default() };
        let id = db::jobs::insert(conn, &new)?.id;
        diesel::update(backup_jobs::table.find(id)).set(backup_jobs::rebuilt.eq(true)).execute(conn)?;
        Ok(id)
    })
}

fn first_pool(conn: &mut Conn) -> Result<i32> {
    match db::pools::list(conn)?.first() {
        Some(pool) => Ok(pool.pool.id),
        None => Err(crate::Error::conflict("no_pool", "there is no pool; make one first")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_made_once_and_does_nothing_by_itself() {
        let db = db::testing::database();
        let conn = &mut *db.conn();
        let made = of_name(conn, "etc", None).unwrap();
        assert_eq!(of_name(conn, "etc", Some(2)).unwrap(), made);
        let job = db::jobs::find(conn, made).unwrap();
        assert!(job.rebuilt && !job.enabled);
        let source = db::sources::find(conn, job.source_id).unwrap();
        assert!(source.rebuilt && !source.enabled);
        assert_ne!(of_name(conn, " ", None).unwrap(), made);
    }
}
