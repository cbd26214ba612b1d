//! The key sheet: all keys, readable. Every look at it is in the audit log.

use crate::Result;
use crate::db::DbPool;
use crate::keys::KeyStore;
use crate::keys::sheet::KeySheet;
use crate::web::query;
use actix_web::http::header::{ContentDisposition, ContentType};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};

/// The key sheet.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, body = KeySheet)))]
#[get("/encryption-keys/keysheet")]
pub async fn keysheet(pool: Data<DbPool>, store: Data<KeyStore>) -> Result<Json<KeySheet>> {
    Ok(Json(query(&pool, move |conn| KeySheet::new(&store, conn)).await?))
}

/// The key sheet as text for paper.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, content_type = "text/plain", body = String)))]
#[get("/encryption-keys/keysheet/text")]
pub async fn keysheet_text(pool: Data<DbPool>, store: Data<KeyStore>) -> Result<HttpResponse> {
    let sheet = query(&pool, move |conn| KeySheet::new(&store, conn)).await?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .insert_header(ContentDisposition::attachment("tapebackarr-keysheet.txt"))
        .body(sheet.to_text()))
}

/// The key sheet as a document for paper, with a QR code of each key.
#[utoipa::path(tag = "encryption-keys", responses((status = 200, content_type = "application/pdf", body = Vec<u8>)))]
#[get("/encryption-keys/keysheet/pdf")]
pub async fn keysheet_pdf(pool: Data<DbPool>, store: Data<KeyStore>) -> Result<HttpResponse> {
    let sheet = query(&pool, move |conn| KeySheet::new(&store, conn)?.to_pdf()).await?;
    Ok(HttpResponse::Ok()
        .content_type("application/pdf")
        .insert_header(ContentDisposition::attachment("tapebackarr-keysheet.pdf"))
        .body(sheet))
}
