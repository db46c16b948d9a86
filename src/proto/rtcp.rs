//! RTCP packets (RFC 3550 §6), the extended reports that measure a round trip (RFC 3611), and generic NACK (RFC 4585).

use std::iter;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall-clock instant in the 64-bit NTP format: seconds since 1900 in units of 2⁻³² s (RFC 3550 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NtpTime(pub u64);

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const UNIX_EPOCH_IN_NTP: u64 = 2_208_988_800;

impl NtpTime {
    /// Converts µs since 1970; `None` beyond 2036, where NTP time wraps.
    pub fn from_unix_micros(micros: u64) -> Option<Self> {
        let seconds =
            (micros / 1_000_000).checked_add(UNIX_EPOCH_IN_NTP).filter(|seconds| *seconds < 1 << 32)?;
        let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
        Some(Self(seconds << 32 | fraction))
    }

    /// Returns the middle 32 bits, in units of 1/65536 s, as used in the LSR field of a report block.
    pub fn middle_bits(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// Returns the instant `span` later. Wraps as NTP time does.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.wrapping_add(ntp_duration(span)))
    }

    /// Returns the seconds from `earlier` to this instant; negative if this instant is the earlier one.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.wrapping_sub(earlier.0) as i64 as f64 / (1u64 << 32) as f64
    }
}

/// A single instant on the monotonic clock and on the wall clock, to convert between the two.
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    /// Time on the monotonic clock.
    pub instant: Instant,
    /// Time on the wall clock.
    pub ntp: NtpTime,
}

impl Epoch {
    /// Creates an epoch from readings of both clocks, taken directly after each other.
    pub fn new(instant: Instant, wall: SystemTime) -> Self {
        Self { instant, ntp: wall.into() }
    }

    /// Returns the wall-clock time at `instant`, which is not before the epoch.
    pub fn ntp_at(&self, instant: Instant) -> NtpTime {
        self.ntp.plus(instant.saturating_duration_since(self.instant))
    }
}

fn ntp_duration(span: Duration) -> u64 {
    let fraction = (u64::from(span.subsec_nanos()) << 32) / 1_000_000_000;
    (span.as_secs() << 32) | fraction
}

impl From<SystemTime> for NtpTime {
    fn from(time: SystemTime) -> Self {
        let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(UNIX_EPOCH_IN_NTP << 32).plus(since_1970)
    }
}

/// Converts a duration to units of 1/65536 s, those of DLSR (RFC 3550 §6.4.1). Saturates at 18.2 hours.
pub fn dlsr_units(span: Duration) -> u32 {
    u32::try_from(ntp_duration(span) >> 16).unwrap_or(u32::MAX)
}

/// Reception report on one source (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// SSRC of the source that the report is about.
    pub ssrc: u32,
    /// Fraction of packets lost since the previous report, in units of 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start: expected minus received, so duplicates can make it negative. 24 bits on the wire.
    pub cumulative_lost: i32,
    /// Extended highest sequence number received: the number of cycles in the upper 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter, in RTP timestamp ticks.
    pub jitter: u32,
    /// LSR: middle 32 bits of the NTP time in the last sender report; 0 if none was received.
    pub last_sender_report: u32,
    /// DLSR: time since that sender report was received, in units of 1/65536 s; 0 if none was received.
    pub delay_since_last_sender_report: u32,
}

/// Sender information in a sender report (RFC 3550 §6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderInfo {
    /// Wall-clock time at which the report was sent.
    pub ntp: NtpTime,
    /// RTP timestamp of the same instant, in ticks.
    pub rtp_timestamp: u32,
    /// Number of RTP packets sent since the start, modulo 2³².
    pub packet_count: u32,
    /// Number of payload bytes sent since the start, without headers and padding, modulo 2³².
    pub octet_count: u32,
}

/// An RTCP packet; several form a compound packet (RFC 3550 §6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RtcpPacket {
    /// Sender report, SR (RFC 3550 §6.4.1).
    SenderReport {
        /// SSRC of the sender.
        ssrc: u32,
        /// Clock readings and counts of the sender.
        info: SenderInfo,
        /// Reports on the sources that the sender receives, at most 31.
        blocks: Vec<ReportBlock>,
    },
    /// Receiver report, RR (RFC 3550 §6.4.2).
    ReceiverReport {
        /// SSRC of the receiver.
        ssrc: u32,
        /// Reports on the sources that it receives, at most 31.
        blocks: Vec<ReportBlock>,
    },
    /// Source description, SDES, reduced to the canonical name of the first chunk (RFC 3550 §6.5.1).
    SourceDescription {
        /// SSRC of the named source.
        ssrc: u32,
        /// Canonical name, the same for all streams of one participant; at most 255 bytes, empty if there is none.
        cname: String,
    },
    /// Goodbye, BYE (RFC 3550 §6.6).
    Bye {
        /// SSRCs of the sources that leave, at most 31.
        ssrcs: Vec<u32>,
    },
    /// Extended report, XR (RFC 3611 §2), with one of the blocks that measure a round trip.
    ExtendedReport {
        /// SSRC of the reporting participant.
        ssrc: u32,
        /// Content of the report.
        block: ExtendedReportBlock,
    },
    /// Generic NACK: packets that a receiver lacks (RFC 4585 §6.2.1).
    GenericNack {
        /// SSRC of the receiver.
        ssrc: u32,
        /// SSRC of the source whose packets are lacking.
        media_ssrc: u32,
        /// Sequence numbers of these packets, at most [`MAX_NACKED`].
        lost: Vec<u16>,
    },
}

/// Extended report blocks with which a receiver measures the round trip (RFC 3611 §4.4, §4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendedReportBlock {
    /// Receiver Reference Time block: the wall-clock time at which the receiver sent it.
    ReceiverReferenceTime(NtpTime),
    /// DLRR sub-block: the response of the sender to a Receiver Reference Time block.
    Dlrr {
        /// SSRC of the receiver that the response is for.
        ssrc: u32,
        /// LRR: middle 32 bits of the receiver's last reference time.
        last_rr: u32,
        /// DLRR: time since that block was received, in units of 1/65536 s.
        delay_since_last_rr: u32,
    },
}

/// Reason why bytes are not RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// The packet is shorter than a length field or a count says.
    #[error("the RTCP packet is shorter than its length field states")]
    Truncated,
    /// The version is not 2.
    #[error("the RTCP version is not 2")]
    Version,
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const EXTENDED_REPORT: u8 = 207;
const CNAME_ITEM: u8 = 1;
const RECEIVER_REFERENCE_TIME_BLOCK: u8 = 4;
const DLRR_BLOCK: u8 = 5;

/// Feedback message type of generic NACK, in the place of the count (RFC 4585 §6.2).
const GENERIC_NACK: u8 = 1;

/// Maximum number of sequence numbers in a generic NACK; further ones are ignored.
pub const MAX_NACKED: usize = 1_024;

/// Maximum value of the 5-bit count in the header of a packet: report blocks, or SSRCs of a BYE.
const MAX_COUNT: usize = 31;

/// Parses a compound packet. Unknown packet types are skipped.
///
/// A compound can consist of a single packet of any type (RFC 5506); players send these to open a path through a
/// firewall.
///
/// # Errors
/// Returns an [`RtcpError`] if a packet is longer than the remaining bytes or its version is not 2.
pub fn parse(mut bytes: &[u8]) -> Result<Vec<RtcpPacket>, RtcpError> {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        let &[first, packet_type, high, low] = bytes.first_chunk::<4>().ok_or(RtcpError::Truncated)?;
        if first >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let (packet, rest) = bytes.split_at_checked(length).ok_or(RtcpError::Truncated)?;
        bytes = rest;
        match packet_type {
            EXTENDED_REPORT => packets.extend(parse_extended_report(&packet[4..])?),
            _ => packets.extend(parse_packet(packet_type, first & 0x1F, &packet[4..])?),
        }
    }
    Ok(packets)
}

fn parse_packet(packet_type: u8, count: u8, body: &[u8]) -> Result<Option<RtcpPacket>, RtcpError> {
    let mut reader = Reader(body);
    let packet = match packet_type {
        SENDER_REPORT => RtcpPacket::SenderReport {
            ssrc: reader.read_u32()?,
            info: SenderInfo {
                ntp: reader.read_ntp()?,
                rtp_timestamp: reader.read_u32()?,
                packet_count: reader.read_u32()?,
                octet_count: reader.read_u32()?,
            },
            blocks: reader.read_report_blocks(count)?,
        },
        RECEIVER_REPORT => {
            RtcpPacket::ReceiverReport { ssrc: reader.read_u32()?, blocks: reader.read_report_blocks(count)? }
        }
        SOURCE_DESCRIPTION if count > 0 => {
            RtcpPacket::SourceDescription { ssrc: reader.read_u32()?, cname: reader.read_cname()? }
        }
        TRANSPORT_FEEDBACK if count == GENERIC_NACK => RtcpPacket::GenericNack {
            ssrc: reader.read_u32()?,
            media_ssrc: reader.read_u32()?,
            lost: reader.read_lost_packets(),
        },
        BYE => RtcpPacket::Bye { ssrcs: (0..count).map(|_| reader.read_u32()).collect::<Result<_, _>>()? },
        _ => return Ok(None),
    };
    Ok(Some(packet))
}

/// Parses an extended report into one packet for each known block. Unknown and malformed blocks are skipped
/// (RFC 3611 §3).
fn parse_extended_report(body: &[u8]) -> Result<Vec<RtcpPacket>, RtcpError> {
    let mut reader = Reader(body);
    let ssrc = reader.read_u32()?;
    let mut blocks = Vec::new();
    while let Some((block_type, mut block)) = reader.read_extended_block()? {
        match block_type {
            RECEIVER_REFERENCE_TIME_BLOCK => {
                blocks.extend(block.read_ntp().ok().map(ExtendedReportBlock::ReceiverReferenceTime))
            }
            // One sub-block for each receiver (RFC 3611 §4.5).
            DLRR_BLOCK => blocks.extend(iter::from_fn(|| block.read_dlrr_sub_block().ok())),
            _ => {}
        }
    }
    Ok(blocks.into_iter().map(|block| RtcpPacket::ExtendedReport { ssrc, block }).collect())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn read_u32(&mut self) -> Result<u32, RtcpError> {
        let (word, rest) = self.0.split_first_chunk::<4>().ok_or(RtcpError::Truncated)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*word))
    }

    fn read_report_blocks(&mut self, count: u8) -> Result<Vec<ReportBlock>, RtcpError> {
        (0..count).map(|_| self.read_report_block()).collect()
    }

    fn read_report_block(&mut self) -> Result<ReportBlock, RtcpError> {
        let ssrc = self.read_u32()?;
        let loss_word = self.read_u32()?;
        Ok(ReportBlock {
            ssrc,
            fraction_lost: (loss_word >> 24) as u8,
            // A signed number of 24 bits.
            cumulative_lost: (loss_word << 8) as i32 >> 8,
            highest_sequence: self.read_u32()?,
            jitter: self.read_u32()?,
            last_sender_report: self.read_u32()?,
            delay_since_last_sender_report: self.read_u32()?,
        })
    }

    /// Reads the type and the content of the next block of an extended report; `None` after the last block.
    fn read_extended_block(&mut self) -> Result<Option<(u8, Self)>, RtcpError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let head = self.read_u32()?;
        let length = 4 * (head & 0xFFFF) as usize;
        let (body, rest) = self.0.split_at_checked(length).ok_or(RtcpError::Truncated)?;
        self.0 = rest;
        Ok(Some(((head >> 24) as u8, Reader(body))))
    }

    fn read_dlrr_sub_block(&mut self) -> Result<ExtendedReportBlock, RtcpError> {
        Ok(ExtendedReportBlock::Dlrr {
            ssrc: self.read_u32()?,
            last_rr: self.read_u32()?,
            delay_since_last_rr: self.read_u32()?,
        })
    }

    /// Reads pairs of a packet identifier and a bitmask of the 16 packets after it, up to the end.
    fn read_lost_packets(&mut self) -> Vec<u16> {
        let mut lost = Vec::new();
        while let Ok(entry) = self.read_u32() {
            let first = (entry >> 16) as u16;
            let following = (1..=16).filter(|offset| entry >> (offset - 1) & 1 == 1);
            lost.extend([0].into_iter().chain(following).map(|offset| first.wrapping_add(offset)));
            if lost.len() >= MAX_NACKED {
                lost.truncate(MAX_NACKED);
                break;
            }
        }
        lost
    }

    fn read_ntp(&mut self) -> Result<NtpTime, RtcpError> {
        Ok(NtpTime(u64::from(self.read_u32()?) << 32 | u64::from(self.read_u32()?)))
    }

    /// Reads the CNAME item of the first chunk; empty if there is none.
    fn read_cname(&mut self) -> Result<String, RtcpError> {
        while let [item, rest @ ..] = self.0 {
            if *item == 0 {
                break;
            }
            let (&length, rest) = rest.split_first().ok_or(RtcpError::Truncated)?;
            let (text, rest) = rest.split_at_checked(usize::from(length)).ok_or(RtcpError::Truncated)?;
            if *item == CNAME_ITEM {
                return Ok(String::from_utf8_lossy(text).into_owned());
            }
            self.0 = rest;
        }
        Ok(String::new())
    }
}

/// Encodes a compound packet.
///
/// RFC 3550 §6.1 requires a report as first packet and a CNAME in each compound; the caller provides them.
pub fn encode(packets: &[RtcpPacket]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        encode_packet(packet, &mut bytes);
    }
    bytes
}

fn encode_packet(packet: &RtcpPacket, bytes: &mut Vec<u8>) {
    let mut body = Vec::new();
    let (packet_type, count) = match packet {
        RtcpPacket::SenderReport { ssrc, info, blocks } => {
            body.extend_from_slice(&ssrc.to_be_bytes());
            encode_sender_info(info, &mut body);
            (SENDER_REPORT, encode_report_blocks(blocks, &mut body))
        }
        RtcpPacket::ReceiverReport { ssrc, blocks } => {
            body.extend_from_slice(&ssrc.to_be_bytes());
            (RECEIVER_REPORT, encode_report_blocks(blocks, &mut body))
        }
        RtcpPacket::SourceDescription { ssrc, cname } => {
            body.extend_from_slice(&ssrc.to_be_bytes());
            let name = &cname.as_bytes()[..cname.len().min(255)];
            body.extend_from_slice(&[CNAME_ITEM, name.len() as u8]);
            body.extend_from_slice(name);
            // At least one null byte ends the list of items and pads the chunk to a multiple of four bytes (§6.5).
            body.resize((body.len() / 4 + 1) * 4, 0);
            (SOURCE_DESCRIPTION, 1)
        }
        RtcpPacket::Bye { ssrcs } => {
            let ssrcs = &ssrcs[..ssrcs.len().min(MAX_COUNT)];
            body.extend(ssrcs.iter().flat_map(|ssrc| ssrc.to_be_bytes()));
            (BYE, ssrcs.len() as u8)
        }
        RtcpPacket::ExtendedReport { ssrc, block } => {
            body.extend_from_slice(&ssrc.to_be_bytes());
            encode_extended_block(*block, &mut body);
            (EXTENDED_REPORT, 0)
        }
        RtcpPacket::GenericNack { ssrc, media_ssrc, lost } => {
            body.extend(ssrc.to_be_bytes().into_iter().chain(media_ssrc.to_be_bytes()));
            encode_lost_packets(lost, &mut body);
            (TRANSPORT_FEEDBACK, GENERIC_NACK)
        }
    };
    // The longest body has 1,024 entries of 4 bytes, so the length in words is far below 2^16.
    let [high, low] = ((body.len() / 4) as u16).to_be_bytes();
    bytes.extend_from_slice(&[0x80 | count, packet_type, high, low]);
    bytes.extend_from_slice(&body);
}

fn encode_sender_info(info: &SenderInfo, body: &mut Vec<u8>) {
    body.extend_from_slice(&info.ntp.0.to_be_bytes());
    for word in [info.rtp_timestamp, info.packet_count, info.octet_count] {
        body.extend_from_slice(&word.to_be_bytes());
    }
}

fn encode_extended_block(block: ExtendedReportBlock, body: &mut Vec<u8>) {
    let (block_type, words) = match block {
        ExtendedReportBlock::ReceiverReferenceTime(NtpTime(ntp)) => {
            (RECEIVER_REFERENCE_TIME_BLOCK, vec![(ntp >> 32) as u32, ntp as u32])
        }
        ExtendedReportBlock::Dlrr { ssrc, last_rr, delay_since_last_rr } => {
            (DLRR_BLOCK, vec![ssrc, last_rr, delay_since_last_rr])
        }
    };
    body.extend_from_slice(&[block_type, 0, 0, words.len() as u8]);
    body.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

/// Encodes the first [`MAX_NACKED`] sequence numbers. Those that rise by at most 16 share an entry.
fn encode_lost_packets(lost: &[u16], body: &mut Vec<u8>) {
    let mut rest = &lost[..lost.len().min(MAX_NACKED)];
    while let Some((&first, following)) = rest.split_first() {
        let (mut mask, mut last_offset, mut taken) = (0u32, 0, 0);
        for offset in following.iter().map(|sequence| sequence.wrapping_sub(first)) {
            if !(last_offset + 1..=16).contains(&offset) {
                break;
            }
            mask |= 1 << (offset - 1);
            (last_offset, taken) = (offset, taken + 1);
        }
        body.extend_from_slice(&(u32::from(first) << 16 | mask).to_be_bytes());
        rest = &following[taken..];
    }
}

/// Encodes the first [`MAX_COUNT`] blocks and returns their number.
fn encode_report_blocks(blocks: &[ReportBlock], body: &mut Vec<u8>) -> u8 {
    let blocks = &blocks[..blocks.len().min(MAX_COUNT)];
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

    fn compound() -> Vec<RtcpPacket> {
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
            RtcpPacket::SenderReport {
                ssrc: 0x0102_0304,
                info: SenderInfo {
                    ntp: NtpTime(0x1122_3344_5566_7788),
                    rtp_timestamp: 90_000,
                    packet_count: 5,
                    octet_count: 6_000,
                },
                blocks: vec![],
            },
            RtcpPacket::SourceDescription { ssrc: 0x0102_0304, cname: "abc".to_owned() },
            RtcpPacket::ReceiverReport { ssrc: 1, blocks: vec![block] },
            RtcpPacket::Bye { ssrcs: vec![0x0102_0304] },
        ]
    }

    #[test]
    fn unix_times_become_ntp_times() {
        assert_eq!(NtpTime::from_unix_micros(500_000), Some(NtpTime(UNIX_EPOCH_IN_NTP << 32 | 1 << 31)));
        assert_eq!(NtpTime::from_unix_micros(u64::MAX), None);
    }

    #[test]
    fn generic_nack_shares_entries_and_crosses_the_wrap() {
        let lost = vec![65_534, 65_535, 0, 14, 15, 40];
        let nack = RtcpPacket::GenericNack { ssrc: 1, media_ssrc: 2, lost: lost.clone() };
        let bytes = encode(std::slice::from_ref(&nack));
        // 15 is 17 after 65534, so it begins an entry.
        let entries = [0xFFFE_8003u32, 0x000F_0000, 0x0028_0000].map(u32::to_be_bytes).concat();
        assert_eq!(bytes, [&[0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2], &entries[..]].concat());
        assert_eq!(parse(&bytes), Ok(vec![nack]));
        let many = RtcpPacket::GenericNack { ssrc: 1, media_ssrc: 2, lost: (0..5_000).collect() };
        let parsed = parse(&encode(&[many])).unwrap();
        let RtcpPacket::GenericNack { lost, .. } = &parsed[0] else { panic!() };
        assert_eq!(*lost, (0..MAX_NACKED as u16).collect::<Vec<_>>());
        // Other feedback on the transport is skipped.
        assert_eq!(parse(&[0x8F, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2]), Ok(vec![]));
    }

    #[test]
    fn compound_packet_matches_rfc_3550() {
        let bytes = encode(&compound());
        assert_eq!(bytes[..8], [0x80, 200, 0, 6, 1, 2, 3, 4]);
        assert_eq!(bytes[28..44], [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 3, b'a', b'b', b'c', 0, 0, 0]);
        assert_eq!(bytes[44..60], [0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 9, 12, 0xFF, 0xFF, 0xFD]);
        assert_eq!(bytes[76..], [0x81, 203, 0, 1, 1, 2, 3, 4]);
        assert_eq!(parse(&bytes).unwrap(), compound());
    }

    #[test]
    fn extended_reports_match_rfc_3611() {
        let reference = RtcpPacket::ExtendedReport {
            ssrc: 0x0102_0304,
            block: ExtendedReportBlock::ReceiverReferenceTime(NtpTime(0x1122_3344_5566_7788)),
        };
        let bytes = encode(std::slice::from_ref(&reference));
        let expected =
            [0x80, 207, 0, 4, 1, 2, 3, 4, 4, 0, 0, 2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88];
        assert_eq!(bytes, expected);
        assert_eq!(parse(&bytes), Ok(vec![reference]));
        let dlrr = RtcpPacket::ExtendedReport {
            ssrc: 9,
            block: ExtendedReportBlock::Dlrr { ssrc: 7, last_rr: 0x3344_5566, delay_since_last_rr: 655 },
        };
        let mut bytes = encode(std::slice::from_ref(&dlrr));
        assert_eq!(bytes[8..], [5, 0, 0, 3, 0, 0, 0, 7, 0x33, 0x44, 0x55, 0x66, 0, 0, 2, 0x8F]);
        assert_eq!(parse(&bytes), Ok(vec![dlrr.clone()]));
        // A block of another type before it, then one that is longer than the packet.
        bytes.splice(8..8, [1, 0, 0, 1, 0, 0, 0, 0]);
        bytes[3] = 7;
        assert_eq!(parse(&bytes), Ok(vec![dlrr]));
        bytes[11] = 200;
        assert_eq!(parse(&bytes), Err(RtcpError::Truncated));
    }

    #[test]
    fn empty_receiver_report_is_parsed() {
        let bytes = [0x80, 201, 0, 1, 0, 0, 0, 0];
        assert_eq!(parse(&bytes).unwrap(), [RtcpPacket::ReceiverReport { ssrc: 0, blocks: vec![] }]);
    }

    #[test]
    fn truncated_and_junk_packets_are_rejected() {
        let bytes = encode(&compound());
        for cut in 1..bytes.len() {
            let _ = parse(&bytes[..cut]);
        }
        assert_eq!(parse(&bytes[..30]), Err(RtcpError::Truncated));
        assert_eq!(parse(&[0xCE, 0xFA, 0xED, 0xFE]), Err(RtcpError::Version));
        assert_eq!(parse(&[0x00, 200, 0, 0]), Err(RtcpError::Version));
        assert_eq!(parse(&[0x9F, 201, 0, 1, 0, 0, 0, 1]), Err(RtcpError::Truncated));
        assert_eq!(parse(&[0x80, 204, 0, 0]).unwrap(), []);
    }

    #[test]
    fn system_time_converts_to_ntp() {
        let ntp = NtpTime::from(UNIX_EPOCH + Duration::from_millis(1_500));
        assert_eq!(ntp.0, (UNIX_EPOCH_IN_NTP + 1) << 32 | 0x8000_0000);
        assert_eq!(ntp.middle_bits(), (UNIX_EPOCH_IN_NTP as u32 + 1) << 16 | 0x8000);
        assert_eq!(dlsr_units(Duration::from_millis(250)), 16_384);
        let later = ntp.plus(Duration::from_millis(250));
        assert_eq!((later.seconds_since(ntp), ntp.seconds_since(later)), (0.25, -0.25));
    }

    #[test]
    fn truncated_extended_blocks_are_skipped() {
        let word = |word: u32| word.to_be_bytes();
        let block = |kind: u8, words: &[u32]| {
            let head = u32::from(kind) << 24 | words.len() as u32;
            std::iter::once(head).chain(words.iter().copied()).flat_map(word).collect::<Vec<u8>>()
        };
        let blocks = [
            block(DLRR_BLOCK, &[]),
            block(99, &[1]),
            block(RECEIVER_REFERENCE_TIME_BLOCK, &[3]),
            // The last of three sub-blocks is cut off.
            block(DLRR_BLOCK, &[7, 1, 2, 8, 3, 4, 9]),
            block(RECEIVER_REFERENCE_TIME_BLOCK, &[5, 6]),
        ]
        .concat();
        let length = (1 + blocks.len() / 4) as u32;
        let report =
            [&word(0x80 << 24 | u32::from(EXTENDED_REPORT) << 16 | length)[..], &word(5), &blocks].concat();
        let bye = RtcpPacket::Bye { ssrcs: vec![5] };
        let dlrr = |ssrc, last_rr, delay_since_last_rr| RtcpPacket::ExtendedReport {
            ssrc: 5,
            block: ExtendedReportBlock::Dlrr { ssrc, last_rr, delay_since_last_rr },
        };
        let reference = RtcpPacket::ExtendedReport {
            ssrc: 5,
            block: ExtendedReportBlock::ReceiverReferenceTime(NtpTime(5 << 32 | 6)),
        };
        let compound = [report, encode(std::slice::from_ref(&bye))].concat();
        assert_eq!(parse(&compound), Ok(vec![dlrr(7, 1, 2), dlrr(8, 3, 4), reference, bye]));
    }
}
