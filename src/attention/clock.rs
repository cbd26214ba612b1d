//! A clock that is not believed.

use super::{Attention, Topic, Urgency};
use crate::Result;
use crate::clock::{self, Doubt};
use crate::db::Conn;

/// What the clock needs.
pub fn look(conn: &mut Conn) -> Result<Vec<Attention>> {
    Ok(clock::doubt(conn)?.as_ref().map(ahead).into_iter().collect())
}

fn ahead(doubt: &Doubt) -> Attention {
    let day = |time: chrono::NaiveDateTime| time.format("%Y-%m-%d");
    let (shown, believed) = (day(doubt.shown), day(doubt.believed));
    let title = format!("Is it really {shown}? Nothing more expires until somebody says so");
    let about = format!(
        "The server last saw the time go by on {believed}, and nothing keeps the clock right. If it is wrong, set it \
         (timedatectl set-ntp true); if the server was switched off for so long, say that it is right."
    );
    Attention::new(Topic::Clock, Urgency::Critical, 1, title, about)
        .since(doubt.believed)
        .at("/database".into(), "Look")
        .command("tapebackarr maintenance believe-clock")
}
