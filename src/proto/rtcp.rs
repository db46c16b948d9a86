//! RTCP packets (RFC 3550 §6).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, iter};

/// A wall-clock instant in the 64-bit format of NTP: seconds since 1900 and their fraction (RFC 3550 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NtpTime(pub u64);

/// From the epoch of NTP, 1900, to that of Unix, 1970.
const UNIX_EPOCH_IN_NTP: u64 = 2_208_988_800;

impl NtpTime {
    /// The middle 32 bits, as they stand in the LSR field of a report block.
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// This instant and a span more.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.wrapping_add(span_to_fixed_point(span)))
    }

    /// Seconds from another instant to this one; negative if it comes first.
    pub fn seconds_since(self, other: Self) -> f64 {
        self.0.wrapping_sub(other.0) as i64 as f64 / (1u64 << 32) as f64
    }
}

/// Two clocks that show the same instant.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// On the clock that counts.
    pub instant: Instant,
    /// On the clock on the wall.
    pub ntp: NtpTime,
}

impl Epoch {
    /// Both clocks, read one behind the other.
    pub fn of(instant: Instant, wall: SystemTime) -> Self {
        Self { instant, ntp: wall.into() }
    }

    /// What the clock on the wall shows when the other one shows this.
    pub fn at(&self, instant: Instant) -> NtpTime {
        self.ntp.plus(instant.saturating_duration_since(self.instant))
    }
}

fn span_to_fixed_point(span: Duration) -> u64 {
    let fraction = (u64::from(span.subsec_nanos()) << 32) / 1_000_000_000;
    (span.as_secs() << 32) | fraction
}

impl From<SystemTime> for NtpTime {
    fn from(time: SystemTime) -> Self {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(UNIX_EPOCH_IN_NTP << 32).plus(since_1970)
    }
}

/// A span in units of 1/65536 s, as DLSR counts (RFC 3550 §6.4.1).
pub fn delay_units(span: Duration) -> u32 {
    u32::try_from(span_to_fixed_point(span) >> 16).unwrap_or(u32::MAX)
}

/// What a receiver says of one source (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The source that is reported on.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost in all: expected less received, so duplicates can make it negative. 24 bits on the wire.
    pub cumulative_lost: i32,
    /// The highest sequence number received, with the count of cycles above it.
    pub highest_sequence: u32,
    /// Interarrival jitter, in timestamp ticks.
    pub jitter: u32,
    /// The middle of the last sender report's NTP time.
    pub last_sender_report: u32,
    /// Since that report arrived, in 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// What a sender says of itself (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// When this was sent.
    pub ntp: NtpTime,
    /// The same instant on the clock of the RTP timestamps.
    pub rtp_timestamp: u32,
    /// Packets sent since the start.
    pub packets: u32,
    /// Octets of payload sent since the start.
    pub octets: u32,
}

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rtcp {
    /// SR
    SenderReport {
        /// Who sends.
        ssrc: u32,
        /// What was sent.
        info: SenderInfo,
        /// What was received.
        blocks: Vec<ReportBlock>,
    },
    /// RR
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// What was received.
        blocks: Vec<ReportBlock>,
    },
    /// SDES, reduced to the canonical name (RFC 3550 §6.5.1).
    SourceDescription {
        /// Whose name it is.
        ssrc: u32,
        /// The same over all the streams of one participant.
        cname: String,
    },
    /// BYE
    Bye {
        /// Who leaves.
        ssrcs: Vec<u32>,
    },
    /// XR (RFC 3611), reduced to what measures a round trip.
    Extended {
        /// Who reports.
        ssrc: u32,
        /// What is reported.
        block: ExtendedBlock,
    },
}

/// The two halves of a round trip that a receiver begins (RFC 3611 §4.4, §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendedBlock {
    /// Receiver Reference Time: this is sent now.
    ReferenceTime(NtpTime),
    /// DLRR: the last reference time that came, and how long ago.
    DelaySinceReference {
        /// Who sent it.
        ssrc: u32,
        /// The middle of it.
        last_reference: u32,
        /// Since it arrived, in 1/65536 s.
        delay: u32,
    },
}

/// Why octets are no RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpError {
    /// Shorter than a length field says.
    Short,
    /// A version other than 2.
    Version,
}

impl fmt::Display for RtcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the RTCP packet is shorter than its length field says",
            Self::Version => "the RTCP packet is not of version 2",
        })
    }
}

impl std::error::Error for RtcpError {}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const EXTENDED_REPORT: u8 = 207;
const CNAME_ITEM: u8 = 1;
const REFERENCE_TIME: u8 = 4;
const DELAY_SINCE_REFERENCE: u8 = 5;

/// Reads a compound packet. Types that we do not use are passed over.
///
/// A compound may be reduced to one packet (RFC 5506), as players do to open a path through a firewall.
///
/// # Errors
/// When a packet does not fit into the octets, or is not of version 2.
pub fn parse(mut octets: &[u8]) -> Result<Vec<Rtcp>, RtcpError> {
    let mut packets = Vec::new();
    while !octets.is_empty() {
        let &[first, packet_type, high, low] = octets.first_chunk::<4>().ok_or(RtcpError::Short)?;
        if first >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let (packet, rest) = octets.split_at_checked(length).ok_or(RtcpError::Short)?;
        octets = rest;
        match packet_type {
            EXTENDED_REPORT => packets.extend(extended_reports(&packet[4..])?),
            _ => packets.extend(parse_one(packet_type, first & 0x1F, &packet[4..])?),
        }
    }
    Ok(packets)
}

fn parse_one(packet_type: u8, count: u8, body: &[u8]) -> Result<Option<Rtcp>, RtcpError> {
    let mut reader = Reader(body);
    let packet = match packet_type {
        SENDER_REPORT => Rtcp::SenderReport {
            ssrc: reader.word()?,
            info: SenderInfo {
                ntp: reader.ntp()?,
                rtp_timestamp: reader.word()?,
                packets: reader.word()?,
                octets: reader.word()?,
            },
            blocks: reader.report_blocks(count)?,
        },
        RECEIVER_REPORT => {
            Rtcp::ReceiverReport { ssrc: reader.word()?, blocks: reader.report_blocks(count)? }
        }
        SOURCE_DESCRIPTION if count > 0 => {
            Rtcp::SourceDescription { ssrc: reader.word()?, cname: reader.canonical_name()? }
        }
        BYE => Rtcp::Bye { ssrcs: (0..count).map(|_| reader.word()).collect::<Result<_, _>>()? },
        _ => return Ok(None),
    };
    Ok(Some(packet))
}

/// The blocks that we use, each on its own (RFC 3611 §3). A receiver passes over what it does not know or cannot read.
fn extended_reports(body: &[u8]) -> Result<Vec<Rtcp>, RtcpError> {
    let mut reader = Reader(body);
    let ssrc = reader.word()?;
    let mut blocks = Vec::new();
    while let Some((block_type, mut block)) = reader.extended_block()? {
        match block_type {
            REFERENCE_TIME => blocks.extend(block.ntp().ok().map(ExtendedBlock::ReferenceTime)),
            // A sub-block for each receiver (§4.5).
            DELAY_SINCE_REFERENCE => blocks.extend(iter::from_fn(|| block.delay_since_reference().ok())),
            _ => {}
        }
    }
    Ok(blocks.into_iter().map(|block| Rtcp::Extended { ssrc, block }).collect())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn word(&mut self) -> Result<u32, RtcpError> {
        let (word, rest) = self.0.split_first_chunk::<4>().ok_or(RtcpError::Short)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*word))
    }

    fn report_blocks(&mut self, count: u8) -> Result<Vec<ReportBlock>, RtcpError> {
        (0..count).map(|_| self.report_block()).collect()
    }

    fn report_block(&mut self) -> Result<ReportBlock, RtcpError> {
        let ssrc = self.word()?;
        let losses = self.word()?;
        Ok(ReportBlock {
            ssrc,
            fraction_lost: (losses >> 24) as u8,
            // 24 bits with a sign.
            cumulative_lost: (losses << 8) as i32 >> 8,
            highest_sequence: self.word()?,
            jitter: self.word()?,
            last_sender_report: self.word()?,
            delay_since_last_sender_report: self.word()?,
        })
    }

    /// The next block of an extended report: its type, and what it holds.
    fn extended_block(&mut self) -> Result<Option<(u8, Self)>, RtcpError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let head = self.word()?;
        let length = 4 * (head & 0xFFFF) as usize;
        let (body, rest) = self.0.split_at_checked(length).ok_or(RtcpError::Short)?;
        self.0 = rest;
        Ok(Some(((head >> 24) as u8, Reader(body))))
    }

    fn delay_since_reference(&mut self) -> Result<ExtendedBlock, RtcpError> {
        let (ssrc, last_reference, delay) = (self.word()?, self.word()?, self.word()?);
        Ok(ExtendedBlock::DelaySinceReference { ssrc, last_reference, delay })
    }

    fn ntp(&mut self) -> Result<NtpTime, RtcpError> {
        Ok(NtpTime(u64::from(self.word()?) << 32 | u64::from(self.word()?)))
    }

    /// The CNAME among the items of the first chunk; empty if it has none.
    fn canonical_name(&mut self) -> Result<String, RtcpError> {
        while let [item, rest @ ..] = self.0 {
            if *item == 0 {
                break;
            }
            let (&length, rest) = rest.split_first().ok_or(RtcpError::Short)?;
            let (text, rest) = rest.split_at_checked(usize::from(length)).ok_or(RtcpError::Short)?;
            if *item == CNAME_ITEM {
                return Ok(String::from_utf8_lossy(text).into_owned());
            }
            self.0 = rest;
        }
        Ok(String::new())
    }
}

/// Writes a compound packet: the packets one behind the other.
///
/// RFC 3550 §6.1 wants a report first and a CNAME in each compound; that order is the caller's.
pub fn write(packets: &[Rtcp]) -> Vec<u8> {
    let mut octets = Vec::new();
    for packet in packets {
        write_one(packet, &mut octets);
    }
    octets
}

fn write_one(packet: &Rtcp, octets: &mut Vec<u8>) {
    let mut body = Vec::new();
    let (packet_type, count) = match packet {
        Rtcp::SenderReport { ssrc, info, blocks } => {
            for word in [
                *ssrc,
                (info.ntp.0 >> 32) as u32,
                info.ntp.0 as u32,
                info.rtp_timestamp,
                info.packets,
                info.octets,
            ] {
                body.extend_from_slice(&word.to_be_bytes());
            }
            (SENDER_REPORT, write_blocks(blocks, &mut body))
        }
        Rtcp::ReceiverReport { ssrc, blocks } => {
            body.extend_from_slice(&ssrc.to_be_bytes());
            (RECEIVER_REPORT, write_blocks(blocks, &mut body))
        }
        Rtcp::SourceDescription { ssrc, cname } => {
            body.extend_from_slice(&ssrc.to_be_bytes());
            let name = &cname.as_bytes()[..cname.len().min(255)];
            body.extend_from_slice(&[CNAME_ITEM, name.len() as u8]);
            body.extend_from_slice(name);
            // The list of items ends with at least one null octet, and the chunk on a word.
            body.resize((body.len() / 4 + 1) * 4, 0);
            (SOURCE_DESCRIPTION, 1)
        }
        Rtcp::Bye { ssrcs } => {
            let ssrcs = &ssrcs[..ssrcs.len().min(31)];
            body.extend(ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()));
            (BYE, ssrcs.len() as u8)
        }
        Rtcp::Extended { ssrc, block } => {
            body.extend_from_slice(&ssrc.to_be_bytes());
            write_extended(*block, &mut body);
            (EXTENDED_REPORT, 0)
        }
    };
    // Thirty-one blocks of 24 octets at the most: the length in words is far below 2^16.
    let [high, low] = ((body.len() / 4) as u16).to_be_bytes();
    octets.extend_from_slice(&[0x80 | count, packet_type, high, low]);
    octets.extend_from_slice(&body);
}

fn write_extended(block: ExtendedBlock, body: &mut Vec<u8>) {
    let (kind, words) = match block {
        ExtendedBlock::ReferenceTime(NtpTime(ntp)) => (REFERENCE_TIME, vec![(ntp >> 32) as u32, ntp as u32]),
        ExtendedBlock::DelaySinceReference { ssrc, last_reference, delay } => {
            (DELAY_SINCE_REFERENCE, vec![ssrc, last_reference, delay])
        }
    };
    body.extend_from_slice(&[kind, 0, 0, words.len() as u8]);
    body.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

/// Writes at most 31 blocks, which is what the count has room for; returns how many.
fn write_blocks(blocks: &[ReportBlock], body: &mut Vec<u8>) -> u8 {
    let blocks = &blocks[..blocks.len().min(31)];
    for block in blocks {
        let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
        for word in [
            block.ssrc,
            u32::from(block.fraction_lost) << 24 | lost,
            block.highest_sequence,
            block.jitter,
            block.last_sender_report,
            block.delay_since_last_sender_report,
        ] {
            body.extend_from_slice(&word.to_be_bytes());
        }
    }
    blocks.len() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compound() -> Vec<Rtcp> {
        let block = ReportBlock {
            ssrc: 9,
            fraction_lost: 12,
            cumulative_lost: -3,
            highest_sequence: 0x0001_0002,
            jitter: 77,
            last_sender_report: 0xAABB_CCDD,
            delay_since_last_sender_report: 65_536,
        };
        vec![
            Rtcp::SenderReport {
                ssrc: 0x0102_0304,
                info: SenderInfo {
                    ntp: NtpTime(0x1122_3344_5566_7788),
                    rtp_timestamp: 90_000,
                    packets: 5,
                    octets: 6_000,
                },
                blocks: vec![],
            },
            Rtcp::SourceDescription { ssrc: 0x0102_0304, cname: "abc".to_owned() },
            Rtcp::ReceiverReport { ssrc: 1, blocks: vec![block] },
            Rtcp::Bye { ssrcs: vec![0x0102_0304] },
        ]
    }

    #[test]
    fn the_octets_are_those_of_rfc_3550() {
        let octets = write(&compound());
        assert_eq!(octets[..8], [0x80, 200, 0, 6, 1, 2, 3, 4]);
        assert_eq!(octets[28..44], [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 3, b'a', b'b', b'c', 0, 0, 0]);
        assert_eq!(octets[44..60], [0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9, 12, 0xFF, 0xFF, 0xFD]);
        assert_eq!(octets[76..], [0x81, 203, 0, 1, 1, 2, 3, 4]);
        assert_eq!(parse(&octets).unwrap(), compound());
    }

    #[test]
    fn extended_reports_are_those_of_rfc_3611() {
        let reference = Rtcp::Extended {
            ssrc: 0x0102_0304,
            block: ExtendedBlock::ReferenceTime(NtpTime(0x1122_3344_5566_7788)),
        };
        let octets = write(std::slice::from_ref(&reference));
        let expected =
            [0x80, 207, 0, 4, 1, 2, 3, 4, 4, 0, 0, 2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
        assert_eq!(octets, expected);
        assert_eq!(parse(&octets), Ok(vec![reference]));
        let answer = Rtcp::Extended {
            ssrc: 9,
            block: ExtendedBlock::DelaySinceReference { ssrc: 7, last_reference: 0x3344_5566, delay: 655 },
        };
        let mut octets = write(std::slice::from_ref(&answer));
        assert_eq!(octets[8..], [5, 0, 0, 3, 0, 0, 0, 7, 0x33, 0x44, 0x55, 0x66, 0, 0, 2, 0x8F]);
        assert_eq!(parse(&octets), Ok(vec![answer.clone()]));
        // Another kind of block before it, and one that is longer than the packet.
        octets.splice(8..8, [1, 0, 0, 1, 0, 0, 0, 0]);
        octets[3] = 7;
        assert_eq!(parse(&octets), Ok(vec![answer]));
        octets[11] = 200;
        assert_eq!(parse(&octets), Err(RtcpError::Short));
    }

    #[test]
    fn an_empty_receiver_report_opens_a_path_and_says_nothing() {
        let octets = [0x80, 201, 0, 1, 0, 0, 0, 0];
        assert_eq!(parse(&octets).unwrap(), [Rtcp::ReceiverReport { ssrc: 0, blocks: vec![] }]);
    }

    #[test]
    fn every_cut_and_every_junk_is_an_error_or_nothing() {
        let octets = write(&compound());
        for cut in 1..octets.len() {
            let _ = parse(&octets[..cut]);
        }
        assert_eq!(parse(&octets[..30]), Err(RtcpError::Short));
        assert_eq!(parse(&[0xCE, 0xFA, 0xED, 0xFE]), Err(RtcpError::Version));
        assert_eq!(parse(&[0x00, 200, 0, 0]), Err(RtcpError::Version));
        assert_eq!(parse(&[0x9F, 201, 0, 1, 0, 0, 0, 1]), Err(RtcpError::Short));
        assert_eq!(parse(&[0x80, 204, 0, 0]).unwrap(), []);
    }

    #[test]
    fn times_are_counted_as_ntp_counts_them() {
        let ntp = NtpTime::from(UNIX_EPOCH + Duration::from_millis(1_500));
        assert_eq!(ntp.0, (UNIX_EPOCH_IN_NTP + 1) << 32 | 0x8000_0000);
        assert_eq!(ntp.middle(), (UNIX_EPOCH_IN_NTP as u32 + 1) << 16 | 0x8000);
        assert_eq!(delay_units(Duration::from_millis(250)), 16_384);
        let later = ntp.plus(Duration::from_millis(250));
        assert_eq!((later.seconds_since(ntp), ntp.seconds_since(later)), (0.25, -0.25));
    }

    #[test]
    fn every_block_of_an_extended_report_is_read_and_what_is_too_short_is_passed_over() {
        let word = |word: u32| word.to_be_bytes();
        let block = |kind: u8, words: &[u32]| {
            let head = u32::from(kind) << 24 | words.len() as u32;
            std::iter::once(head).chain(words.iter().copied()).flat_map(word).collect::<Vec<u8>>()
        };
        let blocks = [
            block(DELAY_SINCE_REFERENCE, &[]),
            block(99, &[1]),
            block(REFERENCE_TIME, &[3]),
            // The last of three sub-blocks has no end.
            block(DELAY_SINCE_REFERENCE, &[7, 1, 2, 8, 3, 4, 9]),
            block(REFERENCE_TIME, &[5, 6]),
        ]
        .concat();
        let length = (1 + blocks.len() / 4) as u32;
        let report =
            [&word(0x80 << 24 | u32::from(EXTENDED_REPORT) << 16 | length)[..], &word(5), &blocks].concat();
        let goodbye = Rtcp::Bye { ssrcs: vec![5] };
        let of = |ssrc, last_reference, delay| Rtcp::Extended {
            ssrc: 5,
            block: ExtendedBlock::DelaySinceReference { ssrc, last_reference, delay },
        };
        let reference = Rtcp::Extended { ssrc: 5, block: ExtendedBlock::ReferenceTime(NtpTime(5 << 32 | 6)) };
        let compound = [report, write(std::slice::from_ref(&goodbye))].concat();
        assert_eq!(parse(&compound), Ok(vec![of(7, 1, 2), of(8, 3, 4), reference, goodbye]));
    }
}
