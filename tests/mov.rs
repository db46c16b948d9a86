//! QuickTime and MP4 files with Motion JPEG, and what is odd in them.

mod common;

use std::fs::File;
use std::os::unix::fs::FileExt;

use common::jpegs::JpegKind;
use common::media_files::test_jpegs;
use common::mov_files::{MovFile, atom, description, numbers};
use memchr::memmem;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use reelay::media::FrameRate;
use reelay::media::container::{
    self, ContainerFormat, Demuxer, FrameEntry, ReadRequest, SourceFile, UnsupportedFile, VideoCodec,
};
use reelay::media_file::MediaFile;

const QUICKTIME: &str = "a QuickTime film";

/// A film of five frames at 20 frames/s.
fn film() -> MovFile {
    MovFile::new(test_jpegs(JpegKind::Standard420, (96, 64), 5), 20)
}

/// Frames of a file, and its demuxer after the last read.
fn demux(file: &[u8]) -> Result<(Vec<FrameEntry>, Box<dyn Demuxer>), UnsupportedFile> {
    let format = container::identify(&file[..file.len().min(container::HEAD_LENGTH)])?;
    assert_eq!(format, ContainerFormat::Mov);
    let source = SourceFile { length: file.len() as u64, assumed_rate: FrameRate::CLASSROOM };
    let mut demuxer = container::open(format, source);
    let mut entries = Vec::new();
    // A read takes at least one byte or ends the file.
    for _ in 0..file.len() + 2 {
        let ReadRequest::Range { offset, length } = demuxer.poll_read() else {
            return demuxer.refusal().map_or(Ok((entries, demuxer)), Err);
        };
        assert!(length > 0 && length <= 16 * 1024 * 1024);
        let start = usize::try_from(offset).unwrap().min(file.len());
        let bytes = &file[start..(start + length).min(file.len())];
        demuxer.handle_bytes(offset, bytes, &mut entries);
    }
    panic!("the demuxer does not end");
}

/// Times of the frames of a film, in ms. Each frame is compared with its bytes.
fn times(film: &MovFile) -> Vec<u64> {
    let file = film.encode();
    let (entries, _) = demux(&file).unwrap();
    let frame = |entry: &FrameEntry| &file[entry.offset as usize..][..entry.length as usize];
    for entry in &entries {
        assert!(film.frames.iter().any(|known| known == frame(entry)), "{entry:?} is not a frame");
    }
    entries.iter().map(|entry| entry.time.as_micros() / 1_000).collect()
}

fn refusal(film: &MovFile) -> UnsupportedFile {
    demux(&film.encode()).map(|(entries, _)| entries).unwrap_err()
}

#[test]
fn index_is_found_before_and_after_the_frames() {
    for is_fast_start in [false, true] {
        for has_long_offsets in [false, true] {
            let film = MovFile { is_fast_start, has_long_offsets, ..film() };
            assert_eq!(times(&film), [0, 50, 100, 150, 200], "{is_fast_start} {has_long_offsets}");
            let (_, demuxer) = demux(&film.encode()).unwrap();
            assert_eq!(demuxer.end().as_micros(), 250_000);
            let properties = demuxer.properties();
            assert_eq!(properties.rate, Some(FrameRate::per_second(20)));
            assert_eq!(properties.dimensions.map(|size| (size.width, size.height)), Some((96, 64)));
        }
    }
}

#[test]
fn frames_of_different_durations_have_their_times() {
    let film = MovFile { durations: vec![30, 60, 600, 3, 30], ..film() };
    assert_eq!(times(&film), [0, 50, 150, 1_150, 1_155]);
    let mean = demux(&film.encode()).unwrap().1.properties().rate.unwrap().as_f64();
    assert!((mean - 5.0 / 1.205).abs() < 0.001, "{mean} frames/s");
}

#[test]
fn edit_list_shifts_the_start() {
    assert_eq!(times(&MovFile { edits: vec![(500, -1), (250, 0)], ..film() }), [500, 550, 600, 650, 700]);
    assert_eq!(times(&MovFile { edits: vec![(150, 60)], ..film() }), [0, 50, 100], "the first two are cut");
}

/// ffmpeg writes Motion JPEG into MP4 files as `mp4v`, with the object type of JPEG.
#[test]
fn mp4v_with_the_object_type_of_jpeg_is_motion_jpeg() {
    let esds = |object_type| {
        let config = [4, 13, object_type, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        atom(b"esds", &[&[0, 0, 0, 0, 3, 18, 0, 1, 0][..], &config].concat())
    };
    let mp4 = |object_type| MovFile {
        codec: *b"mp4v",
        description_atoms: esds(object_type),
        brand: *b"isom",
        ..film()
    };
    assert_eq!(times(&mp4(0x6C)).len(), 5);
    for (object_type, name) in [
        (0x20, "MPEG-4"),
        (0x21, "H.264"),
        (0x23, "H.265"),
        (0x60, "MPEG-2"),
        (0x65, "MPEG-2"),
        (0x6A, "MPEG-1"),
        (0x6D, "PNG"),
        (0x6E, "JPEG 2000"),
    ] {
        let codec = VideoCodec::Named(name);
        let expected = UnsupportedFile::Codec { container: "an MP4 film", codec };
        assert_eq!(refusal(&mp4(object_type)), expected, "{object_type:#X}");
    }
}

#[test]
fn other_codecs_are_named() {
    let named = |code: &[u8; 4], name| {
        let codec = VideoCodec::Named(name);
        let expected = UnsupportedFile::Codec { container: QUICKTIME, codec };
        assert_eq!(refusal(&MovFile { codec: *code, ..film() }), expected);
    };
    named(b"avc1", "H.264");
    named(b"apcn", "ProRes");
    named(b"mjpb", "Motion JPEG B");
    let unknown = UnsupportedFile::Codec { container: QUICKTIME, codec: VideoCodec::Unknown(*b"zzzz") };
    assert_eq!(refusal(&MovFile { codec: *b"zzzz", ..film() }), unknown);
}

#[test]
fn fragmented_files_are_named() {
    let fragmented = MovFile { movie_atoms: numbers(b"mvex", &[]), ..film() };
    assert_eq!(refusal(&fragmented), UnsupportedFile::MotionJpegIn("a fragmented QuickTime film"));
    let only_fragments = [&atom(b"ftyp", b"isom\0\0\x02\0")[..], &numbers(b"moof", &[0])].concat();
    assert_eq!(demux(&only_fragments).err(), Some(UnsupportedFile::Container("a fragmented MP4 film")));
}

#[test]
fn films_with_frames_elsewhere_or_a_compressed_index_are_named() {
    let external = MovFile { reference_flags: 0, ..film() };
    assert_eq!(
        refusal(&external),
        UnsupportedFile::Other("a QuickTime film whose frames are in another file")
    );
    let compressed = MovFile { movie_atoms: numbers(b"cmov", &[0]), ..film() };
    let reason = UnsupportedFile::Container("a QuickTime film with a compressed index");
    assert_eq!(refusal(&compressed), reason);
}

#[test]
fn images_and_sound_of_the_same_structure_are_named() {
    let file = |brand: &[u8; 4]| demux(&atom(b"ftyp", &[&brand[..], &[0; 4]].concat())).err();
    assert_eq!(file(b"heic"), Some(UnsupportedFile::Other("a HEIC image")));
    assert_eq!(file(b"avif"), Some(UnsupportedFile::Other("an AVIF image")));
    assert_eq!(file(b"M4A "), Some(UnsupportedFile::NoVideo("an MP4 sound file")));
}

/// Encodes a further track.
fn track(kind: &[u8; 4], sample_table: &[u8]) -> Vec<u8> {
    atom(b"trak", &film().media(kind, &atom(b"stbl", sample_table)))
}

#[test]
fn sound_is_skipped_and_named() {
    let sound = track(b"soun", &description(b"sowt", (0, 0), &[]));
    let film = MovFile { movie_atoms: sound, ..film() };
    assert_eq!(times(&film).len(), 5);
    assert_eq!(demux(&film.encode()).unwrap().1.properties().other_streams, ["PCM sound"]);
}

#[test]
fn tracks_of_every_kind_are_named() {
    let others = |kind, code| {
        let film = MovFile { movie_atoms: track(kind, &description(code, (96, 64), &[])), ..film() };
        assert_eq!(times(&film).len(), 5);
        demux(&film.encode()).unwrap().1.properties().other_streams
    };
    for kind in [b"text", b"sbtl", b"subt", b"clcp"] {
        assert_eq!(others(kind, kind), ["subtitles"]);
    }
    assert_eq!(others(b"vide", b"jpeg"), ["another video track"]);
    assert_eq!(others(b"vide", b"avc1"), ["another video track"], "several frames are no cover");
    assert_eq!(others(b"tmcd", b"tmcd"), [""; 0], "a time code needs no mention");
}

#[test]
fn frames_of_impossible_lengths_are_left_out_and_counted() {
    let mut frames = test_jpegs(JpegKind::Standard420, (96, 64), 5);
    (frames[1], frames[3]) = (vec![0xFF, 0xD8], vec![0; 16 * 1024 * 1024 + 1]);
    let film = MovFile::new(frames, 20);
    assert_eq!(times(&film), [0, 100, 200]);
    let defects = demux(&film.encode()).unwrap().1.defects();
    assert_eq!((defects.damaged, defects.oversized, defects.is_truncated), (1, 1, false));
}

#[test]
fn unknown_atoms_before_the_index_are_stepped_over() {
    let encoded = MovFile { is_fast_start: false, ..film() }.encode();
    let index = memmem::rfind(&encoded, b"moov").unwrap() - 4;
    let file = [&encoded[..index], &atom(b"ab c", &[0; 9]), &atom(b"wide", b""), &encoded[index..]].concat();
    assert_eq!(demux(&file).unwrap().0.len(), 5);
}

/// MP4 files have their cover as a track of one JPEG.
#[test]
fn cover_of_another_film_is_not_played() {
    let h264 = track(b"vide", &description(b"avc1", (96, 64), &[]));
    let cover = MovFile::new(test_jpegs(JpegKind::Standard420, (96, 64), 1), 20);
    let codec = VideoCodec::Named("H.264");
    let film = MovFile { movie_atoms: h264, ..cover };
    assert_eq!(refusal(&film), UnsupportedFile::Codec { container: QUICKTIME, codec });
}

/// A writer that is stopped leaves no movie atom behind.
#[test]
fn frames_of_a_file_without_index_are_found() {
    let film = film();
    let complete = film.encode();
    let file = &complete[..complete.len() - film.movie(0).len()];
    let (entries, demuxer) = demux(file).unwrap();
    let frames: Vec<_> =
        entries.iter().map(|entry| &file[entry.offset as usize..][..entry.length as usize]).collect();
    assert_eq!(frames, film.frames);
    assert_eq!(demuxer.properties().rate, None, "the rate is assumed");
    assert_eq!(entries[1].time.as_micros(), 50_000);
}

#[test]
fn truncated_file_has_its_complete_frames() {
    let film = MovFile { is_fast_start: true, ..film() };
    let complete = film.encode();
    let file = &complete[..complete.len() - film.frames[4].len() - 1];
    let (entries, demuxer) = demux(file).unwrap();
    assert_eq!(entries.len(), 3);
    assert!(demuxer.defects().is_truncated);
}

#[test]
fn data_atom_may_have_a_long_length_or_none() {
    let film = film();
    for header in [&b"\0\0\0\x01mdat\0\0\0\0\0\0\0\0"[..], b"\0\0\0\0mdat"] {
        let movie = film.movie(header.len() as u64);
        let frames = film.frames.concat();
        let mut long = header.to_vec();
        let is_long = header.len() == 16;
        if is_long {
            long[8..].copy_from_slice(&(16 + frames.len() as u64).to_be_bytes());
        }
        // Without a length, the atom reaches to the end of the file, so the movie atom has to be before it.
        let file = match is_long {
            true => [long, frames, movie].concat(),
            false => [film.movie(movie.len() as u64 + 8), long, frames].concat(),
        };
        let (entries, _) = demux(&file).unwrap();
        assert_eq!(entries.len(), 5);
        assert!(file[entries[4].offset as usize..].starts_with(&film.frames[4]));
    }
}

/// The first frame of a file of 6 GB is there after a few reads, because nothing before the index is read.
#[test]
fn index_behind_six_gigabytes_is_found() {
    const START: u64 = 6_000_000_000;
    let film = MovFile { has_long_offsets: true, ..film() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mov");
    let file = File::create(&path).unwrap();
    let data = film.frames.concat();
    let mut header = [&b"\0\0\0\x01mdat"[..], &[0; 8]].concat();
    header[8..].copy_from_slice(&(START + data.len() as u64).to_be_bytes());
    file.write_all_at(&header, 0).unwrap();
    file.write_all_at(&data, START).unwrap();
    file.write_all_at(&film.movie(START), START + data.len() as u64).unwrap();
    let opened = MediaFile::open(&path, "film", FrameRate::CLASSROOM).unwrap();
    for (number, frame) in (0..).zip(&film.frames) {
        assert_eq!(opened.read_frame(number).unwrap(), frame[..]);
    }
}

#[test]
fn mutated_files_are_read_or_refused() {
    let mut random = SmallRng::seed_from_u64(1);
    let seeds: Vec<_> = [false, true]
        .map(|is_fast_start| MovFile { is_fast_start, edits: vec![(100, -1), (100, 30)], ..film() }.encode())
        .into();
    for _ in 0..3_000 {
        let mut file = seeds[random.random_range(0..seeds.len())].clone();
        // Most bytes are frames; errors belong into the atoms.
        let positions: Vec<usize> = memchr::memmem::find_iter(&file, b"st").chain([0, 4, 28]).collect();
        for _ in 0..random.random_range(1..6) {
            let near = positions[random.random_range(0..positions.len())] + random.random_range(0..40);
            if let Some(byte) = file.get_mut(near) {
                *byte = if random.random_bool(0.3) { 0xFF } else { random.random() };
            }
        }
        if random.random_bool(0.1) {
            file.truncate(random.random_range(0..file.len()));
        }
        let length = file.len() as u64;
        let head = &file[..file.len().min(container::HEAD_LENGTH)];
        if container::identify(head) == Ok(ContainerFormat::Mov)
            && let Ok((entries, _)) = demux(&file)
        {
            let is_inside = |entry: &FrameEntry| entry.offset + u64::from(entry.length) <= length;
            assert!(entries.iter().all(is_inside), "frames outside of the file");
            assert!(entries.is_sorted_by_key(|entry| entry.time), "frames are not in presentation order");
        }
    }
}
