//! The catalog at scale: rows per second, bytes per version and path, and how long listing and searching take.
//!
//! `cargo bench --bench catalog -- [PATHS] [FILE]`; one million paths in a temporary file unless said otherwise. A full
//! set of all paths, ten incremental sets of one percent each, and a second full set are inserted and indexed; then the
//! state as of the last incremental is listed, searched, selected, counted and walked. A FILE is kept, and when it exists from
//! an earlier run only reading is measured.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tape_format::{MemberKind, MemberRecord};
use tapebackarr::backup::diff::Baseline as _;
use tapebackarr::catalog::{CatalogWriter, baseline, browse, chain, search, select};
use tapebackarr::coverage::{counter, judge::Judge};
use tapebackarr::db::coverage;
use tapebackarr::db::{self, BackupType, Conn, Page, jobs, pools, sets, sources, tapes};

const BATCH: usize = 8192;
const FILES_PER_DIR: u64 = 10;

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
    read(&pool, paths)
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
    complete(conn, full)?;
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
    let started = Instant::now();
    writer.discard(dropped)?;
    println!("discard     {:.0} rows/s", rate(paths, started.elapsed()));

    let large = set(conn, &job, None)?;
    let in_one = |number| format!("large/{}", name(number)).into_bytes();
    let records: Vec<_> = (0..20_000)
        .map(|number| {
            let (record, block) = member(number, large);
            (MemberRecord { path: in_one(number), ..record }, block)
        })
        .collect();
    writer.insert(large, 1, &records)?;
    complete(conn, large)?;
    writer.index(large)?;

    let mut parent = full;
    let changed = (paths / 100).max(1);
    for increment in 0..10 {
        let child = set(conn, &job, Some(parent))?;
        let from = increment * 7 * changed % paths.saturating_sub(changed).max(1);
        fill(&mut writer, child, from..from + changed)?;
        complete(conn, child)?;
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
    let started = Instant::now();
    let selected = select::select(conn, &chain, &select::Wanted::All)?;
    let took = started.elapsed();
    println!("select all  {} members of {} sets: {took:.2?}", selected.members, chain.len());
    select::clear(conn)?;
    copies(conn, chain.first().copied().unwrap_or_default())?;
    walk(pool, &chain)
}

/// What the page about coverage needs: counted in the background, and judged at each request.
fn copies(conn: &mut Conn, newest: i32) -> anyhow::Result<()> {
    let started = Instant::now();
    let sets = coverage::readable_sets(conn)?;
    let count = counter::count(conn, newest, sets.iter().map(|set| set.id).collect(), || true)?;
    let took = started.elapsed();
    let Some(count) = count else { anyhow::bail!("nobody stopped it") };
    let started = Instant::now();
    let copies = Judge::read(conn, &sets)?.judge(&count, None);
    let files = copies.none.files + copies.one.files + copies.more.files;
    println!(
        "copies      {files} files in {} groups counted: {took:.2?}; judged: {:.2?}",
        count.holdings.len(),
        started.elapsed()
    );
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

fn complete(conn: &mut Conn, set: i32) -> anyhow::Result<()> {
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

/// Well-spread bits of a number (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const WORDS: [&str; 48] = [
    "archive", "backup", "camera", "data", "engine", "finance", "gallery", "history", "images", "journal", "kernel",
    "letters", "music", "network", "offers", "projects", "quality", "reports", "scripts", "travel", "updates", "video",
    "website", "xray", "yearbook", "zoning", "alpha", "beta", "gamma", "delta", "source", "include", "module", "tests",
    "vendor", "public", "assets", "build", "config", "docs", "export", "family", "german", "health", "import",
    "junior", "kitchen", "library",
];

fn pick<'a>(words: &[&'a str], number: u64) -> &'a str {
    words.get((number % words.len() as u64) as usize).copied().unwrap_or("word")
}

fn word(number: u64) -> &'static str {
    pick(&WORDS, number)
}

fn directory(number: u64) -> String {
    // Neighbours share all but the last component, as directories do.
    let (year, group) = (2000 + number / 4096 % 25, number / 64);
    let (a, b, c) = (mixed(number / 4096), mixed(group), mixed(number));
    format!("srv/{}-{}/{year}/{}_{}/{}-{number}", word(a), number / 4096, word(b), group % 64, word(c))
}

fn name(number: u64) -> String {
    let bits = mixed(number ^ 0xABCD);
    match bits % 10 {
        0 => format!("{}{}.md", pick(&["README", "CHANGES", "LICENSE"], bits >> 8), number % 10),
        1 | 2 => format!("{:016x}.bin", mixed(bits)),
        3..=6 => format!("IMG_{number:08}.jpg"),
        _ => {
            let ending = pick(&["txt", "pdf", "rs"], bits >> 40);
            format!("{}_{}_{:05}.{ending}", word(bits >> 8), word(bits >> 16), bits >> 24 & 0xFFFF)
        }
    }
}

fn member(number: u64, set: i32) -> (MemberRecord, u64) {
    let bits = mixed(number.wrapping_mul(31).wrapping_add(set.unsigned_abs().into()));
    let mut sha256 = [0; 32];
    for (at, chunk) in sha256.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&mixed(bits.wrapping_add(at as u64)).to_le_bytes());
    }
    let size = bits % 200_000;
    let mtime_ns = 1_700_000_000_000_000_000 + (bits >> 8) as i64 % 1_000_000_000_000_000;
    let record = MemberRecord {
        path: format!("{}/{}", directory(number / FILES_PER_DIR), name(number)).into_bytes(),
        kind: MemberKind::File,
        size,
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        user: "anna".into(),
        group: "users".into(),
        mtime_ns,
        ctime_ns: mtime_ns + 1_000_000,
        inode: 10_000_000 + number,
        link: None,
        sha256: Some(sha256),
        tar_offset: number * 102_400,
        tar_length: size.div_ceil(512) * 512 + 1536,
    };
    (record, number * 102_400 / 262_144)
}

mod measured {
    //! What SQLite tells of its own storage.
    use diesel::prelude::*;
    use diesel::sql_types::{BigInt, Text};

    /// Bytes of a table or index.
    #[derive(QueryableByName)]
    pub struct Size {
        /// Its name.
        #[diesel(sql_type = Text)]
        pub name: String,
        /// Its bytes.
        #[diesel(sql_type = BigInt)]
        pub bytes: i64,
    }
}

fn sizes(conn: &mut Conn) -> anyhow::Result<Vec<measured::Size>> {
    use diesel::RunQueryDsl;
    let sql = "SELECT name, sum(pgsize) AS bytes FROM dbstat WHERE name LIKE '%catalog_%' GROUP BY name";
    Ok(diesel::sql_query(sql).load(conn)?)
}

fn report_sizes(first: &[measured::Size], all: &[measured::Size], paths: u64) {
    let search = |name: &str| name.contains("search") || name.contains("names");
    let sum = |sizes: &[measured::Size], of_search: bool| -> f64 {
        sizes.iter().filter(|size| search(&size.name) == of_search).map(|size| size.bytes as f64).sum()
    };
    let paths = paths as f64;
    println!("size        per version, first full set, directories included: {:.1} B", sum(first, false) / paths);
    println!("size        per version, with two versions of a path: {:.1} B", sum(all, false) / paths / 2.0);
    println!("size        search index per distinct path, names included: {:.1} B", sum(all, true) / paths);
    for size in all.iter().filter(|size| size.bytes as f64 > paths) {
        println!("            {:38} {:.1} B/path", size.name, size.bytes as f64 / paths);
    }
}

/// Time this thread was on a processor: what a figure would be on an idle machine.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0))
}

/// Runs something often; median, 95th percentile and maximum.
fn timed(what: &str, times: u64, mut run: impl FnMut(u64) -> anyhow::Result<usize>) -> anyhow::Result<()> {
    let mut took = Vec::new();
    let mut found = 0;
    let cpu = on_cpu();
    for time in 0..times {
        let started = Instant::now();
        found += run(time)?;
        took.push(started.elapsed());
    }
    let cpu = on_cpu().saturating_sub(cpu) / u32::try_from(times)?;
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).or(took.last()).copied().unwrap_or_default();
    println!(
        "{what:42} p50 {:>9.2?}  p95 {:>9.2?}  max {:>9.2?}  mean CPU {cpu:>9.2?}  found {found}",
        at(50),
        at(95),
        at(100)
    );
    Ok(())
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
    })
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
