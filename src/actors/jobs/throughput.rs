//! The series of throughput of what runs: recorded with every look at the counters, told to those who watch, stored.

use super::{Jobs, Running};
use crate::Result;
use crate::db::{self, Conn, DbPool};
use crate::events::Bus;
use crate::executions::throughput::{End, ThroughputNews};
use crate::executions::{ProgressView, Recorder, Services, Throughput};
use actix::prelude::*;
use chrono::Utc;

/// For an execution that begins, or goes on after a restart of the server.
pub fn recorder(db: &DbPool, id: i32) -> Recorder {
    let stored = db.get().map_err(Into::into).and_then(|mut conn| db::throughput::find(&mut conn, id));
    match stored {
        Ok(Some(earlier)) => Recorder::behind(&Throughput::read(&earlier), Utc::now()),
        Ok(None) => Recorder::new(Utc::now()),
        Err(error) => {
            tracing::warn!(execution = id, %error, "the earlier throughput of an execution could not be read");
            Recorder::new(Utc::now())
        }
    }
}

/// Adds what the counters say now.
pub fn record(bus: &Bus, running: &mut Running, view: &ProgressView) {
    let pace = running.pace(view);
    if let Some(point) = running.recorder.add(view.updated_at, running.progress.reading(), pace) {
        let stretch_seconds = running.recorder.stretch_seconds();
        let news = ThroughputNews { execution_id: view.execution_id, stretch_seconds, point };
        bus.transient("throughput", serde_json::json!(news));
    }
}

/// Stores what is new.
pub fn store(conn: &mut Conn, id: i32, recorder: &mut Recorder) -> Result<()> {
    match recorder.to_store(End::GoesOn) {
        Some(series) => db::throughput::store(conn, id, &series),
        None => Ok(()),
    }
}

/// Stores all of it, with the last moments.
pub fn end(services: &Services, id: i32, running: &mut Running) {
    let view = running.progress.view(id);
    record(&services.bus, running, &view);
    let Some(series) = running.recorder.to_store(End::Over) else { return };
    let stored =
        services.db.get().map_err(Into::into).and_then(|mut conn| db::throughput::store(&mut conn, id, &series));
    if let Err(error) = stored {
        tracing::warn!(execution = id, %error, "the throughput of an execution could not be stored");
    }
}

/// The series of an execution that runs; none if it does not.
#[derive(Message)]
#[rtype(result = "Option<Throughput>")]
pub struct ThroughputOf(pub i32);

impl Handler<ThroughputOf> for Jobs {
    type Result = Option<Throughput>;

    fn handle(&mut self, message: ThroughputOf, _: &mut Self::Context) -> Self::Result {
        self.running.get(&message.0).map(|running| running.recorder.view())
    }
}
