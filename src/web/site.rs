//! The files of the UI, and a small page as long as it is not built.

use super::errors::nothing_at;
use crate::config::Config;
use crate::{Error, Result};
use actix_files::{Files, NamedFile};
use actix_web::http::{Method, header};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use std::path::Path;

const PLACEHOLDER: &str = include_str!("site/placeholder.html");

/// The built files. Their names change with their content, so one that is missing belongs to another version.
const BUILT: &str = "/_app/";

/// Registers the UI in `directory`: its files if there are any, and for every other path its start page, which knows
/// what to show there.
pub(super) fn configure(config: &mut ServiceConfig, directory: &Path) {
    if directory.join("index.html").is_file() {
        let files = Files::new("/", directory).index_file("index.html").prefer_utf8(true).try_compressed();
        config.service(files.default_handler(web::to(page)));
    }
    config.default_service(web::to(page));
}

async fn page(request: HttpRequest, config: Option<Data<Config>>) -> Result<HttpResponse> {
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    if !reads || request.path().starts_with(BUILT) {
        return Err(nothing_at(request.path()));
    }
    let index = config.map(|config| config.server.static_dir.join("index.html")).filter(|index| index.is_file());
    match index {
        Some(index) => {
            let file = NamedFile::open(&index)
                .map_err(|error| Error::from(error).context(format!("cannot read {}", index.display())))?;
            let mut response = file.into_response(&request);
            let revalidate = header::HeaderValue::from_static("no-cache");
            response.headers_mut().insert(header::CACHE_CONTROL, revalidate);
            Ok(response)
        }
        None if request.path() == "/" => {
            Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(PLACEHOLDER))
        }
        None => Err(nothing_at(request.path())),
    }
}
