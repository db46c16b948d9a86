//! RTP packets and the extension of their counters.

use reelay::proto::rtp::{Packet, extend_sequence, extend_timestamp};

use super::input::Input;

fn write(packet: &Packet) -> Vec<u8> {
    let mut bytes = packet.header.encode(packet.extension.is_some()).to_vec();
    if let Some(extension) = &packet.extension {
        assert_eq!(extension.body.len() % 4, 0);
        bytes.extend_from_slice(&extension.profile.to_be_bytes());
        bytes.extend_from_slice(&((extension.body.len() / 4) as u16).to_be_bytes());
        bytes.extend_from_slice(&extension.body);
    }
    bytes.extend_from_slice(&packet.payload);
    bytes
}

pub fn body(data: &[u8]) {
    if let Ok(packet) = Packet::parse(data.to_vec().into()) {
        let written = write(&packet);
        assert!(written.len() <= data.len(), "a packet has more bytes than arrived");
        assert_eq!(Packet::parse(written.into()), Ok(packet));
    }
    let mut input = Input::new(data);
    let reference = (input.u64() >> 2) as i64;
    let (sequence, timestamp) = (input.u16(), input.u64() as u32);
    let extended = extend_sequence(reference, sequence);
    assert!(extended as u16 == sequence && extended.abs_diff(reference) <= 1 << 15);
    let extended = extend_timestamp(reference, timestamp);
    assert!(extended as u32 == timestamp && extended.abs_diff(reference) <= 1 << 31);
}

pub fn seeds() -> Vec<Vec<u8>> {
    let fixed = |first: u8| [&[first, 0x9A, 0xFF, 0xFF, 0, 1, 2, 3, 9, 8, 7, 6][..]].concat();
    vec![
        [fixed(0x80), b"payload".to_vec()].concat(),
        [fixed(0xA0), b"payload\0\0\0\x04".to_vec()].concat(),
        [fixed(0x90), b"\xFF\xD8\0\x02\xFF\xDB\0\x06\0\0\0\0payload".to_vec()].concat(),
        [fixed(0xB2), b"csrccsrc\xAB\xAC\0\x01long\x01".to_vec()].concat(),
        fixed(0xBF),
    ]
}
