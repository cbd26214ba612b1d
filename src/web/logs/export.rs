//! The audit log as a file.

use crate::db::audit::{self, AuditFilter};
use crate::db::{Conn, DbPool};
use crate::web::query;
use crate::{Error, Result};
use actix_web::http::header::{ContentDisposition, ContentType};
use actix_web::web::{Data, Query};
use actix_web::{HttpResponse, get};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime};
use serde::Deserialize;

/// Which days or moments.
#[derive(Deserialize, utoipa::IntoParams)]
pub struct ExportQuery {
    /// First moment (RFC 3339) or first day (`2026-11-20`, UTC).
    start: Option<String>,
    /// Moment before which to stop (RFC 3339), or last day (`2026-11-20`, UTC).
    end: Option<String>,
}

/// The audit log as a JSON file, oldest first.
#[utoipa::path(tag = "logs", params(ExportQuery), responses((status = 200, body = Vec<audit::AuditEntry>)))]
#[get("/logs/export")]
pub async fn export_audit(pool: Data<DbPool>, wanted: Query<ExportQuery>) -> Result<HttpResponse> {
    let filter = AuditFilter {
        from: wanted.start.as_deref().map(|text| moment("start", text, Day::Begin)).transpose()?,
        until: wanted.end.as_deref().map(|text| moment("end", text, Day::End)).transpose()?,
        ..AuditFilter::default()
    };
    let file = query(&pool, move |conn| write(conn, &filter)).await?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header(ContentDisposition::attachment("audit_logs.json"))
        .body(file))
}

fn write(conn: &mut Conn, filter: &AuditFilter) -> Result<Vec<u8>> {
    let mut file = vec![b'['];
    audit::export(conn, filter, |line| {
        if file.len() > 1 {
            file.extend_from_slice(b",\n");
        }
        serde_json::to_writer(&mut file, &line)?;
        Ok(())
    })?;
    file.extend_from_slice(b"]\n");
    Ok(file)
}

#[derive(Clone, Copy)]
enum Day {
    Begin,
    End,
}

fn moment(name: &str, text: &str, day: Day) -> Result<NaiveDateTime> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.naive_utc());
    }
    let date = text.parse::<NaiveDate>().ok();
    let date = match day {
        Day::Begin => date,
        Day::End => date.and_then(|date| date.checked_add_days(Days::new(1))),
    };
    date.map(|date| date.and_time(NaiveTime::MIN)).ok_or_else(|| {
        let message = format!("{name} = {text:?} is neither a date (2026-11-20) nor a time (2026-11-20T22:00:00Z)");
        Error::bad_request(message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments_are_understood() {
        let time = |text, day| moment("x", text, day).map(|time| time.to_string()).ok();
        assert_eq!(time("2026-11-20", Day::Begin).as_deref(), Some("2026-11-20 00:00:00"));
        assert_eq!(time("2026-11-20", Day::End).as_deref(), Some("2026-11-21 00:00:00"));
        assert_eq!(time("2026-11-20T10:00:00+02:00", Day::End).as_deref(), Some("2026-11-20 08:00:00"));
        assert_eq!(time("yesterday", Day::Begin), None);
    }
}
