//! QuickTime and MP4 files, atom by atom.

/// Encodes an atom.
pub fn atom(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 8).to_be_bytes()[..], kind, data].concat()
}

/// Encodes an atom whose data are numbers of 4 bytes.
pub fn numbers(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    atom(kind, &numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<_>>())
}

/// A film with one track of video, as a program would write it; tests change what is odd.
#[derive(Debug, Clone)]
pub struct MovFile {
    pub frames: Vec<Vec<u8>>,
    /// Duration of each frame, in ticks.
    pub durations: Vec<u32>,
    /// Ticks of the track in a second.
    pub clock: u32,
    /// Ticks of the film in a second.
    pub film_clock: u32,
    pub codec: [u8; 4],
    /// Atoms in the sample description.
    pub description_atoms: Vec<u8>,
    /// Edits: duration in ticks of the film, and start in ticks of the track, or -1.
    pub edits: Vec<(u32, i32)>,
    pub brand: [u8; 4],
    /// The movie atom is before the frames.
    pub is_fast_start: bool,
    /// Positions have 8 bytes.
    pub has_long_offsets: bool,
    /// Flags of the reference to the data: 1 stands for this file.
    pub reference_flags: u32,
    /// Further atoms in the movie atom.
    pub movie_atoms: Vec<u8>,
}

impl MovFile {
    /// Creates a film with a constant rate.
    pub fn new(frames: Vec<Vec<u8>>, rate: u32) -> Self {
        Self {
            durations: vec![600 / rate; frames.len()],
            frames,
            clock: 600,
            film_clock: 1_000,
            codec: *b"jpeg",
            description_atoms: Vec::new(),
            edits: Vec::new(),
            brand: *b"qt  ",
            is_fast_start: false,
            has_long_offsets: false,
            reference_flags: 1,
            movie_atoms: Vec::new(),
        }
    }

    /// Encodes the file.
    pub fn encode(&self) -> Vec<u8> {
        let file_type = atom(b"ftyp", &[&self.brand[..], &[0, 0, 2, 0], &self.brand].concat());
        let data = atom(b"mdat", &self.frames.concat());
        if self.is_fast_start {
            let start = file_type.len() + self.movie(0).len() + 8;
            [file_type, self.movie(start as u64), data].concat()
        } else {
            let movie = self.movie(file_type.len() as u64 + 8);
            [file_type, data, movie].concat()
        }
    }

    /// Encodes the movie atom. `start` is the position of the first frame.
    pub fn movie(&self, start: u64) -> Vec<u8> {
        let track =
            atom(b"trak", &[self.edit_list(), self.media(b"vide", &self.sample_table(start))].concat());
        let header = numbers(b"mvhd", &[0, 0, 0, self.film_clock, 0]);
        atom(b"moov", &[header, track, self.movie_atoms.clone()].concat())
    }

    fn edit_list(&self) -> Vec<u8> {
        if self.edits.is_empty() {
            return Vec::new();
        }
        let edits =
            self.edits.iter().flat_map(|&(duration, start)| [duration, start.cast_unsigned(), 0x1_0000]);
        let list: Vec<u32> = [0, self.edits.len() as u32].into_iter().chain(edits).collect();
        atom(b"edts", &numbers(b"elst", &list))
    }

    /// Encodes the media of a track of this kind.
    pub fn media(&self, kind: &[u8; 4], sample_table: &[u8]) -> Vec<u8> {
        let reference = numbers(b"url ", &[self.reference_flags]);
        let references = atom(b"dref", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &reference].concat());
        let information = atom(b"minf", &[&atom(b"dinf", &references)[..], sample_table].concat());
        let handler = atom(b"hdlr", &[&[0; 8][..], kind, &[0; 12]].concat());
        let header = numbers(b"mdhd", &[0, 0, 0, self.clock, 0, 0]);
        atom(b"mdia", &[header, handler, information].concat())
    }

    fn sample_table(&self, start: u64) -> Vec<u8> {
        let count = self.frames.len() as u32;
        let durations: Vec<u32> =
            [0, count].into_iter().chain(self.durations.iter().flat_map(|duration| [1, *duration])).collect();
        let sizes: Vec<u32> =
            [0, 0, count].into_iter().chain(self.frames.iter().map(|frame| frame.len() as u32)).collect();
        let offsets = match self.has_long_offsets {
            true => numbers(b"co64", &[0, 1, (start >> 32) as u32, start as u32]),
            false => numbers(b"stco", &[0, 1, start as u32]),
        };
        let description = description(&self.codec, (96, 64), &self.description_atoms);
        let parts = [
            description,
            numbers(b"stts", &durations),
            numbers(b"stsc", &[0, 1, 1, count, 1]),
            numbers(b"stsz", &sizes),
            offsets,
        ];
        atom(b"stbl", &parts.concat())
    }
}

/// Encodes the descriptions of the samples of a track of video.
pub fn description(codec: &[u8; 4], (width, height): (u16, u16), atoms: &[u8]) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let video = [&[0; 6][..], &[0, 1], &[0; 16], &size, &[0; 50], atoms].concat();
    atom(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &atom(codec, &video)].concat())
}
