//! Payloads of parity packets: written and parsed again, they are the same, and recover no more than they protect.

use bytes::Bytes;
use reelay::proto::fec::{FecFormat, Parity};
use reelay::proto::rtp::Header;

pub fn body(data: &[u8]) {
    FecFormat::ALL.into_iter().for_each(|format| check(format, data));
}

fn check(format: FecFormat, data: &[u8]) {
    let Some(parity) = Parity::parse(format, &Bytes::copy_from_slice(data)) else { return };
    let sequences: Vec<_> = parity.sequences().collect();
    assert!((1..=format.max_span()).contains(&sequences.len()));
    let written = parity.encode();
    // A fixed arrangement of FlexFEC is written as a mask, whose longest form has 12 bytes more.
    let longer = if format == FecFormat::Flexfec { 12 } else { 0 };
    assert!(written.len() <= data.len() + longer);
    assert_eq!(Parity::parse(format, &written.into()).as_ref(), Some(&parity));
    // The input itself stands for the other packets, whatever it is.
    for others in [&[][..], &[data], &[data, &data[..data.len() / 2]]] {
        if let Some(packet) = parity.clone().recover(sequences[0], 7, others.iter().copied()) {
            assert!(packet.len() <= 12 + data.len() && packet[0] >> 6 == 2);
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let parity = |format: FecFormat, sequences: &[u16]| {
        let mut parity = Parity::new(format);
        for &sequence in sequences {
            let header =
                Header { marker: sequence % 2 == 0, payload_type: 26, sequence, timestamp: 9, ssrc: 7 };
            let packet =
                [&header.encode(false)[..], &vec![sequence as u8; usize::from(sequence % 64)]].concat();
            assert!(parity.add(&packet));
        }
        parity.encode()
    };
    let groups: [&[u16]; 4] = [&[1], &[8, 9, 10, 11], &[65_530, 65_535, 4, 41], &[100, 147]];
    let both = groups.iter().flat_map(|group| FecFormat::ALL.map(|format| parity(format, group)));
    let column = [&[0x40, 26, 0, 40, 0, 0, 0, 9, 0, 8, 10, 5][..], &[7; 40]].concat();
    both.chain([column]).collect()
}
