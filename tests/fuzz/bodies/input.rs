//! Choices read from the bytes of an input, and seeds written for them.

/// Reader of an input. After its end, it reads zeros.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    pub fn u16(&mut self) -> u16 {
        self.bytes(2).iter().fold(0, |number, byte| number << 8 | u16::from(*byte))
    }

    pub fn u64(&mut self) -> u64 {
        self.bytes(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Reads up to this number of bytes.
    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// Reads a length of two bytes, and as many bytes.
    pub fn block(&mut self) -> &'a [u8] {
        let length = self.u16();
        self.bytes(length.into())
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// Appends bytes with their length, as [`Input::block`] reads them.
pub fn put_block(seed: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("a block of at most 65,535 bytes");
    seed.extend_from_slice(&length.to_be_bytes());
    seed.extend_from_slice(bytes);
}

/// Splits bytes into pieces of 1 to `max_length` bytes, of lengths that depend on `choice`.
pub fn pieces(mut bytes: &[u8], choice: u8, max_length: usize) -> Vec<&[u8]> {
    let (mut state, mut pieces) = (u32::from(choice) * 2 + 1, Vec::new());
    while !bytes.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, rest) = bytes.split_at((1 + (state >> 16) as usize % max_length).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}
