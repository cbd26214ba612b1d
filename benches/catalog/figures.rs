//! Time, memory, bytes on disk.

use super::rate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use std::time::{Duration, Instant};
use tapebackarr::db::Conn;

/// Time this thread was on a processor: what a figure would be on an idle machine.
pub fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0))
}

/// Runs something often; median, 95th percentile and maximum.
pub fn timed(what: &str, times: u64, mut run: impl FnMut(u64) -> anyhow::Result<usize>) -> anyhow::Result<()> {
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

/// Runs something once: what it took, and by how much memory grew meanwhile at most.
pub fn once<T>(what: &str, count: u64, run: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    // from here on the kernel counts the peak anew
    let counted = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = kilobytes("VmRSS:");
    let (started, cpu) = (Instant::now(), on_cpu());
    let done = run()?;
    let (took, cpu) = (started.elapsed(), on_cpu().saturating_sub(cpu));
    let grown = if counted { kilobytes("VmHWM:").saturating_sub(before) / 1024 } else { 0 };
    println!("{what:42} {took:>9.2?}  CPU {cpu:>9.2?}  {:>9.0}/s  peak memory +{grown} MiB", rate(count, took));
    Ok(done)
}

fn kilobytes(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Bytes of a table or index, as SQLite tells.
#[derive(QueryableByName)]
pub struct Size {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its bytes.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
}

/// Of the tables and indices of the catalog.
pub fn sizes(conn: &mut Conn) -> anyhow::Result<Vec<Size>> {
    let sql = "SELECT name, sum(pgsize) AS bytes FROM dbstat WHERE name LIKE '%catalog_%' GROUP BY name";
    Ok(diesel::sql_query(sql).load(conn)?)
}

/// Says how many bytes there are for a version, and for a path.
pub fn report_sizes(first: &[Size], all: &[Size], paths: u64) {
    let search = |name: &str| name.contains("search") || name.contains("names");
    let sum = |sizes: &[Size], of_search: bool| -> f64 {
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
