//! Bacula: director, storage daemon and file daemon on loopback, with SQLite and a volume that is a file, set up in a folder
//! of their own.

use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any job here takes.
const PATIENCE: &str = "180";
/// Where Debian keeps what makes the tables of a catalog.
const MAKE_TABLES: &str = "/usr/share/bacula-director/make_sqlite3_tables";

/// Daemons that end with this.
struct Daemons(Vec<Child>);

impl Drop for Daemons {
    fn drop(&mut self) {
        for daemon in &mut self.0 {
            // One that has ended by itself is as good.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// Backs up `root` with SHA-256 signatures into `work`. The time is the job's own, by the catalog's clock of whole seconds:
/// that it is queued for two seconds first is not counted.
pub fn run(root: &Path, work: &Path) -> Result<Duration> {
    let [director, client, storage] = ports()?;
    let w = work.display();
    std::fs::create_dir(work.join("volumes"))?;
    let password = r#"Password = "bench""#;
    let folders = format!(r#"WorkingDirectory = "{w}"; PidDirectory = "{w}""#);
    let messages = "Messages { Name = all; director = bench-dir = all }\n";
    let known = format!("Director {{ Name = bench-dir; {password} }}\n");
    let write = |name: &str, text: String| std::fs::write(work.join(name), text).context("write Bacula's settings");
    write(
        "bacula-dir",
        format!(
            r#"Director {{ Name = bench-dir; DIRport = {director}; DirAddress = 127.0.0.1; QueryFile = "/dev/null"; {folders}; {password}; Messages = log }}
Catalog {{ Name = catalog; dbname = "bacula"; dbuser = ""; dbpassword = "" }}
Messages {{ Name = log; append = "{w}/log" = all }}
Job {{ Name = bench; Type = Backup; Level = Full; Client = bench-fd; FileSet = tree; Storage = disk; Pool = pool; Messages = log }}
FileSet {{ Name = tree; Include {{ Options {{ signature = SHA256 }} File = "{}" }} }}
Client {{ Name = bench-fd; Address = 127.0.0.1; FDPort = {client}; Catalog = catalog; {password} }}
Storage {{ Name = disk; Address = 127.0.0.1; SDPort = {storage}; {password}; Device = disk; Media Type = File }}
Pool {{ Name = pool; Pool Type = Backup; Label Format = "Vol" }}
"#,
            root.display()
        ),
    )?;
    write(
        "bacula-sd",
        format!(
            r#"Storage {{ Name = bench-sd; SDPort = {storage}; SDAddress = 127.0.0.1; {folders} }}
{known}{messages}Device {{ Name = disk; Media Type = File; Archive Device = "{w}/volumes"; LabelMedia = yes; Random Access = yes; AutomaticMount = yes; RemovableMedia = no; AlwaysOpen = no }}
"#
        ),
    )?;
    write(
        "bacula-fd",
        format!(
            "FileDaemon {{ Name = bench-fd; FDport = {client}; FDAddress = 127.0.0.1; {folders} }}\n{known}{messages}"
        ),
    )?;
    write(
        "console",
        format!("Director {{ Name = bench-dir; DIRport = {director}; address = 127.0.0.1; {password} }}\n"),
    )?;
    let tables = std::fs::read_to_string(MAKE_TABLES).with_context(|| format!("read {MAKE_TABLES}"))?;
    let tables = tables.replace("XXX_DBNAME_XXX", "bacula").replace("/var/lib/bacula", &w.to_string());
    write("make-tables", tables)?;
    let made = Command::new("sh").arg(work.join("make-tables")).stdout(Stdio::null()).status()?;
    ensure!(made.success(), "the catalog's tables could not be made");
    let mut daemons = Daemons(Vec::new());
    for name in ["bacula-sd", "bacula-fd", "bacula-dir"] {
        let mut daemon = Command::new(format!("/usr/sbin/{name}"));
        daemon.arg("-f").arg("-c").arg(work.join(name)).stdout(Stdio::null());
        daemons.0.push(daemon.spawn().with_context(|| format!("start {name}"))?);
    }
    for port in [director, client, storage] {
        wait_for(port)?;
    }
    let mut console = Command::new("timeout");
    console.args([PATIENCE, "/usr/sbin/bconsole", "-n", "-c"]).arg(work.join("console"));
    let mut console = console.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("start bconsole")?;
    if let Some(mut input) = console.stdin.take() {
        input.write_all(b"run job=bench yes\nwait\nquit\n")?;
    }
    ensure!(console.wait()?.success(), "bconsole failed, or the job took longer than {PATIENCE} s");
    let sql = "SELECT strftime('%s', EndTime) - strftime('%s', StartTime) FROM Job WHERE JobStatus = 'T'";
    let answer = Command::new("sqlite3").arg(work.join("bacula.db")).arg(sql).output().context("run sqlite3")?;
    let text = String::from_utf8_lossy(&answer.stdout).trim().to_string();
    let seconds: u64 = text.parse().with_context(|| {
        let log = std::fs::read_to_string(work.join("log")).unwrap_or_default();
        format!("Bacula's job did not end well: {}", log.lines().rev().take(8).collect::<Vec<_>>().join(" / "))
    })?;
    Ok(Duration::from_secs(seconds.max(1)))
}

/// Three ports that nobody uses now.
fn ports() -> Result<[u16; 3]> {
    let listeners = [free()?, free()?, free()?];
    let [a, b, c] = &listeners;
    Ok([a.local_addr()?.port(), b.local_addr()?.port(), c.local_addr()?.port()])
}

fn free() -> Result<TcpListener> {
    Ok(TcpListener::bind("127.0.0.1:0")?)
}

fn wait_for(port: u16) -> Result<()> {
    let begin = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(begin.elapsed() < Duration::from_secs(20), "a daemon of Bacula does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
