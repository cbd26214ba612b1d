//! Hard links bring along the file that has their content.

use super::members::Reason;
use super::table::{self, selected_members};
use crate::Result;
use crate::catalog::{kind, path};
use crate::db::Conn;
use crate::db::schema::catalog_dirs;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

#[derive(QueryableByName)]
struct Link {
    #[diesel(sql_type = Integer)]
    set_id: i32,
    #[diesel(sql_type = Integer)]
    part: i32,
    #[diesel(sql_type = BigInt)]
    tar_offset: i64,
    #[diesel(sql_type = BigInt)]
    dir_id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    link: String,
}

const LINKS: &str = "SELECT m.set_id, m.part, m.tar_offset, m.dir_id, m.name, v.link FROM temp.selected_members m \
     CROSS JOIN catalog_versions v ON v.set_id = m.set_id AND v.dir_id = m.dir_id AND v.name = m.name \
     WHERE m.kind = ? AND v.link IS NOT NULL AND (m.set_id, m.part, m.tar_offset, m.dir_id, m.name) > (?, ?, ?, ?, ?) \
     ORDER BY m.set_id, m.part, m.tar_offset, m.dir_id, m.name LIMIT 1000";

/// Adds the files that selected hard links name, in the same set, unless they are selected themselves.
pub(super) fn select_targets(conn: &mut Conn) -> Result<()> {
    let mut last: Option<Link> = None;
    loop {
        let after = last.as_ref().map_or((i32::MIN, 0, 0, 0, ""), |link| {
            (link.set_id, link.part, link.tar_offset, link.dir_id, link.name.as_str())
        });
        let mut links: Vec<Link> = diesel::sql_query(LINKS)
            .bind::<Integer, _>(kind::HARDLINK)
            .bind::<Integer, _>(after.0)
            .bind::<Integer, _>(after.1)
            .bind::<BigInt, _>(after.2)
            .bind::<BigInt, _>(after.3)
            .bind::<Text, _>(after.4)
            .load(conn)?;
        for link in &links {
            let (dir, name) = path::split(&link.link);
            let dir_id = catalog_dirs::table.filter(catalog_dirs::path.eq(dir)).select(catalog_dirs::id).first(conn);
            let Some(dir_id) = dir_id.optional()? else { continue };
            if let Some(row) = table::member(conn, link.set_id, dir_id, name, Reason::LinkTarget)? {
                diesel::insert_or_ignore_into(selected_members::table).values(row).execute(conn)?;
            }
        }
        match links.pop() {
            Some(link) => last = Some(link),
            None => return Ok(()),
        }
    }
}
