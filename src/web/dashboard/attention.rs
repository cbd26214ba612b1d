//! What needs a person.

use crate::app::App;
use crate::attention::{self, Attention};
use crate::media::wear::Limits;
use crate::web::query;
use crate::{Result, db};
use actix_web::{get, web};

/// What needs a person, most urgent first: requests for tapes, failed and missed runs, jobs without a recent good copy,
/// alerts of drives, tapes on hold or worn, cartridges that nobody knows. Empty: nothing does.
#[utoipa::path(operation_id = "attention", tag = "dashboard", responses((status = 200, body = [Attention])))]
#[get("/dashboard/attention")]
pub async fn needs(app: web::Data<App>) -> Result<web::Json<Vec<Attention>>> {
    let limits = Limits::from(&app.services.config.maintenance);
    query(&app.services.db, move |conn| attention::list(conn, limits, db::now())).await.map(web::Json)
}
