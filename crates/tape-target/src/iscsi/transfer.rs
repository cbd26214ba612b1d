//! The data of a write on its way in: within the command, unasked behind it, and asked for (RFC 7143, 4.2.5 and 11.7).

use super::Broken;
use super::negotiation::Parameters;
use super::outbound::Asked;
use super::pdu::{NO_TAG, Pdu, target};

/// A command whose data is not complete yet.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub asked: Asked,
    pub cdb: Vec<u8>,
    pub data: Vec<u8>,
    /// More comes unasked.
    unsolicited: bool,
    /// What was asked for and has not come: its tag, and where it ends.
    solicited: Option<(u32, usize)>,
    requests: u32,
}

impl Transfer {
    /// Begins with what came within the command.
    pub fn begin(asked: Asked, cdb: Vec<u8>, command: Pdu, parameters: &Parameters) -> Result<Transfer, Broken> {
        let unsolicited = !command.is_final();
        let data = command.data;
        if !data.is_empty() && !parameters.immediate_data {
            return Err(Broken::Protocol("immediate data although ImmediateData=No"));
        }
        if unsolicited && parameters.initial_r2t {
            return Err(Broken::Protocol("unsolicited data although InitialR2T=Yes"));
        }
        if data.len() > asked.length as usize || data.len() > parameters.first_burst {
            return Err(Broken::Protocol("more immediate data than agreed"));
        }
        Ok(Transfer { asked, cdb, data, unsolicited, solicited: None, requests: 0 })
    }

    /// Everything is there.
    pub fn is_complete(&self) -> bool {
        self.data.len() == self.asked.length as usize && !self.unsolicited
    }

    /// The request for the next piece, when it is time for one; `tag` must be new.
    pub fn next_request(&mut self, tag: u32, parameters: &Parameters) -> Option<Pdu> {
        if self.unsolicited || self.solicited.is_some() || self.is_complete() {
            return None;
        }
        let end = (self.data.len() + parameters.max_burst).min(self.asked.length as usize);
        let mut pdu = Pdu::new(target::READY_TO_TRANSFER);
        pdu.header[8..16].copy_from_slice(&self.asked.lun);
        pdu.set_u32(16, self.asked.tag);
        pdu.set_u32(20, tag);
        pdu.set_u32(36, self.requests);
        pdu.set_u32(40, self.data.len() as u32);
        pdu.set_u32(44, (end - self.data.len()) as u32);
        self.requests += 1;
        self.solicited = Some((tag, end));
        Some(pdu)
    }

    /// Takes a Data-Out message.
    pub fn receive(&mut self, pdu: &Pdu, parameters: &Parameters) -> Result<(), Broken> {
        let end = match (pdu.u32(20), self.solicited) {
            (NO_TAG, _) if self.unsolicited => parameters.first_burst.min(self.asked.length as usize),
            (tag, Some((expected, end))) if tag == expected => end,
            _ => return Err(Broken::Protocol("data that nobody asked for")),
        };
        if pdu.u32(40) as usize != self.data.len() {
            return Err(Broken::Protocol("data out of order"));
        }
        if self.data.len() + pdu.data.len() > end {
            return Err(Broken::Protocol("more data than agreed"));
        }
        self.data.extend(&pdu.data);
        if !pdu.is_final() {
            return Ok(());
        }
        if self.unsolicited {
            self.unsolicited = false;
        } else if self.data.len() == end {
            self.solicited = None;
        } else {
            return Err(Broken::Protocol("less data than was asked for"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pdu::initiator;
    use super::*;

    const ASKED: Asked = Asked { lun: [0; 8], tag: 5, length: 100, reads: false, ordered: true };

    fn command(data: usize, is_final: bool) -> Pdu {
        let mut pdu = Pdu { data: vec![1; data], ..Pdu::new(initiator::SCSI_COMMAND) };
        pdu.header[1] = if is_final { 0x80 } else { 0 };
        pdu
    }

    fn data(tag: u32, offset: u32, length: usize, is_final: bool) -> Pdu {
        let mut pdu = command(length, is_final);
        pdu.set_u32(20, tag);
        pdu.set_u32(40, offset);
        pdu
    }

    fn parameters() -> Parameters {
        Parameters { max_burst: 30, first_burst: 40, initial_r2t: false, ..Parameters::default() }
    }

    #[test]
    fn data_comes_in_all_three_ways() {
        let mut transfer = Transfer::begin(ASKED, vec![], command(20, false), &parameters()).unwrap();
        assert!(transfer.next_request(1, &parameters()).is_none(), "more comes unasked");
        transfer.receive(&data(NO_TAG, 20, 10, true), &parameters()).unwrap();
        let mut requests = 0;
        while !transfer.is_complete() {
            requests += 1;
            let request = transfer.next_request(requests, &parameters()).unwrap();
            assert!(transfer.next_request(99, &parameters()).is_none(), "one at a time");
            let (offset, length) = (request.u32(40), request.u32(44) as usize);
            transfer.receive(&data(requests, offset, length - 1, false), &parameters()).unwrap();
            transfer.receive(&data(requests, offset + length as u32 - 1, 1, true), &parameters()).unwrap();
        }
        assert_eq!((requests, transfer.data.len()), (3, 100));
    }

    #[test]
    fn what_was_not_agreed_breaks_the_connection() {
        let parameters = parameters();
        assert!(Transfer::begin(ASKED, vec![], command(41, true), &parameters).is_err());
        let strict = Parameters { initial_r2t: true, immediate_data: false, ..parameters };
        assert!(Transfer::begin(ASKED, vec![], command(1, true), &strict).is_err());
        assert!(Transfer::begin(ASKED, vec![], command(0, false), &strict).is_err());
        for wrong in [data(NO_TAG, 10, 1, true), data(7, 0, 1, true), data(1, 5, 1, true), data(1, 0, 31, true)] {
            let mut transfer = Transfer::begin(ASKED, vec![], command(0, true), &parameters).unwrap();
            transfer.next_request(1, &parameters).unwrap();
            assert!(transfer.receive(&wrong, &parameters).is_err(), "{wrong:?}");
        }
    }
}
