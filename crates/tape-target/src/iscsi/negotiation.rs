//! What both sides agree on at login (RFC 7143, 13).

use super::pdu::{Digests, MAX_DATA};
use super::text::put;

/// Largest burst that is asked for at once.
const MAX_BURST: u32 = 8 << 20;
/// Largest burst that may come unasked.
const FIRST_BURST: u32 = 256 << 10;

/// The parameters of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// Largest data segment that the initiator receives.
    pub max_receive: usize,
    pub max_burst: usize,
    pub first_burst: usize,
    /// Data that was not asked for comes only within the command.
    pub initial_r2t: bool,
    pub immediate_data: bool,
    pub digests: Digests,
}

impl Default for Parameters {
    /// What holds for keys that nobody mentions.
    fn default() -> Self {
        Parameters {
            max_receive: 8192,
            max_burst: 262_144,
            first_burst: 65_536,
            initial_r2t: true,
            immediate_data: true,
            digests: Digests::default(),
        }
    }
}

impl Parameters {
    /// Answers the operational keys among `pairs`; those of other stages are passed over.
    pub fn negotiate(&mut self, pairs: &[(String, String)], answer: &mut Vec<u8>) {
        for (key, offer) in pairs {
            let reply = match key.as_str() {
                "InitiatorName" | "InitiatorAlias" | "TargetName" | "SessionType" | "AuthMethod" => continue,
                key if key.starts_with("CHAP_") => continue,
                "MaxRecvDataSegmentLength" => {
                    if let Some(limit) = number(offer, 512, (1 << 24) - 1) {
                        self.max_receive = limit as usize;
                    }
                    continue;
                }
                "HeaderDigest" => digest(offer, &mut self.digests.header),
                "DataDigest" => digest(offer, &mut self.digests.data),
                "MaxBurstLength" => smaller(offer, MAX_BURST, &mut self.max_burst),
                "FirstBurstLength" => smaller(offer, FIRST_BURST, &mut self.first_burst),
                "InitialR2T" => boolean(offer, &mut self.initial_r2t),
                "ImmediateData" => boolean(offer, &mut self.immediate_data),
                "MaxConnections" | "MaxOutstandingR2T" => "1".into(),
                "ErrorRecoveryLevel" | "DefaultTime2Retain" => "0".into(),
                "DefaultTime2Wait" => number(offer, 0, 3600).map_or("Reject".into(), |wait| wait.max(2).to_string()),
                "DataPDUInOrder" | "DataSequenceInOrder" => "Yes".into(),
                "IFMarker" | "OFMarker" | "RDMAExtensions" => "No".into(),
                "TaskReporting" => "RFC3720".into(),
                _ => "NotUnderstood".into(),
            };
            put(answer, key, &reply);
        }
        self.first_burst = self.first_burst.min(self.max_burst);
        if !pairs.is_empty() {
            put(answer, "MaxRecvDataSegmentLength", &MAX_DATA.to_string());
        }
    }
}

fn number(text: &str, min: u32, max: u32) -> Option<u32> {
    let parsed = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.ok().filter(|number| (min..=max).contains(number))
}

fn smaller(offer: &str, ours: u32, place: &mut usize) -> String {
    match number(offer, 512, (1 << 24) - 1) {
        Some(theirs) => {
            *place = theirs.min(ours) as usize;
            place.to_string()
        }
        None => "Reject".into(),
    }
}

/// The result of two booleans of which ours leaves the choice to theirs.
fn boolean(offer: &str, place: &mut bool) -> String {
    match offer {
        "Yes" | "No" => {
            *place = offer == "Yes";
            if *place { "Yes" } else { "No" }.into()
        }
        _ => "Reject".into(),
    }
}

/// TCP has a checksum of its own, and here mostly stays within one machine: without one, where the initiator agrees.
fn digest(offer: &str, place: &mut bool) -> String {
    let mut offered = offer.split(',');
    if offered.clone().any(|method| method == "None") {
        *place = false;
        "None".into()
    } else if offered.any(|method| method == "CRC32C") {
        *place = true;
        "CRC32C".into()
    } else {
        "Reject".into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::{decode, value};
    use super::*;

    fn agree(offer: &[u8]) -> (Parameters, Vec<(String, String)>) {
        let mut parameters = Parameters::default();
        let mut answer = Vec::new();
        parameters.negotiate(&decode(offer).unwrap(), &mut answer);
        (parameters, decode(&answer).unwrap())
    }

    #[test]
    fn what_the_linux_initiator_offers() {
        let (parameters, answer) = agree(
            b"InitiatorName=iqn.x\0TargetName=iqn.y\0SessionType=Normal\0HeaderDigest=None\0DataDigest=None\0\
              DefaultTime2Wait=2\0DefaultTime2Retain=0\0IFMarker=No\0OFMarker=No\0ErrorRecoveryLevel=0\0InitialR2T=No\0\
              ImmediateData=Yes\0MaxBurstLength=16776192\0FirstBurstLength=262144\0MaxOutstandingR2T=1\0\
              MaxConnections=1\0DataPDUInOrder=Yes\0DataSequenceInOrder=Yes\0MaxRecvDataSegmentLength=262144\0",
        );
        assert_eq!((parameters.max_burst, parameters.first_burst, parameters.max_receive), (8 << 20, 262_144, 262_144));
        assert!(!parameters.initial_r2t && parameters.immediate_data);
        assert_eq!(value(&answer, "MaxBurstLength"), Some("8388608"));
        assert_eq!(value(&answer, "HeaderDigest"), Some("None"));
        assert_eq!(value(&answer, "InitiatorName"), None);
    }

    #[test]
    fn nonsense_is_rejected_and_the_unknown_not_understood() {
        let (parameters, answer) =
            agree(b"MaxBurstLength=0\0FirstBurstLength=banana\0InitialR2T=Maybe\0HeaderDigest=MD4\0X-new=1\0");
        assert_eq!(parameters, Parameters::default());
        for key in ["MaxBurstLength", "FirstBurstLength", "InitialR2T", "HeaderDigest"] {
            assert_eq!(value(&answer, key), Some("Reject"), "{key}");
        }
        assert_eq!(value(&answer, "X-new"), Some("NotUnderstood"));
        assert!(agree(b"DataDigest=CRC32C\0").0.digests.data);
    }
}
