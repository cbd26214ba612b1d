//! A whole tar stream into a destination, without a catalog: every member as the archive itself describes it.

use super::extract::{Extractor, Failed, Placed};
use std::io::Read;
use tape_format::path_text::to_text;
use tape_format::tar::Reader;
use tape_format::{FormatError, Member};

/// What happened to one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is there, or it was left out as the policy says.
    Placed(Placed),
    /// It is not there; why.
    Failed(String),
}

/// Why the stream was not read to its end.
#[derive(Debug)]
pub enum Ended {
    /// It is damaged, or not tar.
    Damaged(FormatError),
    /// The destination takes nothing more.
    Destination(String),
}

/// Extracts every member of `stream`, telling `observe` of each. An error ends it; what was placed before stays.
pub fn extract(
    stream: &mut dyn Read,
    extractor: &mut Extractor,
    observe: &mut dyn FnMut(&Member, &Outcome),
) -> Result<(), Ended> {
    let mut reader = Reader::new(stream);
    while let Some(member) = reader.next_member().map_err(Ended::Damaged)? {
        let outcome = match &reader.place().continues {
            Some(_) => Outcome::Failed(format!(
                "only the rest of it is in this part; its beginning is in the part before: restore {} with the catalog",
                to_text(&member.path)
            )),
            None => match extractor.extract(&member.path, &member, None, &mut reader) {
                Ok(placed) => Outcome::Placed(placed),
                Err(Failed::Member(why)) => Outcome::Failed(why),
                Err(Failed::Destination(why)) => {
                    observe(&member, &Outcome::Failed(why.clone()));
                    return Err(Ended::Destination(why));
                }
                Err(Failed::Source(error)) => {
                    observe(&member, &Outcome::Failed(format!("its data could not be read: {error}")));
                    return Err(Ended::Damaged(FormatError::from_io(error)));
                }
            },
        };
        observe(&member, &outcome);
    }
    Ok(())
}
