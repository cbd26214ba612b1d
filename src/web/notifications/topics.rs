//! What there is to tell.

use crate::notify::topics::{TOPICS, Topic};
use actix_web::get;
use actix_web::web::Json;

/// All topics, in the order lists show them.
#[utoipa::path(operation_id = "list_notification_topics", tag = "notifications",
    responses((status = 200, body = [Topic])))]
#[get("/notifications/topics")]
pub async fn list() -> Json<&'static [Topic]> {
    Json(TOPICS)
}
