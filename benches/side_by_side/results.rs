//! The list of results: printed as a table, written as JSON.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;

/// What a figure must be.
#[derive(Clone, Copy)]
pub enum Target {
    /// Ours divided by the rival's, at least.
    Ratio(f64),
    /// Ours divided by the rival's, at most.
    RatioAtMost(f64),
    /// Ours, at most.
    AtMost(f64),
    /// Ours, at least.
    AtLeast(f64),
    /// Nothing was measured.
    None,
}

/// One result.
pub struct Measured {
    id: &'static str,
    what: String,
    ours: f64,
    rival: Option<f64>,
    unit: &'static str,
    target: Target,
}

impl Measured {
    /// Two speeds, of which ours should be larger by a factor.
    pub fn faster(id: &'static str, what: &str, ours: f64, rival: f64, unit: &'static str, target: f64) -> Measured {
        let target = Target::Ratio(target);
        Measured { id, what: what.to_string(), ours, rival: Some(rival), unit, target }
    }

    /// Two costs, of which ours should be smaller by a factor.
    pub fn cheaper(id: &'static str, what: &str, ours: f64, rival: f64, unit: &'static str, target: f64) -> Measured {
        let target = Target::RatioAtMost(target);
        Measured { id, what: what.to_string(), ours, rival: Some(rival), unit, target }
    }

    /// A figure without a rival.
    pub fn alone(id: &'static str, what: String, ours: f64, unit: &'static str, target: Target) -> Measured {
        Measured { id, what, ours, rival: None, unit, target }
    }

    fn ratio(&self) -> Option<f64> {
        self.rival.map(|rival| self.ours / rival).filter(|ratio| ratio.is_finite())
    }

    fn met(&self) -> bool {
        match self.target {
            Target::Ratio(wanted) => self.ratio().is_some_and(|ratio| ratio >= wanted),
            // also where the rival's cost is nothing
            Target::RatioAtMost(wanted) => self.rival.is_some_and(|rival| self.ours <= wanted * rival),
            Target::AtMost(limit) => self.ours <= limit,
            Target::AtLeast(limit) => self.ours >= limit,
            Target::None => false,
        }
    }

    fn target(&self) -> String {
        match self.target {
            Target::Ratio(wanted) => format!("ratio >= {wanted}"),
            Target::RatioAtMost(wanted) => format!("ratio <= {wanted}"),
            Target::AtMost(limit) => format!("<= {limit} {}", self.unit),
            Target::AtLeast(limit) => format!(">= {limit} {}", self.unit),
            Target::None => "-".to_string(),
        }
    }

    fn json(&self) -> Value {
        let round = |figure: f64| (figure * 1000.0).round() / 1000.0;
        json!({
            "id": self.id,
            "what": self.what,
            "ours": round(self.ours),
            "rival": self.rival.map(round),
            "unit": self.unit,
            "ratio": self.ratio().map(round),
            "target": self.target(),
            "met": self.met(),
        })
    }
}

/// All of them.
#[derive(Default)]
pub struct Results(Vec<Measured>);

impl Results {
    /// One more.
    pub fn add(&mut self, measured: Measured) {
        self.0.push(measured);
    }

    /// One more, if it could be measured.
    pub fn take(&mut self, measured: Result<Measured>) -> Result<()> {
        self.add(measured?);
        Ok(())
    }

    /// One that could not be measured, and why.
    pub fn missing(&mut self, id: &'static str, why: String) {
        eprintln!("{id}: {why}");
        self.0.push(Measured { id, what: why, ours: f64::NAN, rival: None, unit: "-", target: Target::None });
    }

    /// Prints and writes them. What is in the file of others stays: a run of some does not forget the rest.
    pub fn finish(&self, file: &Path) -> Result<()> {
        println!("{:4} {:>12} {:>12} {:>7}  {:22} {:4}  what", "id", "ours", "rival", "ratio", "target", "met");
        for one in &self.0 {
            let number = |figure: Option<f64>| {
                figure.filter(|figure| figure.is_finite()).map_or("-".to_string(), |figure| format!("{figure:.1}"))
            };
            println!(
                "{:4} {:>12} {:>12} {:>7}  {:22} {:4}  {} [{}]",
                one.id,
                number(Some(one.ours)),
                number(one.rival),
                one.ratio().map_or("-".to_string(), |ratio| format!("{ratio:.2}")),
                one.target(),
                if one.met() { "yes" } else { "NO" },
                one.what,
                one.unit,
            );
        }
        let number = |id: &Value| id.as_str().and_then(|id| id.get(1..)?.parse::<u32>().ok());
        let before: Vec<Value> =
            std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let measured = |row: &Value| self.0.iter().any(|one| row["id"] == one.id);
        let mut list: Vec<Value> = before.into_iter().filter(|row| !measured(row)).collect();
        list.extend(self.0.iter().map(Measured::json));
        list.sort_by_key(|row| number(&row["id"]));
        let text = serde_json::to_string_pretty(&list)?;
        std::fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))?;
        println!("written to {}", file.display());
        Ok(())
    }
}
