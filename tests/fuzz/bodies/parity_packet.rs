//! Payloads of parity packets: written and parsed again, they are the same, and recover no more than they protect.

use bytes::Bytes;
use reelay::proto::fec::{MAX_SPAN, Parity};
use reelay::proto::rtp::Header;

pub fn body(data: &[u8]) {
    let Some(parity) = Parity::parse(&Bytes::copy_from_slice(data)) else { return };
    let sequences: Vec<_> = parity.sequences().collect();
    assert!((1..=MAX_SPAN).contains(&sequences.len()));
    let written = parity.encode();
    assert!(written.len() <= data.len());
    assert_eq!(Parity::parse(&written.into()).as_ref(), Some(&parity));
    // The input itself stands for the other packets, whatever it is.
    for others in [&[][..], &[data], &[data, &data[..data.len() / 2]]] {
        if let Some(packet) = parity.clone().recover(sequences[0], 7, others.iter().copied()) {
            assert!(packet.len() <= 12 + data.len() && packet[0] >> 6 == 2);
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let parity = |sequences: &[u16]| {
        let mut parity = Parity::default();
        for &sequence in sequences {
            let header =
                Header { marker: sequence % 2 == 0, payload_type: 26, sequence, timestamp: 9, ssrc: 7 };
            let packet =
                [&header.encode(false)[..], &vec![sequence as u8; usize::from(sequence % 64)]].concat();
            assert!(parity.add(&packet));
        }
        parity.encode()
    };
    vec![parity(&[1]), parity(&[8, 9, 10, 11]), parity(&[65_530, 65_535, 4, 41]), parity(&[100, 147])]
}
