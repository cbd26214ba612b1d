//! Settings: what they are, where they come from, and whether they make sense.
//!
//! `config/default.toml` documents every key and is compiled in. [`Sources`] lays a file, the settings changed in the
//! UI, the environment and the command line over it; [`spec`] says for each key what is accepted; the result is the
//! typed [`Config`]. A setting that is wrong is refused with its key, its value and what would be accepted.

pub mod change;
pub mod explained;
pub mod oidc;
pub mod sources;
pub mod spec;

pub use oidc::Oidc;
pub use sources::Sources;

use crate::db::Role;
use crate::schedule::{Schedule, ScheduleError};
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What a secret looks like from outside. Sent back, it means "unchanged".
pub const MASK: &str = "********";

/// All settings, checked. Made by [`Sources::resolve`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything that must survive lives.
    pub data_dir: PathBuf,
    /// HTTP.
    pub server: Server,
    /// SQLite.
    pub database: Database,
    /// Block size, buffer, checkpoints.
    pub tape: Tape,
    /// Defaults of runs.
    pub backup: Backup,
    /// What is put away, and when.
    pub maintenance: Maintenance,
    /// When tapes are read back.
    pub scrub: Scrub,
    /// When restoring is rehearsed.
    pub drill: Drill,
    /// When the database is copied to tape.
    pub database_backup: DatabaseBackup,
    /// How long messages are tried, and what they link to.
    pub notify: Notify,
    /// Logins.
    pub auth: Auth,
    /// What Prometheus is told.
    pub metrics: Metrics,
    /// Logins at an OpenID provider.
    pub oidc: Oidc,
    /// The log.
    pub logging: Logging,
    /// The documentation shown in the UI.
    pub docs: Docs,
}

/// HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address to listen on.
    pub listen: IpAddr,
    /// TCP port; 0 lets the system choose (tests).
    pub port: u16,
    /// Folder with the built web UI.
    pub static_dir: PathBuf,
    /// Whether it speaks TLS itself.
    pub tls: Tls,
    /// File of the certificate; empty: the server makes one. Use [`tls::Files::of`](crate::tls::Files::of).
    pub tls_certificate: PathBuf,
    /// File of its key; empty as the certificate.
    pub tls_key: PathBuf,
    /// Host names and addresses that a certificate of its own is for, beside those that it finds.
    pub tls_names: Vec<String>,
    /// Days that browsers are told to use TLS only; 0: they are not told.
    pub hsts_days: u32,
    /// Proxies that are believed when they say from where a request comes.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// In which header they say it.
    pub proxy_header: ProxyHeader,
    /// Origins that may use the API from a browser; empty: none.
    pub cors_origins: Vec<String>,
    /// Threads that serve requests; 0: one per core.
    pub workers: usize,
    /// Requests a second from one address, and of one user or API key; 0: no limit.
    pub requests_per_second: u32,
    /// How long the head or a piece of the body of a request is waited for, in seconds.
    pub client_timeout_seconds: u64,
    /// How long a stopping server waits, in seconds.
    pub shutdown_seconds: u64,
}

/// Whether the server speaks TLS itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// It speaks HTTP.
    Off,
    /// It speaks HTTPS.
    On,
}

/// In which header proxies say from where a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// A network as it is written: `10.0.0.0/8`, or one address. None for the network of all addresses, which would be no choice.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let one = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    text.parse::<IpNet>().ok().or_else(one).filter(|network| network.prefix_len() > 0).map(|network| network.trunc())
}

fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read =
        |text: &String| network(text).ok_or_else(|| serde::de::Error::custom(format!("\"{text}\" is no network")));
    texts.iter().map(read).collect()
}

/// SQLite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// File; empty for the one in the data folder: use [`Config::database_path`].
    pub path: PathBuf,
    /// Without so much room on its disk, MiB, no run that writes to tape begins; 0: they always begin.
    pub reserve_mb: u64,
}

/// Block size, buffer, checkpoints.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tape {
    /// Bytes per block of new tapes and sets.
    pub block_size: u32,
    /// Ring between readers and one drive, MiB.
    pub buffer_size_mb: u64,
    /// The drive starts at this fill level of the ring.
    pub start_percent: u8,
    /// The drive pauses below this fill level.
    pub refill_percent: u8,
    /// Flush and checkpoint after this many MiB.
    pub checkpoint_mb: u64,
    /// Folder of virtual libraries; empty for the one in the data folder: use [`Config::virtual_dir`].
    pub virtual_dir: PathBuf,
    /// Minutes that work waits for a person to insert a tape.
    pub wait_for_tape_minutes: u64,
}

/// Defaults of runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Threads that read and hash; 0: one per core. Use [`Backup::worker_threads`].
    pub workers: usize,
    /// zstd level of jobs that name none.
    pub zstd_level: i32,
    /// gzip level of jobs that name none.
    pub gzip_level: u32,
}

/// What is put away, and when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Cron expression; empty: only by hand. Use [`Maintenance::schedule`].
    pub schedule: String,
    /// IANA name of the zone the schedule is read in.
    pub time_zone: String,
    /// Days that executions are kept; 0: for ever.
    pub executions_days: u32,
    /// Days that lines of their logs are kept; 0: for ever.
    pub logs_days: u32,
    /// Days that events, and alerts of drives that are over, are kept; 0: for ever.
    pub events_days: u32,
    /// Days that lines of the audit log are kept; 0: for ever.
    pub audit_days: u32,
    /// Days between two checks of the database; 0: none.
    pub check_days: u32,
    /// A tape that was loaded so often is worn; 0: that does not matter.
    pub warn_mounts: u32,
    /// A tape that was written full so many times over is worn; 0: that does not matter.
    pub warn_fills: u32,
    /// A tape of so many years is worn; 0: that does not matter.
    pub warn_years: u32,
    /// Days ahead of which people hear that sets and tapes expire; 0: never.
    pub warn_expiry_days: u32,
    /// Days ahead of which people hear that an API key expires; 0: never.
    pub warn_api_key_days: u32,
    /// Days ahead of which people hear that an encryption key expires that is not replaced by itself; 0: never.
    pub warn_key_days: u32,
}

/// When tapes are read back, and which.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scrub {
    /// Cron expression; `off`: only by hand. Use [`Scrub::schedule`].
    pub schedule: String,
    /// IANA name of the zone the schedule is read in.
    pub time_zone: String,
    /// Most tapes in one run; 0: all.
    pub tapes: u32,
    /// No further set is begun after so many hours; 0: no limit.
    pub hours: u32,
    /// Which tapes.
    pub which: ScrubWhich,
}

/// Which tapes are read back by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScrubWhich {
    /// Those that are in a drive, or that a library can load.
    Library,
    /// Also those that a person has to bring.
    All,
}

/// When restoring is rehearsed, and with how much.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// Cron expression; `off`: only by hand. Use [`Drill::schedule`].
    pub schedule: String,
    /// IANA name of the zone the schedule is read in.
    pub time_zone: String,
    /// Files in one drill.
    pub files: u32,
    /// Larger files are not chosen, MiB.
    pub max_file_mb: u32,
}

/// When the database is copied to tape.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseBackup {
    /// After which runs.
    pub after: CopyAfter,
    /// Name of the pool; empty: that of the run.
    pub pool: String,
    /// Name of the key; empty: the newest.
    pub key: String,
}

/// After which runs the database is copied to tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyAfter {
    /// Only those of jobs that ask for it.
    Never,
    /// All.
    EveryRun,
    /// The first of a day.
    Daily,
}

/// How long messages are tried, and what they link to. Channels and rules are data: they are in the database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Address of the web interface as people reach it; empty: no links.
    pub public_url: String,
    /// A message that nobody takes is given up after so many hours.
    pub give_up_hours: u32,
    /// Wait after the first failure in seconds; it doubles.
    pub retry_seconds: u64,
    /// Days that sent messages are kept in the outbox.
    pub history_days: u32,
}

/// Logins.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Life of a login, hours.
    pub token_hours: u32,
    /// A login that is not used for so many minutes ends; 0: that does not matter.
    pub idle_minutes: u32,
    /// Secret that signs logins; empty: from the data folder.
    pub jwt_secret: String,
    /// Work factor of bcrypt.
    pub bcrypt_cost: u32,
    /// Least length of new passwords, characters.
    pub min_password_length: usize,
    /// Users of these roles must have a second factor.
    pub second_factor_roles: Vec<Role>,
    /// Free wrong guesses in a row.
    pub login_attempts: u32,
    /// First lock, seconds.
    pub lockout_seconds: u64,
    /// Longest lock, seconds.
    pub lockout_max_seconds: u64,
}

/// Without the secret: settings end up in logs.
impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("token_hours", &self.token_hours)
            .field("bcrypt_cost", &self.bcrypt_cost)
            .finish_non_exhaustive()
    }
}

/// What Prometheus is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// From there the page of metrics needs no login.
    #[serde(deserialize_with = "networks")]
    pub networks: Vec<IpNet>,
}

/// The log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// A `tracing` filter.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
    /// For the journal of systemd: the priority instead of the time.
    Journal,
}

/// The documentation shown in the UI.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docs {
    /// Folder of the Markdown files.
    pub dir: PathBuf,
}

impl Config {
    /// The file of the database.
    pub fn database_path(&self) -> PathBuf {
        if self.database.path.as_os_str().is_empty() {
            self.data_dir.join("tapebackarr.db")
        } else {
            self.database.path.clone()
        }
    }

    /// The folder of temporary files that may become large.
    pub fn spool_dir(&self) -> PathBuf {
        self.data_dir.join("spool")
    }

    /// The folder of virtual libraries.
    pub fn virtual_dir(&self) -> PathBuf {
        if self.tape.virtual_dir.as_os_str().is_empty() {
            self.data_dir.join("libraries")
        } else {
            self.tape.virtual_dir.clone()
        }
    }
}

impl Server {
    /// Whether others reach it without encryption: it listens beyond this machine, speaks no TLS and knows no proxy that does.
    pub fn is_open(&self) -> bool {
        self.tls == Tls::Off && !self.listen.to_canonical().is_loopback() && self.trusted_proxies.is_empty()
    }

    /// How long a client is waited for.
    pub fn client_timeout(&self) -> Duration {
        Duration::from_secs(self.client_timeout_seconds)
    }

    /// How long a stopping server waits.
    pub fn shutdown_patience(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}

impl Tape {
    /// Size of the ring between readers and one drive, in bytes.
    pub fn buffer_bytes(&self) -> u64 {
        self.buffer_size_mb << 20
    }

    /// How long work waits for a person to insert a tape.
    pub fn wait_for_tape(&self) -> Duration {
        Duration::from_secs(self.wait_for_tape_minutes * 60)
    }

    /// Distance of checkpoints, in bytes.
    pub fn checkpoint_bytes(&self) -> u64 {
        self.checkpoint_mb << 20
    }
}

impl Maintenance {
    /// When it is due; none: only by hand.
    ///
    /// # Errors
    /// What is wrong with the expression or the zone.
    pub fn schedule(&self) -> Result<Option<Schedule>, ScheduleError> {
        schedule(&self.schedule, &self.time_zone)
    }
}

impl Scrub {
    /// When it is due; none: only by hand.
    ///
    /// # Errors
    /// What is wrong with the expression or the zone.
    pub fn schedule(&self) -> Result<Option<Schedule>, ScheduleError> {
        schedule(&self.schedule, &self.time_zone)
    }
}

impl Drill {
    /// When it is due; none: only by hand.
    ///
    /// # Errors
    /// What is wrong with the expression or the zone.
    pub fn schedule(&self) -> Result<Option<Schedule>, ScheduleError> {
        schedule(&self.schedule, &self.time_zone)
    }
}

fn schedule(cron: &str, time_zone: &str) -> Result<Option<Schedule>, ScheduleError> {
    match cron.trim() {
        "" | "off" => Ok(None),
        cron => Schedule::parse(cron, time_zone).map(Some),
    }
}

impl Backup {
    /// Threads that read and hash in one run.
    pub fn worker_threads(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            fixed => fixed,
        }
    }
}
