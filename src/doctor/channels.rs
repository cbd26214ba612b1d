//! Where notifications go: whether each channel's secrets open, its server answers, and anything is sent there at all.

use super::{Config, Network, Report, sentence};
use crate::db::notification_channels::Channel;
use crate::db::{Conn, notification_channels, notification_rules};
use crate::keys::{KeyStore, MasterKey};
use crate::notify::channel::Ready;
use std::time::Duration;

/// Longest that one channel is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Looks at every channel that is switched on.
pub fn look(report: &mut Report, conn: &mut Conn, config: &Config, network: Network) {
    let keys = match MasterKey::find(conn, &config.data_dir) {
        Ok(Some(master)) => KeyStore::new(master),
        Ok(None) => return report.warn("channel", "notifications", "The server was never started.", "Start it."),
        Err(error) => {
            let mend = "Put the right master.key back from your backup; never make a new one.";
            return report.fail("database", "keys", sentence(&error.message), mend);
        }
    };
    let channels = notification_channels::list(conn).unwrap_or_default();
    let channels: Vec<Channel> = channels.into_iter().filter(|channel| channel.enabled).collect();
    if channels.is_empty() {
        let mend = "tapebackarr notify channels create --help; docs/notifications.md begins with five minutes to the first message.";
        return report.warn(
            "channel",
            "notifications",
            "Nobody is told when something fails or a tape is waited for.",
            mend,
        );
    }
    let rules = notification_rules::list(conn).unwrap_or_default();
    for channel in channels {
        let subject = format!("{} ({})", channel.name, channel.kind);
        if !rules.iter().any(|rule| rule.rule.enabled && rule.channel_ids.contains(&channel.id)) {
            let mend = format!("tapebackarr notify rules create all --channel {}", channel.name);
            report.warn("channel", subject.clone(), "No rule sends anything there.", mend);
        }
        let mend =
            format!("Correct it: tapebackarr notify channels edit {}; then: tapebackarr notify test {0}", channel.name);
        let ready = match Ready::open(&keys, &channel) {
            Ok(ready) => ready,
            Err(error) => {
                report.fail("channel", subject, sentence(&error.message), mend);
                continue;
            }
        };
        if network == Network::Spared {
            report.ok("channel", subject, "Its configuration is complete; it was not reached for.");
            continue;
        }
        match reach(&ready) {
            Ok(said) => report.ok("channel", subject, sentence(&said)),
            Err(why) => report.fail("channel", subject, sentence(&why), mend),
        }
    }
}

fn reach(ready: &Ready) -> Result<String, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let ended = tokio::time::timeout(PATIENCE, ready.reach()).await;
        ended.unwrap_or_else(|_| Err(format!("no answer within {} seconds", PATIENCE.as_secs())))
    })
}
