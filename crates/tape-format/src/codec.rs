//! Compression of frames: each frame on its own, so that any of them can be read alone.
//!
//! A frame becomes one zstd frame or one gzip member. Concatenated they are a valid `.zst` or `.gz` stream, which is
//! what a data file on tape is.

use crate::{FormatError, Result};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// How frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// Stored as they are (also when the drive compresses).
    #[default]
    None,
    /// zstd, with a content checksum in each frame.
    Zstd {
        /// -7 to 19; 1 keeps up with a drive.
        level: i32,
    },
    /// gzip.
    Gzip {
        /// 1 to 9.
        level: u32,
    },
}

impl Codec {
    /// The word used in the TOC and the database: `none`, `zstd`, `gzip`.
    pub fn name(&self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Zstd { .. } => "zstd",
            Codec::Gzip { .. } => "gzip",
        }
    }

    /// The codec of that name at its default level. `lto` (the drive compresses) is [`Codec::None`] here.
    ///
    /// # Errors
    /// [`FormatError::Inconsistent`] for a word that is none.
    pub fn from_name(name: &str) -> Result<Codec> {
        match name {
            "none" | "lto" | "" => Ok(Codec::None),
            "zstd" => Ok(Codec::Zstd { level: 1 }),
            "gzip" => Ok(Codec::Gzip { level: 6 }),
            other => Err(FormatError::Inconsistent {
                what: "the compression of the set",
                reason: format!("{other:?} is not none, lto, gzip or zstd"),
            }),
        }
    }

    /// The same codec at another level; [`Codec::None`] has none.
    pub fn at_level(self, level: i32) -> Codec {
        match self {
            Codec::None => Codec::None,
            Codec::Zstd { .. } => Codec::Zstd { level: level.clamp(-7, 19) },
            Codec::Gzip { .. } => Codec::Gzip { level: level.clamp(1, 9) as u32 },
        }
    }
}

/// Compresses frames one after the other with one context. One per worker thread.
pub struct Encoder(EncoderKind);

enum EncoderKind {
    None,
    Zstd(zstd::bulk::Compressor<'static>),
    Gzip(Compress),
}

impl Encoder {
    /// A context for `codec`.
    ///
    /// # Errors
    /// [`FormatError::Codec`] if the level is not accepted.
    pub fn new(codec: Codec) -> Result<Encoder> {
        let failed =
            |e: std::io::Error| FormatError::Codec { action: "compress", codec: "zstd", reason: e.to_string() };
        Ok(Encoder(match codec {
            Codec::None => EncoderKind::None,
            Codec::Zstd { level } => {
                let mut context = zstd::bulk::Compressor::new(level).map_err(failed)?;
                context.include_checksum(true).map_err(failed)?;
                EncoderKind::Zstd(context)
            }
            Codec::Gzip { level } => EncoderKind::Gzip(Compress::new(Compression::new(level.clamp(1, 9)), false)),
        }))
    }

    /// Appends one frame that decompresses to `raw`.
    ///
    /// # Errors
    /// [`FormatError::Codec`] if the library fails; `out` is then to be thrown away.
    pub fn encode(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match &mut self.0 {
            EncoderKind::None => {
                out.extend_from_slice(raw);
                Ok(())
            }
            EncoderKind::Zstd(context) => {
                out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
                let start = out.len() as u64;
                let mut target = std::io::Cursor::new(out);
                target.set_position(start);
                context.compress_to_buffer(raw, &mut target).map(|_| ()).map_err(|e| FormatError::Codec {
                    action: "compress",
                    codec: "zstd",
                    reason: e.to_string(),
                })
            }
            EncoderKind::Gzip(deflate) => gzip_member(deflate, raw, out),
        }
    }
}

/// RFC 1952: no name, no time, so that equal frames give equal bytes.
pub(crate) const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

fn gzip_failed(action: &'static str, reason: impl ToString) -> FormatError {
    FormatError::Codec { action, codec: "gzip", reason: reason.to_string() }
}

fn gzip_member(deflate: &mut Compress, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
    deflate.reset();
    out.extend_from_slice(&GZIP_HEADER);
    loop {
        // Deflate never needs much more than its input; whatever it still needs comes in the next round.
        let rest = raw.get(deflate.total_in() as usize..).unwrap_or(&[]);
        out.reserve(rest.len() / 2 + 1024);
        match deflate.compress_vec(rest, out, FlushCompress::Finish).map_err(|e| gzip_failed("compress", e))? {
            Status::StreamEnd => break,
            Status::Ok | Status::BufError => {}
        }
    }
    let mut crc = flate2::Crc::new();
    crc.update(raw);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&crc.amount().to_le_bytes());
    Ok(())
}

/// Decompresses frames one after the other with one context.
pub struct Decoder(DecoderKind);

enum DecoderKind {
    None,
    Zstd(zstd::bulk::Decompressor<'static>),
    Gzip(Decompress),
}

impl Decoder {
    /// A context for `codec`; its level does not matter.
    ///
    /// # Errors
    /// [`FormatError::Codec`] if the library cannot make one.
    pub fn new(codec: Codec) -> Result<Decoder> {
        Ok(Decoder(match codec {
            Codec::None => DecoderKind::None,
            Codec::Zstd { .. } => {
                DecoderKind::Zstd(zstd::bulk::Decompressor::new().map_err(|e| FormatError::Codec {
                    action: "decompress",
                    codec: "zstd",
                    reason: e.to_string(),
                })?)
            }
            Codec::Gzip { .. } => DecoderKind::Gzip(Decompress::new(false)),
        }))
    }

    /// Replaces `out` with what `frame` holds, which must be exactly `length` bytes.
    ///
    /// # Errors
    /// [`FormatError::Codec`] if the frame is damaged or has another length. Never allocates more than `length`.
    pub fn decode(&mut self, frame: &[u8], length: usize, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let codec = match &mut self.0 {
            DecoderKind::None => {
                out.extend_from_slice(frame);
                "none"
            }
            DecoderKind::Zstd(context) => {
                out.reserve(length);
                context.decompress_to_buffer(frame, out).map_err(|e| FormatError::Codec {
                    action: "decompress",
                    codec: "zstd",
                    reason: e.to_string(),
                })?;
                "zstd"
            }
            DecoderKind::Gzip(inflate) => {
                gunzip_member(inflate, frame, length, out)?;
                "gzip"
            }
        };
        if out.len() != length {
            let reason = format!("the frame holds {} bytes instead of {length}", out.len());
            return Err(FormatError::Codec { action: "decompress", codec, reason });
        }
        Ok(())
    }
}

fn gunzip_member(inflate: &mut Decompress, frame: &[u8], length: usize, out: &mut Vec<u8>) -> Result<()> {
    let failed = |reason: &str| gzip_failed("decompress", reason);
    // Only what our own encoder writes: no name, no comment, no extra field.
    let body = match frame.split_at_checked(GZIP_HEADER.len()) {
        Some(([0x1f, 0x8b, 8, 0, ..], body)) => body,
        _ => return Err(failed("the frame does not begin with a plain gzip header")),
    };
    inflate.reset(false);
    out.reserve(length);
    match inflate.decompress_vec(body, out, FlushDecompress::Finish).map_err(|e| gzip_failed("decompress", e))? {
        Status::StreamEnd => {}
        _ => return Err(failed("the frame is longer than it should be, or cut short")),
    }
    let trailer = body.get(inflate.total_in() as usize..).unwrap_or(&[]);
    let mut crc = flate2::Crc::new();
    crc.update(out);
    let mut expected = crc.sum().to_le_bytes().to_vec();
    expected.extend_from_slice(&crc.amount().to_le_bytes());
    if trailer != expected {
        return Err(failed("its checksum does not match"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODECS: [Codec; 4] =
        [Codec::None, Codec::Zstd { level: 1 }, Codec::Zstd { level: -3 }, Codec::Gzip { level: 6 }];

    #[test]
    fn frames_follow_each_other_in_one_buffer() {
        for codec in CODECS {
            let mut encoder = Encoder::new(codec).unwrap();
            let mut decoder = Decoder::new(codec).unwrap();
            let mut out = Vec::new();
            let (a, b) = (vec![7; 300_000], b"abc".repeat(1000));
            encoder.encode(&a, &mut out).unwrap();
            let seam = out.len();
            encoder.encode(&b, &mut out).unwrap();
            let mut raw = Vec::new();
            decoder.decode(&out[seam..], b.len(), &mut raw).unwrap();
            assert_eq!(raw, b);
            decoder.decode(&out[..seam], a.len(), &mut raw).unwrap();
            assert_eq!(raw, a);
        }
    }

    #[test]
    fn a_frame_of_another_length_is_refused_without_growing() {
        for codec in CODECS {
            let mut out = Vec::new();
            Encoder::new(codec).unwrap().encode(&vec![0; 1 << 20], &mut out).unwrap();
            let mut raw = Vec::new();
            assert!(Decoder::new(codec).unwrap().decode(&out, 1 << 10, &mut raw).is_err());
            assert!(Decoder::new(codec).unwrap().decode(&out, 2 << 20, &mut raw).is_err());
            assert!(Decoder::new(codec).unwrap().decode(&out[..out.len() - 1], 1 << 20, &mut raw).is_err());
        }
    }

    #[test]
    fn names() {
        for codec in CODECS {
            assert_eq!(Codec::from_name(codec.name()).unwrap().name(), codec.name());
        }
        assert_eq!(Codec::from_name("lto").unwrap(), Codec::None);
        assert!(Codec::from_name("rar").is_err());
    }

    proptest! {
        #[test]
        fn roundtrip(raw in prop::collection::vec(any::<u8>(), 0..5000), which in 0usize..4) {
            let mut out = Vec::new();
            Encoder::new(CODECS[which]).unwrap().encode(&raw, &mut out).unwrap();
            let mut back = Vec::new();
            Decoder::new(CODECS[which]).unwrap().decode(&out, raw.len(), &mut back).unwrap();
            prop_assert_eq!(back, raw);
        }

        #[test]
        fn a_flipped_bit_is_noticed(raw in prop::collection::vec(any::<u8>(), 1..2000), at: u32, which in 1usize..4) {
            let mut out = Vec::new();
            Encoder::new(CODECS[which]).unwrap().encode(&raw, &mut out).unwrap();
            let bit = at as usize % (out.len() * 8);
            out[bit / 8] ^= 1 << (bit % 8);
            let mut back = Vec::new();
            if Decoder::new(CODECS[which]).unwrap().decode(&out, raw.len(), &mut back).is_ok() {
                // Bits of the header that mean nothing may change; content never.
                prop_assert_eq!(back, raw);
            }
        }
    }
}
