//! `vtl`: a virtual library behind iSCSI. It needs no server of this program.

use super::Global;
use super::exit::{CliError, CliResult, Doing};
use super::output::Format;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use tape_target::{Credentials, Settings, Target};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// Serve a virtual library as SCSI drives and changer, over iSCSI
#[derive(Debug, Args)]
#[command(after_help = "\
The library is a folder made by `tapebackarr virtual create`. While it is served nothing else can use its drives and its \
robot; cartridges can be added, and moved by hand, all the time. It runs until it is interrupted.

Anybody who can reach the address can read and erase the tapes, so that anything but this machine's loopback network needs \
a user and a secret of at least 12 characters. Data is not encrypted on the way.

Examples:
  tapebackarr virtual create /srv/library --drives 2 --slots 8 --cartridges 6 --capacity 20G
  tapebackarr vtl --library /srv/library

On the same machine, as root, with open-iscsi (the last line takes the devices away again):
  iscsiadm -m discovery -t sendtargets -p 127.0.0.1:3260
  iscsiadm -m node -p 127.0.0.1:3260 --login
  lsscsi -g
  iscsiadm -m node -p 127.0.0.1:3260 --logout

For other machines:
  tapebackarr vtl --library /srv/library --listen 192.0.2.7:3260 --chap-user robot --chap-secret-file /etc/vtl.secret")]
pub struct VtlArgs {
    /// Folder of the virtual library
    #[arg(long, value_name = "DIR")]
    library: PathBuf,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3260")]
    listen: SocketAddr,
    /// Name of the target; made from the serial number of the library if not given
    #[arg(long, value_name = "IQN", value_parser = parse_name)]
    name: Option<String>,
    /// User that initiators must log in as (CHAP)
    #[arg(long, value_name = "USER", requires = "chap_secret_file")]
    chap_user: Option<String>,
    /// File with the secret of that user; readable by its owner only
    #[arg(long, value_name = "FILE", requires = "chap_user")]
    chap_secret_file: Option<PathBuf>,
}

pub fn run(args: VtlArgs, global: &Global) -> CliResult {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.doing("cannot wait for signals")?;
    // Before the target is there, so that no signal finds it unguarded.
    let signals = runtime.block_on(async {
        Ok::<_, std::io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    });
    let (mut interrupt, mut terminate) = signals.doing("cannot wait for signals")?;
    let credentials = credentials(&args)?;
    let settings =
        Settings { library: args.library, listen: args.listen, name: args.name, credentials, injection: false };
    let target = Target::start(&settings).map_err(|error| CliError::failed(error.to_string()))?;
    let served = json!({ "target": target.name(), "address": target.address().to_string() });
    Format::of(global).done(&served, &format!("{} is served at {}", target.name(), target.address()))?;
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    Ok(())
}

fn credentials(args: &VtlArgs) -> CliResult<Option<Credentials>> {
    let (Some(user), Some(path)) = (&args.chap_user, &args.chap_secret_file) else { return Ok(None) };
    let failed = |why: String| CliError::failed(format!("{}: {why}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mode = file.metadata().map_err(|error| failed(error.to_string()))?;
    if std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o077 != 0 {
        return Err(failed("other users can read it".into()).advise(format!("chmod 600 {}", path.display())));
    }
    let mut secret = Zeroizing::new(Vec::new());
    // No secret is longer; a file that never ends is none.
    std::io::Read::read_to_end(&mut std::io::Read::take(file, 4096), &mut secret)
        .map_err(|error| failed(error.to_string()))?;
    Credentials::new(user, &secret).map(Some).map_err(failed)
}

/// RFC 7143, 4.2.7: lower case, digits, `-`, `.`, `:`, at most 223 bytes.
fn parse_name(name: &str) -> Result<String, String> {
    let known = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte));
    let formed = ["iqn.", "eui.", "naa."].iter().any(|prefix| name.starts_with(prefix));
    if known && formed && name.len() <= 223 {
        return Ok(name.to_owned());
    }
    Err("the name of a target is like iqn.2026-01.org.example:library, in lower case".into())
}
