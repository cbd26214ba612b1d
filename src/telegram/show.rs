//! Reading: lists in pages, and the state of everything.

use super::caller::{Caller, Refused};
use super::command::List;
use super::reply::{Reply, bold, escape};
use crate::human;
use serde_json::Value;

/// Rows of one page.
const PAGE: usize = 12;

/// Text of a field; empty if there is none.
pub fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

/// Rows of an answer.
pub fn rows(answer: &Value) -> &[Value] {
    answer.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn size(row: &Value, field: &str) -> String {
    human::bytes(row[field].as_u64().unwrap_or(0))
}

fn moment(row: &Value, field: &str) -> Option<String> {
    row[field].as_str().map(human::time)
}

/// What there is.
pub fn help() -> Reply {
    Reply::html(
        "<b>Reading</b>\n/status /jobs /runs /next /tapes /drives /library\n\n\
         <b>Doing</b>\n/run <i>job</i>\n/pause /resume /cancel <i>run or job</i>\n/ack – requests for tapes\n\
         /load <i>tape</i> [<i>drive</i>]\n/unload <i>drive</i>\n/eject <i>drive</i>\n/verify <i>tape</i>\n\n\
         /unpair ends what you may do here.",
    )
}

/// The state of everything.
pub async fn status(caller: &Caller) -> Result<Reply, Refused> {
    let runs = caller.get("executions?status=active").await?;
    let waiting = caller.get("tape-changes?status=pending").await?;
    let drives = caller.get("drives").await?;
    let board = caller.get("dashboard").await?;
    let open = rows(&waiting);
    let mut lines = vec![bold("Status")];
    if !open.is_empty() {
        lines.push(format!("⚠️ {} – /ack", plural(open.len(), "request for a tape", "requests for tapes")));
    }
    match rows(&runs) {
        [] => lines.push("Nothing is running.".into()),
        runs => lines.extend(runs.iter().take(PAGE).map(run_line)),
    }
    lines.push(String::new());
    lines.extend(rows(&drives).iter().take(PAGE).map(drive_line));
    lines.push(String::new());
    let last = moment(&board, "last_backup_time").unwrap_or_else(|| "never".into());
    lines.push(format!("Last backup: {}", escape(&last)));
    lines.push(format!("{} tapes, {}", board["total_tapes"], size(&board, "total_data_bytes")));
    Ok(Reply::html(lines.join("\n")))
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn run_line(row: &Value) -> String {
    let mark = match text(row, "status") {
        "completed" if row["warning_count"].as_i64().unwrap_or(0) > 0 => "🟠",
        "completed" => "✅",
        "failed" => "❌",
        "cancelled" => "⏹",
        "paused" => "⏸",
        "pending" => "⏳",
        _ => "▶️",
    };
    let said = match text(row, "status") {
        "failed" => text(row, "error_message"),
        "running" | "paused" | "pending" => text(row, "message"),
        _ => "",
    };
    let said = crate::notify::template::shortened(said, 120);
    let tail = if said.is_empty() { String::new() } else { format!("\n   <i>{}</i>", escape(&said)) };
    format!("{mark} {} {}{tail}", row["id"], escape(text(row, "title")))
}

fn drive_line(row: &Value) -> String {
    let name = [text(row, "display_name"), text(row, "device_path")].into_iter().find(|name| !name.is_empty());
    let tape = text(row, "current_tape");
    let tape = if tape.is_empty() { "empty".to_owned() } else { bold(tape) };
    format!("{}: {}, {tape}", escape(name.unwrap_or("drive")), escape(text(row, "status")))
}

fn job_line(row: &Value) -> String {
    let off = if row["enabled"] == false { " (off)" } else { "" };
    let next = moment(row, "next_run_at").map(|next| format!("\n   next {}", escape(&next))).unwrap_or_default();
    let last = moment(row, "last_run_at").map(|last| format!(", last {}", escape(&last))).unwrap_or_default();
    format!("{}{off} – {}{last}{next}", bold(text(row, "name")), escape(text(row, "pool_name")))
}

fn tape_line(row: &Value) -> String {
    let fill = format!("{} of {}", size(row, "used_bytes"), size(row, "capacity_bytes"));
    format!("{} {} – {}, {fill}", bold(text(row, "label")), escape(text(row, "status")), escape(text(row, "pool_name")))
}

fn slot_line(row: &Value) -> String {
    let label = [text(row, "tape_label"), text(row, "barcode")].into_iter().find(|label| !label.is_empty());
    let kind = text(row, "slot_type").replace('_', "/");
    format!("{} {}: {}", escape(&kind), row["slot_number"], label.map_or_else(|| "–".into(), bold))
}

/// One page of a list, with buttons for the others.
pub async fn list(caller: &Caller, list: List, page: usize) -> Result<Reply, Refused> {
    let (title, lines): (&str, Vec<String>) = match list {
        List::Jobs => ("Jobs", rows(&caller.get("jobs").await?).iter().map(job_line).collect()),
        List::Runs => ("Runs", rows(&caller.get("executions?limit=200").await?).iter().map(run_line).collect()),
        List::Tapes => ("Tapes", rows(&caller.get("tapes").await?).iter().map(tape_line).collect()),
        List::Drives => ("Drives", rows(&caller.get("drives").await?).iter().map(drive_line).collect()),
        List::Library => ("Library", library(caller).await?),
        List::Next => {
            let jobs = caller.get("jobs").await?;
            let mut due: Vec<&Value> = rows(&jobs).iter().filter(|job| job["next_run_at"].is_string()).collect();
            due.sort_by_key(|job| text(job, "next_run_at").to_owned());
            ("Next runs", due.into_iter().map(job_line).collect())
        }
    };
    Ok(paged(list, title, &lines, page))
}

async fn library(caller: &Caller) -> Result<Vec<String>, Refused> {
    let mut lines = Vec::new();
    for library in rows(&caller.get("libraries").await?) {
        lines.push(bold(text(library, "name")));
        lines.extend(rows(&caller.get(&format!("libraries/{}/slots", library["id"])).await?).iter().map(slot_line));
    }
    Ok(lines)
}

fn paged(list: List, title: &str, lines: &[String], page: usize) -> Reply {
    let pages = lines.len().div_ceil(PAGE).max(1);
    let page = page.min(pages - 1);
    let shown = lines.iter().skip(page * PAGE).take(PAGE);
    let head = if pages > 1 { format!("{} ({}/{pages})", bold(title), page + 1) } else { bold(title) };
    let none = lines.is_empty().then(|| "There is none.".to_owned());
    let html: Vec<String> = [head].into_iter().chain(none).chain(shown.cloned()).collect();
    let button = |text: &str, to: usize| (text.to_owned(), format!("page:{}:{to}", list.word()));
    let back = (page > 0).then(|| button("‹ back", page - 1));
    let on = (page + 1 < pages).then(|| button("more ›", page + 1));
    Reply::html(html.join("\n")).row(back.into_iter().chain(on).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn long_lists_have_pages_and_names_are_escaped() {
        let rows: Vec<String> = (0..30)
            .map(|n| {
                tape_line(
                    &json!({"label": format!("<b>{n}&"), "status": "full", "pool_name": "A_B", "used_bytes": 1500}),
                )
            })
            .collect();
        let first = paged(List::Tapes, "Tapes", &rows, 0);
        assert!(first.html.starts_with("<b>Tapes</b> (1/3)\n<b>&lt;b&gt;0&amp;</b> full – A_B, 1.50 kB of 0 B"));
        assert_eq!(first.buttons, [vec![("more ›".to_owned(), "page:tapes:1".to_owned())]]);
        let last = paged(List::Tapes, "Tapes", &rows, 99);
        assert!(last.html.contains("(3/3)"));
        assert_eq!(last.buttons[0][0].1, "page:tapes:1");
        assert!(paged(List::Jobs, "Jobs", &[], 0).html.contains("There is none"));
    }
}
