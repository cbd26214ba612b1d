//! The certificate in use: a new one is taken while the server runs, connections that are open stay as they are.

use super::{Certificate, Facts, Files, self_signed};
use crate::config::Config;
use crate::events::{Bus, Category, Event};
use crate::{Error, Result};
use openssl::ssl::{SniError, SslAcceptorBuilder, SslContext};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// How often the files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);
/// With fewer days left than this people are warned.
pub const FEW_DAYS: i64 = 21;

/// How a file looked: another one has another stamp.
type Stamp = Option<(u64, u64, i64, i64, u64)>;

/// Holds the certificate in use.
pub struct Keeper {
    files: Files,
    bus: Bus,
    used: RwLock<Used>,
    seen: Mutex<Seen>,
}

struct Used {
    context: SslContext,
    facts: Facts,
}

/// What was seen of the files.
struct Seen {
    /// When they were read last, whatever came of it.
    read: [Stamp; 2],
    /// When they were looked at last.
    last: [Stamp; 2],
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Keeper {
    /// The certificate of this server, made if it is ours and not there yet; none if the server does not speak TLS.
    ///
    /// # Errors
    /// `bad_certificate`.
    pub fn open(config: &Config, bus: Bus) -> Result<Option<Arc<Keeper>>> {
        let Some(files) = Files::of(config) else { return Ok(None) };
        self_signed::ensure(&files, config)?;
        let stamps = stamps(&files);
        let used = Used::read(&files)?;
        let left = used.facts.days_left();
        if left < FEW_DAYS {
            tracing::warn!("the certificate {} expires in {left} days: renew it", files.certificate.display());
        }
        let seen = Mutex::new(Seen { read: stamps, last: stamps });
        Ok(Some(Arc::new(Keeper { files, bus, used: RwLock::new(used), seen })))
    }

    /// What people want to know of the certificate in use.
    pub fn facts(&self) -> Facts {
        self.used.read().unwrap_or_else(PoisonError::into_inner).facts.clone()
    }

    /// What takes connections: each new one gets the certificate that is in use then.
    ///
    /// # Errors
    /// OpenSSL does not like it.
    pub fn acceptor(self: &Arc<Self>) -> Result<SslAcceptorBuilder> {
        let mut builder = Certificate::read(&self.files)?.acceptor()?;
        let keeper = self.clone();
        // OpenSSL asks here before it shows a certificate, also where the client names no server
        builder.set_servername_callback(move |ssl, _| {
            let used = keeper.used.read().unwrap_or_else(PoisonError::into_inner);
            ssl.set_ssl_context(&used.context).map_err(|_| SniError::ALERT_FATAL)
        });
        Ok(builder)
    }

    /// Takes new files if they have changed and stay as they are: certificate and key are seldom replaced in one moment.
    pub fn look(&self) {
        let now = stamps(&self.files);
        let settled = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let settled = seen.read != now && seen.last == now;
            seen.last = now;
            settled
        };
        if settled {
            self.reload();
        }
    }

    /// Reads the files anew. What is wrong is told, and the certificate in use stays.
    pub fn reload(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).read = stamps(&self.files);
        match Used::read(&self.files) {
            Ok(new) => {
                let fingerprint = new.facts.fingerprint.clone();
                let message = format!(
                    "The server shows the certificate of {} (until {} UTC, SHA-256 {fingerprint}) from now on.",
                    new.facts.subject, new.facts.not_after
                );
                let mut used = self.used.write().unwrap_or_else(PoisonError::into_inner);
                let same = used.facts.fingerprint == fingerprint;
                *used = new;
                drop(used);
                tracing::info!("{message}");
                if !same {
                    self.bus.publish(Event::info(Category::System, "Certificate Changed", message));
                }
            }
            Err(error) => {
                let used = self.facts();
                let message = format!(
                    "The new certificate is not used: {}. The server goes on with the one that it has, until {} UTC.",
                    error.message, used.not_after
                );
                tracing::warn!("{message}");
                self.bus.publish(Event::warning(Category::System, "Certificate Refused", message));
            }
        }
    }

    /// Looks again and again, for ever.
    pub async fn watch(self: Arc<Self>) {
        let mut clock = tokio::time::interval(LOOK_EVERY);
        loop {
            clock.tick().await;
            let keeper = self.clone();
            if tokio::task::spawn_blocking(move || keeper.look()).await.is_err() {
                tracing::error!("looking at the certificate ended in a program error");
            }
        }
    }
}

impl Used {
    fn read(files: &Files) -> Result<Used, Error> {
        let certificate = Certificate::read(files)?;
        let context = certificate.acceptor()?.build().into_context();
        Ok(Used { context, facts: certificate.facts().clone() })
    }
}

fn stamps(files: &Files) -> [Stamp; 2] {
    [stamp(&files.certificate), stamp(&files.key)]
}

fn stamp(path: &Path) -> Stamp {
    let about = std::fs::metadata(path).ok()?;
    Some((about.dev(), about.ino(), about.mtime(), about.mtime_nsec(), about.size()))
}
