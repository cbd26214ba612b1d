//! Compares what is copied with the catalog, while it is copied.

use crate::executions::Context;
use crate::restore::flow::Receiving;
use crate::restore::members::{self, Handler};
use crate::restore::plan::{Item, Plan};
use crate::restore::{Failed, check};
use crate::{Error, ErrorKind, Result};
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_format::Member;
use tape_format::path_text::to_text;

/// Failures that the message names.
const NAMED: usize = 3;

struct Checking<'a> {
    context: &'a Context,
    buffer: Vec<u8>,
    wrong: Vec<String>,
    bad: &'a AtomicBool,
}

impl Handler for Checking<'_> {
    fn member(&mut self, item: &Item, member: &Member, data: &mut dyn Read) -> Result<(), Failed> {
        self.context.progress.set_path(to_text(&item.path).into_owned());
        check::member(item, member, data, &mut self.buffer, &self.context.control.flag())
    }

    fn failed(&mut self, item: &Item, why: &str) {
        let path = to_text(&item.path);
        // when nothing comes any more, only the first says something
        if self.wrong.len() < NAMED {
            self.context.warn(Some(&path), why);
            self.wrong.push(format!("{path}: {why}"));
        }
        self.bad.store(true, Ordering::Relaxed);
    }

    fn check(&mut self) -> Result<()> {
        self.context.check()
    }
}

/// Takes all that is sent; `bad` is set as soon as something is wrong.
///
/// # Errors
/// `verify_failed` with the names of what is not as the catalog says.
pub fn check(context: &Context, plan: &Plan, receiver: Receiving, bad: &AtomicBool) -> Result<()> {
    let mut checking = Checking { context, buffer: vec![0; check::BUFFER], wrong: Vec::new(), bad };
    members::consume(plan, &receiver, &mut checking)?;
    match checking.wrong.is_empty() {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::Unprocessable,
            "verify_failed",
            format!("the set is not on tape as the catalog says, and was not copied: {}", checking.wrong.join("; ")),
        )),
    }
}
