//! Secrets from people and programs: asked for at the terminal without echo, or read from standard input.

use super::exit::{CliError, CliResult, Doing};
use std::io::{BufRead, IsTerminal};

/// Where a secret comes from; no option ever holds one.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct SecretSource {
    /// Read the secret from standard input (first line) instead of asking at the terminal
    #[arg(long)]
    pub stdin: bool,
}

impl SecretSource {
    /// An existing secret.
    pub fn read(self, prompt: &str) -> CliResult<String> {
        if self.stdin || !std::io::stdin().is_terminal() {
            return first_line();
        }
        rpassword::prompt_password(format!("{prompt}: ")).doing("cannot read from the terminal")
    }

    /// A new secret; asked for twice at a terminal.
    pub fn read_new(self, prompt: &str) -> CliResult<String> {
        let secret = self.read(prompt)?;
        if !self.stdin && std::io::stdin().is_terminal() && self.read(&format!("{prompt}, again"))? != secret {
            return Err(CliError::usage("the two entries differ; nothing was changed"));
        }
        Ok(secret)
    }
}

fn first_line() -> CliResult<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).doing("cannot read the secret from standard input")?;
    let secret = line.trim_end_matches(['\n', '\r']);
    match secret {
        "" => Err(CliError::usage("a secret was expected on standard input, which is empty")),
        secret => Ok(secret.to_owned()),
    }
}

/// Asks a question at the terminal.
pub fn ask(prompt: &str) -> CliResult<String> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage(format!("{prompt} is needed and there is no terminal to ask at"))
            .advise("give it as an option"));
    }
    eprint!("{prompt}: ");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).doing("cannot read from the terminal")?;
    Ok(line.trim().to_owned())
}
