//! Bodies that come too slowly: a client must not hold a request open for ever.

use actix_web::HttpMessage;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use futures_util::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Each so many bytes earn a second of waiting.
const BYTES_PER_SECOND: u64 = 8192;

/// Lets the body of `request` be waited for `patience` at most, and longer only while it comes.
pub fn limit(request: &mut ServiceRequest, patience: Duration) {
    let inner = request.take_payload();
    if matches!(inner, Payload::None) {
        return request.set_payload(inner);
    }
    let payload =
        Patient { inner, patience, left: patience, waiting_since: None, alarm: Box::pin(tokio::time::sleep(patience)) };
    request.set_payload(Payload::Stream { payload: Box::pin(payload) });
}

/// Only time in which the client is waited for counts, not what the server takes for what has come.
struct Patient<S> {
    inner: S,
    patience: Duration,
    left: Duration,
    waiting_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Stream for Patient<S>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_next(context) {
            Poll::Ready(item) => {
                let waited = this.waiting_since.take().map(|since| since.elapsed()).unwrap_or_default();
                let bytes = item.as_ref().and_then(|item| item.as_ref().ok()).map_or(0, Bytes::len) as u64;
                let earned = Duration::from_millis(bytes.saturating_mul(1000) / BYTES_PER_SECOND);
                this.left = this.left.saturating_sub(waited).saturating_add(earned).min(this.patience);
                Poll::Ready(item)
            }
            Poll::Pending => {
                if this.waiting_since.is_none() {
                    let now = Instant::now();
                    this.waiting_since = Some(now);
                    this.alarm.as_mut().reset(now + this.left);
                }
                match this.alarm.as_mut().poll(context) {
                    Poll::Ready(()) => {
                        let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the body did not come in time");
                        Poll::Ready(Some(Err(PayloadError::Io(late))))
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    /// Pieces of so many bytes, one each so often.
    async fn sent(bytes: usize, every: Duration, pieces: usize) -> Result<usize, PayloadError> {
        let inner = futures_util::stream::unfold(0, |sent| async move {
            tokio::time::sleep(every).await;
            (sent < pieces).then(|| (Ok(Bytes::from(vec![0; bytes])), sent + 1))
        });
        let patience = Duration::from_secs(2);
        let alarm = Box::pin(tokio::time::sleep(patience));
        let mut body = Patient { inner: Box::pin(inner), patience, left: patience, waiting_since: None, alarm };
        let mut all = 0;
        while let Some(piece) = body.next().await {
            all += piece?.len();
        }
        Ok(all)
    }

    #[actix_web::test]
    async fn a_body_that_drips_is_given_up_and_one_that_flows_is_not() {
        assert!(sent(1, Duration::from_millis(300), 100).await.is_err());
        assert_eq!(sent(100_000, Duration::from_millis(50), 10).await.unwrap(), 1_000_000);
    }
}
