//! The catalog at scale: rows per second, bytes per version and path, and how long listing and searching take.
//!
//! `cargo bench --bench catalog -- [PATHS] [FILE]`; one million paths in a temporary file unless said otherwise. A full
//! set of all paths, ten incremental sets of one percent each, and a second full set are inserted and indexed; then the
//! state as of the last incremental is listed, searched, planned to be restored, counted and walked. A FILE is kept, and when it
//! exists from an earlier run only reading is measured. Then 100 000 sets are judged by the rules of retention, a house of
//! 100 000 tapes is asked what the pages ask, and a catalog is built again from a table of contents of all paths.
//! `BENCH_PATHS=10000000 make bench` has room for ten million.

mod asking;
mod figures;
mod made;
mod planning;
mod rebuilding;
mod retaining;

use figures::{on_cpu, once, report_sizes, sizes, timed};
use made::{FILES_PER_DIR, directory, member, mixed, name, word};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tape_format::MemberRecord;
use tapebackarr::backup::diff::Baseline as _;
use tapebackarr::catalog::{CatalogWriter, baseline, browse, chain, files, search, select};
use tapebackarr::coverage::{counter, judge::Judge};
use tapebackarr::db::coverage;
use tapebackarr::db::{self, BackupType, Conn, Page, jobs, pools, sets, sources, tapes};

const BATCH: usize = 8192;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let paths = arguments.first().map_or(Ok(1_000_000), |text| text.parse::<u64>())?;
    let folder = tempfile::tempdir()?;
    let file = arguments.get(1).map_or_else(|| folder.path().join("bench.db"), PathBuf::from);
    let filled = file.exists();
    let pool = db::open(&file)?;
    if !filled {
        write(&pool, &file, paths)?;
    }
    read(&pool, paths)?;
    retaining::measure(folder.path())?;
    asking::measure(folder.path())?;
    rebuilding::measure(folder.path(), paths)
}

fn write(pool: &db::DbPool, file: &Path, paths: u64) -> anyhow::Result<()> {
    let conn = &mut *pool.get()?;
    let mut writer = CatalogWriter::open(file)?;
    let job = job(conn)?;

    let full = set(conn, &job, None)?;
    let cpu = on_cpu();
    let took = fill(&mut writer, full, 0..paths)?;
    let cpu = on_cpu().saturating_sub(cpu);
    println!("insert      {paths} new paths: {:.0} rows/s; per CPU second {:.0}", rate(paths, took), rate(paths, cpu));
    complete(conn, full, 0..paths)?;
    let first_sizes = sizes(conn)?;
    let (started, cpu) = (Instant::now(), on_cpu());
    writer.index(full)?;
    let (took, cpu) = (started.elapsed(), on_cpu().saturating_sub(cpu));
    println!("index       {:.0} paths/s; per CPU second {:.0}", rate(paths, took), rate(paths, cpu));

    let dropped = set(conn, &job, None)?;
    let took = fill(&mut writer, dropped, 0..paths)?;
    println!("insert      the same paths again: {:.0} rows/s", rate(paths, took));
    let started = Instant::now();
    writer.index(dropped)?;
    println!("index       nothing new: {:.0} paths/s", rate(paths, started.elapsed()));
    report_sizes(&first_sizes, &sizes(conn)?, paths);
    once("discard     a set whose paths another has", paths, || Ok(writer.discard(dropped)?))?;

    let large = set(conn, &job, None)?;
    let in_one = |number| format!("large/{}", name(number)).into_bytes();
    let records: Vec<_> = (0..20_000)
        .map(|number| {
            let (record, block) = member(number, large);
            (MemberRecord { path: in_one(number), ..record }, block)
        })
        .collect();
    writer.insert(large, 1, &records)?;
    complete(conn, large, 0..20_000)?;
    writer.index(large)?;

    let mut parent = full;
    let changed = (paths / 100).max(1);
    for increment in 0..10 {
        let child = set(conn, &job, Some(parent))?;
        let from = increment * 7 * changed % paths.saturating_sub(changed).max(1);
        fill(&mut writer, child, from..from + changed)?;
        complete(conn, child, from..from + changed)?;
        writer.index(child)?;
        parent = child;
    }
    Ok(())
}

fn read(pool: &db::DbPool, paths: u64) -> anyhow::Result<()> {
    let conn = &mut *pool.get()?;
    let newest = sets::list(conn, &sets::SetFilter::default(), Page::first(1))?;
    let chain = chain::of(conn, newest.first().map_or(0, |row| row.set.id))?;
    listings(conn, &chain, paths)?;
    searches(conn, paths)?;
    once("select      all of a chain of 11", paths, || Ok(select::select(conn, &chain, &select::Wanted::All)?))?;
    select::clear(conn)?;
    planning::plans(conn, &chain, paths)?;
    copies(conn, chain.first().copied().unwrap_or_default(), paths)?;
    walk(pool, &chain)
}

/// What the page about coverage needs: counted in the background, and judged at each request.
fn copies(conn: &mut Conn, newest: i32, paths: u64) -> anyhow::Result<()> {
    let sets = coverage::readable_sets(conn)?;
    let all = sets.iter().map(|set| set.id).collect();
    let count = once("copies      counted", paths, || Ok(counter::count(conn, newest, all, || true)?))?;
    let Some(count) = count else { anyhow::bail!("nobody stopped it") };
    let groups = count.holdings.len();
    let copies = once("            judged", groups as u64, || Ok(Judge::read(conn, &sets)?.judge(&count, None)))?;
    println!("            {} files in {groups} groups", copies.none.files + copies.one.files + copies.more.files);
    Ok(())
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn job(conn: &mut Conn) -> anyhow::Result<(i32, i32)> {
    let pool_id = pools::list(conn)?.first().map(|pool| pool.pool.id).unwrap_or_default();
    let tape = tapes::NewTape { label: "A00001".into(), pool_id: Some(pool_id), ..Default::default() };
    let source = sources::NewSource { name: "s".into(), path: "/".into(), ..Default::default() };
    let source_id = sources::insert(conn, &source)?.id;
    let job = jobs::NewJob { name: "j".into(), source_id, pool_id, ..Default::default() };
    Ok((jobs::insert(conn, &job)?.id, tapes::insert(conn, &tape)?.id))
}

fn set(conn: &mut Conn, (job_id, tape_id): &(i32, i32), parent_set_id: Option<i32>) -> anyhow::Result<i32> {
    let backup_type = if parent_set_id.is_some() { BackupType::Incremental } else { BackupType::Full };
    let uuid = uuid::Uuid::new_v4().to_string();
    let (job_id, tape_id) = (*job_id, *tape_id);
    let new = sets::NewSet { uuid, job_id, tape_id, backup_type, parent_set_id, ..Default::default() };
    Ok(sets::insert(conn, &new)?.id)
}

fn complete(conn: &mut Conn, set: i32, numbers: std::ops::Range<u64>) -> anyhow::Result<()> {
    planning::on_tape(conn, set, numbers)?;
    sets::complete(conn, set, &sets::SetChanges::default())?;
    Ok(())
}

/// Inserts paths in batches; only the writer's time counts.
fn fill(writer: &mut CatalogWriter, set: i32, range: std::ops::Range<u64>) -> anyhow::Result<Duration> {
    let mut took = Duration::ZERO;
    let mut batch = Vec::with_capacity(BATCH);
    let mut flush = |batch: &mut Vec<(MemberRecord, u64)>| -> anyhow::Result<()> {
        let started = Instant::now();
        writer.insert(set, 1, batch)?;
        took += started.elapsed();
        batch.clear();
        Ok(())
    };
    for number in range {
        batch.push(member(number, set));
        if batch.len() == BATCH {
            flush(&mut batch)?;
        }
    }
    flush(&mut batch)?;
    let started = Instant::now();
    writer.finish(set)?;
    Ok(took + started.elapsed())
}

fn listings(conn: &mut Conn, chain: &[i32], paths: u64) -> anyhow::Result<()> {
    let dirs = (paths / FILES_PER_DIR).max(1);
    timed("list        ten files, chain of 11", 1000, |time| {
        let dir = directory(mixed(time) % dirs);
        Ok(browse::list(conn, chain, &dir, Page::first(1000))?.entries.len())
    })?;
    timed("list        first 1000 of 20000", 20, |_| {
        let large = sets::list(conn, &sets::SetFilter::default(), Page { limit: 1, offset: 10 })?;
        let chain: Vec<i32> = large.iter().map(|row| row.set.id).collect();
        Ok(browse::list(conn, &chain, "large", Page::first(1000))?.entries.len())
    })?;
    timed("list        ten files, one set", 1000, |time| {
        let dir = directory(mixed(time) % dirs);
        let last = chain.last().map(std::slice::from_ref).unwrap_or_default();
        Ok(browse::list(conn, last, &dir, Page::first(1000))?.entries.len())
    })?;
    let full = chain.last().copied().unwrap_or_default();
    let mut files = |prefix: &str, after: Option<&str>| -> anyhow::Result<usize> {
        let wish = files::Wish { prefix, after, members: files::Members::Files };
        Ok(files::of_set(conn, full, &wish, Page::first(100))?.len())
    };
    timed("list        100 files behind a path", 200, |time| {
        let number = mixed(time) % paths;
        files("", Some(&format!("{}/{}", directory(number / FILES_PER_DIR), name(number))))
    })?;
    timed("list        files that begin with a path", 200, |time| {
        let number = mixed(time) % paths;
        files(&format!("{}/{}", directory(number / FILES_PER_DIR), name(number)), None)
    })?;
    timed("list        files that begin with nothing", 200, |time| files(&format!("srv/zz{time}"), None))
}

fn searches(conn: &mut Conn, paths: u64) -> anyhow::Result<()> {
    let mut find = |text: &str| -> anyhow::Result<usize> {
        let found = search::search(conn, text, None, 100)?;
        Ok(black_box(found.hits.len()))
    };
    timed("search      one file by its number", 200, |time| find(&format!("IMG_{:08}", mixed(time) % paths)))?;
    timed("search      part of a hash", 200, |time| {
        let number = mixed(time) % paths;
        let hash = format!("{:016x}", mixed(mixed(number ^ 0xABCD)));
        find(hash.get(3..12).unwrap_or_default())
    })?;
    timed("search      two words and a number", 200, |time| {
        let bits = mixed(time);
        find(&format!("{}_{}_{:03}", word(bits), word(bits >> 8), bits >> 16 & 0x1FF))
    })?;
    timed("search      common word", 50, |time| find(word(time)))?;
    timed("search      absent", 200, |time| find(&format!("qz{:x}wq", mixed(time))))?;
    timed("search      absent, of common trigrams", 50, |time| find(&format!("{}{}", word(time), word(time + 5))))?;
    timed("search      glob *.pdf", 20, |_| find("*.pdf"))?;
    timed("search      glob word*number*.txt", 50, |time| find(&format!("{}*{time}*.txt", word(time))))?;
    timed("search      two characters", 20, |_| find("zo"))?;
    timed("search      two characters, absent", 20, |_| find("§§"))
}

/// Reads the whole state as an incremental backup does.
fn walk(pool: &db::DbPool, chain: &[i32]) -> anyhow::Result<()> {
    let mut baseline = baseline::Baseline::new(pool, chain)?;
    let conn = &mut *pool.get()?;
    let dirs: Vec<String> = {
        use diesel::prelude::*;
        use tapebackarr::db::schema::catalog_dirs;
        catalog_dirs::table.order(catalog_dirs::path).select(catalog_dirs::path).load(conn)?
    };
    let started = Instant::now();
    let mut entries = 0;
    for dir in &dirs {
        entries += baseline.children(dir.as_bytes())?.len() as u64;
    }
    println!("baseline    {entries} entries of {} directories: {:.0}/s", dirs.len(), rate(entries, started.elapsed()));
    Ok(())
}
