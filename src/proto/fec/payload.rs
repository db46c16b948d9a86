//! Payload of parity packets in either format.

use bytes::Bytes;

use super::format::FecFormat;
use super::parity::Parity;
use super::{flexfec, ulpfec};

impl Parity {
    /// Returns the payload of the parity packet.
    pub fn encode(&self) -> Vec<u8> {
        match self.format {
            FecFormat::Ulpfec => ulpfec::encode(self),
            FecFormat::Flexfec => flexfec::encode(self),
        }
    }

    /// Parses the payload of a parity packet; `None` if it is malformed or protects no packet.
    pub fn parse(format: FecFormat, payload: &Bytes) -> Option<Self> {
        match format {
            FecFormat::Ulpfec => ulpfec::parse(payload),
            FecFormat::Flexfec => flexfec::parse(payload),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parity::tests::{example, parity};
    use super::*;

    #[test]
    fn each_packet_is_recovered_from_the_others() {
        let packets = example();
        for format in FecFormat::ALL {
            for lost in 0..4 {
                let parity = Parity::parse(format, &parity(format, &packets).encode().into()).unwrap();
                assert_eq!(parity.sequences().collect::<Vec<_>>(), [8, 9, 10, 11]);
                let others = packets.iter().enumerate().filter(|(index, _)| *index != lost);
                let recovered = parity.recover(8 + lost as u16, 2, others.map(|(_, packet)| &packet[..]));
                assert_eq!(recovered.as_ref(), Some(&packets[lost]));
            }
        }
    }
}
