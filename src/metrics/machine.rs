//! The server itself: its program, its disks, its certificate, its door, its database.

use super::Ground;
use super::families::*;
use super::page::Page;
use crate::Result;
use crate::db::{Conn, figures, upkeep};
use std::path::Path;

/// What needs no database.
pub fn about(ground: &Ground, page: &mut Page) {
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    page.put(&BUILD_INFO, &[env!("CARGO_PKG_VERSION"), build], 1);
    page.put_time(&START, &[], Some(ground.started));
    page.put(&STOPPING, &[], if ground.stopping { 1 } else { 0 });
    page.put_time(&CERTIFICATE, &[], ground.certificate_ends);
    page.put(&LOGINS_FAILED, &[], ground.auth.throttle.failed() as f64);
    page.put(&LOGINS_LOCKED, &[], ground.auth.throttle.refused() as f64);
    page.put(&RATE_LIMITED, &[], ground.auth.limits.refused() as f64);

    let database = ground.config.database_path();
    let beside = database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    for (name, folder) in [("data", ground.config.data_dir.as_path()), ("database", beside)] {
        if let Ok(disk) = rustix::fs::statvfs(folder) {
            page.put(&DISK_FREE, &[name], disk.f_bavail as f64 * disk.f_frsize as f64);
            page.put(&DISK_SIZE, &[name], disk.f_blocks as f64 * disk.f_frsize as f64);
        }
    }
    page.put(&DISK_RESERVE, &[], (ground.config.database.reserve_mb << 20) as f64);

    let mut log = database.into_os_string();
    log.push("-wal");
    page.put(&DATABASE_WAL, &[], std::fs::metadata(log).map_or(0, |file| file.len()) as f64);
    let connections = ground.pool.state();
    page.put(&DATABASE_CONNECTIONS, &["idle"], connections.idle_connections);
    let used = connections.connections.saturating_sub(connections.idle_connections);
    page.put(&DATABASE_CONNECTIONS, &["used"], used);
    page.put(&DATABASE_MOST, &[], ground.pool.max_size());
}

/// The database, and its copies on tape.
pub fn database(conn: &mut Conn, page: &mut Page) -> Result<()> {
    let size = upkeep::size(conn)?;
    page.put(&DATABASE_SIZE, &[], size.size_bytes as f64);
    page.put(&DATABASE_FREE, &[], size.free_bytes as f64);
    if let Some(copy) = figures::database_copy(conn)? {
        page.put_time(&DATABASE_COPY, &[], Some(copy.time));
        page.put(&DATABASE_COPY_SIZE, &[], copy.size as f64);
    }
    Ok(())
}
