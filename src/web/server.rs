//! The HTTP server: what the handlers share, the application, starting and stopping.

use super::{Exit, Lifecycle, configure, headers, requests};
use crate::auth::Auth;
use crate::config::{Config, Sources};
use crate::db::DbPool;
use crate::events::Bus;
use crate::keys::KeyStore;
use crate::metrics::Http;
use crate::notify::Bell;
use crate::tls::Keeper;
use crate::{Error, ErrorKind, Result};
use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, Condition, from_fn};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Connections of one worker; more wait to be accepted.
const MOST_CONNECTIONS: usize = 1000;

/// What the handlers of this module share. Each handler takes only what it needs, as `Data<…>`.
#[derive(Clone)]
pub struct Services {
    /// Settings in force.
    pub config: Data<Config>,
    /// Where they come from: for showing and changing them.
    pub sources: Data<Sources>,
    /// The database.
    pub pool: Data<DbPool>,
    /// Events.
    pub bus: Data<Bus>,
    /// Who is asking.
    pub auth: Data<Auth>,
    /// Encryption keys.
    pub keys: Data<KeyStore>,
    /// The wish to end.
    pub lifecycle: Data<Lifecycle>,
    /// Wakes the delivery of notifications.
    pub bell: Data<Bell>,
    /// Counts requests.
    pub http: Data<Http>,
    /// The certificate, if the server speaks TLS.
    pub tls: Option<Data<Keeper>>,
}

impl Services {
    fn register(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.config.clone())
            .app_data(self.sources.clone())
            .app_data(self.pool.clone())
            .app_data(self.bus.clone())
            .app_data(self.auth.clone())
            .app_data(self.keys.clone())
            .app_data(self.lifecycle.clone())
            .app_data(self.bell.clone())
            .app_data(self.http.clone());
        if let Some(keeper) = &self.tls {
            config.app_data(keeper.clone());
        }
    }
}

/// The whole application: what the server runs and what the tests ask. `more` registers the data of other handlers
/// (`config.app_data(Data::new(address_of_an_actor))`).
pub fn app(
    services: Services,
    more: impl FnOnce(&mut ServiceConfig),
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let config = services.config.clone();
    let server = &config.server;
    App::new()
        .configure(|config| services.register(config))
        .configure(more)
        .configure(|app| configure(app, &server.static_dir))
        .wrap(Compress::default())
        .wrap(Condition::new(!server.cors_origins.is_empty(), cross_origin(&server.cors_origins)))
        .wrap(from_fn(headers::secure))
        .wrap(from_fn(requests::watch))
}

fn cross_origin(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "DELETE"])
        .allowed_headers([
            "accept",
            "authorization",
            "content-type",
            "x-api-key",
            "last-event-id",
            "x-requested-with",
            "x-request-id",
        ])
        .max_age(300);
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}

/// A server that has its port and waits to be run.
pub struct Server {
    server: actix_web::dev::Server,
    addresses: Vec<SocketAddr>,
    lifecycle: Lifecycle,
    signals: Signals,
    keeper: Option<Arc<Keeper>>,
}

impl Server {
    /// Takes the port; from then on SIGTERM and SIGINT are requests to end in good order, and SIGHUP one to read the certificate
    /// anew, or to end where there is none. `more` registers the data of
    /// other handlers, in every worker.
    ///
    /// # Errors
    /// `cannot_listen`: the port is taken, or not allowed. `cannot_receive_signals`.
    pub fn bind(services: Services, more: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Result<Server> {
        let signals = Signals::begin()?;
        let config = services.config.clone();
        let lifecycle = services.lifecycle.get_ref().clone();
        let address = SocketAddr::new(config.server.listen, config.server.port);
        let keeper = services.tls.clone().map(Data::into_inner);
        let acceptor = keeper.as_ref().map(Keeper::acceptor).transpose()?;
        let server = HttpServer::new(move || app(services.clone(), more.clone()))
            .client_request_timeout(config.server.client_timeout())
            .tls_handshake_timeout(config.server.client_timeout())
            // what takes connections and does nothing with them must not take all
            .max_connections(MOST_CONNECTIONS)
            .keep_alive(Duration::from_secs(75))
            .shutdown_timeout(config.server.shutdown_seconds)
            .disable_signals();
        let server = match config.server.workers {
            0 => server,
            workers => server.workers(workers),
        };
        let bound = match acceptor {
            Some(acceptor) => server.bind_openssl(address, acceptor),
            None => server.bind(address),
        };
        let server = bound.map_err(|error| {
            let message = format!(
                "cannot listen on {address}: {error}; is another server running, or does the port need more rights? \
                 Choose another with server.listen and server.port"
            );
            Error::new(ErrorKind::Unavailable, "cannot_listen", message)
        })?;
        let addresses = server.addrs();
        Ok(Server { server: server.run(), addresses, lifecycle, signals, keeper })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until SIGTERM, SIGINT or [`Lifecycle::request`]; then takes no more, lets running requests finish (at
    /// most `server.shutdown_seconds`) and says why it ended.
    pub async fn run(self) -> Result<Exit> {
        let Server { server, lifecycle, signals, keeper, .. } = self;
        let looking = keeper.clone().map(|keeper| tokio::spawn(keeper.watch()));
        let stopping = tokio::spawn(stop_when_asked(server.handle(), lifecycle.clone(), signals, keeper));
        let result = server.await;
        looking.iter().for_each(tokio::task::JoinHandle::abort);
        lifecycle.request(Exit::Stop);
        stopping.await.map_err(|error| Error::internal(format!("stopping the server: {error}")))?;
        result?;
        Ok(lifecycle.requested().unwrap_or(Exit::Stop))
    }
}

async fn stop_when_asked(
    handle: ServerHandle,
    lifecycle: Lifecycle,
    mut signals: Signals,
    keeper: Option<Arc<Keeper>>,
) {
    loop {
        let hung_up = tokio::select! {
            _ = lifecycle.wait() => break,
            hung_up = signals.next() => hung_up,
        };
        let Some(keeper) = keeper.clone().filter(|_| hung_up) else {
            lifecycle.request(Exit::Stop);
            break;
        };
        if tokio::task::spawn_blocking(move || keeper.reload()).await.is_err() {
            tracing::error!("reading the certificate anew ended in a program error");
        }
    }
    handle.stop(true).await;
}

/// SIGTERM, SIGINT and SIGHUP, caught from the moment that this exists, so that nobody who knows of the server can kill it by them.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn begin() -> Result<Signals> {
        let catch = |kind| {
            signal(kind).map_err(|error| {
                let message =
                    format!("the server cannot receive signals, and could not be stopped in good order: {error}");
                Error::new(ErrorKind::Internal, "cannot_receive_signals", message)
            })
        };
        Ok(Signals {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
        })
    }

    /// Waits for one; whether it was SIGHUP.
    async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => false,
            _ = self.interrupt.recv() => false,
            _ = self.hangup.recv() => true,
        }
    }
}
