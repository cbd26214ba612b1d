//! One connection in the full feature phase (RFC 7143, 4.3): receives commands and their data, hands them to the logical
//! units, and manages them. Everything is answered by [`Outbound`], also by the threads of the units.

use super::Broken;
use super::login::{Purpose, Session};
use super::negotiation::Parameters;
use super::outbound::{Asked, Outbound};
use super::pdu::{CONTINUE, FINAL, NO_TAG, Pdu, initiator, target};
use super::text::{self, value};
use super::transfer::Transfer;
use crate::scsi::{Answer, Nexus, Reply};
use crate::units::{Job, Task, Units};
use std::collections::{HashMap, VecDeque};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// Data of writes that one connection may have under way; more is answered with TASK SET FULL.
const MAX_BUFFERED: usize = 32 << 20;
/// Largest transfer of one command: more than any block that READ BLOCK LIMITS can name.
const MAX_TRANSFER: u32 = 16 << 20;
/// Task management functions that are remembered.
const MAX_MANAGEMENT: usize = 1000;
/// WRITE and READ flags of the command message.
const READS: u8 = 0x40;
const WRITES: u8 = 0x20;

/// The target as a connection sees it.
pub(crate) struct Service<'a> {
    pub units: &'a Units,
    pub target_name: &'a str,
    pub management: &'a ManagementLog,
}

/// Task management functions that initiators asked for and what they were answered, the last so many.
#[derive(Debug, Default)]
pub(crate) struct ManagementLog(Mutex<VecDeque<(u8, u8)>>);

impl ManagementLog {
    fn note(&self, function: u8, response: u8) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() >= MAX_MANAGEMENT {
            log.pop_front();
        }
        log.push_back((function, response));
    }

    /// Those since the last call.
    pub fn take(&self) -> Vec<(u8, u8)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

pub(crate) struct Connection<'a> {
    service: &'a Service<'a>,
    stream: TcpStream,
    purpose: Purpose,
    nexus: Nexus,
    parameters: Parameters,
    outbound: Arc<Outbound>,
    /// Tasks that were handed to a unit, by their tag.
    tasks: HashMap<u32, Arc<Task>>,
    /// Writes whose data is on its way, by their tag.
    transfers: HashMap<u32, Transfer>,
    next_tag: u32,
}

impl<'a> Connection<'a> {
    pub fn new(service: &'a Service<'a>, stream: TcpStream, session: Session, nexus: Nexus) -> Result<Self, Broken> {
        let sending = stream.try_clone()?;
        let outbound = Outbound::new(sending, session.parameters, session.next_status, session.next_command);
        Ok(Connection {
            service,
            stream,
            purpose: session.purpose,
            nexus,
            parameters: session.parameters,
            outbound: Arc::new(outbound),
            tasks: HashMap::new(),
            transfers: HashMap::new(),
            next_tag: 1,
        })
    }

    /// Serves until the initiator logs out or the connection breaks; then nothing of it is executed any more.
    pub fn serve(mut self) -> Result<(), Broken> {
        let result = self.serve_messages();
        self.abort(|_| true);
        result
    }

    fn serve_messages(&mut self) -> Result<(), Broken> {
        while let Some(pdu) = Pdu::read(&mut self.stream, self.parameters.digests)? {
            if pdu.opcode() != initiator::DATA_OUT && !pdu.immediate() && !self.outbound.take_command(pdu.u32(24)) {
                return Err(Broken::Protocol("a command out of order"));
            }
            let ordered = !pdu.immediate();
            match pdu.opcode() {
                initiator::SCSI_COMMAND if self.purpose == Purpose::Normal => {
                    self.command(pdu)?;
                    continue;
                }
                initiator::DATA_OUT if self.purpose == Purpose::Normal => {
                    self.data(&pdu)?;
                    continue;
                }
                initiator::NOP_OUT => self.ping(pdu)?,
                initiator::TASK_MANAGEMENT if self.purpose == Purpose::Normal => self.manage(&pdu)?,
                initiator::TEXT => self.text(&pdu)?,
                initiator::LOGOUT => {
                    let mut answer = Pdu::new(target::LOGOUT).answers(&pdu);
                    answer.header[8..16].fill(0);
                    self.outbound.send(&mut answer)?;
                    return Ok(());
                }
                _ => self.reject(&pdu)?,
            }
            if ordered {
                self.outbound.finish_command();
            }
        }
        Ok(())
    }

    fn command(&mut self, pdu: Pdu) -> Result<(), Broken> {
        let mut lun = [0; 8];
        lun.copy_from_slice(&pdu.header[8..16]);
        let asked = Asked {
            lun,
            tag: pdu.tag(),
            length: pdu.u32(20),
            reads: pdu.flags() & READS != 0,
            ordered: !pdu.immediate(),
        };
        let unit = pdu.lun();
        let cdb = pdu.header[32..48].to_vec();
        if self.transfers.contains_key(&asked.tag) {
            return Err(Broken::Protocol("a task tag that is in use"));
        }
        let writes = pdu.flags() & WRITES != 0;
        let Some(unit) = unit else {
            return Ok(self.outbound.answer(&asked, &Answer::no_such_unit(&cdb))?);
        };
        if asked.length > MAX_TRANSFER {
            return Ok(self.outbound.answer(&asked, &Answer::invalid_field())?);
        }
        if !writes {
            self.execute(unit, asked, cdb, Vec::new());
            return Ok(());
        }
        let buffered: usize = self.transfers.values().map(|transfer| transfer.asked.length as usize).sum();
        if buffered + asked.length as usize > MAX_BUFFERED {
            // What comes unasked would arrive nevertheless; nobody sends so much without a fault of his own.
            return if pdu.is_final() {
                Ok(self.outbound.answer(&asked, &Answer::task_set_full())?)
            } else {
                Err(Broken::Protocol("too many writes at once"))
            };
        }
        let transfer = Transfer::begin(asked, cdb, pdu, &self.parameters)?;
        self.transfers.insert(asked.tag, transfer);
        self.advance(asked.tag)
    }

    fn data(&mut self, pdu: &Pdu) -> Result<(), Broken> {
        // Data of a task that was aborted in the meantime is passed over.
        let Some(transfer) = self.transfers.get_mut(&pdu.tag()) else { return Ok(()) };
        transfer.receive(pdu, &self.parameters)?;
        self.advance(pdu.tag())
    }

    /// Asks for more data, or executes the command if all is there.
    fn advance(&mut self, tag: u32) -> Result<(), Broken> {
        let Some(transfer) = self.transfers.get_mut(&tag) else { return Ok(()) };
        if let Some(mut request) = transfer.next_request(self.next_tag, &self.parameters) {
            self.next_tag = if self.next_tag == NO_TAG - 1 { 1 } else { self.next_tag + 1 };
            return Ok(self.outbound.ask_for_data(&mut request)?);
        }
        if transfer.is_complete()
            && let Some(transfer) = self.transfers.remove(&tag)
        {
            let mut lun = Pdu::new(0);
            lun.header[8..16].copy_from_slice(&transfer.asked.lun);
            self.execute(lun.lun().unwrap_or(0), transfer.asked, transfer.cdb, transfer.data);
        }
        Ok(())
    }

    fn execute(&mut self, unit: u16, asked: Asked, cdb: Vec<u8>, data: Vec<u8>) {
        self.tasks.retain(|_, task| !task.done.load(Ordering::Acquire));
        let task = Arc::new(Task::new(unit));
        // A tag that is used again belongs to the new task alone.
        self.tasks.insert(asked.tag, Arc::clone(&task));
        let outbound = Arc::clone(&self.outbound);
        let reply = move |reply: Reply| match reply {
            Reply::Answer(answer) => {
                if outbound.answer(&asked, &answer).is_err() {
                    outbound.shut_down();
                }
            }
            Reply::Silence if asked.ordered => outbound.finish_command(),
            Reply::Silence => {}
            Reply::Disconnect => outbound.shut_down(),
        };
        self.service.units.submit(unit, Job { nexus: self.nexus.clone(), cdb, data, task, reply: Box::new(reply) });
    }

    /// Marks tasks as aborted and forgets writes without their data; says whether there were any.
    fn abort(&mut self, which: impl Fn(u16) -> bool) -> bool {
        let mut any = false;
        for task in self.tasks.values().filter(|task| which(task.unit)) {
            any |= task.abort();
        }
        let before = self.transfers.len();
        let outbound = &self.outbound;
        self.transfers.retain(|_, transfer| {
            let mut lun = Pdu::new(0);
            lun.header[8..16].copy_from_slice(&transfer.asked.lun);
            let goes = which(lun.lun().unwrap_or(0));
            if goes && transfer.asked.ordered {
                outbound.finish_command();
            }
            !goes
        });
        any || self.transfers.len() < before
    }

    /// Task management (RFC 7143, 11.5).
    fn manage(&mut self, pdu: &Pdu) -> Result<(), Broken> {
        const COMPLETE: u8 = 0;
        const NO_SUCH_TASK: u8 = 1;
        const NO_SUCH_UNIT: u8 = 2;
        const NOT_SUPPORTED: u8 = 5;
        let unit = pdu.lun().filter(|&unit| self.service.units.exists(unit));
        let response = match (pdu.flags() & 0x7f, unit) {
            // ABORT TASK
            (1, _) => {
                let tag = pdu.u32(20);
                let waiting = self.transfers.remove(&tag);
                if waiting.as_ref().is_some_and(|transfer| transfer.asked.ordered) {
                    self.outbound.finish_command();
                }
                let running = self.tasks.get(&tag).is_some_and(|task| task.abort());
                if running || waiting.is_some() { COMPLETE } else { NO_SUCH_TASK }
            }
            (2..=5, None) => NO_SUCH_UNIT,
            // ABORT TASK SET, CLEAR TASK SET
            (2 | 4, Some(unit)) => {
                self.abort(|of| of == unit);
                COMPLETE
            }
            // LOGICAL UNIT RESET
            (5, Some(unit)) => {
                self.abort(|of| of == unit);
                self.service.units.reset(unit);
                COMPLETE
            }
            // TARGET WARM RESET, TARGET COLD RESET
            (6 | 7, _) => {
                self.abort(|_| true);
                self.service.units.reset_all();
                COMPLETE
            }
            _ => NOT_SUPPORTED,
        };
        self.service.management.note(pdu.flags() & 0x7f, response);
        let mut answer = Pdu::new(target::TASK_MANAGEMENT).answers(pdu);
        answer.header[8..16].fill(0);
        answer.header[2] = response;
        Ok(self.outbound.send(&mut answer)?)
    }

    fn ping(&mut self, pdu: Pdu) -> Result<(), Broken> {
        if pdu.tag() == NO_TAG {
            return Ok(());
        }
        let mut answer = Pdu::new(target::NOP_IN).answers(&pdu);
        answer.set_u32(20, NO_TAG);
        answer.data = pdu.data;
        answer.data.truncate(self.parameters.max_receive);
        Ok(self.outbound.send(&mut answer)?)
    }

    /// SendTargets (RFC 7143, appendix C) is the one text request that is understood.
    fn text(&mut self, pdu: &Pdu) -> Result<(), Broken> {
        if pdu.flags() & CONTINUE != 0 {
            return self.reject(pdu);
        }
        let pairs = text::decode(&pdu.data)?;
        let mut answer = Pdu::new(target::TEXT).answers(pdu);
        answer.header[1] = FINAL;
        answer.set_u32(20, NO_TAG);
        let ours = self.service.target_name;
        match value(&pairs, "SendTargets") {
            Some(wanted) if wanted == "All" || wanted.is_empty() || wanted == ours => {
                text::put(&mut answer.data, "TargetName", ours);
                let address = self.stream.local_addr()?;
                text::put(&mut answer.data, "TargetAddress", &format!("{address},1"));
            }
            Some(_) => {}
            None => {
                for (key, _) in pairs.iter().take(8) {
                    text::put(&mut answer.data, key, "NotUnderstood");
                }
            }
        }
        Ok(self.outbound.send(&mut answer)?)
    }

    /// "Command not supported", with the header of what it was.
    fn reject(&mut self, pdu: &Pdu) -> Result<(), Broken> {
        let mut answer = Pdu::new(target::REJECT);
        answer.header[2] = 0x05;
        answer.set_u32(16, NO_TAG);
        answer.data = pdu.header.to_vec();
        Ok(self.outbound.send(&mut answer)?)
    }
}
