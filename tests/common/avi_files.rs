//! AVI files as other programs write them, with their mistakes.

/// Index of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    None,
    /// `idx1` whose positions count from the type of the `movi` list.
    FromMovi,
    /// `idx1` whose positions count from the start of the file.
    Absolute,
    /// `idx1` without entries.
    Empty,
    /// `idx1` whose positions are of another file.
    Wrong,
    /// Super index in the stream header, and an index chunk for each RIFF chunk.
    OpenDml,
    /// The same, with both fields of each frame (`AVI_INDEX_2FIELD`).
    OpenDmlFields,
    /// An index chunk in the stream header.
    Standard,
    /// Super index that points to nothing.
    WrongOpenDml,
}

/// Properties of a file.
#[derive(Debug, Clone)]
pub struct AviOptions {
    pub codec: [u8; 4],
    /// Rate and scale of the stream header.
    pub rate: (u32, u32),
    pub start: u32,
    pub micros_per_frame: u32,
    pub size: (u32, u32),
    pub index: Index,
    /// A sound stream before the video stream, with a chunk before each frame.
    pub has_sound: bool,
    /// Each frame is in a `rec ` list.
    pub has_records: bool,
    /// A byte of padding after each chunk of odd length.
    pub has_padding: bool,
    /// Last two letters of the identifiers of frames.
    pub suffix: [u8; 2],
    /// Number of frames in each RIFF chunk.
    pub frames_per_riff: usize,
    /// The sizes of lists are 0, and there is no `idx1`, because the writer was stopped.
    pub is_unfinished: bool,
    /// Bytes after BITMAPINFOHEADER.
    pub format_extra: Vec<u8>,
    /// A JUNK chunk between frames.
    pub has_junk: bool,
}

impl Default for AviOptions {
    fn default() -> Self {
        Self {
            codec: *b"MJPG",
            rate: (25, 1),
            start: 0,
            micros_per_frame: 40_000,
            size: (96, 64),
            index: Index::FromMovi,
            has_sound: false,
            has_records: false,
            has_padding: true,
            suffix: *b"dc",
            frames_per_riff: usize::MAX,
            is_unfinished: false,
            format_extra: Vec::new(),
            has_junk: false,
        }
    }
}

/// Encodes a chunk, with padding.
pub fn chunk(id: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = [&id[..], &(data.len() as u32).to_le_bytes(), data].concat();
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

/// Encodes a list.
pub fn list(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    chunk(b"LIST", &[&kind[..], data].concat())
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A chunk of the video stream: position of its header from the start of its list, and length.
type Entry = (u64, u32);

impl AviOptions {
    fn video_number(&self) -> u8 {
        u8::from(self.has_sound)
    }

    fn frame_id(&self) -> [u8; 4] {
        [b'0', b'0' + self.video_number(), self.suffix[0], self.suffix[1]]
    }

    /// Encodes the file. A frame without bytes is a chunk of length 0.
    pub fn encode(&self, frames: &[Vec<u8>]) -> Vec<u8> {
        let parts: Vec<_> = frames.chunks(self.frames_per_riff.min(frames.len().max(1))).collect();
        // The length of the header list does not depend on the positions in it.
        let header_length = self.header(&vec![0; parts.len()], frames.len(), &[]).len() as u64;
        let (mut file, mut index_positions, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for (number, part) in parts.iter().enumerate() {
            let start = file.len() as u64 + 12 + if number == 0 { header_length } else { 0 };
            let (mut movi, entries) = self.movi(part);
            if matches!(self.index, Index::OpenDml | Index::OpenDmlFields) {
                index_positions.push(start + 12 + movi.len() as u64);
                movi.extend(chunk(
                    &[b'i', b'x', b'0', b'0' + self.video_number()],
                    &self.standard_index(start + 12, &entries),
                ));
            }
            all.extend(entries.iter().map(|(at, length)| (start + 12 + at, *length)));
            let mut riff = if number == 0 { vec![0; header_length as usize] } else { Vec::new() };
            riff.extend(list(b"movi", &movi));
            if self.is_unfinished {
                riff[if number == 0 { header_length as usize } else { 0 } + 4..][..4].fill(0);
            } else if number == 0 {
                riff.extend(self.idx1(start + 8, &entries));
            }
            let kind = if number == 0 { b"AVI " } else { b"AVIX" };
            let mut riff = chunk(b"RIFF", &[&kind[..], &riff].concat());
            if self.is_unfinished {
                riff[4..8].fill(0);
            }
            file.extend(riff);
        }
        let header = self.header(&index_positions, frames.len(), &all);
        file[12..12 + header.len()].copy_from_slice(&header);
        file
    }

    /// Returns the data of a `movi` list after its type, and the chunks of the video stream in it.
    fn movi(&self, frames: &[Vec<u8>]) -> (Vec<u8>, Vec<Entry>) {
        let (mut movi, mut entries) = (Vec::new(), Vec::new());
        for frame in frames {
            let mut group = Vec::new();
            if self.has_sound {
                group.extend(chunk(b"00wb", &[7; 101]));
            }
            if self.has_junk {
                group.extend(chunk(b"JUNK", &[0; 33]));
            }
            let at = group.len() as u64;
            let mut encoded = chunk(&self.frame_id(), frame);
            if !self.has_padding {
                encoded.truncate(8 + frame.len());
            }
            group.extend(encoded);
            let record_header = if self.has_records { 12 } else { 0 };
            entries.push((movi.len() as u64 + record_header + at, frame.len() as u32));
            movi.extend(if self.has_records { list(b"rec ", &group) } else { group });
        }
        (movi, entries)
    }

    /// Returns `idx1` for the chunks of a `movi` list whose type is at `movi`.
    fn idx1(&self, movi: u64, entries: &[Entry]) -> Vec<u8> {
        let base = match self.index {
            Index::FromMovi => 4,
            Index::Absolute => movi + 4,
            Index::Wrong => 3,
            Index::Empty => return chunk(b"idx1", &[]),
            _ => return Vec::new(),
        };
        let mut index = Vec::new();
        for (at, length) in entries {
            if self.has_sound {
                index.extend([&b"00wb"[..], &words(&[16, (at + base - 110) as u32, 101])].concat());
            }
            index.extend([&self.frame_id()[..], &words(&[16, (at + base) as u32, *length])].concat());
        }
        chunk(b"idx1", &index)
    }

    /// Returns the data of an index chunk for chunks whose positions count from `base`.
    fn standard_index(&self, base: u64, entries: &[Entry]) -> Vec<u8> {
        let has_fields = self.index == Index::OpenDmlFields;
        let (entry_words, sub_type) = if has_fields { (3u16, 1) } else { (2, 0) };
        let mut index = entry_words.to_le_bytes().to_vec();
        index.extend([sub_type, 1]);
        index.extend((entries.len() as u32).to_le_bytes());
        index.extend(self.frame_id());
        index.extend(base.to_le_bytes());
        index.extend([0; 4]);
        for (at, length) in entries {
            index.extend(words(&[*at as u32 + 8, *length]));
            if has_fields {
                index.extend(words(&[*at as u32 + 8 + length / 2]));
            }
        }
        index
    }

    fn super_index(&self, positions: &[u64]) -> Vec<u8> {
        let mut index = [&[4, 0, 0, 0][..], &words(&[positions.len() as u32])].concat();
        index.extend(self.frame_id());
        index.extend([0; 12]);
        for position in positions {
            index.extend(position.to_le_bytes());
            index.extend(words(&[32, 1]));
        }
        index
    }

    fn header(&self, index_positions: &[u64], frames: usize, all: &[Entry]) -> Vec<u8> {
        let (width, height) = self.size;
        let frames = frames as u32;
        let streams = 1 + u32::from(self.has_sound);
        let avih =
            words(&[self.micros_per_frame, 0, 0, 0x10, frames, 0, streams, 0, width, height, 0, 0, 0, 0]);
        let mut strh = [&b"vids"[..], &self.codec, &words(&[0, 0, 0])].concat();
        strh.extend(words(&[self.rate.1, self.rate.0, self.start, frames, 0, u32::MAX, 0, 0, 0]));
        let mut strf = words(&[40, width, height]);
        strf.extend([1, 0, 24, 0]);
        strf.extend(self.codec);
        strf.extend(words(&[width * height * 3, 0, 0, 0, 0]));
        strf.extend(&self.format_extra);
        let mut strl = [chunk(b"strh", &strh), chunk(b"strf", &strf)].concat();
        match self.index {
            Index::OpenDml | Index::OpenDmlFields => {
                strl.extend(chunk(b"indx", &self.super_index(index_positions)));
            }
            Index::WrongOpenDml => strl.extend(chunk(b"indx", &self.super_index(&[1, 40]))),
            Index::Standard => {
                let blank = vec![(0, 0); frames as usize];
                let entries = if all.is_empty() { &blank } else { all };
                strl.extend(chunk(b"indx", &self.standard_index(0, entries)));
            }
            _ => {}
        }
        let sound = {
            let strh = [&b"auds"[..], &words(&[0, 0, 0, 0, 1, 8_000, 0, 0, 0, 0, 1, 0, 0])].concat();
            let strf = [&[1, 0, 1, 0][..], &words(&[8_000, 8_000]), &[1, 0, 8, 0]].concat();
            list(b"strl", &[chunk(b"strh", &strh), chunk(b"strf", &strf)].concat())
        };
        let sound = if self.has_sound { sound } else { Vec::new() };
        list(b"hdrl", &[chunk(b"avih", &avih), sound, list(b"strl", &strl)].concat())
    }
}
