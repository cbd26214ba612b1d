//! `man`: the manual pages, made from the same words as `--help`.

use super::exit::{CliResult, Doing};
use clap::CommandFactory;
use std::path::{Path, PathBuf};

/// Write the manual pages
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tapebackarr man | man -l -                      read the overview
  tapebackarr man --dir /usr/local/share/man/man1 install all pages")]
pub struct ManArgs {
    /// Write one page per subcommand into this folder instead of the overview to standard output
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the overview or writes all pages.
pub fn run(args: &ManArgs) -> CliResult {
    // Building first hands the global options down to the subcommands.
    let mut command = super::Cli::command();
    command.build();
    match &args.dir {
        Some(dir) => write_pages(&command, dir),
        None => super::output::raw(&page(command)?),
    }
}

fn write_pages(command: &clap::Command, dir: &Path) -> CliResult {
    std::fs::create_dir_all(dir).doing(format_args!("cannot create {}", dir.display()))?;
    for (name, page) in pages(command, "")? {
        let path = dir.join(format!("{name}.1"));
        std::fs::write(&path, page).doing(format_args!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Name (`tapebackarr-tape-label`) and text of every page.
pub fn pages(command: &clap::Command, parent: &str) -> CliResult<Vec<(String, Vec<u8>)>> {
    let name = if parent.is_empty() { command.get_name().to_owned() } else { format!("{parent}-{}", command.get_name()) };
    let mut pages = vec![(name.clone(), page(command.clone().name(name.clone()))?)];
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        pages.extend(self::pages(child, &name)?);
    }
    Ok(pages)
}

fn page(command: clap::Command) -> CliResult<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).doing("cannot make the manual page")?;
    Ok(page)
}
