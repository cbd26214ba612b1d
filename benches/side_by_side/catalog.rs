//! R6: taken from what the catalog's own bench has printed (`cargo bench --bench catalog`), which `make bench` runs
//! before.

use crate::results::{Measured, Results, Target};
use anyhow::{Context, Result};
use std::path::Path;

/// Where `make bench` keeps the output.
const FILE: &str = "catalog.txt";

/// The figures, or a note that they are missing.
pub fn results(folder: &Path, results: &mut Results) -> Result<()> {
    let Ok(text) = std::fs::read_to_string(folder.join(FILE)) else {
        eprintln!("R6: no {}: run `make bench`, which measures the catalog first", folder.join(FILE).display());
        return Ok(());
    };
    let paths = after(&text, "insert", " new paths: ").map(|(before, _)| before.trim().to_string()).unwrap_or_default();
    let figure = |what: &str, mark: &str| -> Result<f64> {
        let (_, value) = after(&text, what, mark).with_context(|| format!("\"{what} … {mark}\" in {FILE}"))?;
        milliseconds(value).with_context(|| format!("a number behind \"{what} … {mark}\" in {FILE}"))
    };
    let note = |what: &str| format!("catalog of {paths} paths: {what}");
    let rows = figure("insert", " new paths: ")?;
    results.add(Measured::alone("R6", note("rows inserted"), rows, "rows/s", Target::AtLeast(100_000.0)));
    let version = figure("size", "per version, first full set, directories included: ")?;
    results.add(Measured::alone("R6", note("per version, first full set"), version, "B", Target::AtMost(150.0)));
    let index = figure("size", "search index per distinct path, names included: ")?;
    results.add(Measured::alone("R6", note("search index per path"), index, "B", Target::AtMost(80.0)));
    let search = worst(&text, "search ")?;
    results.add(Measured::alone("R6", note("substring search, slowest p95"), search, "ms", Target::AtMost(100.0)));
    let list = worst(&text, "list ")?;
    results.add(Measured::alone("R6", note("listing a directory, slowest p95"), list, "ms", Target::AtMost(10.0)));
    Ok(())
}

/// What stands before and behind `mark` in the line that begins with `what`.
fn after<'a>(text: &'a str, what: &str, mark: &str) -> Option<(&'a str, &'a str)> {
    text.lines().find_map(|line| line.strip_prefix(what)?.split_once(mark))
}

/// The largest p95 of lines that begin with `what`.
fn worst(text: &str, what: &str) -> Result<f64> {
    text.lines()
        .filter(|line| line.starts_with(what))
        .filter_map(|line| milliseconds(line.split_once("p95")?.1))
        .max_by(f64::total_cmp)
        .with_context(|| format!("lines \"{what}… p95\" in {FILE}"))
}

/// The number that begins `text`; a time is taken to milliseconds.
fn milliseconds(text: &str) -> Option<f64> {
    let word = text.split_whitespace().next()?;
    let digits = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let (number, unit) = word.split_at(digits);
    let factor = match unit {
        "ns" => 1e-6,
        "µs" => 1e-3,
        "s" => 1e3,
        _ => 1.0,
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}
