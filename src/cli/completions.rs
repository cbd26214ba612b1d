//! `completions`: tab completion for shells.

use super::exit::CliResult;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tapebackarr completions bash > /etc/bash_completion.d/tapebackarr
  tapebackarr completions zsh > ~/.zfunc/_tapebackarr
  tapebackarr completions fish > ~/.config/fish/completions/tapebackarr.fish")]
pub struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> CliResult {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "tapebackarr", &mut script);
    super::output::raw(&script)
}
