//! Puts the house together: opens the database, starts the actors and the web server, and takes all of it down again.

use crate::actors::catalog::{CatalogActor, Discard};
use crate::actors::drive::Drives;
use crate::actors::jobs::{self, Jobs};
use crate::actors::library::{Libraries, Scan};
use crate::actors::scheduler::Scheduler;
use crate::config::Config;
use crate::db::{self, DbPool, SetStatus};
use crate::events::{Bus, Category, Event};
use crate::executions::Services;
use crate::keys::KeyStore;
use crate::{Error, Result, executions};
use actix::Addr;
use std::sync::Arc;

/// What the handlers of the web server reach. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What executions share too: settings, database, events, drives, libraries, catalog, keys.
    pub services: Services,
    /// The queue.
    pub jobs: Addr<Jobs>,
    /// The clock.
    pub scheduler: Addr<Scheduler>,
}

impl App {
    /// A database connection. It may wait for one: call it in `web::block`.
    pub fn conn(&self) -> Result<db::PooledConn> {
        Ok(self.services.db.get()?)
    }

    /// Puts work into the queue; the answer is the execution's id.
    pub async fn submit(&self, request: executions::Request, title: String, user_id: Option<i32>) -> Result<i32> {
        self.jobs.send(jobs::Submit { request, title, user_id }).await?
    }

    /// Opens everything on the current actix system. Nothing runs before the state left by the last run is put in order.
    pub async fn start(config: Arc<Config>, db: DbPool, bus: Bus, keys: Arc<KeyStore>) -> Result<App> {
        let catalog = CatalogActor::start(&config.database_path())?;
        put_in_order(&db, &bus, &catalog).await?;
        let drives = Drives::new(db.clone(), bus.clone());
        let libraries = Libraries::new(db.clone(), bus.clone());
        let services = Services { config, db, bus, drives, libraries, catalog, keys };
        services.drives.reload().await?;
        services.libraries.reload().await?;
        for id in services.libraries.ids() {
            if let Err(error) = services.libraries.inventory(id, Scan::Remembered).await {
                tracing::warn!(library = id, %error, "the library does not answer");
            }
        }
        for id in services.drives.ids() {
            if let Err(error) = services.drives.refresh(id).await {
                tracing::warn!(drive = id, %error, "the drive does not answer");
            }
        }
        let jobs = Jobs::start(services.clone());
        let scheduler =
            Scheduler::start(services.db.clone(), services.bus.clone(), jobs.clone(), services.drives.clone());
        Ok(App { services, jobs, scheduler })
    }

    /// Stops taking work and waits until everything running has come to a safe end.
    pub async fn stop(&self) -> Result<()> {
        self.jobs.send(jobs::Shutdown).await.map_err(Error::from)
    }
}

/// What a crash left: executions that were at work have failed; sets that were being written are not sets.
async fn put_in_order(db: &DbPool, bus: &Bus, catalog: &Addr<CatalogActor>) -> Result<()> {
    const INTERRUPTED: &str = "the server stopped while this was running; run it again";
    for row in db::executions::reconcile(&mut *db.get()?, INTERRUPTED)? {
        bus.publish(
            Event::error(Category::System, "Interrupted", format!("{} was interrupted: {INTERRUPTED}", row.title))
                .details(serde_json::json!({"execution_id": row.id, "kind": row.kind})),
        );
    }
    let unfinished = db::sets::unfinished(&mut *db.get()?)?;
    for set in unfinished {
        catalog.send(Discard { set_id: set.id }).await??;
        db::sets::fail(&mut *db.get()?, set.id, SetStatus::Failed)?;
    }
    Ok(())
}
