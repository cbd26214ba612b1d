//! Login (RFC 7143, 6.3): from a connection to a session.

use super::Broken;
use super::chap::{Challenge, Credentials};
use super::negotiation::Parameters;
use super::pdu::{CONTINUE, Digests, FINAL, Pdu, initiator, target};
use super::text::{self, value};
use std::net::TcpStream;

/// Stages (CSG and NSG).
const SECURITY: u8 = 0;
const OPERATIONAL: u8 = 1;
const FULL_FEATURE: u8 = 3;
/// An initiator that needs more messages than this is not logging in.
const MAX_EXCHANGES: usize = 16;

/// What a login may ask for.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    /// The name of the target.
    pub target_name: String,
    /// Who may come in; `None`: everybody who reaches the address.
    pub credentials: Option<Credentials>,
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Commands.
    Normal,
    /// Only to learn the names of targets.
    Discovery,
}

/// A session that was agreed on.
#[derive(Debug)]
pub(crate) struct Session {
    /// The initiator's name and its number for the session: what SCSI calls the I_T nexus.
    pub nexus: (String, [u8; 6]),
    pub purpose: Purpose,
    pub parameters: Parameters,
    pub next_status: u32,
    pub next_command: u32,
}

/// Status class and detail (RFC 7143, 11.13.5).
type Status = (u8, u8);
const INITIATOR_ERROR: Status = (2, 0);
const AUTHENTICATION_FAILED: Status = (2, 1);
const NOT_FOUND: Status = (2, 3);
const UNSUPPORTED_VERSION: Status = (2, 5);
const MISSING_PARAMETER: Status = (2, 7);
const NO_SUCH_SESSION: Status = (2, 10);

struct Exchange<'a> {
    stream: &'a mut TcpStream,
    door: &'a Door,
    request: Pdu,
    /// Keys of the messages with CONTINUE before this one.
    collected: Vec<u8>,
    status_number: u32,
    challenge: Option<Challenge>,
    authenticated: bool,
    names: Option<(String, Purpose)>,
    parameters: Parameters,
    /// MaxRecvDataSegmentLength and the like were answered.
    declared: bool,
}

/// Carries a login through. `session_handle` is the number (TSIH) that the new session gets.
pub(crate) fn log_in(stream: &mut TcpStream, door: &Door, session_handle: u16) -> Result<Session, Broken> {
    let request = next(stream)?;
    let mut exchange = Exchange {
        stream,
        door,
        status_number: request.u32(28),
        request,
        collected: Vec::new(),
        challenge: None,
        authenticated: false,
        names: None,
        parameters: Parameters::default(),
        declared: false,
    };
    for _ in 0..MAX_EXCHANGES {
        if exchange.step(session_handle)? {
            let (name, purpose) = exchange.names.take().ok_or(Broken::Protocol("no initiator name"))?;
            let mut isid = [0; 6];
            isid.copy_from_slice(&exchange.request.header[8..14]);
            return Ok(Session {
                nexus: (name, isid),
                purpose,
                parameters: exchange.parameters,
                next_status: exchange.status_number,
                next_command: exchange.request.u32(24),
            });
        }
        exchange.request = next(exchange.stream)?;
    }
    Err(Broken::Protocol("a login without end"))
}

fn next(stream: &mut TcpStream) -> Result<Pdu, Broken> {
    let pdu = Pdu::read(stream, Digests::default())?.ok_or(Broken::Protocol("closed during login"))?;
    if pdu.opcode() == initiator::LOGIN { Ok(pdu) } else { Err(Broken::Protocol("a command before login")) }
}

impl Exchange<'_> {
    /// Answers one request; `true` when the session stands.
    fn step(&mut self, session_handle: u16) -> Result<bool, Broken> {
        let (current, wanted) = (self.request.flags() >> 2 & 0x03, self.request.flags() & 0x03);
        let transit = self.request.flags() & FINAL != 0;
        if self.request.header[3] != 0 {
            return self.refuse(UNSUPPORTED_VERSION, "version");
        }
        if self.request.header[14..16] != [0, 0] {
            return self.refuse(NO_SUCH_SESSION, "a second connection for a session");
        }
        if self.collected.len() + self.request.data.len() > text::MAX_TEXT {
            return self.refuse(INITIATOR_ERROR, "too many keys");
        }
        self.collected.extend(std::mem::take(&mut self.request.data));
        if self.request.flags() & CONTINUE != 0 {
            self.reply(current, current, false, Vec::new(), 0)?;
            return Ok(false);
        }
        let pairs = text::decode(&std::mem::take(&mut self.collected))?;
        let mut answer = Vec::new();
        if self.names.is_none() {
            if let Err((status, why)) = self.identify(&pairs) {
                return self.refuse(status, why);
            }
            if self.names.as_ref().is_some_and(|(_, purpose)| *purpose == Purpose::Normal) {
                text::put(&mut answer, "TargetPortalGroupTag", "1");
            }
        }
        match current {
            SECURITY => {
                if !self.authenticate(&pairs, &mut answer) {
                    return self.refuse(AUTHENTICATION_FAILED, "CHAP");
                }
            }
            OPERATIONAL if self.door.credentials.is_some() && !self.authenticated => {
                return self.refuse(AUTHENTICATION_FAILED, "no CHAP");
            }
            OPERATIONAL => {}
            _ => return self.refuse(INITIATOR_ERROR, "an unknown stage"),
        }
        if current == OPERATIONAL {
            let operational = !self.declared || !pairs.is_empty();
            if operational {
                self.declared = true;
                self.parameters.negotiate(&pairs, &mut answer);
            }
        }
        let may_leave = current == OPERATIONAL || self.door.credentials.is_none() || self.authenticated;
        let leave = transit && may_leave && wanted > current && matches!(wanted, OPERATIONAL | FULL_FEATURE);
        let finished = leave && wanted == FULL_FEATURE;
        self.reply(current, wanted, leave, answer, if finished { session_handle } else { 0 })?;
        Ok(finished)
    }

    /// Who comes, and what for; in the first request.
    fn identify(&mut self, pairs: &[(String, String)]) -> Result<(), (Status, &'static str)> {
        let name = value(pairs, "InitiatorName").filter(|name| (1..=223).contains(&name.len()));
        let name = name.ok_or((MISSING_PARAMETER, "no InitiatorName"))?;
        let purpose = match value(pairs, "SessionType") {
            None | Some("Normal") => Purpose::Normal,
            Some("Discovery") => Purpose::Discovery,
            Some(_) => return Err(((2, 9), "an unknown SessionType")),
        };
        if purpose == Purpose::Normal {
            let wanted = value(pairs, "TargetName").ok_or((MISSING_PARAMETER, "no TargetName"))?;
            if wanted != self.door.target_name {
                return Err((NOT_FOUND, "another target"));
            }
        }
        self.names = Some((name.to_owned(), purpose));
        Ok(())
    }

    /// The security stage; `false` if the initiator failed it.
    fn authenticate(&mut self, pairs: &[(String, String)], answer: &mut Vec<u8>) -> bool {
        if let Some(offered) = value(pairs, "AuthMethod") {
            let method = if self.door.credentials.is_some() { "CHAP" } else { "None" };
            if !offered.split(',').any(|offer| offer.trim() == method) {
                return false;
            }
            text::put(answer, "AuthMethod", method);
        }
        let Some(credentials) = &self.door.credentials else { return true };
        if value(pairs, "CHAP_A").is_some() {
            self.challenge = Challenge::new(pairs, answer);
            return self.challenge.is_some();
        }
        if value(pairs, "CHAP_R").is_some() {
            // A challenge is used once. This side has no secret to prove itself with, so it must not be asked to.
            let challenge = self.challenge.take();
            let proven = challenge.is_some_and(|challenge| challenge.proves(pairs, credentials));
            self.authenticated = proven && value(pairs, "CHAP_C").is_none();
            return self.authenticated;
        }
        true
    }

    fn reply(&mut self, current: u8, next: u8, transit: bool, data: Vec<u8>, handle: u16) -> Result<(), Broken> {
        let mut pdu = Pdu { data, ..Pdu::new(target::LOGIN) };
        pdu.header[1] = current << 2 | if transit { FINAL | next } else { 0 };
        self.finish(&mut pdu, handle)
    }

    fn refuse<T>(&mut self, (class, detail): Status, why: &'static str) -> Result<T, Broken> {
        let mut pdu = Pdu::new(target::LOGIN);
        pdu.header[1] = self.request.flags() & 0x0c;
        pdu.header[36] = class;
        pdu.header[37] = detail;
        self.finish(&mut pdu, 0)?;
        Err(Broken::Refused(why))
    }

    fn finish(&mut self, pdu: &mut Pdu, handle: u16) -> Result<(), Broken> {
        pdu.header[8..14].copy_from_slice(&self.request.header[8..14]);
        pdu.header[14..16].copy_from_slice(&handle.to_be_bytes());
        pdu.header[16..20].copy_from_slice(&self.request.header[16..20]);
        let command = self.request.u32(24);
        pdu.set_u32(24, self.status_number);
        pdu.set_u32(28, command);
        pdu.set_u32(32, command.wrapping_add(super::outbound::QUEUE_DEPTH - 1));
        self.status_number = self.status_number.wrapping_add(1);
        Ok(pdu.write(self.stream, Digests::default())?)
    }
}
