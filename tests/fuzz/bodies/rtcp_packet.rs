//! RTCP packets: written and parsed again, they are the same.

use reelay::proto::rtcp::{self, ExtendedReportBlock, NtpTime, ReportBlock, RtcpPacket, SenderInfo};

/// Maximum length of a name that is written as it is; one that is not UTF-8 becomes longer when it is read.
const MAX_CNAME: usize = 255;

fn is_written_as_is(packet: &RtcpPacket) -> bool {
    !matches!(packet, RtcpPacket::SourceDescription { cname, .. } if cname.len() > MAX_CNAME)
}

pub fn body(data: &[u8]) {
    let Ok(packets) = rtcp::parse(data) else { return };
    // A sub-block of an extended report has 12 bytes, every packet at least 4.
    assert!(packets.len() <= data.len() / 4, "{} packets in {} bytes", packets.len(), data.len());
    let written = rtcp::encode(&packets);
    assert_eq!(written.len() % 4, 0);
    let again = rtcp::parse(&written).expect("written packets are valid");
    if packets.iter().all(is_written_as_is) {
        assert_eq!(again, packets);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let report = ReportBlock {
        ssrc: 7,
        fraction_lost: 3,
        cumulative_lost: -2,
        highest_sequence: 0x1_FFFF,
        jitter: 90,
        last_sender_report: 5,
        delay_since_last_sender_report: 65_536,
    };
    let info = SenderInfo { ntp: NtpTime(1 << 40), rtp_timestamp: 9, packet_count: 3, octet_count: 4_000 };
    let cname = RtcpPacket::SourceDescription { ssrc: 7, cname: "player".to_owned() };
    let extended = |block| RtcpPacket::ExtendedReport { ssrc: 8, block };
    [
        vec![RtcpPacket::SenderReport { ssrc: 7, info, blocks: Vec::new() }, cname.clone()],
        vec![RtcpPacket::ReceiverReport { ssrc: 8, blocks: vec![report; 31] }, cname],
        vec![
            RtcpPacket::ReceiverReport { ssrc: 8, blocks: Vec::new() },
            extended(ExtendedReportBlock::ReceiverReferenceTime(NtpTime(u64::MAX))),
            extended(ExtendedReportBlock::Dlrr { ssrc: 8, last_rr: 1, delay_since_last_rr: 2 }),
        ],
        vec![RtcpPacket::Bye { ssrcs: vec![7, 8] }],
        vec![RtcpPacket::GenericNack { ssrc: 8, media_ssrc: 7, lost: vec![65_535, 0, 9, 40] }],
    ]
    .iter()
    .map(|packets| rtcp::encode(packets))
    .collect()
}
