//! What Prometheus is told.
//!
//! The page is made anew whenever somebody asks for it: from the state that the actors know anyway, and from sums over tables
//! ([`crate::db::figures`]); only requests are counted as they are answered ([`http`]). [`families`] is the one table of what
//! there is. A section that cannot be collected is left out and said to be (`tapebackarr_section_up`): a page that fails as a
//! whole would be silent just when somebody has to look.

mod drives;
pub mod families;
pub mod http;
mod machine;
mod page;
mod stock;
#[cfg(test)]
mod tests;
mod work;

pub use http::Http;
pub use page::Page;

use crate::actors::drive::DriveSnapshot;
use crate::actors::jobs::AtWork;
use crate::auth::Auth;
use crate::config::Config;
use crate::db::{Conn, DbPool, now};
use crate::media::wear::Limits;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the page says of itself: the text format of OpenMetrics.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// For a connection to the database nobody waits longer: who asks for the page does not wait much longer either.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the page is collected from.
pub struct Ground {
    /// Settings in force.
    pub config: Arc<Config>,
    /// The database.
    pub pool: DbPool,
    /// The door.
    pub auth: Arc<Auth>,
    /// Until when the certificate is good; none: there is none.
    pub certificate_ends: Option<NaiveDateTime>,
    /// When the server was started.
    pub started: NaiveDateTime,
    /// Whether it was asked to end.
    pub stopping: bool,
    /// What drives and queue know; none: they did not answer.
    pub actors: Option<(Vec<DriveSnapshot>, AtWork)>,
}

/// Collects all samples but those of requests. Blocks: it asks the database.
pub fn collect(ground: &Ground) -> Page {
    let begin = Instant::now();
    let mut page = Page::default();
    machine::about(ground, &mut page);
    let limits = Limits::from(&ground.config.maintenance);
    section(ground, &mut page, "database", machine::database);
    section(ground, &mut page, "drives", |conn, page| match &ground.actors {
        Some((seen, work)) => drives::collect(conn, page, seen, work),
        None => Err(Error::internal("drives or queue do not answer")),
    });
    section(ground, &mut page, "stock", stock::collect);
    section(ground, &mut page, "work", |conn, page| work::collect(conn, page, limits, now()));
    if let Some((_, work)) = &ground.actors {
        for run in &work.running {
            let phase = if run.phase.is_empty() { "starting" } else { &run.phase };
            page.add(&families::EXECUTION_PHASE, &[phase], 1.0);
        }
    }
    page.put(&families::COLLECTED, &[], begin.elapsed().as_secs_f64());
    page
}

/// A section as a whole, or not at all.
fn section(ground: &Ground, page: &mut Page, name: &str, collect: impl FnOnce(&mut Conn, &mut Page) -> Result<()>) {
    let mut samples = Page::default();
    let conn = ground.pool.get_timeout(PATIENCE).map_err(Error::from);
    let collected = conn.and_then(|mut conn| collect(&mut conn, &mut samples));
    page.put(&families::SECTION_UP, &[name], if collected.is_ok() { 1 } else { 0 });
    match collected {
        Ok(()) => page.merge(samples),
        Err(error) => tracing::warn!(section = name, %error, "these metrics could not be collected"),
    }
}

/// The page as text.
///
/// # Errors
/// `internal`: the encoder failed.
pub fn text(page: Page, http: &Http) -> Result<String> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(page));
    let mut out = String::new();
    text::encode_registry(&mut out, &registry)
        .and_then(|()| http.write(&mut out))
        .and_then(|()| text::encode_eof(&mut out))
        .map_err(|_| Error::internal("the page of metrics could not be written"))?;
    Ok(out)
}
