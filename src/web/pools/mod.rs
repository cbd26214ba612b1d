//! `/pools`: tapes that are written and kept by the same rules.

mod passphrase;
mod request;

use super::responses::{Created, Status};
use super::{AuditNote, Routes, query};
use crate::Result;
use crate::app::App;
use crate::db::pools::{self, PoolListed};
use crate::db::{Conn, write_transaction};
use actix_web::{HttpResponse, delete, get, post, put, web};
pub use request::{NewPoolRequest, PoolRequest};

/// The routes.
pub fn routes(routes: Routes) -> Routes {
    routes.add(list).add(create).add(find).add(update).add(remove).add(passphrase::set).add(passphrase::remove)
}

/// All pools with what their tapes hold.
#[utoipa::path(operation_id = "list_pools", tag = "pools", responses((status = 200, body = [PoolListed])))]
#[get("/pools")]
async fn list(app: web::Data<App>) -> Result<web::Json<Vec<PoolListed>>> {
    query(&app.services.db, pools::list).await.map(web::Json)
}

/// Makes a pool.
#[utoipa::path(operation_id = "create_pool", tag = "pools", request_body = NewPoolRequest,
    responses((status = 201, body = Created), (status = 400), (status = 409)))]
#[post("/pools")]
async fn create(app: web::Data<App>, note: AuditNote, body: web::Json<NewPoolRequest>) -> Result<HttpResponse> {
    let new = body.into_inner().check()?;
    let pool = query(&app.services.db, move |conn| pools::insert(conn, &new)).await?;
    note.id(pool.id).detail("name", pool.name);
    Ok(HttpResponse::Created().json(Created { id: pool.id }))
}

/// One pool.
#[utoipa::path(operation_id = "get_pool", tag = "pools", params(("id" = i32, Path)),
    responses((status = 200, body = PoolListed), (status = 404)))]
#[get("/pools/{id}")]
async fn find(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<PoolListed>> {
    let id = id.into_inner();
    let pool = query(&app.services.db, move |conn| {
        let pool = pools::find(conn, id)?;
        Ok(PoolListed { storage: pools::storage(conn)?.remove(&id).unwrap_or_default(), pool })
    });
    pool.await.map(web::Json)
}

/// Changes what is named of a pool.
#[utoipa::path(operation_id = "update_pool", tag = "pools", params(("id" = i32, Path)), request_body = PoolRequest,
    responses((status = 200, body = Status), (status = 400), (status = 404), (status = 409)))]
#[put("/pools/{id}")]
async fn update(app: web::Data<App>, id: web::Path<i32>, body: web::Json<PoolRequest>) -> Result<web::Json<Status>> {
    let request = body.into_inner();
    let change = move |conn: &mut Conn| {
        write_transaction(conn, |conn| {
            let changes = request.check(&pools::find(conn, *id)?)?;
            pools::update(conn, *id, &changes)
        })
    };
    query(&app.services.db, change).await?;
    Ok(web::Json(Status::new("updated")))
}

/// Deletes a pool that no tape and no job uses.
#[utoipa::path(operation_id = "delete_pool", tag = "pools", params(("id" = i32, Path)),
    responses((status = 200, body = Status), (status = 404), (status = 409)))]
#[delete("/pools/{id}")]
async fn remove(app: web::Data<App>, id: web::Path<i32>) -> Result<web::Json<Status>> {
    query(&app.services.db, move |conn| pools::delete(conn, *id)).await?;
    Ok(web::Json(Status::new("deleted")))
}
