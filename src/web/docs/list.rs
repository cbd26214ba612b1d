//! Which documents there are, and their text.

use crate::config::Config;
use crate::web::query::block;
use crate::{Error, Result};
use actix_web::get;
use actix_web::web::{Data, Json, Path};
use serde::Serialize;
use std::path::PathBuf;

/// What there can be: id (also the name of the file without `.md`), title, description. The id of a request is looked
/// up here, so no path of a request ever reaches the file system.
const DOCUMENTS: &[(&str, &str, &str)] = &[
    ("getting-started", "Getting started", "From nothing to a verified backup on virtual tapes"),
    ("concepts", "Concepts", "The words of this program, from the shelf to the file"),
    ("installation", "Installation", "From nothing to a running server"),
    ("upgrading", "Upgrading", "Another version: what happens to the data, and the way back"),
    ("hardware", "Drives and libraries", "Real hardware: device paths, rights, containers, what the messages mean"),
    ("usage", "Using TapeBackarr", "The first backup and the first restore, step by step"),
    ("migrating", "From version 1", "Taking over the database and the tapes of the Go program"),
    ("operator", "Operating", "Daily work: tapes, pools, libraries, what to do when something is red"),
    ("notifications", "Notifications", "Mail, Telegram, ntfy, Gotify, webhooks: who is told what, and when"),
    ("monitoring", "Monitoring", "Prometheus, Grafana, alert rules, readiness, logs: watching the server itself"),
    ("single-sign-on", "Single sign-on", "Logins at an OpenID provider, with roles from its groups"),
    ("performance", "Performance", "How fast it is beside its rivals, measured by make bench; what is missed and why"),
    ("virtual-tape", "Virtual tape", "Libraries and cartridges made of files: how they behave, faults on order"),
    ("cli", "The command line", "Everything the pages do, for terminals and scripts"),
    ("manual-recovery", "Manual recovery", "Getting data back from the tapes alone, without this server"),
    ("api", "REST API", "Logging in, roles, events, conventions; the routes are under API documentation"),
    ("architecture", "Architecture", "How the program is built"),
    ("database", "Database", "Tables and what is in them"),
    ("tape-format", "Tape format", "What is on a tape, byte for byte"),
];

/// A document in the list.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Document {
    id: &'static str,
    title: &'static str,
    description: &'static str,
}

/// A document with its text.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DocumentText {
    id: &'static str,
    /// The name of the file.
    title: String,
    /// Markdown.
    content: String,
}

/// The documents that are installed.
#[utoipa::path(tag = "docs", responses((status = 200, body = Vec<Document>)))]
#[get("/docs")]
pub async fn list_docs(config: Data<Config>) -> Result<Json<Vec<Document>>> {
    let look = move || {
        let installed = DOCUMENTS.iter().filter(|(id, ..)| file(&config, id).is_file());
        Ok(installed.map(|&(id, title, description)| Document { id, title, description }).collect())
    };
    Ok(Json(block(look).await?))
}

/// One document.
#[utoipa::path(tag = "docs", responses((status = 200, body = DocumentText), (status = 404)))]
#[get("/docs/{id}")]
pub async fn get_doc(config: Data<Config>, id: Path<String>) -> Result<Json<DocumentText>> {
    let missing = || Error::not_found("documentation");
    let &(id, ..) = DOCUMENTS.iter().find(|(known, ..)| *known == id.as_str()).ok_or_else(missing)?;
    let read = move || match std::fs::read_to_string(file(&config, id)) {
        Ok(content) => Ok(content),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::not_found("documentation")),
        Err(error) => Err(Error::from(error).context(format!("cannot read the document {id}"))),
    };
    Ok(Json(DocumentText { id, title: format!("{id}.md"), content: block(read).await? }))
}

fn file(config: &Config, id: &str) -> PathBuf {
    config.docs.dir.join(format!("{id}.md"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_document_can_be_read_in_the_ui() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let stems = files.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
        let there: BTreeSet<String> = stems.map(|path| path.file_stem().unwrap().to_string_lossy().into()).collect();
        let listed: BTreeSet<String> = DOCUMENTS.iter().map(|(id, ..)| (*id).to_owned()).collect();
        assert_eq!(there, listed);
    }
}
