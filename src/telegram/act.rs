//! Doing: what a command asks the API for.

use super::caller::{Caller, Refused};
use super::command::Control;
use super::reply::{Reply, bold, escape};
use super::show::{rows, text};
use serde_json::{Value, json};

/// What is done when a person has confirmed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// The route.
    pub path: String,
    /// The body.
    pub body: Value,
    /// What it does, HTML.
    pub words: String,
}

impl Deed {
    /// Does it.
    pub async fn perform(&self, caller: &Caller) -> Result<Reply, Refused> {
        let answer = caller.post(&self.path, self.body.clone()).await?;
        let run = match answer["execution_id"].as_i64() {
            Some(id) => format!(" Run {id}; /runs shows how it goes."),
            None => String::new(),
        };
        Ok(Reply::html(format!("✅ {}.{run}", self.words)))
    }
}

/// The row that people mean: by name, in any case, or by id.
fn find<'a>(all: &'a Value, names: &[&str], wanted: &str, what: &str) -> Result<&'a Value, Refused> {
    let wanted = wanted.trim();
    let named = |row: &&Value| names.iter().any(|field| text(row, field).eq_ignore_ascii_case(wanted));
    let number = wanted.parse::<i64>().ok();
    let numbered = |row: &&Value| number.is_some() && row["id"].as_i64() == number;
    let all = rows(all);
    // without a word, whatever has no name would be meant
    let found: Vec<&Value> = all.iter().filter(|_| !wanted.is_empty()).filter(named).collect();
    match found.as_slice() {
        [one] => return Ok(one),
        [] => {}
        several => return Err(Refused(format!("there are {} {what}s of that name: use the number", several.len()))),
    }
    all.iter().find(numbered).ok_or_else(|| {
        let known: Vec<&str> = all
            .iter()
            .filter_map(|row| names.iter().map(|name| text(row, name)).find(|name| !name.is_empty()))
            .take(10)
            .collect();
        Refused(match (wanted, known.as_slice()) {
            ("", known) => format!("which {what}? There are: {}", known.join(", ")),
            (_, []) => format!("there is no {what} yet"),
            (_, known) => format!("there is no {what} \"{wanted}\"; there are: {}", known.join(", ")),
        })
    })
}

/// Run a job.
pub async fn run(caller: &Caller, job: &str) -> Result<Deed, Refused> {
    let jobs = caller.get("jobs").await?;
    let job = find(&jobs, &["name"], job, "job")?;
    Ok(Deed {
        path: format!("jobs/{}/run", job["id"]),
        body: json!({"use_pool": true}),
        words: format!("Started {}", bold(text(job, "name"))),
    })
}

/// Pause, resume or cancel a run.
pub async fn control(caller: &Caller, control: Control, wanted: &str) -> Result<Deed, Refused> {
    let open = caller.get("executions?status=active").await?;
    let run = match (wanted.trim(), rows(&open)) {
        ("", []) => return Err(Refused("nothing is running".into())),
        ("", [one]) => one,
        _ => find(&open, &["job_name", "title"], wanted, "run")?,
    };
    let done = match control {
        Control::Pause => "Pausing",
        Control::Resume => "Going on with",
        Control::Cancel => "Cancelling",
    };
    Ok(Deed {
        path: format!("executions/{}/{}", run["id"], control.word()),
        body: json!({}),
        words: format!("{done} run {}, {}", run["id"], escape(text(run, "title"))),
    })
}

/// Eject the tape of a drive.
pub async fn eject(caller: &Caller, drive: &str) -> Result<Deed, Refused> {
    let drives = caller.get("drives").await?;
    let drive = find(&drives, &["display_name", "device_path"], drive, "drive")?;
    Ok(Deed {
        path: format!("drives/{}/eject?wait=false", drive["id"]),
        body: json!({}),
        words: format!("Ejecting {} from {}", named(text(drive, "current_tape")), escape(text(drive, "display_name"))),
    })
}

fn named(tape: &str) -> String {
    if tape.is_empty() { "the tape".into() } else { format!("tape {}", bold(tape)) }
}

/// Read a tape back.
pub async fn verify(caller: &Caller, tape: &str) -> Result<Deed, Refused> {
    let tapes = caller.get("tapes").await?;
    let tape = find(&tapes, &["label", "barcode"], tape, "tape")?;
    Ok(Deed {
        path: format!("tapes/{}/verify", tape["id"]),
        body: json!({}),
        words: format!("Verifying tape {}", bold(text(tape, "label"))),
    })
}

/// The slots of every library, with its id.
async fn slots(caller: &Caller) -> Result<Vec<(i64, Vec<Value>)>, Refused> {
    let mut all = Vec::new();
    for library in rows(&caller.get("libraries").await?) {
        let id = library["id"].as_i64().unwrap_or_default();
        all.push((id, rows(&caller.get(&format!("libraries/{id}/slots")).await?).to_vec()));
    }
    Ok(all)
}

fn number(slot: &Value) -> Option<i64> {
    slot["slot_number"].as_i64()
}

fn is_empty(slot: &Value) -> bool {
    slot["is_empty"] == true
}

/// The drive of a library that people mean: its id.
async fn drive_id(caller: &Caller, drive: Option<&str>) -> Result<Option<i64>, Refused> {
    let Some(drive) = drive else { return Ok(None) };
    let drives = caller.get("drives").await?;
    Ok(find(&drives, &["display_name", "device_path"], drive, "drive")?["id"].as_i64())
}

/// Load a tape of a library into a drive, the first empty one unless one is named.
pub async fn load(caller: &Caller, tape: &str, drive: Option<&str>) -> Result<Deed, Refused> {
    if tape.is_empty() {
        return Err(Refused("which tape? Such as /load A00001L9".into()));
    }
    let wanted = drive_id(caller, drive).await?;
    for (library, slots) in slots(caller).await? {
        let holds =
            |slot: &&Value| ["tape_label", "barcode"].iter().any(|field| text(slot, field).eq_ignore_ascii_case(tape));
        let Some(from) = slots.iter().find(holds) else { continue };
        if from["slot_type"] == "drive" {
            return Err(Refused(format!("tape {tape} is in a drive")));
        }
        let fits = |slot: &&Value| {
            slot["slot_type"] == "drive"
                && wanted.map_or_else(|| is_empty(slot), |id| slot["drive_id"].as_i64() == Some(id))
        };
        let into = slots.iter().find(fits).ok_or_else(|| Refused("no drive of that library is free".into()))?;
        return Ok(Deed {
            path: format!("libraries/{library}/load"),
            body: json!({"slot_number": number(from), "drive_number": number(into)}),
            words: format!("Loading tape {}", bold(tape)),
        });
    }
    Err(Refused(format!("no library holds a tape \"{tape}\"")))
}

/// Put the tape of a drive back into the slot it came from.
pub async fn unload(caller: &Caller, drive: &str) -> Result<Deed, Refused> {
    let wanted = drive_id(caller, Some(drive)).await?;
    for (library, slots) in slots(caller).await? {
        let is_it = |slot: &&Value| slot["slot_type"] == "drive" && slot["drive_id"].as_i64() == wanted;
        let Some(from) = slots.iter().find(is_it) else { continue };
        if is_empty(from) {
            return Err(Refused("there is no tape in that drive".into()));
        }
        let label = [text(from, "tape_label"), text(from, "barcode")].into_iter().find(|label| !label.is_empty());
        return Ok(Deed {
            path: format!("libraries/{library}/unload"),
            body: json!({"drive_number": number(from)}),
            words: format!("Putting {} back", named(label.unwrap_or_default())),
        });
    }
    Err(Refused("that drive is in no library; /eject ejects its tape".into()))
}

/// Requests for tapes, each with its buttons.
pub async fn requests(caller: &Caller) -> Result<Reply, Refused> {
    let all = caller.get("tape-changes?status=pending&limit=10").await?;
    let open = rows(&all);
    if open.is_empty() {
        return Ok(Reply::html("No tape is waited for."));
    }
    let mut reply = Reply::html(bold("Tapes that are waited for"));
    for row in open {
        let notice = text(row, "notice");
        let notice = if notice.is_empty() { String::new() } else { format!("\n<i>{}</i>", escape(notice)) };
        reply.html.push_str(&format!("\n\n{}. {}{notice}", row["id"], escape(text(row, "message"))));
        reply = reply.row(vec![
            (format!("{}: it is in", row["id"]), format!("ack:{}", row["id"])),
            (format!("{}: not to be had", row["id"]), format!("refuse:{}", row["id"])),
        ]);
    }
    Ok(reply)
}

/// The tape was brought.
pub fn acknowledge(id: i64) -> Deed {
    Deed {
        path: format!("tape-changes/{id}/complete"),
        body: json!({}),
        words: format!("Request {id}: the run looks for the tape"),
    }
}

/// The tape will not come.
pub fn refuse(id: i64) -> Deed {
    Deed { path: format!("tape-changes/{id}/cancel"), body: json!({}), words: format!("Request {id} was cancelled") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_mean_is_found_by_name_first() {
        let jobs = json!([{"id": 1, "name": "nightly"}, {"id": 2, "name": "1"}, {"id": 3, "name": "NIGHTLY"}]);
        let id = |wanted: &str| find(&jobs, &["name"], wanted, "job").map(|row| row["id"].as_i64().unwrap());
        let nameless = json!([{"id": 1, "name": ""}]);
        assert!(find(&nameless, &["name"], "", "job").is_err(), "nothing is meant by nothing");
        assert_eq!(id("1"), Ok(2));
        assert_eq!(id("3"), Ok(3));
        assert!(id("nightly").unwrap_err().0.contains("2 jobs"));
        assert!(id("x").unwrap_err().0.contains("there are: nightly"));
        assert!(id("").unwrap_err().0.starts_with("which job?"));
    }
}
