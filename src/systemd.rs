//! What systemd is told of this process: sd_notify(3). Without a systemd that asks (`NOTIFY_SOCKET`) nothing is said.
//!
//! The unit has `Type=notify`, so it counts as started when the server listens, and `WatchdogSec`: a server whose queue does
//! not answer for that long is killed and started again, and its runs go on behind their last checkpoint.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The server listens.
pub fn ready() {
    say("READY=1");
}

/// The server has begun to stop.
pub fn stopping() {
    say("STOPPING=1\nSTATUS=Stopping: what runs is brought to a safe end");
}

/// One line that `systemctl status` shows.
pub fn status(text: &str) {
    say(&format!("STATUS={}", one_line(text)));
}

/// Alive, and what it is at.
pub fn alive(doing: &str) {
    say(&format!("WATCHDOG=1\nSTATUS={}", one_line(doing)));
}

/// Whether there is a systemd that wants to be told.
pub fn listens() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|socket| !socket.is_empty())
}

/// A new line would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn say(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else { return };
    if let Err(error) = send(socket.as_bytes(), state.as_bytes()) {
        tracing::warn!(%error, "systemd could not be told: {state}");
    }
}

/// To a path, or with a leading `@` to an abstract name.
fn send(socket: &[u8], state: &[u8]) -> std::io::Result<()> {
    let address = match socket.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(socket))?,
    };
    UnixDatagram::unbound()?.send_to_addr(state, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn received(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("time-out");
        let mut buffer = [0; 256];
        let size = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..size]).into_owned()
    }

    #[test]
    fn both_kinds_of_socket_are_told() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).expect("socket");
        send(path.as_os_str().as_bytes(), b"READY=1").expect("send");
        assert_eq!(received(&by_path), "READY=1");

        let name = format!("tapebackarr-test-{}", uuid::Uuid::new_v4());
        let address = SocketAddr::from_abstract_name(&name).expect("name");
        let abstract_one = UnixDatagram::bind_addr(&address).expect("socket");
        send(format!("@{name}").as_bytes(), b"WATCHDOG=1").expect("send");
        assert_eq!(received(&abstract_one), "WATCHDOG=1");
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("a\nREADY=1"), "a READY=1");
    }
}
