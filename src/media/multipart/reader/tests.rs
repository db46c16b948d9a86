//! Multipart bodies with the peculiarities of cameras, in pieces of any size.

use super::*;
use crate::media::multipart::gap::MAX_LINE;

/// Returns a JPEG whose entropy-coded data is `data`.
fn jpeg(data: &[u8]) -> Vec<u8> {
    [&[0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2][..], data, &[0xFF, 0xD9]].concat()
}

fn two_frames() -> [Vec<u8>; 2] {
    [jpeg(b"first\r\nframe"), jpeg(&[7, 0xFF, 0, 9, b'\n', b'-', b'-'])]
}

/// Frames of a body, and what was noticed beside them.
#[derive(Debug, PartialEq, Eq, Default)]
struct Found {
    frames: Vec<Vec<u8>>,
    times: Vec<Option<u64>>,
    mistakes: Vec<Mistake>,
    unusable: Vec<UnusablePart>,
    headers: Vec<String>,
}

fn read_in_pieces(boundary: Option<&str>, body: &[u8], size: usize) -> Found {
    read_all(MultipartReader::new(boundary, true), body, size)
}

fn read_all(mut reader: MultipartReader, body: &[u8], size: usize) -> Found {
    let mut found = Found::default();
    let mut collect = |reader: &mut MultipartReader| {
        while let Some(event) = reader.poll_event() {
            match event {
                PartEvent::Header(text) => found.headers.push(text),
                PartEvent::Frame(frame) => {
                    assert_eq!(body[frame.offset as usize..][..frame.jpeg.len()], frame.jpeg[..]);
                    found.frames.push(frame.jpeg.to_vec());
                    found.times.push(frame.time);
                }
                PartEvent::Unusable(reason) => found.unusable.push(reason),
                PartEvent::Mistake(mistake, _) => found.mistakes.push(mistake),
            }
        }
    };
    for piece in body.chunks(size) {
        reader.push(piece);
        collect(&mut reader);
    }
    reader.finish();
    collect(&mut reader);
    found
}

/// Returns what is found in the body; the same for pieces of any size.
fn read(boundary: Option<&str>, body: &[u8]) -> Found {
    let found = read_in_pieces(boundary, body, body.len());
    for size in [1, 2, 3, 5, 16] {
        assert_eq!(read_in_pieces(boundary, body, size), found, "in pieces of {size} bytes");
    }
    found
}

/// Joins the parts: delimiter and header lines, data, and what follows the data.
fn body(parts: &[(&str, &[u8], &str)]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|(before, data, after)| [before.as_bytes(), data, after.as_bytes()].concat())
        .collect()
}

/// Reads two frames, of which each follows `before` and is followed by `after`; `LENGTH` in `before` is the length of
/// the frame. Both frames must be found.
fn read_two(boundary: Option<&str>, before: &str, after: &str) -> Found {
    let frames = two_frames();
    let parts: Vec<u8> = frames
        .iter()
        .flat_map(|frame| body(&[(&before.replace("LENGTH", &frame.len().to_string()), frame, after)]))
        .collect();
    let found = read(boundary, &parts);
    assert_eq!(found.frames, frames, "{before:?} {after:?}");
    found
}

const HEADER: &str = "Content-Type: image/jpeg\r\nContent-Length: LENGTH\r\n\r\n";

fn with_header(delimiter: &str) -> String {
    format!("{delimiter}{HEADER}")
}

#[test]
fn frames_of_a_regular_body_are_found_without_remark() {
    let found = read_two(Some("frame"), &with_header("--frame\r\n"), "\r\n");
    assert_eq!((found.mistakes, found.unusable), (vec![], vec![]));
    assert_eq!(
        found.headers[0],
        format!("--frame\nContent-Type: image/jpeg\nContent-Length: {}\n", two_frames()[0].len())
    );
}

#[test]
fn boundary_with_and_without_leading_dashes_is_the_same() {
    for (stated, written) in
        [("--frame", "--frame"), ("--frame", "----frame"), ("frame", "frame"), ("-frame", "--frame")]
    {
        let found = read_two(Some(stated), &with_header(&format!("{written}\r\n")), "\r\n");
        assert_eq!(found.mistakes, [], "{stated} {written}");
    }
}

#[test]
fn boundary_may_have_blanks() {
    let found = read_two(Some("my frame"), &with_header("--my frame  \r\n"), "\r\n");
    assert_eq!(found.mistakes, []);
}

#[test]
fn boundary_missing_in_the_header_is_taken_from_the_body() {
    let found = read_two(None, &with_header("--frame\r\n"), "\r\n");
    assert_eq!(found.mistakes, [Mistake::MissingBoundary]);
}

#[test]
fn other_boundary_than_the_stated_one_is_taken_from_the_body() {
    let found = read_two(Some("stated"), &with_header("--written\r\n"), "\r\n");
    assert_eq!(found.mistakes, [Mistake::OtherBoundary]);
}

#[test]
fn boundary_may_be_missing_before_the_first_part() {
    let [a, b] = two_frames();
    let header = |frame: &[u8]| HEADER.replace("LENGTH", &frame.len().to_string());
    let separated = body(&[(&header(&a), &a, "\r\n--frame\r\n"), (&header(&b), &b, "\r\n--frame\r\n")]);
    let found = read(Some("frame"), &separated);
    assert_eq!((found.frames, found.mistakes), (vec![a.clone(), b.clone()], vec![]));
    let bare = body(&[("", &a, "\r\n--frame\r\n"), ("\r\n", &b, "\r\n--frame--\r\n")]);
    assert_eq!(read(Some("frame"), &bare).frames, [a, b]);
}

#[test]
fn frames_without_length_end_with_their_markers() {
    let found = read_two(Some("frame"), "--frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n");
    assert_eq!(found.mistakes, []);
}

#[test]
fn frames_without_length_and_end_marker_end_at_the_boundary() {
    let without_eoi = |data: &[u8]| jpeg(data)[..11 + data.len()].to_vec();
    let (a, b) = (without_eoi(b"first\r\nframe"), without_eoi(b"second"));
    let header = "--frame\r\nContent-Type: image/jpeg\r\n\r\n";
    let found = read(Some("frame"), &body(&[(header, &a, "\r\n"), (header, &b, "\r\n--frame--")]));
    assert_eq!((found.frames, found.unusable), (vec![a, b], vec![]));
}

#[test]
fn frames_without_end_marker_end_at_their_length() {
    let without_eoi = |data: &[u8]| jpeg(data)[..11 + data.len()].to_vec();
    let frames = [without_eoi(b"first"), without_eoi(b"second")];
    let parts: Vec<u8> = frames
        .iter()
        .flat_map(|frame| {
            body(&[(&with_header("--frame\r\n").replace("LENGTH", &frame.len().to_string()), frame, "\r\n")])
        })
        .collect();
    let found = read(Some("frame"), &parts);
    assert_eq!((found.frames.as_slice(), found.mistakes), (&frames[..], vec![]));
}

#[test]
fn frame_cut_by_the_sender_is_unusable() {
    let [a, b] = two_frames();
    let header = "--frame\r\nContent-Type: image/jpeg\r\n\r\n";
    let found =
        read(Some("frame"), &body(&[(header, &a, "\r\n"), (header, &b[..15], "\r\n"), (header, &b, "\r\n")]));
    assert_eq!((found.frames, found.unusable), (vec![a, b], vec![UnusablePart::Damaged]));
}

#[test]
fn content_length_that_is_too_short_is_ignored() {
    for length in ["1", "3", "12"] {
        let header = with_header("--frame\r\n").replace("LENGTH", length);
        let found = read_two(Some("frame"), &header, "\r\n");
        assert_eq!(found.mistakes, [Mistake::WrongPartLength; 2], "{length}");
    }
}

#[test]
fn content_length_that_is_too_long_is_ignored() {
    for length in ["40", "5000", "16000000"] {
        let header = with_header("--frame\r\n").replace("LENGTH", length);
        let found = read_two(Some("frame"), &header, "\r\n");
        assert_eq!(found.mistakes, [Mistake::WrongPartLength], "{length}: the second part has no end");
    }
}

#[test]
fn content_length_may_count_the_line_end_or_padding() {
    let [a, b] = two_frames();
    let header = |length: usize| HEADER.replace("LENGTH", &length.to_string());
    let parts = body(&[
        ("--frame\r\n", header(a.len() + 2).as_bytes(), ""),
        ("", &a, "\r\n--frame\r\n"),
        ("", header(b.len() + 4).as_bytes(), ""),
        ("", &b, "\0\0\0\0\r\n--frame\r\n"),
    ]);
    let found = read(Some("frame"), &parts);
    assert_eq!((found.frames, found.mistakes), (vec![a, b], vec![]));
}

#[test]
fn content_type_may_be_missing_or_wrong() {
    for header in ["", "Content-Type: text/plain\r\n", "Content-Type: image/jpg\r\n", "Content-Type: x\r\n"] {
        let found =
            read_two(Some("frame"), &format!("--frame\r\n{header}Content-Length: LENGTH\r\n\r\n"), "\r\n");
        assert_eq!((found.mistakes, found.unusable), (vec![], vec![]), "{header}");
    }
}

#[test]
fn part_may_have_no_header_at_all() {
    for after_delimiter in ["\r\n", ""] {
        let found = read_two(Some("frame"), &format!("--frame\r\n{after_delimiter}"), "\r\n");
        assert_eq!(found.mistakes, []);
    }
}

#[test]
fn lines_may_end_with_lf_alone() {
    let found = read_two(Some("frame"), &with_header("--frame\r\n").replace('\r', ""), "\n");
    assert_eq!(found.mistakes, []);
}

#[test]
fn headers_may_be_in_any_case() {
    let header = "--frame\r\nCONTENT-TYPE: IMAGE/JPEG\r\ncontent-length:LENGTH\r\nx-TimeStamp: 2.5\r\n\r\n";
    let found = read_two(Some("frame"), header, "\r\n");
    assert_eq!((found.times, found.mistakes), (vec![Some(2_500_000); 2], vec![]));
}

#[test]
fn delimiter_may_follow_the_frame_without_a_line_end() {
    for header in [HEADER, "\r\n"] {
        let found = read_two(Some("frame"), &format!("--frame\r\n{header}"), "");
        assert_eq!(found.mistakes, [], "{header}");
    }
}

#[test]
fn line_ends_after_the_header_are_passed_over() {
    let found = read_two(Some("frame"), &format!("{}\r\n", with_header("--frame\r\n")), "\r\n\r\n");
    assert_eq!(found.unusable, []);
}

#[test]
fn preamble_is_passed_over() {
    let [a, b] = two_frames();
    let long = "-- no header follows this line of dashes\r\n".repeat(100) + &"x".repeat(5_000);
    for preamble in ["This is a message in MIME format.\r\n\r\n", "\r\n\r\n", long.as_str()] {
        let parts = body(&[
            (preamble, b"", "\r\n--frame\r\n\r\n"),
            ("", &a, "\r\n--frame\r\n\r\n"),
            ("", &b, "\r\n"),
        ]);
        let found = read(Some("frame"), &parts);
        assert_eq!((found.frames, found.mistakes), (vec![a.clone(), b.clone()], vec![]));
    }
}

#[test]
fn part_of_zero_bytes_is_passed_over() {
    let [a, b] = two_frames();
    for empty in [
        "Content-Length: 0\r\n\r\n\r\n",
        "Content-Type: image/jpeg\r\n\r\n\r\n",
        "Content-Type: image/jpeg\r\n\r\n",
    ] {
        let parts = body(&[
            ("--frame\r\n\r\n", &a, "\r\n--frame\r\n"),
            (empty, b"", "--frame\r\n\r\n"),
            ("", &b, "\r\n"),
        ]);
        let found = read(Some("frame"), &parts);
        assert_eq!(found.frames, [a.clone(), b.clone()], "{empty:?}");
        assert_eq!((found.mistakes, found.unusable), (vec![Mistake::EmptyPart], vec![]), "{empty:?}");
    }
}

#[test]
fn text_parts_are_skipped() {
    let [a, b] = two_frames();
    let text = "temperature: 20\r\n--no boundary\r\nContent-Type: none\r\n";
    for length in [String::new(), format!("Content-Length: {}\r\n", text.len())] {
        let header = format!("--frame\r\nContent-Type: text/plain\r\n{length}\r\n");
        let parts = body(&[
            ("--frame\r\n\r\n", &a, "\r\n"),
            (&header, text.as_bytes(), "\r\n"),
            ("--frame\r\n\r\n", &b, "\r\n"),
        ]);
        let found = read(Some("frame"), &parts);
        assert_eq!((found.frames, found.unusable), (vec![a.clone(), b.clone()], vec![]), "{length}");
        assert_eq!(found.headers.len(), 3);
    }
}

#[test]
fn parts_of_another_image_type_are_named() {
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\0";
    let [a, _] = two_frames();
    let parts = body(&[
        ("--frame\r\nContent-Type: image/png\r\nContent-Length: 12\r\n\r\n", png, "\r\n"),
        ("--frame\r\n\r\n", &a, "\r\n"),
    ]);
    let found = read(Some("frame"), &parts);
    assert_eq!(found.unusable, [UnusablePart::OtherType("image/png".to_owned())]);
    assert_eq!(found.frames, [a]);
}

/// Some cameras state the length of an endless stream in each part.
#[test]
fn length_that_no_frame_has_is_not_believed() {
    let [a, b] = two_frames();
    let header = "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 2147483647\r\n\r\n";
    let found = read(Some("frame"), &body(&[(header, &a, "\r\n"), (header, &b, "\r\n--frame--\r\n")]));
    assert_eq!((found.frames, found.unusable), (vec![a, b], vec![]));
    assert_eq!(found.mistakes, [Mistake::WrongPartLength; 2]);
}

#[test]
fn damaged_frame_does_not_affect_the_next_one() {
    let [a, b] = two_frames();
    let damaged = [&a[..4], &[0, 1], &b[..]].concat();
    for header in [
        "--frame\r\n\r\n".to_owned(),
        with_header("--frame\r\n").replace("LENGTH", &damaged.len().to_string()),
    ] {
        let parts = body(&[(&header, &damaged, "\r\n"), ("--frame\r\n\r\n", &b, "\r\n")]);
        let found = read(Some("frame"), &parts);
        assert_eq!(
            (found.frames, found.unusable),
            (vec![b.clone()], vec![UnusablePart::Damaged]),
            "{header}"
        );
    }
}

/// In a multipart body, SOI in the data of a frame is damage: the delimiter is the end of the part.
#[test]
fn frames_without_end_marker_end_at_the_next_one_unless_the_body_has_parts() {
    let frames = [b"first", b"other", b"third"].map(|data| {
        let jpeg = jpeg(data);
        jpeg[..jpeg.len() - 2].to_vec()
    });
    let body = frames.concat();
    for size in [1, 3, body.len()] {
        let found = read_all(MultipartReader::new(None, false), &body, size);
        assert_eq!((&found.frames[..], &found.unusable[..]), (&frames[..], &[][..]), "{size}");
        let found = read_in_pieces(None, &body, size);
        assert!(found.unusable.contains(&UnusablePart::Damaged), "{size}: {found:?}");
    }
}

#[test]
fn thumbnail_in_a_frame_is_not_its_end() {
    let thumbnail = jpeg(b"small");
    let length = (thumbnail.len() as u16 + 2).to_be_bytes();
    let frame = [&[0xFF, 0xD8, 0xFF, 0xE1][..], &length, &thumbnail, &jpeg(b"large")[2..]].concat();
    let parts = body(&[("--frame\r\n\r\n", &frame, "\r\n"), ("--frame\r\n\r\n", &frame, "\r\n")]);
    assert_eq!(read(Some("frame"), &parts).frames, [frame.clone(), frame]);
}

#[test]
fn body_without_any_boundary_is_read_as_frames() {
    let [a, b] = two_frames();
    let concatenated = [&b"junk "[..], &a, &b, &[0; 5], &a].concat();
    assert_eq!(read(None, &concatenated).frames, [a.clone(), b, a]);
}

/// The first bytes of a frame are found wherever the pieces of a line end that is too long to be kept.
#[test]
fn frame_after_a_long_line_is_found_in_pieces_of_any_size() {
    let [a, _] = two_frames();
    for length in MAX_LINE - 6..MAX_LINE + 6 {
        let parts = [&vec![b'x'; length][..], &a].concat();
        assert_eq!(read(None, &parts).frames, [&a[..]], "{length} bytes before the frame");
    }
}

#[test]
fn single_jpeg_without_end_marker_is_complete_at_the_end_of_the_body() {
    let [a, _] = two_frames();
    let mut reader = MultipartReader::new(None, false);
    reader.push(&a[..a.len() - 2]);
    assert!(reader.is_in_part() && reader.poll_event().is_none());
    reader.finish();
    assert!(
        matches!(reader.poll_event(), Some(PartEvent::Frame(frame)) if frame.jpeg[..] == a[..a.len() - 2])
    );
}

#[test]
fn long_headers_and_frames_are_refused_with_bounded_memory() {
    let mut reader = MultipartReader::new(Some("frame"), true);
    reader.push(b"--frame\r\n");
    for _ in 0..100 {
        reader.push(&[b'x'; 1_000]);
        assert!(reader.buffer.len() <= MAX_HEADER + 1_000);
    }
    assert_eq!(reader.poll_event(), Some(PartEvent::Unusable(UnusablePart::HeaderTooLong)));
    for length in ["", "Content-Length: 99999999999\r\n"] {
        reader.push(format!("\r\n--frame\r\n{length}\r\n").as_bytes());
        reader.push(&jpeg(b"x")[..11]);
        for _ in 0..40 {
            reader.push(&vec![1; 1 << 19]);
            assert!(reader.buffer.len() <= MAX_FRAME_SIZE + (1 << 19));
        }
        let events: Vec<_> = std::iter::from_fn(|| reader.poll_event()).collect();
        assert_eq!(events.last(), Some(&PartEvent::Unusable(UnusablePart::TooLarge)), "{length}");
        assert!(reader.buffer.len() <= MAX_LINE);
    }
    let [a, _] = two_frames();
    reader.push(&[&b"\r\n--frame\r\n\r\n"[..], &a].concat());
    let events: Vec<_> = std::iter::from_fn(|| reader.poll_event()).collect();
    assert!(matches!(events.last(), Some(PartEvent::Frame(frame)) if frame.jpeg[..] == a[..]), "{events:?}");
}

/// Whatever arrives: no panic, bounded memory, the same frames for pieces of any size, and each frame is a part of the
/// input that begins with SOI.
#[test]
fn mutated_bodies_are_read_within_bounds() {
    use rand::{RngExt as _, SeedableRng as _};
    let [a, b] = two_frames();
    let header = with_header("\r\n--frame\r\n").replace("LENGTH", &a.len().to_string());
    let text = "\r\n--frame\r\nContent-Type: text/plain\r\n\r\nhello\r\n--frame\r\nX-Timestamp: 1.5\r\n\r\n";
    let original = body(&[
        (&header, &a, text),
        ("", &b, "\r\n--frame\r\n\r\n"),
        ("", &a, &header),
        ("", &b, "\r\n--frame--\r\n"),
    ]);
    let mut random = rand_pcg::Pcg64::seed_from_u64(9);
    let rounds = std::env::var("REELAY_MUTATION_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(3_000) {
        let mut mutated = original.clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..mutated.len());
            match random.random_range(0..5) {
                0 => mutated[at] = random.random(),
                1 => mutated[at] = [0xFF, 0xD8, 0xD9, b'-', b'\n', b'\r'][random.random_range(0..6)],
                2 => drop(mutated.drain(
                    at..(at + random.random_range(0..30)).min(original.len()).min(mutated.len()).max(at),
                )),
                3 => mutated.insert(at, random.random()),
                _ => {
                    let copied = mutated[at..(at + 20).min(mutated.len())].to_vec();
                    mutated.splice(at..at, copied);
                }
            }
            if mutated.is_empty() {
                mutated.push(b'x');
            }
        }
        let boundary = [Some("frame"), None][round % 2];
        let whole = read_in_pieces(boundary, &mutated, mutated.len());
        let pieces = read_in_pieces(boundary, &mutated, random.random_range(1..40));
        assert_eq!(pieces.frames, whole.frames, "round {round}");
        assert_eq!(pieces.unusable, whole.unusable, "round {round}");
        for frame in &whole.frames {
            assert!(frame.starts_with(&SOI[..2]), "round {round}");
            assert!(memchr::memmem::find(&mutated, frame).is_some(), "round {round}");
        }
    }
}
