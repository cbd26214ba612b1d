//! What a restore needs: of a state of a source the versions that count, in the order they are on tape.
//!
//! A selection may be the whole of ten million files, so it is kept in a temporary table of the connection and read
//! in pages; memory does not grow with it. Hard links whose target was not selected bring it along, since their
//! content is there.

use super::layers::{self, Chain, Depth};
use super::{kind, path};
use crate::Result;
use crate::db::Conn;
use crate::db::schema::{catalog_dirs, catalog_versions};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Text};
use std::collections::HashMap;
use tape_format::MemberKind;

/// What is wanted of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Everything.
    All,
    /// These files, and these folders with all that is in them.
    Paths(Vec<String>),
}

/// What was selected, in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// Members in all, those that only come along included.
    pub members: i64,
    /// Content bytes of the files among them.
    pub bytes: i64,
    /// The same per part of a set, oldest set first.
    pub parts: Vec<PartUse>,
    /// Wanted paths that are not in this state.
    pub missing: Vec<String>,
}

/// What is needed of a part of a set.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct PartUse {
    /// The set.
    #[diesel(sql_type = Integer)]
    pub set_id: i32,
    /// The part in which members begin (a member may go on in the next one).
    #[diesel(sql_type = Integer)]
    pub part: i32,
    /// Members.
    #[diesel(sql_type = BigInt)]
    pub members: i64,
    /// Content bytes.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Where the first of them begins in the set's tar stream.
    #[diesel(sql_type = BigInt)]
    pub tar_start: i64,
    /// Where the last of them ends.
    #[diesel(sql_type = BigInt)]
    pub tar_end: i64,
}

/// Why a member is in the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for.
    Wanted,
    /// Only for the content of a hard link that was asked for; its own path is not wanted.
    LinkTarget,
}

/// A member of the selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedMember {
    /// The set that has it.
    pub set_id: i32,
    /// The part it begins in.
    pub part: i32,
    /// Its path, as text of `tape_format::path_text`.
    pub path: String,
    /// Why it is here.
    pub reason: Reason,
    /// What it is.
    pub kind: MemberKind,
    /// Size in bytes of a file.
    pub size: u64,
    /// SHA-256 of a file's content.
    pub sha256: Option<[u8; 32]>,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Target of a link, as text.
    pub link: Option<String>,
    /// Where its first header record begins in the set's tar stream.
    pub tar_offset: u64,
    /// Length of all its records there.
    pub tar_length: u64,
    /// The block in which its frame begins.
    pub block: u64,
}

/// Where the last page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    set_id: i32,
    part: i32,
    tar_offset: i64,
    dir_id: i64,
    name: String,
}

const TABLE: &str = "CREATE TEMP TABLE IF NOT EXISTS selected_members (
    set_id INTEGER NOT NULL, part INTEGER NOT NULL, tar_offset INTEGER NOT NULL, dir_id INTEGER NOT NULL,
    name TEXT NOT NULL, reason INTEGER NOT NULL,
    PRIMARY KEY (set_id, part, tar_offset, dir_id, name)) WITHOUT ROWID;
    DELETE FROM temp.selected_members;";

diesel::table! {
    /// The selection of a connection, in the order of tapes.
    selected_members (set_id, part, tar_offset, dir_id, name) {
        /// The set.
        set_id -> Integer,
        /// The part it begins in.
        part -> Integer,
        /// Where it begins.
        tar_offset -> BigInt,
        /// Its directory.
        dir_id -> BigInt,
        /// Its name.
        name -> Text,
        /// 0 wanted, 1 link target.
        reason -> Integer,
    }
}

const WANTED: i32 = 0;
const LINK_TARGET: i32 = 1;

/// Selects of the state that a chain makes (newest set first) what is wanted. The connection holds the selection, for
/// [`members`], until the next one is made on it or [`clear`] is called.
pub fn select(conn: &mut Conn, chain: &[i32], wanted: &Wanted) -> Result<Selected> {
    let chain = Chain::new(chain);
    conn.batch_execute(TABLE)?;
    let mut missing = Vec::new();
    // One read snapshot for all of it; nothing but the temporary table is written.
    conn.transaction::<_, crate::Error, _>(|conn| {
        match wanted {
            Wanted::All => subtree(conn, &chain, "")?,
            Wanted::Paths(paths) => {
                for wanted in paths {
                    let full = path::normal(wanted);
                    let place = layers::effective(conn, &chain, full)?;
                    let found_below = match &place {
                        Some(place) if place.kind != kind::DIRECTORY => {
                            keep(conn, place.set_id, place.dir_id, &place.name, WANTED)?;
                            true
                        }
                        _ => below(conn, &chain, full)?,
                    };
                    if place.is_none() && !found_below {
                        missing.push(wanted.clone());
                    }
                }
            }
        }
        link_targets(conn)
    })?;
    let parts: Vec<PartUse> = diesel::sql_query(PARTS).load(conn)?;
    Ok(Selected {
        members: parts.iter().map(|part| part.members).sum(),
        bytes: parts.iter().map(|part| part.bytes).sum(),
        parts,
        missing,
    })
}

const PARTS: &str = "SELECT m.set_id, m.part, count(*) AS members, sum(v.size) AS bytes, \
         min(v.tar_offset) AS tar_start, max(v.tar_offset + v.tar_length) AS tar_end \
     FROM temp.selected_members m \
     CROSS JOIN catalog_versions v ON v.set_id = m.set_id AND v.dir_id = m.dir_id AND v.name = m.name \
     GROUP BY m.set_id, m.part ORDER BY m.set_id, m.part";

/// Forgets the selection of a connection.
pub fn clear(conn: &mut Conn) -> Result<()> {
    Ok(conn.batch_execute("DROP TABLE IF EXISTS temp.selected_members")?)
}

/// A folder itself, if it is a member, and all in it. Whether there is anything.
fn below(conn: &mut Conn, chain: &Chain, dir: &str) -> Result<bool> {
    let before: i64 = selected_members::table.count().get_result(conn)?;
    if let Some(place) = layers::effective(conn, chain, dir)? {
        keep(conn, place.set_id, place.dir_id, &place.name, WANTED)?;
    }
    subtree(conn, chain, dir)?;
    let after: i64 = selected_members::table.count().get_result(conn)?;
    Ok(after > before)
}

#[derive(Insertable)]
#[diesel(table_name = selected_members)]
struct NewMember {
    set_id: i32,
    part: i32,
    tar_offset: i64,
    dir_id: i64,
    name: String,
    reason: i32,
}

/// Directories read at a time.
const DIRS_AT_ONCE: i64 = 1000;

/// All that counts in a directory and below it.
fn subtree(conn: &mut Conn, chain: &Chain, top: &str) -> Result<()> {
    let top_cut = layers::cut_of(conn, chain, top)?;
    // Directories whose layers end earlier than those of the top. In the order of paths a directory comes before what
    // is in it, so its cut is known when it is needed.
    let mut cuts: HashMap<String, Depth> = HashMap::new();
    let mut dir = Some(top.to_owned());
    let (mut last, end) =
        if top.is_empty() { (String::new(), None) } else { (format!("{top}/"), Some(path::end_of_subtree(top))) };
    let mut queue = Vec::new().into_iter();
    loop {
        if let Some(dir) = dir.take() {
            one_directory(conn, chain, &dir, top_cut, &mut cuts)?;
        }
        dir = queue.next();
        if dir.is_none() {
            let mut query = catalog_dirs::table
                .filter(catalog_dirs::path.gt(last.clone()))
                .order(catalog_dirs::path)
                .limit(DIRS_AT_ONCE)
                .select(catalog_dirs::path)
                .into_boxed();
            if let Some(end) = &end {
                query = query.filter(catalog_dirs::path.lt(end));
            }
            let more: Vec<String> = query.load(conn)?;
            let Some(behind) = more.last() else { return Ok(()) };
            last.clone_from(behind);
            queue = more.into_iter();
            dir = queue.next();
        }
    }
}

fn one_directory(
    conn: &mut Conn,
    chain: &Chain,
    dir: &str,
    top_cut: Depth,
    cuts: &mut HashMap<String, Depth>,
) -> Result<()> {
    let mut cut = top_cut;
    if !cuts.is_empty() {
        for (above, name) in path::steps(dir) {
            if let Some(known) = cuts.get(path::join(above, name).as_str()) {
                cut = cut.min(*known);
            }
        }
    }
    let Some(found) = layers::of_dir(conn, chain, dir, cut)? else { return Ok(()) };
    let merged = layers::merge(&found, |set, dir_id| {
        let rows: Vec<(String, i32, i32, i64)> = catalog_versions::table
            .filter(catalog_versions::set_id.eq(set).and(catalog_versions::dir_id.eq(dir_id)))
            .order(catalog_versions::name)
            .select((
                catalog_versions::name,
                catalog_versions::kind,
                catalog_versions::part,
                catalog_versions::tar_offset,
            ))
            .load(conn)?;
        Ok(rows.into_iter().map(|(name, code, part, at)| (name, code, (set, part, at, code))).collect())
    })?;
    cuts.extend(merged.cuts.into_iter().map(|(name, cut)| (path::join(dir, &name), cut)));
    // A name that is no directory now but was one: nothing that older layers have below it counts.
    let rows: Vec<NewMember> = merged
        .entries
        .into_iter()
        .map(|(name, (set_id, part, tar_offset, _))| NewMember {
            set_id,
            part,
            tar_offset,
            dir_id: found.dir_id,
            name,
            reason: WANTED,
        })
        .collect();
    for chunk in rows.chunks(500) {
        diesel::replace_into(selected_members::table).values(chunk).execute(conn)?;
    }
    Ok(())
}

/// Adds one version; one that is there because it is wanted stays so.
fn keep(conn: &mut Conn, set_id: i32, dir_id: i64, name: &str, reason: i32) -> Result<()> {
    let place: Option<(i32, i64)> = catalog_versions::table
        .find((set_id, dir_id, name))
        .select((catalog_versions::part, catalog_versions::tar_offset))
        .first(conn)
        .optional()?;
    let Some((part, tar_offset)) = place else { return Ok(()) };
    let row = NewMember { set_id, part, tar_offset, dir_id, name: name.to_owned(), reason };
    if reason == WANTED {
        diesel::replace_into(selected_members::table).values(row).execute(conn)?;
    } else {
        diesel::insert_or_ignore_into(selected_members::table).values(row).execute(conn)?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Link {
    #[diesel(sql_type = Integer)]
    set_id: i32,
    #[diesel(sql_type = BigInt)]
    dir_id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    link: String,
}

const LINKS: &str = "SELECT m.set_id, m.dir_id, m.name, v.link FROM temp.selected_members m \
     CROSS JOIN catalog_versions v ON v.set_id = m.set_id AND v.dir_id = m.dir_id AND v.name = m.name \
     WHERE v.kind = 4 AND v.link IS NOT NULL AND (m.set_id, m.dir_id, m.name) > (?, ?, ?) \
     ORDER BY m.set_id, m.dir_id, m.name LIMIT 1000";

/// The files that selected hard links name, in the same set.
fn link_targets(conn: &mut Conn) -> Result<()> {
    let mut last = (i32::MIN, i64::MIN, String::new());
    loop {
        let links: Vec<Link> = diesel::sql_query(LINKS)
            .bind::<Integer, _>(last.0)
            .bind::<BigInt, _>(last.1)
            .bind::<Text, _>(&last.2)
            .load(conn)?;
        let Some(end) = links.last() else { return Ok(()) };
        last = (end.set_id, end.dir_id, end.name.clone());
        for link in links {
            let (dir, name) = path::split(&link.link);
            let dir_id: Option<i64> = catalog_dirs::table
                .filter(catalog_dirs::path.eq(dir))
                .select(catalog_dirs::id)
                .first(conn)
                .optional()?;
            if let Some(dir_id) = dir_id {
                keep(conn, link.set_id, dir_id, name, LINK_TARGET)?;
            }
        }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    set_id: i32,
    #[diesel(sql_type = Integer)]
    part: i32,
    #[diesel(sql_type = BigInt)]
    dir_id: i64,
    #[diesel(sql_type = Text)]
    dir: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Integer)]
    reason: i32,
    #[diesel(sql_type = Integer)]
    kind: i32,
    #[diesel(sql_type = BigInt)]
    size: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    sha256: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    mtime_ns: i64,
    #[diesel(sql_type = Nullable<Text>)]
    link: Option<String>,
    #[diesel(sql_type = BigInt)]
    tar_offset: i64,
    #[diesel(sql_type = BigInt)]
    tar_length: i64,
    #[diesel(sql_type = BigInt)]
    block: i64,
}

const MEMBERS: &str = "SELECT m.set_id, m.part, m.dir_id, d.path AS dir, m.name, m.reason, v.kind, v.size, v.sha256, \
         v.mtime_ns, v.link, v.tar_offset, v.tar_length, v.block \
     FROM temp.selected_members m \
     CROSS JOIN catalog_versions v ON v.set_id = m.set_id AND v.dir_id = m.dir_id AND v.name = m.name \
     CROSS JOIN catalog_dirs d ON d.id = m.dir_id \
     WHERE (m.set_id, m.part, m.tar_offset, m.dir_id, m.name) > (?, ?, ?, ?, ?) \
     ORDER BY m.set_id, m.part, m.tar_offset, m.dir_id, m.name LIMIT ?";

/// The next members of the selection behind `after` (`None` = from the beginning), at most `limit`: by set, oldest
/// first, then by part and position in the tar stream. With it, where to go on; `None` = that was all.
pub fn members(conn: &mut Conn, after: Option<&After>, limit: i64) -> Result<(Vec<SelectedMember>, Option<After>)> {
    let start = After { set_id: i32::MIN, part: 0, tar_offset: 0, dir_id: 0, name: String::new() };
    let after = after.unwrap_or(&start);
    let rows: Vec<Row> = diesel::sql_query(MEMBERS)
        .bind::<Integer, _>(after.set_id)
        .bind::<Integer, _>(after.part)
        .bind::<BigInt, _>(after.tar_offset)
        .bind::<BigInt, _>(after.dir_id)
        .bind::<Text, _>(&after.name)
        .bind::<BigInt, _>(limit)
        .load(conn)?;
    let next = rows.last().map(|row| After {
        set_id: row.set_id,
        part: row.part,
        tar_offset: row.tar_offset,
        dir_id: row.dir_id,
        name: row.name.clone(),
    });
    Ok((rows.into_iter().filter_map(member).collect(), next))
}

fn member(row: Row) -> Option<SelectedMember> {
    let number = |value: i64| u64::try_from(value).unwrap_or(0);
    Some(SelectedMember {
        set_id: row.set_id,
        part: row.part,
        path: path::join(&row.dir, &row.name),
        reason: if row.reason == LINK_TARGET { Reason::LinkTarget } else { Reason::Wanted },
        kind: kind::from_code(row.kind)?,
        size: number(row.size),
        sha256: row.sha256.and_then(|hash| hash.try_into().ok()),
        mtime_ns: row.mtime_ns,
        link: row.link,
        tar_offset: number(row.tar_offset),
        tar_length: number(row.tar_length),
        block: number(row.block),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{Catalog, file, hardlink};

    fn chosen(catalog: &Catalog, chain: &[i32], wanted: &Wanted) -> (Vec<String>, Selected) {
        let conn = &mut *catalog.db.conn();
        let selected = select(conn, chain, wanted).expect("select");
        let mut paths = Vec::new();
        let mut after = None;
        loop {
            let (page, next) = members(conn, after.as_ref(), 2).expect("members");
            paths.extend(page.into_iter().map(|member| {
                let only_target = if member.reason == Reason::LinkTarget { "+" } else { "" };
                format!("{only_target}{}:{}", member.set_id, member.path)
            }));
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(i64::try_from(paths.len()).expect("count"), selected.members);
        clear(conn).expect("clear");
        (paths, selected)
    }

    fn paths(paths: &[&str]) -> Wanted {
        Wanted::Paths(paths.iter().map(|path| path.to_string()).collect())
    }

    #[test]
    fn everything_of_a_state_in_the_order_of_tapes() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["./", "z", "d/", "d/a", "d/b", "d/sub/", "d/sub/x", "d-/", "d-/y"], &[]);
        let second = catalog.filled(Some(full), &["d/b", "d/n"], &["d/a", "d/sub"]);
        let (all, selected) = chosen(&catalog, &[second, full], &Wanted::All);
        let expected = ["1:.", "1:z", "1:d", "1:d-", "1:d-/y", "2:d/b", "2:d/n"];
        assert_eq!(all, expected);
        assert_eq!(selected.parts.len(), 2);
        assert_eq!((selected.parts[0].set_id, selected.parts[0].members, selected.parts[1].members), (full, 5, 2));
        assert_eq!(selected.bytes, 1 + 1 + 2 + 2);
        let (before, _) = chosen(&catalog, &[full], &Wanted::All);
        assert_eq!(before.len(), 9);
    }

    #[test]
    fn folders_files_and_what_is_not_there() {
        let mut catalog = Catalog::empty();
        let set = catalog.filled(None, &["d/", "d/a", "d/sub/", "d/sub/x", "d-/", "d-/y", "e"], &[]);
        let (found, selected) = chosen(&catalog, &[set], &paths(&["/d/", "e", "d/a", "nope", "d-/nope"]));
        assert_eq!(found, ["1:d", "1:d/a", "1:d/sub", "1:d/sub/x", "1:e"]);
        assert_eq!(selected.missing, ["nope", "d-/nope"]);
        let (all, _) = chosen(&catalog, &[set], &paths(&["/"]));
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn what_was_below_something_that_went_stays_gone() {
        let mut catalog = Catalog::empty();
        let full = catalog.filled(None, &["d/", "d/sub/", "d/sub/deep/", "d/sub/deep/old"], &[]);
        let replaced = catalog.filled(Some(full), &["d/sub"], &[]);
        let again = catalog.filled(Some(replaced), &["d/sub/", "d/sub/new"], &[]);
        let chain = [again, replaced, full];
        let (found, _) = chosen(&catalog, &chain, &Wanted::All);
        assert_eq!(found, ["1:d", "3:d/sub", "3:d/sub/new"]);
        let (found, _) = chosen(&catalog, &chain[1..], &Wanted::All);
        assert_eq!(found, ["1:d", "2:d/sub"]);
        let (found, _) = chosen(&catalog, &chain, &paths(&["d/sub"]));
        assert_eq!(found, ["3:d/sub", "3:d/sub/new"]);
    }

    #[test]
    fn a_hard_link_brings_its_target_of_the_same_set() {
        let mut catalog = Catalog::empty();
        let full = catalog.set(None);
        let mut target = file("d/target", 9);
        target.tar_offset = 0;
        let mut link = hardlink("e/link", "d/target");
        link.tar_offset = 4096;
        catalog.writer.insert(full, 1, &[(target, 1), (link, 2)]).expect("insert");
        catalog.complete(full);
        let (found, _) = chosen(&catalog, &[full], &paths(&["e/link"]));
        assert_eq!(found, ["+1:d/target", "1:e/link"]);
        let (found, _) = chosen(&catalog, &[full], &paths(&["e/link", "d/target"]));
        assert_eq!(found, ["1:d/target", "1:e/link"]);
        let newer = catalog.filled(Some(full), &["d/target"], &[]);
        let (found, _) = chosen(&catalog, &[newer, full], &Wanted::All);
        assert_eq!(found, ["+1:d/target", "1:e/link", "2:d/target"]);
    }
}
