//! The REST API, the event stream, OpenAPI, and the files of the UI.
//!
//! **One folder per resource, one file per endpoint or small group.** To add one:
//! 1. `#[utoipa::path(…)] #[get("/things/{id}")] async fn get_thing(…) -> Result<Json<Thing>>` in
//!    `web/things/get.rs`: authorised already (see 3), it makes one query ([`query`]) or sends one message and answers
//!    with a type that has a schema. A failure is a [`crate::Error`]; [`errors`] makes the HTTP answer of it.
//! 2. `pub fn routes(routes: Routes) -> Routes { routes.add(get::get_thing) }` in `web/things/mod.rs`, and that function
//!    in the list of [`routes::all`]. The path in the attribute is relative to `/api/v1`.
//! 3. A line in the table of [`crate::auth::permissions`]; without it the route answers 404.
//!
//! What a handler takes, it takes as an argument: `Data<DbPool>`, `Data<Bus>`, …, [`Identity`](crate::auth::Identity)
//! (who is asking), [`ClientAddress`], [`AuditNote`] (what the audit log should say beyond method and path; every change
//! is written down without it).
//!
//! A request passes: its id and its counters → security headers → [`gate`] (trailing slash, permission table, credential, role; audit afterwards)
//! → the handler.

pub mod address;
pub mod audit;
pub mod errors;
pub mod gate;
mod headers;
pub mod lifecycle;
mod openapi;
pub mod query;
mod requests;
pub mod responses;
pub mod routes;
pub mod server;
mod session_cookie;
mod site;
mod slow_bodies;
#[cfg(test)]
pub mod testing;

mod export;
pub mod fields;
mod moment;
mod news;
pub mod optional_body;
pub mod work;

mod about;
mod api_keys;
mod auth;
mod catalog;
mod coverage;
mod dashboard;
mod database_backup;
mod docs;
mod drills;
mod drives;
mod encryption_keys;
mod events;
mod executions;
mod health;
mod import;
mod jobs;
mod libraries;
mod logs;
mod maintenance;
mod metrics;
mod notifications;
mod pools;
mod restore;
mod retention;
mod scrub;
mod sets;
mod settings;
mod sources;
mod tape_changes;
mod tapes;
mod users;

#[cfg(test)]
mod tests;

pub use address::ClientAddress;
pub use audit::AuditNote;
pub use lifecycle::{Exit, Lifecycle};
pub use openapi::openapi;
pub use query::query;
pub use routes::Routes;
pub use server::{Server, Services};

use actix_web::web::{self, ServiceConfig};
use std::path::Path;

/// Registers everything: the API, its documentation, the UI in `static_dir`.
pub fn configure(config: &mut ServiceConfig, static_dir: &Path) {
    let api = web::scope(routes::BASE)
        .wrap(actix_web::middleware::from_fn(gate::gate))
        .configure(errors::configure_extractors)
        .configure(|scope| routes::all().register(scope))
        .default_service(web::to(errors::no_such_path));
    config
        .service(api)
        .configure(health::configure)
        .configure(metrics::configure)
        .configure(openapi::configure)
        .service(web::scope("/api").default_service(web::to(errors::no_such_path)))
        .configure(|config| site::configure(config, static_dir));
}
