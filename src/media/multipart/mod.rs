//! Multipart bodies of JPEG frames (RFC 2046 §5.1), as cameras send them over HTTP and as programs save them.
//!
//! [`MultipartReader`] takes the bytes in pieces and returns the frames with the times that the sender states.
//!
//! ```
//! use reelay::media::multipart::{MultipartReader, PartEvent};
//!
//! let frame = [0xFF, 0xD8, 0xFF, 0xC0, 0, 3, 8, 0xFF, 0xDA, 0, 2, 0xFF, 0xD9];
//! let mut reader = MultipartReader::new(Some("b"), true);
//! reader.push(&[b"--b\r\nContent-Type: image/jpeg\r\n\r\n", &frame[..], b"\r\n--b"].concat());
//! assert!(matches!(reader.poll_event(), Some(PartEvent::Header(_))));
//! let Some(PartEvent::Frame(part)) = reader.poll_event() else { panic!("no frame") };
//! assert_eq!((&part.jpeg[..], part.offset), (&frame[..], 33));
//! ```

mod boundary;
mod gap;
mod part_header;
mod reader;

pub use part_header::{PartHeader, parse_time};
pub use reader::{MultipartReader, PartEvent, PartFrame, UnusablePart};
