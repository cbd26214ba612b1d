//! `man`: the manual pages, made from the same words as `--help`.

use super::exit::{CliResult, Doing};
use clap::CommandFactory;
use std::path::{Path, PathBuf};

/// Write the manual pages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tapebackarr man | man -l -                        read the overview
  tapebackarr man --dir /usr/local/share/man/man1   install all pages")]
pub struct ManArgs {
    /// Write one page per subcommand into this folder instead of the overview to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the overview or writes all pages.
pub fn run(args: &ManArgs) -> CliResult {
    match &args.dir {
        Some(dir) => write_pages(dir),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(super::Cli::command()).render(&mut page).doing("cannot make the manual page")?;
            super::output::raw(&page)
        }
    }
}

/// One page per command: `tapebackarr-tape-label.1`.
pub fn write_pages(dir: &Path) -> CliResult {
    let shown = dir.display();
    std::fs::create_dir_all(dir).doing(format_args!("cannot create {shown}"))?;
    clap_mangen::generate_to(super::Cli::command(), dir).doing(format_args!("cannot write to {shown}"))
}
