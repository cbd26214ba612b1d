//! Puts the house together: opens the database, starts the actors and the web server, and takes all of it down again.

use crate::actors::catalog::{CatalogActor, Discard, DiscardPart, IndexRest};
use crate::actors::drive::Drives;
use crate::actors::jobs::{self, Jobs};
use crate::actors::library::{Libraries, Scan};
use crate::actors::notifier::Notifier;
use crate::actors::scheduler::{Scheduler, Upkeep};
use crate::auth::Auth;
use crate::config::{Config, Sources};
use crate::coverage::Counter;
use crate::db::{self, DbPool, SetStatus};
use crate::events::{Bus, Category, Event};
use crate::executions::{self, DrillRequest, MaintenanceRequest, ProgressView, Request, ScrubRequest, Services};
use crate::keys::{KeyStore, MasterKey};
use crate::notify::{Bell, Delivery, Limits};
use crate::telegram;
use crate::tls::{self, Keeper};
use crate::web::{self, Exit, Lifecycle};
use crate::{Error, Result, systemd};
use actix::Addr;
use actix_web::web::Data;
use diesel::connection::SimpleConnection;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a stopping server waits for its last events to be stored.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// How often systemd is told that the server is alive.
const BEAT: Duration = Duration::from_secs(5);

/// What the handlers of the web server reach. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// What executions share too: settings, database, events, drives, libraries, catalog, keys.
    pub services: Services,
    /// The queue.
    pub jobs: Addr<Jobs>,
    /// The clock.
    pub scheduler: Addr<Scheduler>,
    /// Who holds what, as far as it was counted.
    pub coverage: Counter,
}

impl App {
    /// A database connection. It may wait for one: call it in `web::block`.
    pub fn conn(&self) -> Result<db::PooledConn> {
        Ok(self.services.db.get()?)
    }

    /// Puts work into the queue; the answer is the execution's id.
    pub async fn submit(&self, request: executions::Request, title: String, user_id: Option<i32>) -> Result<i32> {
        let asked = title.clone();
        let id = self.jobs.send(jobs::Submit { request, title, user_id }).await??;
        tracing::info!(execution = id, "{asked} is asked for");
        Ok(id)
    }

    /// Starts the actors on the current actix system. Nothing runs before the state left by the last run is in order.
    pub async fn start(config: Arc<Config>, db: DbPool, bus: Bus, keys: Arc<KeyStore>) -> Result<App> {
        let catalog = CatalogActor::start(&config.database_path())?;
        put_in_order(&db, &bus, &catalog).await?;
        catalog.do_send(IndexRest);
        let drives = Drives::new(db.clone(), bus.clone(), keys.clone());
        let libraries = Libraries::new(db.clone(), bus.clone());
        let services = Services { config, db, bus, drives, libraries, catalog, keys };
        systemd::status("Asking drives and libraries");
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
        // the settings were checked when they were read
        let config = &services.config;
        let upkeep = [
            (config.maintenance.schedule(), "Maintenance", Request::Maintenance(MaintenanceRequest::default())),
            (config.scrub.schedule(), "Scrub", Request::Scrub(ScrubRequest::default())),
            (config.drill.schedule(), "Restore drill", Request::Drill(DrillRequest::default())),
        ];
        let upkeep = upkeep
            .into_iter()
            .filter_map(|(schedule, name, request)| Some(Upkeep::new(schedule.unwrap_or_default()?, name, request)));
        let scheduler = Scheduler::start(
            services.db.clone(),
            services.bus.clone(),
            jobs.clone(),
            services.drives.clone(),
            upkeep.collect(),
        );
        Ok(App { services, jobs, scheduler, coverage: Counter::default() })
    }

    /// Stops taking work and waits until everything running has come to a safe end.
    pub async fn stop(&self) -> Result<()> {
        self.jobs.send(jobs::Shutdown).await.map_err(Error::from)
    }
}

/// What a crash left: what has ended is told; backups go on where they stopped, other executions that were at work have failed; sets that nobody
/// goes on with are not sets; of sets that were being read from tapes the parts count that are recorded.
async fn put_in_order(db: &DbPool, bus: &Bus, catalog: &Addr<CatalogActor>) -> Result<()> {
    jobs::untold(&mut *db.get()?, bus)?;
    const INTERRUPTED: &str = "the server stopped while this was running; run it again";
    let (failed, again) =
        db::executions::reconcile(&mut *db.get()?, INTERRUPTED, |_, row| executions::after_a_crash(row))?;
    for row in failed {
        bus.publish(
            Event::error(Category::System, "Interrupted", format!("{}: {INTERRUPTED}", row.title))
                .details(serde_json::json!({"execution_id": row.id, "kind": row.kind})),
        );
    }
    for row in &again {
        let message = format!("{}: the server stopped while this was running; it goes on", row.title);
        bus.publish(
            Event::warning(Category::System, "Interrupted", message)
                .details(serde_json::json!({"execution_id": row.id, "kind": row.kind})),
        );
    }
    let kept = db::executions::open_sets(&mut *db.get()?)?;
    db::database_backups::reconcile(&mut *db.get()?)?;
    db::tape_changes::cancel_orphans(&mut *db.get()?)?;
    let unfinished = db::sets::unfinished(&mut *db.get()?)?;
    for set in unfinished.into_iter().filter(|set| !kept.contains(&set.id)) {
        catalog.send(Discard { set_id: set.id }).await??;
        let mut conn = db.get()?;
        db::set_parts::delete_of_set(&mut conn, set.id)?;
        db::checkpoints::end(&mut conn, set.id)?;
        db::sets::fail(&mut conn, set.id, SetStatus::Failed)?;
    }
    let incomplete = db::sets::incomplete(&mut *db.get()?)?;
    for set in incomplete {
        catalog.send(DiscardPart { set_id: set.id, part: None }).await??;
    }
    Ok(())
}

/// What drills had restored when the server crashed is deleted.
fn clear_drills(spool: &Path) -> Result<()> {
    for entry in std::fs::read_dir(spool)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b"drill-") {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Everything that must be there before the first request.
struct House {
    app: App,
    server: web::Server,
    bus: Bus,
    notifier: JoinHandle<()>,
    lifecycle: Lifecycle,
    setup_token: Option<String>,
    certificate: Option<tls::Facts>,
}

impl House {
    async fn open(sources: Sources, lifecycle: Lifecycle) -> Result<House> {
        // the folder and the file can only be named before the database is open
        let early = sources.resolve(&BTreeMap::new())?;
        std::fs::create_dir_all(&early.data_dir)
            .map_err(|error| Error::from(error).context(format!("the data folder {}", early.data_dir.display())))?;
        std::fs::create_dir_all(early.spool_dir())?;
        clear_drills(&early.spool_dir())?;
        systemd::status("Opening the database");
        let db = db::open(early.database_path())?;
        let stored = db::settings::list(&mut *db.get()?)?;
        let config = sources.resolve(&stored)?;
        let sources = sources.started_with(&stored)?;
        crate::executions::v1_uploads::clear(&mut *db.get()?, &config.data_dir)?;
        let keys = Arc::new(KeyStore::new(MasterKey::open(&mut *db.get()?, &config.data_dir)?));
        let auth = Auth::open(&config)?;
        let setup_token = auth.setup.begin(&mut *db.get()?)?;
        let (bus, inbox) = Bus::new();
        let (limits, bell) = (Limits::new(&config.notify), Bell::default());
        let notifier = Notifier::start(db.clone(), &bus, inbox, limits.clone(), bell.clone())?;
        let config = Arc::new(config);
        let keeper = Keeper::open(&config, bus.clone())?;
        if config.server.is_open() {
            tracing::warn!(
                "whoever can listen on the network can read passwords: {} is not this machine only, and the server speaks HTTP; \
                 write server.tls = \"on\", or put a proxy with TLS before it (server.trusted_proxies)",
                config.server.listen
            );
        }
        let delivery = Delivery { db: db.clone(), keys: keys.clone(), bus: bus.clone(), limits, bell: bell.clone() };
        delivery.start()?;
        let app = App::start(config.clone(), db.clone(), bus.clone(), keys.clone()).await?;
        let (shared_auth, db_of_bot, keys_of_bot) = (Data::new(auth), db.clone(), keys.clone());
        let services = web::Services {
            config: Data::from(config),
            sources: Data::new(sources),
            pool: Data::new(db),
            bus: Data::new(bus.clone()),
            auth: shared_auth.clone(),
            keys: Data::from(keys),
            lifecycle: Data::new(lifecycle.clone()),
            bell: Data::new(bell),
            http: Data::default(),
            tls: keeper.clone().map(Data::from),
        };
        let shared = Data::new(app.clone());
        let server = web::Server::bind(services, move |config| {
            config.app_data(shared.clone());
        })?;
        if let Some(address) = server.addresses().first() {
            let api = telegram::Api::new(*address, keeper.is_some(), shared_auth.into_inner(), db_of_bot)?;
            telegram::Bots { keys: keys_of_bot, api }.start()?;
        }
        Ok(House {
            app,
            server,
            bus,
            notifier,
            lifecycle,
            setup_token,
            certificate: keeper.map(|keeper| keeper.facts()),
        })
    }

    async fn live(self) -> Result<Exit> {
        let House { app, server, bus, notifier, lifecycle, .. } = self;
        if systemd::listens() {
            actix::spawn(beat(app.jobs.clone(), lifecycle));
        }
        let exit = server.run().await;
        systemd::stopping();
        app.stop().await?;
        let db = app.services.db.clone();
        drop(app);
        if !bus.flush(LAST_EVENTS) {
            tracing::warn!("the last events could not be stored");
        }
        drop((bus, notifier));
        // so that a copy of the one file, made while the server is down, is all of it
        db.get()?.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
        exit
    }
}

/// Tells systemd again and again that the server is alive, which is when the queue answers, and what it is at.
async fn beat(jobs: Addr<Jobs>, lifecycle: Lifecycle) {
    let mut clock = tokio::time::interval(BEAT);
    loop {
        clock.tick().await;
        // where no answer comes the watchdog steps in
        let Ok(active) = jobs.send(jobs::Active).await else { return };
        systemd::alive(&doing(&active, lifecycle.requested().is_some()));
    }
}

fn doing(active: &[ProgressView], stopping: bool) -> String {
    let state = if stopping { "Stopping" } else { "Ready" };
    match active {
        [] => format!("{state}; nothing runs"),
        [one] => format!("{state}; execution {}: {}", one.execution_id, one.phase),
        several => format!("{state}; {} executions run", several.len()),
    }
}

/// Runs the server until it is told to stop.
///
/// # Errors
/// What keeps it from starting: settings, data folder, database, master key, port.
pub fn serve(sources: Sources) -> Result<()> {
    let running = start(sources)?;
    if let Some(token) = &running.setup_token {
        println!("There is no user yet. Set-up token (works once): {token}");
    }
    systemd::ready();
    for address in &running.addresses {
        println!("Listening on {}", running.url(*address));
    }
    if let Some(certificate) = &running.certificate {
        println!("Fingerprint of the certificate (SHA-256): {}", certificate.fingerprint);
    }
    running.wait().map(drop)
}

/// A server on a thread of its own.
pub struct RunningServer {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Makes the first administrator; `None` if there are users.
    pub setup_token: Option<String>,
    addresses: Vec<SocketAddr>,
    certificate: Option<tls::Facts>,
    lifecycle: Lifecycle,
    thread: JoinHandle<Result<Exit>>,
}

impl RunningServer {
    fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }

    /// Asks it to stop and waits for its orderly end.
    pub fn stop(self) -> Result<()> {
        self.lifecycle.request(Exit::Stop);
        self.wait().map(drop)
    }

    /// Waits for its end.
    pub fn wait(self) -> Result<Exit> {
        self.thread.join().unwrap_or_else(|_| Err(Error::internal("the server ended in a program error")))
    }
}

/// Starts a server on a thread of its own and returns when it listens.
///
/// # Errors
/// As [`serve`].
pub fn start(sources: Sources) -> Result<RunningServer> {
    let lifecycle = Lifecycle::default();
    let (ready, opened) = std::sync::mpsc::channel();
    let asked = lifecycle.clone();
    let thread = std::thread::Builder::new().name("server".into()).spawn(move || {
        actix::System::new().block_on(async move {
            match House::open(sources, asked).await {
                Ok(house) => {
                    let told =
                        (house.server.addresses().to_vec(), house.setup_token.clone(), house.certificate.clone());
                    let _ = ready.send(Ok(told));
                    house.live().await
                }
                Err(error) => {
                    let _ = ready.send(Err(error.clone()));
                    Err(error)
                }
            }
        })
    })?;
    let (addresses, setup_token, certificate) =
        opened.recv().map_err(|_| Error::internal("the server ended while it was starting"))??;
    let addr = addresses.first().copied().ok_or_else(|| Error::internal("the server has no address"))?;
    Ok(RunningServer { addr, setup_token, addresses, certificate, lifecycle, thread })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executions::Progress;

    #[test]
    fn systemd_is_told_what_runs() {
        let view = |id| Progress::default().view(id);
        assert_eq!(doing(&[], false), "Ready; nothing runs");
        assert_eq!(doing(&[view(7)], false), format!("Ready; execution 7: {}", view(7).phase));
        assert_eq!(doing(&[view(7), view(8)], true), "Stopping; 2 executions run");
    }
}
