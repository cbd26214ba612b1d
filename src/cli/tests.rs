//! Rules that hold for every subcommand, checked on the command line as clap knows it.

use super::Cli;
use clap::{Arg, Command, CommandFactory, Parser};
use clap_complete::Shell;

/// Every command and subcommand with its full name.
fn all() -> Vec<(String, Command)> {
    fn collect(command: &Command, name: String, into: &mut Vec<(String, Command)>) {
        for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
            collect(child, format!("{name} {}", child.get_name()), into);
        }
        into.push((name, command.clone()));
    }
    let mut command = Cli::command();
    command.build();
    let mut commands = Vec::new();
    collect(&command, "tapebackarr".to_owned(), &mut commands);
    commands
}

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_can_be_shown_and_says_what_it_is_for() {
    let commands = all();
    assert!(commands.len() > 80, "{}", commands.len());
    for (name, mut command) in commands {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Usage:"), "{name}");
        assert!(command.get_about().is_some(), "{name} does not say what it is for");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let id = argument.get_id();
            assert!(argument.get_help().is_some(), "{name}: {id} does not say what it is for");
        }
    }
}

#[test]
fn every_top_level_help_has_examples() {
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Examples:\n  tapebackarr "), "{}", command.get_name());
    }
}

/// The examples of the help texts are commands that exist.
#[test]
fn every_example_of_the_help_parses() {
    let help = |command: &Command| command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let tried: usize = all().iter().map(|(name, command)| try_examples(name, &help(command))).sum();
    assert!(tried > 40, "{tried}");
}

/// So are those of the documentation, and the list of commands is complete.
#[test]
fn every_example_of_the_documentation_parses() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    files.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let mut tried = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(file).unwrap();
        let code: String = text.lines().filter_map(|line| Some(line.strip_prefix("    ")?.to_owned() + "\n")).collect();
        tried += try_examples(&file.display().to_string(), &code);
    }
    assert!(tried > 60, "{tried}");
    let list = std::fs::read_to_string(root.join("docs/cli.md")).unwrap();
    for command in Cli::command().get_subcommands() {
        assert!(list.contains(&format!("`{}`", command.get_name())), "docs/cli.md lacks {}", command.get_name());
    }
}

/// Parses every line that is a command of ours; returns how many.
fn try_examples(name: &str, text: &str) -> usize {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim_start).filter(|line| line.starts_with("tapebackarr "));
    let tried = lines.map(|line| {
        let words = words_of_example(line);
        if let Err(error) = Cli::try_parse_from(&words) {
            panic!("an example of {name} is wrong: {words:?}\n{error}");
        }
    });
    tried.count()
}

/// Whether a line is a command of ours: for what else shows command lines.
pub fn parses(line: &str) -> Result<(), clap::Error> {
    Cli::try_parse_from(words_of_example(line)).map(drop)
}

/// Splits as a shell would: quotes, and nothing behind a pipe, a redirection or two blanks (the remark).
fn words_of_example(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' | '"' if quote.is_none_or(|quote| quote == character) => {
                (quote, begun) = (if quote.is_none() { Some(character) } else { None }, true);
            }
            ' ' if quote.is_none() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
                let remark = characters.peek() == Some(&' ') && !line.contains("--schedule");
                if remark || matches!(characters.peek(), Some('|' | '>' | '<')) {
                    break;
                }
            }
            other => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// Arguments are visible to every user of the machine, so none may hold a secret; files and switches may.
#[test]
fn no_secret_is_ever_an_argument() {
    const SECRETS: [&str; 7] = ["password", "passwd", "passphrase", "secret", "token", "api-key", "key-base64"];
    let harmless = |argument: &Arg| {
        let is_switch = !argument.get_action().takes_values();
        let id = argument.get_id().as_str();
        is_switch || id.ends_with("_file")
    };
    for (name, command) in all() {
        for argument in command.get_arguments().filter(|argument| !harmless(argument)) {
            let id = argument.get_id().as_str().replace('_', "-");
            let environment = argument.get_env().map(|name| name.to_string_lossy().to_lowercase().replace('_', "-"));
            for secret in SECRETS {
                assert!(!id.contains(secret), "{name}: --{id} would put a secret on the command line");
                let shown = environment.as_deref().unwrap_or_default();
                assert!(!shown.contains(secret), "{name}: clap would show the value of {shown} in --help");
            }
        }
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "tapebackarr", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("batch-label") && script.contains("next-runs"), "{shell}");
    }
}

#[test]
fn manual_pages_are_made_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    super::man::write_pages(dir.path()).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), all().len());
    let page = std::fs::read_to_string(dir.path().join("tapebackarr-tape-batch-label.1")).unwrap();
    assert!(page.contains("blank tape") && page.contains("start"), "{page}");
}

#[test]
fn contradictions_are_refused() {
    for line in [
        "tapebackarr",
        "tapebackarr ls",
        "tapebackarr ls --set 1 --job x",
        "tapebackarr ls --set 1 --as-of 2026-01-01",
        "tapebackarr restore --job x",
        "tapebackarr tape batch-label --pool DAILY",
        "tapebackarr tape batch-label --library L --drive D --prefix X",
        "tapebackarr tape batch-label --drive D",
        "tapebackarr tape create T --write-label",
        "tapebackarr job create x --source s",
        "tapebackarr pool create x --allow-reuse maybe",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn global_options_stand_anywhere() {
    let cli = parse("tapebackarr tape list --json --server http://example.org:1").unwrap();
    assert!(cli.global.json);
    assert_eq!(cli.global.server, "http://example.org:1");
}
