//! AVI files as cameras and programs write them: every index, and none, and each mistake of a writer.

mod common;

use common::avi_files::{AviOptions, Index, chunk, list};
use common::jpegs::{JpegKind, modify_segments};
use common::media_files::test_jpegs;
use memchr::memmem;
use reelay::media::container::{
    self, AviMuxer, ContainerFormat, FileDefects, FilmProperties, FrameEntry, FrameTimes, Muxer, MuxerWrite,
    ReadRequest, SequentialMuxer, SourceFile, UnsupportedFile, VideoCodec, identify,
};
use reelay::media::decode::decode;
use reelay::media::jpeg::{Dimensions, standalone};
use reelay::media::reencode::{Quality, to_rfc2435};
use reelay::media::{FrameRate, TimeBase};
use reelay::media_file::MediaFile;
use reelay::proto::rtsp::{Npt, NptRange};

/// What a demuxer finds in a file.
#[derive(Debug, Clone, PartialEq)]
struct Found {
    frames: Vec<Vec<u8>>,
    /// Times of the frames, in µs.
    times: Vec<u64>,
    /// End of the last frame, in µs.
    end: u64,
    defects: FileDefects,
    properties: FilmProperties,
    refusal: Option<UnsupportedFile>,
    /// Number of bytes read.
    bytes_read: usize,
}

/// Maximum number of reads of a test file: a demuxer that needs more makes no progress.
const MAX_READS: usize = 20_000;

fn demux(file: &[u8]) -> Found {
    let source = SourceFile { length: file.len() as u64, assumed_rate: FrameRate::CLASSROOM };
    let mut demuxer = container::open(ContainerFormat::Avi, source);
    let (mut entries, mut bytes_read) = (Vec::new(), 0);
    for read in 0.. {
        let ReadRequest::Range { offset, length } = demuxer.poll_read() else { break };
        assert!(length > 0 && length <= 8 << 20 && read < MAX_READS, "{offset} {length}");
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(file.len());
        let bytes = &file[start..file.len().min(start.saturating_add(length))];
        bytes_read += bytes.len();
        demuxer.handle_bytes(offset, bytes, &mut entries);
    }
    let read = |entry: &FrameEntry| file[entry.offset as usize..][..entry.length as usize].to_vec();
    Found {
        frames: entries.iter().map(read).collect(),
        times: entries.iter().map(|entry| entry.time.as_micros()).collect(),
        end: demuxer.end().as_micros(),
        defects: demuxer.defects(),
        properties: demuxer.properties(),
        refusal: demuxer.refusal(),
        bytes_read,
    }
}

/// Frames of even and odd lengths.
fn frames(count: u32) -> Vec<Vec<u8>> {
    let mut frames = test_jpegs(JpegKind::Standard420, (96, 64), count);
    for (number, frame) in frames.iter_mut().enumerate() {
        let is_odd = number % 3 == 1;
        frame.resize(frame.len().next_multiple_of(2) - usize::from(is_odd), 0);
    }
    frames
}

/// Asserts that all frames are found at 25 frames/s, without a defect.
#[track_caller]
fn assert_complete(options: &AviOptions, file: &[u8], frames: &[Vec<u8>]) {
    let found = demux(file);
    assert!(found.frames == frames, "{options:?}: {} of {} frames", found.frames.len(), frames.len());
    let expected: Vec<_> = (0..frames.len() as u64).map(|number| number * 40_000).collect();
    assert_eq!(found.times, expected, "{options:?}");
    assert_eq!((found.end, found.defects), (frames.len() as u64 * 40_000, FileDefects::default()));
}

const INDEXES: [Index; 9] = [
    Index::None,
    Index::FromMovi,
    Index::Absolute,
    Index::Empty,
    Index::Wrong,
    Index::OpenDml,
    Index::OpenDmlFields,
    Index::Standard,
    Index::WrongOpenDml,
];

#[test]
fn every_index_and_layout_gives_every_frame() {
    let frames = frames(40);
    for index in INDEXES {
        let base = AviOptions { index, ..AviOptions::default() };
        let layouts = [
            base.clone(),
            AviOptions { has_sound: true, ..base.clone() },
            AviOptions { has_sound: true, has_records: true, ..base.clone() },
            AviOptions { has_junk: true, suffix: *b"db", ..base.clone() },
            AviOptions { has_padding: false, ..base.clone() },
            AviOptions { has_padding: false, has_sound: true, ..base.clone() },
            AviOptions { frames_per_riff: 7, ..base.clone() },
            AviOptions { frames_per_riff: 7, has_sound: true, ..base.clone() },
            AviOptions { is_unfinished: true, frames_per_riff: 15, ..base },
        ];
        for options in layouts {
            assert_complete(&options, &options.encode(&frames), &frames);
        }
    }
}

#[test]
fn index_is_read_instead_of_the_frames() {
    let frames: Vec<_> = frames(60).into_iter().map(|frame| [frame, vec![0; 100_000]].concat()).collect();
    for (index, frames_per_riff) in
        [(Index::FromMovi, usize::MAX), (Index::OpenDml, 20), (Index::Absolute, usize::MAX)]
    {
        let options = AviOptions { index, frames_per_riff, ..AviOptions::default() };
        let file = options.encode(&frames);
        assert_complete(&options, &file, &frames);
        let read = demux(&file).bytes_read;
        assert!(read < 800_000, "{index:?}: {read} bytes of {} are read", file.len());
    }
}

#[test]
fn index_behind_other_chunks_is_read() {
    let frames: Vec<_> = frames(60).into_iter().map(|frame| [frame, vec![0; 100_000]].concat()).collect();
    let options = AviOptions::default();
    let file = options.encode(&frames);
    let idx1 = memmem::rfind(&file, b"idx1").unwrap();
    let with = |chunks: &[u8]| [&file[..idx1], chunks, &file[idx1..]].concat();
    let (junk, info) = (chunk(b"JUNK", &[7; 5]), list(b"INFO", &chunk(b"ISFT", b"camera")));
    for chunks in [&junk, &info, &[&info[..], &junk, &chunk(b"strn", b"")].concat()] {
        let file = with(chunks);
        assert_complete(&options, &file, &frames);
        assert!(demux(&file).bytes_read < 80_000, "the frames are searched after {} bytes", chunks.len());
    }
    let file = with(&junk.repeat(100));
    assert_complete(&options, &file, &frames);
    assert!(demux(&file).bytes_read > 300_000, "the search for the index ends, and the frames are searched");
}

#[test]
fn chunk_of_length_zero_repeats_the_former_frame() {
    let [first, second, third] = &frames(3)[..] else { panic!() };
    let with_gaps = [vec![], first.clone(), vec![], vec![], second.clone(), third.clone(), vec![]];
    for index in INDEXES {
        let options = AviOptions { index, ..AviOptions::default() };
        let found = demux(&options.encode(&with_gaps));
        assert_eq!(found.frames, [first.clone(), second.clone(), third.clone()], "{index:?}");
        assert_eq!(found.times, [40_000, 160_000, 200_000], "{index:?}");
        assert_eq!((found.end, found.defects), (280_000, FileDefects::default()), "{index:?}");
    }
}

#[test]
fn rate_and_start_of_the_stream_header_are_exact() {
    let frames = frames(4);
    let options = AviOptions { rate: (30_000, 1_001), start: 3, ..AviOptions::default() };
    let found = demux(&options.encode(&frames));
    assert_eq!(found.times, [100_100, 133_467, 166_834, 200_200]);
    assert_eq!(found.properties.rate, FrameRate::new(30_000, 1_001));
    assert_eq!(found.properties.time_base, TimeBase::new(30_000, 1_001));
    assert_eq!(found.properties.dimensions.map(|size| (size.width, size.height)), Some((96, 64)));
}

#[test]
fn rate_is_taken_from_the_main_header_or_assumed_if_the_stream_states_none() {
    let frames = frames(3);
    for rate in [(0, 1), (25, 0), (u32::MAX, 1), (1, u32::MAX)] {
        let options = AviOptions { rate, ..AviOptions::default() };
        assert_eq!(
            demux(&options.encode(&frames)).properties.rate,
            Some(FrameRate::per_second(25)),
            "{rate:?}"
        );
        let options = AviOptions { rate, micros_per_frame: 0, ..AviOptions::default() };
        let found = demux(&options.encode(&frames));
        assert_eq!((found.properties.rate, found.times), (None, vec![0, 50_000, 100_000]), "{rate:?}");
    }
}

#[test]
fn clock_of_a_millisecond_gives_times_of_variable_rate() {
    let [first, second] = &frames(2)[..] else { panic!() };
    let ticks: Vec<Vec<u8>> = (0..100)
        .map(|tick| {
            if tick == 0 {
                first.clone()
            } else if tick == 33 {
                second.clone()
            } else {
                vec![]
            }
        })
        .collect();
    let options = AviOptions { rate: (1_000, 1), ..AviOptions::default() };
    let found = demux(&options.encode(&ticks));
    assert_eq!((found.times, found.end), (vec![0, 33_000], 100_000));
}

#[test]
fn truncated_last_frame_is_left_out_and_reported() {
    let frames = frames(10);
    for index in [Index::None, Index::FromMovi, Index::OpenDml, Index::Standard] {
        let options = AviOptions { index, ..AviOptions::default() };
        let file = options.encode(&frames);
        let last = memchr::memmem::rfind(&file, &frames[9]).unwrap();
        for kept in [2, 100, frames[9].len() - 1] {
            let found = demux(&file[..last + kept]);
            assert_eq!(found.frames, frames[..9], "{index:?}: {kept} bytes are kept");
            let defects = FileDefects { is_truncated: true, ..FileDefects::default() };
            assert_eq!(found.defects, defects, "{index:?}: {kept} bytes are kept");
        }
    }
}

#[test]
fn scan_continues_after_damaged_chunk_headers() {
    let frames = frames(9);
    let options = AviOptions { index: Index::None, ..AviOptions::default() };
    let file = options.encode(&frames);
    let header = memchr::memmem::find(&file, &frames[4]).unwrap() - 8;
    for (damage, at) in [(&b"\xFE\xFE\xFE\xFE"[..], 0), (b"\xFF\xFF\xFF\x7F", 4), (b"\xFF\xFF\xFF\xFF", 4)] {
        let mut damaged = file.clone();
        damaged[header + at..][..4].copy_from_slice(damage);
        let found = demux(&damaged);
        assert!(found.frames.starts_with(&frames[..4]) && found.frames.ends_with(&frames[5..]), "{damage:?}");
        assert_eq!(found.defects.damaged + found.frames.len() as u64, 9, "{damage:?}");
        assert_eq!(*found.times.last().unwrap(), 320_000, "time goes on over the lost frame");
    }
}

#[test]
fn frame_that_is_no_jpeg_is_counted_and_takes_its_time() {
    let mut frames = frames(5);
    frames[2][..2].fill(0);
    let options = AviOptions { index: Index::None, ..AviOptions::default() };
    let found = demux(&options.encode(&frames));
    assert_eq!((found.frames.len(), found.defects.damaged), (4, 1));
    assert_eq!(found.times, [0, 40_000, 120_000, 160_000]);
}

#[test]
fn frames_after_the_end_of_the_index_are_found() {
    let frames = frames(20);
    // The writer was stopped in the second RIFF chunk, before its index chunk was written.
    let options = AviOptions { index: Index::OpenDml, frames_per_riff: 12, ..AviOptions::default() };
    let file = options.encode(&frames);
    let end = memchr::memmem::find(&file, &frames[19]).unwrap() + frames[19].len();
    assert_complete(&options, &file[..end], &frames);
}

#[test]
fn every_code_of_motion_jpeg_is_opened_and_lossless_jpeg_is_refused() {
    let frames = frames(2);
    for codec in [b"MJPG", b"mjpg", b"AVRn", b"dmb1", b"JPEG", b"jpeg"] {
        let options = AviOptions { codec: *codec, ..AviOptions::default() };
        let file = options.encode(&frames);
        assert_eq!(identify(&file), Ok(ContainerFormat::Avi));
        assert_complete(&options, &file, &frames);
    }
    for (codec, name) in [(b"LJPG", "lossless JPEG"), (b"H264", "H.264"), (b"XVID", "MPEG-4")] {
        let file = AviOptions { codec: *codec, ..AviOptions::default() }.encode(&frames);
        let codec = VideoCodec::Named(name);
        let refusal = UnsupportedFile::Codec { container: "an AVI film", codec };
        assert_eq!(identify(&file), Err(refusal));
        let found = demux(&file);
        assert_eq!((found.frames.len(), found.refusal), (0, Some(refusal)));
    }
}

#[test]
fn sound_is_named_and_skipped() {
    let options = AviOptions { has_sound: true, ..AviOptions::default() };
    let found = demux(&options.encode(&frames(3)));
    assert_eq!(found.properties.other_streams, ["PCM sound"]);
}

#[test]
fn streams_of_every_kind_are_named() {
    let with_kind = |options: AviOptions, before: &[u8; 4], kind: &[u8; 4]| {
        let mut file = options.encode(&frames(3));
        let at = memmem::find(&file, before).unwrap();
        file[at..at + 4].copy_from_slice(kind);
        demux(&file)
    };
    let beside_video = |kind| {
        let options = AviOptions { has_sound: true, ..AviOptions::default() };
        with_kind(options, b"auds", kind).properties.other_streams
    };
    assert_eq!(beside_video(b"txts"), ["subtitles"]);
    assert_eq!(beside_video(b"iavs"), ["another stream"]);
    assert_eq!(beside_video(b"mids"), ["another stream"]);
    let refusal = |kind| with_kind(AviOptions::default(), b"vids", kind).refusal;
    let codec = VideoCodec::Named("DV");
    assert_eq!(refusal(b"iavs"), Some(UnsupportedFile::Codec { container: "an AVI film", codec }));
    assert_eq!(refusal(b"txts"), Some(UnsupportedFile::NoVideo("an AVI film")));
}

#[test]
fn tables_after_the_format_of_the_stream_are_stepped_over() {
    let frames = frames(3);
    let tables = reelay::media::jpeg::tables::standard_dht_segment();
    let options = AviOptions { format_extra: tables, ..AviOptions::default() };
    assert_complete(&options, &options.encode(&frames), &frames);
}

#[test]
fn header_list_longer_than_the_first_read_is_read_in_full() {
    let frames = frames(3);
    // An unknown chunk of 200 KB in the format of the stream.
    let options = AviOptions { format_extra: vec![1; 200_000], ..AviOptions::default() };
    let file = options.encode(&frames);
    assert_complete(&options, &file, &frames);
    // The same before the header list.
    let junk = chunk(b"JUNK", &[0; 200_000]);
    let options = AviOptions { index: Index::None, ..AviOptions::default() };
    let file = options.encode(&frames);
    assert_complete(&options, &[&file[..12], &junk, &file[12..]].concat(), &frames);
}

/// Changes a file at random places, and its length; the same for each seed.
fn mutate(file: &mut Vec<u8>, seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below.max(1)
    };
    for _ in 0..=random(6) {
        let at = random(file.len());
        // Headers and indexes are changed more often than the data of frames.
        let structure = [b"LIST", b"00dc", b"idx1", b"indx", b"ix00", b"strh", b"RIFF"];
        let near =
            memchr::memmem::find(&file[at..], structure[random(structure.len())]).map(|found| at + found);
        let at = near.filter(|_| random(4) > 0).map_or(at, |near| (near + random(40)).min(file.len() - 1));
        match random(8) {
            0 => file.truncate(at.max(1)),
            1 => file[at..].iter_mut().take(4).for_each(|byte| *byte = 0xFF),
            2 => file[at..].iter_mut().take(4).for_each(|byte| *byte = 0),
            3 => {
                let (from, length) = (random(file.len()), random(64));
                let copied = file[from..].iter().take(length).copied().collect::<Vec<_>>();
                file.splice(at..at, copied);
            }
            4 => drop(file.drain(at..(at + random(16)).min(file.len() - 1).max(at))),
            _ => file[at] = random(256) as u8,
        }
    }
}

/// `REELAY_AVI_MUTATIONS=n` tries another number of mutated files.
#[test]
fn mutated_files_are_read_to_their_end_without_panic() {
    let count = std::env::var("REELAY_AVI_MUTATIONS").map_or(3_000, |count| count.parse().unwrap());
    let mut frames = frames(12);
    frames[5].clear();
    let files: Vec<_> = INDEXES
        .into_iter()
        .map(|index| {
            AviOptions { index, frames_per_riff: 5, has_sound: true, ..AviOptions::default() }.encode(&frames)
        })
        .collect();
    for seed in 0..count {
        let mut file = files[seed as usize % files.len()].clone();
        mutate(&mut file, seed);
        let found = demux(&file);
        assert!(found.frames.len() <= file.len() / 8, "seed {seed}: {} frames", found.frames.len());
        assert!(found.bytes_read <= file.len() * 3 + 1_000_000, "seed {seed}: {} bytes", found.bytes_read);
        let _ = identify(&file);
    }
}

/// Encodes a field of one colour, with the "AVI1" segment of this polarity.
fn field(grey: u8, polarity: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 100);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_2);
    encoder.encode(&[grey; 96 * 32 * 3], 96, 32, jpeg_encoder::ColorType::Rgb).unwrap();
    modify_segments(&jpeg, |segments| segments[0] = (0xE0, [&b"AVI1"[..], &[polarity, 0], &[0; 8]].concat()))
}

/// Grey value of the first lines of a decoded frame, 0 to 255.
fn lines(jpeg: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::new();
    assert_eq!(decode(jpeg, &mut pixels), Ok((96, 64)));
    pixels.chunks_exact(96 * 4).take(4).map(|line| line[0]).collect()
}

#[test]
fn both_fields_of_a_frame_are_woven_into_one_picture() {
    let (odd, even) = (field(255, 1), field(0, 2));
    let woven = [255, 0, 255, 0];
    for frame in
        [[&odd[..], &even].concat(), [&odd[..], &[0; 7], &even, &[0]].concat(), [&even[..], &odd].concat()]
    {
        assert_eq!(lines(&frame), woven);
        let for_players = to_rfc2435(&frame, Quality::new(100).unwrap()).unwrap();
        let sent: Vec<u8> = lines(&for_players);
        assert!(sent.iter().zip(woven).all(|(line, woven)| line.abs_diff(woven) < 30), "{sent:?}");
    }
    let frames = vec![[odd, even].concat(); 3];
    let file = temporary_film(&AviOptions::default().encode(&frames));
    let film = MediaFile::open(file.path(), "film.avi", FrameRate::CLASSROOM).unwrap();
    assert_eq!(film.info().dimensions, Dimensions { width: 96, height: 64 });
    assert_eq!(film.read_frame(2).unwrap(), frames[2], "the bytes stay as they are");
}

#[test]
fn frames_without_tables_are_decoded_and_saved_with_the_standard_ones() {
    let frames = test_jpegs(JpegKind::WithoutDht, (96, 64), 3);
    assert_complete(&AviOptions::default(), &AviOptions::default().encode(&frames), &frames);
    let saved = standalone(&frames[0]);
    let header = reelay::media::jpeg::JpegHeader::parse(&saved).unwrap();
    assert!(header.has_huffman_tables());
    assert_eq!(lines(&saved), lines(&frames[0]));
    assert_eq!(saved.len(), frames[0].len() + reelay::media::jpeg::tables::standard_dht_segment().len());
}

fn temporary_film(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".avi").unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// Waits until the complete file is indexed, and returns the number of its frames.
fn indexed_frames(film: &MediaFile) -> u64 {
    let mut progress = film.progress();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(progress.wait_for(|progress| progress.is_finished())).unwrap().frames
}

#[test]
fn film_states_its_times() {
    let mut frames = frames(4);
    frames.insert(2, Vec::new());
    let file = temporary_film(&AviOptions { has_sound: true, ..AviOptions::default() }.encode(&frames));
    let film = MediaFile::open(file.path(), "film.avi", FrameRate::CLASSROOM).unwrap();
    assert_eq!(indexed_frames(&film), 4);
    let info = film.info();
    assert_eq!(info.range(), NptRange::parse("npt=0-0.2").unwrap());
    assert_eq!([0, 1, 2, 3].map(|frame| info.times.npt_of(frame).as_micros()), [0, 40_000, 120_000, 160_000]);
    assert_eq!(info.times.frame_at(Npt::from_micros(100_000)), 1);
    assert_eq!(info.times.rate_text(), "20 fps", "four frames in 0.2 s");
    let note = "film.avi also contains PCM sound, which Reelay does not play.";
    assert_eq!((info.format, info.other_streams_note().as_deref()), (ContainerFormat::Avi, Some(note)));
}

#[test]
fn film_that_states_no_rate_has_an_assumed_one() {
    let options = AviOptions { rate: (0, 0), micros_per_frame: 0, ..AviOptions::default() };
    let file = temporary_film(&options.encode(&frames(4)));
    let film = MediaFile::open(file.path(), "film.avi", FrameRate::CLASSROOM).unwrap();
    assert_eq!(film.times(), FrameTimes::Assumed(FrameRate::CLASSROOM));
    assert_eq!(film.times().rate_text(), "20 fps (assumed)");
}

#[test]
fn frame_that_is_not_where_the_index_says_is_an_error_of_that_frame() {
    let mut frames = frames(30);
    let options = AviOptions { index: Index::OpenDml, ..AviOptions::default() };
    // Frame 3 is none of the chunks that are compared with the file.
    frames[3][..2].fill(0);
    let file = temporary_film(&options.encode(&frames));
    let film = MediaFile::open(file.path(), "film.avi", FrameRate::CLASSROOM).unwrap();
    assert_eq!(indexed_frames(&film), 30);
    assert_eq!(film.read_frame(3).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(film.read_frame(4).unwrap(), frames[4]);
}

#[test]
fn film_with_another_codec_is_refused_by_name() {
    let file = temporary_film(&AviOptions { codec: *b"H264", ..AviOptions::default() }.encode(&frames(2)));
    let error = MediaFile::open(file.path(), "film.avi", FrameRate::CLASSROOM).unwrap_err();
    let path = file.path().display().to_string();
    let command =
        format!("ffmpeg -i {path} -c:v mjpeg -q:v 3 -an {}-converted.avi", path.trim_end_matches(".avi"));
    assert_eq!(
        error.to_string(),
        format!("film.avi is an AVI film whose video is H.264, not Motion JPEG; convert it first: {command}")
    );
    assert_eq!(error.command(), Some(command));
}

/// Replaces the only occurrence of a number of 8 bytes.
fn replace_number(bytes: &mut [u8], number: u64, replacement: u64) {
    let at = memchr::memmem::find_iter(&*bytes, &number.to_le_bytes()).collect::<Vec<_>>();
    assert_eq!(at.len(), 1, "{number}");
    bytes[at[0]..at[0] + 8].copy_from_slice(&replacement.to_le_bytes());
}

#[test]
fn frames_beyond_4_gib_are_found_by_the_index() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let frames = frames(20);
    let options = AviOptions { index: Index::OpenDml, frames_per_riff: 10, ..AviOptions::default() };
    let mut bytes = options.encode(&frames);
    let second = memchr::memmem::rfind(&bytes, b"RIFF").unwrap();
    let index = memchr::memmem::rfind(&bytes, b"ix00").unwrap();
    // The second RIFF chunk moves by 5 GiB.
    let distance = 5 << 30;
    replace_number(&mut bytes, index as u64, index as u64 + distance);
    replace_number(&mut bytes, second as u64 + 24, second as u64 + 24 + distance);
    let mut file = tempfile::NamedTempFile::with_suffix(".avi").unwrap();
    file.write_all(&bytes[..second]).unwrap();
    file.seek(SeekFrom::Start(second as u64 + distance)).unwrap();
    file.write_all(&bytes[second..]).unwrap();
    let film = MediaFile::open(file.path(), "film.avi", FrameRate::CLASSROOM).unwrap();
    assert_eq!(indexed_frames(&film), 20);
    for (number, frame) in (0..).zip(&frames) {
        assert_eq!(film.read_frame(number).unwrap(), *frame);
    }
    assert_eq!(film.info().warning(), None);
}

#[test]
fn chunks_of_2_gib_are_stepped_over_without_an_index() {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let frames = frames(4);
    let options = AviOptions { index: Index::None, is_unfinished: true, ..AviOptions::default() };
    let bytes = options.encode(&frames);
    let mut file = tempfile::NamedTempFile::with_suffix(".avi").unwrap();
    file.write_all(&bytes).unwrap();
    for _ in 0..2 {
        file.write_all(&[&b"JUNK"[..], &(1u32 << 31).to_le_bytes()].concat()).unwrap();
        file.seek(SeekFrom::Current(1 << 31)).unwrap();
        file.write_all(&chunk(b"00dc", &frames[1])).unwrap();
    }
    let film = MediaFile::open(file.path(), "film.avi", FrameRate::CLASSROOM).unwrap();
    assert_eq!(indexed_frames(&film), 6);
    assert_eq!(film.read_frame(5).unwrap(), frames[1]);
    assert_eq!(film.info().warning(), None);
}

/// Applies what a muxer returns to the contents of a file.
fn apply(file: &mut Vec<u8>, writes: Vec<MuxerWrite>) {
    for write in writes {
        match write {
            MuxerWrite::Append(bytes) => file.extend_from_slice(&bytes),
            MuxerWrite::Patch { offset, bytes } => {
                file[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
            }
        }
    }
}

/// Writes a film with frames at these times, in ms.
fn mux(frames: &[Vec<u8>], times: &[u64], end: u64, base: TimeBase) -> (Vec<u8>, Npt) {
    let mut muxer = AviMuxer::new(Dimensions { width: 96, height: 64 }, base);
    let (mut file, mut writes) = (Vec::new(), Vec::new());
    for (frame, time) in frames.iter().zip(times) {
        muxer.write_frame(frame.clone().into(), Npt::from_micros(time * 1_000), &mut writes).unwrap();
    }
    muxer.finish(Npt::from_micros(end * 1_000), &mut writes);
    apply(&mut file, writes);
    (file, muxer.max_time_error())
}

#[test]
fn written_film_is_read_with_its_frames_and_times() {
    let frames = frames(5);
    let (file, error) = mux(&frames, &[0, 40, 80, 240, 280], 400, TimeBase::new(25, 1).unwrap());
    let found = demux(&file);
    assert_eq!((found.frames, found.end), (frames.clone(), 400_000));
    assert_eq!(found.times, [0, 40_000, 80_000, 240_000, 280_000]);
    assert_eq!((found.properties.time_base, error), (TimeBase::new(25, 1), Npt::ZERO));
    assert_eq!((found.defects, found.properties.other_streams.len()), (FileDefects::default(), 0));
    // Both indexes are complete: neither needs the other.
    for index in [b"indx", b"idx1"] {
        let mut other = file.clone();
        let at = memchr::memmem::rfind(&other, index).unwrap();
        other[at..at + 4].copy_from_slice(b"JUNK");
        assert_eq!(demux(&other).frames, frames);
    }
}

#[test]
fn times_are_rounded_to_ticks_and_the_error_is_stated() {
    let frames = frames(3);
    let (file, error) = mux(&frames, &[3, 40, 95], 120, TimeBase::new(100, 1).unwrap());
    let found = demux(&file);
    assert_eq!((found.times, found.end), (vec![0, 40_000, 100_000], 120_000));
    assert_eq!(error, Npt::from_micros(5_000));
}

#[test]
fn film_whose_writer_was_stopped_is_read_up_to_there() {
    let frames = frames(6);
    let mut muxer = AviMuxer::new(Dimensions { width: 96, height: 64 }, TimeBase::new(25, 1).unwrap());
    let (mut file, mut writes) = (Vec::new(), Vec::new());
    for (number, frame) in (0..).zip(&frames) {
        muxer.write_frame(frame.clone().into(), Npt::from_micros(number * 40_000), &mut writes).unwrap();
    }
    apply(&mut file, writes);
    assert_eq!(demux(&file).frames, frames);
    let found = demux(&file[..file.len() - 50]);
    assert_eq!((found.frames, found.defects.is_truncated), (frames[..5].to_vec(), true));
}

#[test]
fn film_longer_than_a_riff_chunk_continues_in_the_next_one() {
    // 70 frames of 16 MB: more than 1 GiB. Only the bytes around the frames are kept.
    let frame = bytes::Bytes::from([&[0xFF, 0xD8][..], &[0; 15_999_998]].concat());
    let mut muxer = AviMuxer::new(Dimensions { width: 96, height: 64 }, TimeBase::new(25, 1).unwrap());
    let (mut writes, mut riffs, mut length) = (Vec::new(), Vec::new(), 0u64);
    for number in 0..140 {
        muxer.write_frame(frame.clone(), Npt::from_micros(number * 40_000), &mut writes).unwrap();
        for write in writes.drain(..) {
            if let MuxerWrite::Append(bytes) = write {
                riffs.extend(bytes.starts_with(b"RIFF").then_some(length));
                length += bytes.len() as u64;
            }
        }
    }
    muxer.finish(Npt::from_micros(5_600_000), &mut writes);
    assert_eq!(riffs.len(), 3, "{riffs:?}");
    assert!(riffs.windows(2).all(|pair| pair[1] - pair[0] <= (1 << 30) + 20_000_000), "{riffs:?}");
    let sizes: Vec<_> = writes.iter().filter(|write| matches!(write, MuxerWrite::Patch { .. })).collect();
    assert!(sizes.len() >= 5, "the lengths in the headers are set at the end");
}

#[test]
fn classroom_format_refuses_frames_that_its_length_field_cannot_state() {
    let mut writes = Vec::new();
    let mut write =
        |length| SequentialMuxer::classroom().write_frame(vec![0; length].into(), Npt::ZERO, &mut writes);
    assert_eq!(write(99_999), Ok(()));
    let error = write(100_000).unwrap_err();
    assert_eq!(error.to_string(), "it has 100000 bytes, and the format holds at most 99999");
    assert!(matches!(&writes[0], MuxerWrite::Append(length) if length == "99999"));
}
