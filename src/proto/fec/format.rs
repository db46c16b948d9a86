//! Formats of parity packets.

/// Format of parity packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FecFormat {
    /// ULPFEC (RFC 5109), of which one level protects complete packets.
    Ulpfec,
    /// FlexFEC (RFC 8627) for one stream.
    Flexfec,
}

impl FecFormat {
    /// All formats, to find one by its [encoding](Self::encoding).
    pub const ALL: [Self; 2] = [Self::Ulpfec, Self::Flexfec];

    /// Encoding in `rtpmap` (RFC 5109 §11, RFC 8627 §5.1).
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Ulpfec => "ulpfec/90000",
            Self::Flexfec => "flexfec/90000",
        }
    }

    /// Number of consecutive sequence numbers, from that of the first protected packet on, that a parity packet can
    /// name: bits of the longest mask (RFC 5109 §7.4, RFC 8627 §4.2.2.1).
    pub const fn max_span(self) -> usize {
        match self {
            Self::Ulpfec => 48,
            Self::Flexfec => 110,
        }
    }
}
