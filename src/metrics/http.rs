//! Requests, counted as they are answered: by the pattern of their route, never by their path, so that nobody can make series
//! by asking for what is not there.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::Duration;

/// Limits of the classes that durations are counted in, seconds.
const SECONDS: [f64; 6] = [0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

/// What [`Http`] tells, beside [`families::ALL`](super::families::ALL): name, kind, labels.
pub const NAMES: [(&str, &str, &[&str]); 3] = [
    ("tapebackarr_http_requests_total", "counter", &["method", "route", "status"]),
    ("tapebackarr_http_request_duration_seconds", "histogram", &["method", "route"]),
    ("tapebackarr_http_requests_in_flight", "gauge", &[]),
];

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Counts requests. One for all threads of the server.
#[derive(Debug)]
pub struct Http {
    registry: Registry,
    requests: Family<Labels<3>, Counter>,
    seconds: Family<Labels<2>, Histogram>,
    in_flight: Gauge,
}

/// A request that is being answered.
pub struct Asked<'h>(&'h Http);

impl Default for Http {
    fn default() -> Self {
        let requests = Family::default();
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        let in_flight = Gauge::default();
        let mut registry = Registry::with_prefix("tapebackarr_http");
        registry.register("requests", "Requests answered, by route and class of status", requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from the head of a request to the head of its answer",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register("requests_in_flight", "Requests that are being answered", in_flight.clone());
        Http { registry, requests, seconds, in_flight }
    }
}

impl Http {
    /// A request has come.
    pub fn asked(&self) -> Asked<'_> {
        self.in_flight.inc();
        Asked(self)
    }

    /// It was answered with this status after so long.
    pub fn answered(&self, method: &'static str, route: &'static str, status: u16, took: Duration) {
        let (method, route) = (("method", method), ("route", route));
        self.requests.get_or_create(&[method, route, ("status", class(status))]).inc();
        self.seconds.get_or_create(&[method, route]).observe(took.as_secs_f64());
    }

    /// Writes what was counted.
    pub fn write(&self, to: &mut String) -> fmt::Result {
        prometheus_client::encoding::text::encode_registry(to, &self.registry)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

fn class(status: u16) -> &'static str {
    match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_class() {
        let http = Http::default();
        let running = http.asked();
        for (status, millis) in [(200, 3), (204, 30), (404, 700)] {
            http.answered("GET", "/api/v1/tapes/{id}", status, Duration::from_millis(millis));
        }
        let mut text = String::new();
        http.write(&mut text).unwrap();
        let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        has(r#"tapebackarr_http_requests_total{method="GET",route="/api/v1/tapes/{id}",status="2xx"} 2"#);
        has(r#"tapebackarr_http_requests_total{method="GET",route="/api/v1/tapes/{id}",status="4xx"} 1"#);
        has(
            r#"tapebackarr_http_request_duration_seconds_bucket{le="0.025",method="GET",route="/api/v1/tapes/{id}"} 1"#,
        );
        has(r#"tapebackarr_http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/api/v1/tapes/{id}"} 3"#);
        has("tapebackarr_http_requests_in_flight 1");
        for (name, kind, _) in NAMES {
            let family = name.strip_suffix("_total").unwrap_or(name);
            has(&format!("# TYPE {family} {kind}"));
        }
        drop(running);
        text.clear();
        http.write(&mut text).unwrap();
        assert!(text.contains("tapebackarr_http_requests_in_flight 0\n"), "{text}");
    }
}
