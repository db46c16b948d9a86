//! Marker codes (T.81 table B.1): the byte after 0xFF.
#![allow(missing_docs)]

pub const SOF0: u8 = 0xC0;
pub const SOF1: u8 = 0xC1;
pub const SOF2: u8 = 0xC2;
pub const SOF3: u8 = 0xC3;
pub const DHT: u8 = 0xC4;
pub const JPG: u8 = 0xC8;
pub const DAC: u8 = 0xCC;
pub const SOF15: u8 = 0xCF;
pub const RST0: u8 = 0xD0;
pub const RST7: u8 = 0xD7;
pub const SOI: u8 = 0xD8;
pub const EOI: u8 = 0xD9;
pub const SOS: u8 = 0xDA;
pub const DQT: u8 = 0xDB;
pub const DNL: u8 = 0xDC;
pub const DRI: u8 = 0xDD;
pub const DHP: u8 = 0xDE;
pub const COM: u8 = 0xFE;

/// Returns true if the marker begins a frame header of any coding process (SOF).
pub fn is_start_of_frame(code: u8) -> bool {
    matches!(code, SOF0..=SOF15) && !matches!(code, DHT | JPG | DAC)
}

/// Returns true if the marker is followed by a length and a body.
pub fn has_segment(code: u8) -> bool {
    matches!(code, SOF0..=SOF15 | SOS..=COM)
}

/// Returns true if the code is reserved, or TEM: a marker without a segment that no decoder needs.
pub fn is_reserved(code: u8) -> bool {
    matches!(code, 0x01..=0xBF)
}
