//! A JSON body that may be left out: then everything in it has its default.

use crate::Error;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

/// Largest such body in bytes.
const MAX_BODY: usize = 1 << 20;

/// The body, or its default if there is none.
#[derive(Debug)]
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalBody<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes =
                bytes.await.map_err(|error| Error::bad_request(format!("the body could not be read: {error}")))?;
            if bytes.len() > MAX_BODY {
                return Err(Error::new(crate::ErrorKind::TooLarge, "too_large", "the body is larger than 1 MiB"));
            }
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(OptionalBody(T::default()));
            }
            Ok(OptionalBody(serde_json::from_slice(&bytes)?))
        })
    }
}
