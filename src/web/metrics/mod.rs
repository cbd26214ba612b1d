//! `/metrics`: what Prometheus is told. Beside the API, where everybody looks for it, and behind the same gate.

use super::{Lifecycle, gate, query};
use crate::Result;
use crate::actors::drive::DriveSnapshot;
use crate::actors::jobs::{AtWork, LookAtWork};
use crate::app::App;
use crate::auth::Auth;
use crate::config::Config;
use crate::db::DbPool;
use crate::metrics::{self, CONTENT_TYPE, Ground, Http};
use crate::tls::Keeper;
use actix_web::HttpResponse;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use std::time::Duration;

/// Actors that do not answer for so long are not waited for.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn configure(config: &mut ServiceConfig) {
    let page = web::resource(crate::auth::permissions::METRICS).wrap(from_fn(gate::gate)).get(show);
    config.service(page);
}

/// What drives and queue know, if they answer.
async fn ask(app: &App) -> Option<(Vec<DriveSnapshot>, AtWork)> {
    let answers = async {
        let work = app.jobs.send(LookAtWork).await.ok()?;
        Some((app.services.drives.snapshots().await, work))
    };
    tokio::time::timeout(PATIENCE, answers).await.ok().flatten()
}

async fn show(
    (config, pool, auth): (Data<Config>, Data<DbPool>, Data<Auth>),
    lifecycle: Data<Lifecycle>,
    http: Data<Http>,
    keeper: Option<Data<Keeper>>,
    app: Option<Data<App>>,
) -> Result<HttpResponse> {
    let ground = Ground {
        config: config.into_inner(),
        pool: pool.get_ref().clone(),
        auth: auth.into_inner(),
        certificate_ends: keeper.map(|keeper| keeper.facts().not_after),
        started: lifecycle.since(),
        stopping: lifecycle.requested().is_some(),
        actors: match &app {
            Some(app) => ask(app).await,
            None => None,
        },
    };
    let text = query::block(move || metrics::text(metrics::collect(&ground), &http)).await?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
