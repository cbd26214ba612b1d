//! Replaces encryption keys whose time has come.

use crate::Result;
use crate::db;
use crate::executions::Context;
use crate::keys::rotation;
use serde_json::{Value, json};

/// Rotates what is due.
pub fn rotate(context: &Context) -> Result<Value> {
    context.phase("keys", "Looking at encryption keys that are to be replaced.")?;
    let done = rotation::rotate_due(&context.services.keys, &mut *context.conn()?, db::now())?;
    let mut rotated = Vec::new();
    for one in &done {
        let event = one.event();
        context.log(&event.message);
        context.services.bus.publish(event);
        rotated.push(json!({"key_id": one.old.id, "successor_id": one.new.id, "jobs": one.jobs}));
    }
    Ok(json!({"rotated": rotated}))
}
