//! `openapi`: the description of the REST API, from the code itself.

use super::exit::{CliResult, Doing};

/// Print the OpenAPI 3.1 document of the REST API
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tapebackarr openapi > openapi.json")]
pub struct OpenapiArgs {}

/// Prints the document.
pub fn run(_: &OpenapiArgs) -> CliResult {
    let document = serde_json::to_value(crate::web::openapi()).doing("cannot make the document")?;
    super::output::json(&document)
}
