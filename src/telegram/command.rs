//! What people write to the bot.

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// What there is.
    Help,
    /// Pair with a user by this code.
    Pair(String),
    /// End the pairing.
    Unpair,
    /// The state of everything.
    Status,
    /// A list, from a page on.
    List(List, usize),
    /// Run a job.
    Run(String),
    /// Change a run; without a name the only one there is.
    Control(Control, String),
    /// Requests for tapes, with buttons.
    Ack,
    /// Load a tape, into a drive.
    Load(String, Option<String>),
    /// Put the tape of a drive back.
    Unload(String),
    /// Eject the tape of a drive.
    Eject(String),
    /// Read a tape back.
    Verify(String),
    /// No such command.
    Unknown(String),
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Jobs.
    Jobs,
    /// Executions, the newest first.
    Runs,
    /// Tapes.
    Tapes,
    /// Drives.
    Drives,
    /// Slots of libraries.
    Library,
    /// Jobs by when they run next.
    Next,
}

/// What can be done to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Wait at the next safe place.
    Pause,
    /// Go on.
    Resume,
    /// End.
    Cancel,
}

impl List {
    /// Its word, in commands and buttons.
    pub fn word(self) -> &'static str {
        match self {
            List::Jobs => "jobs",
            List::Runs => "runs",
            List::Tapes => "tapes",
            List::Drives => "drives",
            List::Library => "library",
            List::Next => "next",
        }
    }

    /// The list of this word.
    pub fn of(word: &str) -> Option<List> {
        let all = [List::Jobs, List::Runs, List::Tapes, List::Drives, List::Library, List::Next];
        all.into_iter().find(|list| list.word() == word)
    }
}

impl Control {
    /// Its word, in commands and routes.
    pub fn word(self) -> &'static str {
        match self {
            Control::Pause => "pause",
            Control::Resume => "resume",
            Control::Cancel => "cancel",
        }
    }
}

impl Command {
    /// Reads a message: `/run@name_of_bot nightly`. None if it is no command.
    pub fn read(text: &str) -> Option<Command> {
        let text = text.trim().strip_prefix('/')?;
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let word = word.split('@').next().unwrap_or(word).to_ascii_lowercase();
        let rest = rest.trim();
        let all = || rest.to_owned();
        Some(match word.as_str() {
            "help" => Command::Help,
            // a link of the form t.me/bot?start=CODE
            "start" if !rest.is_empty() => Command::Pair(all()),
            "start" => Command::Help,
            "pair" => Command::Pair(all()),
            "unpair" => Command::Unpair,
            "status" => Command::Status,
            "active" => Command::List(List::Runs, 0),
            "run" => Command::Run(all()),
            "pause" => Command::Control(Control::Pause, all()),
            "resume" => Command::Control(Control::Resume, all()),
            "cancel" => Command::Control(Control::Cancel, all()),
            "ack" => Command::Ack,
            "load" => {
                let (tape, drive) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                Command::Load(tape.into(), Some(drive.trim().to_owned()).filter(|drive| !drive.is_empty()))
            }
            "unload" => Command::Unload(all()),
            "eject" => Command::Eject(all()),
            "verify" => Command::Verify(all()),
            other => List::of(other).map_or_else(|| Command::Unknown(word.clone()), |list| Command::List(list, 0)),
        })
    }

    /// Whether it only reads: then it may also be answered late.
    pub fn only_reads(&self) -> bool {
        matches!(self, Command::Help | Command::Status | Command::List(..) | Command::Ack | Command::Unknown(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_people_and_phones_write_them() {
        let read = |text: &str| Command::read(text).unwrap();
        assert_eq!(read("/Status@tapes_bot"), Command::Status);
        assert_eq!(read(" /run  nightly  photos "), Command::Run("nightly  photos".into()));
        assert_eq!(read("/load A00001L9 Drive 1"), Command::Load("A00001L9".into(), Some("Drive 1".into())));
        assert_eq!(read("/load A00001L9"), Command::Load("A00001L9".into(), None));
        assert_eq!(read("/start ABCD"), Command::Pair("ABCD".into()));
        assert_eq!(read("/tapes"), Command::List(List::Tapes, 0));
        assert_eq!(read("/cancel"), Command::Control(Control::Cancel, String::new()));
        assert_eq!(read("/format"), Command::Unknown("format".into()));
        assert_eq!(Command::read("hello"), None);
        assert_eq!(Command::read(""), None);
    }
}
