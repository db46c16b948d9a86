//! RTP payload formats for JPEG: RFC 2435, the original header in an RTP header extension, and classroom packets.
//!
//! RFC 2435 replaces the header of a frame by a few bytes, which describe only baseline 4:2:0 and 4:2:2 with the
//! standard Huffman tables. Between Reelay servers and players, the header segments are sent in an RTP header extension
//! instead (the JPEG header extension of ONVIF), which continues in the next packets if the header is longer than a
//! packet, so that every frame is received bit for bit. Classroom programs receive each frame without a payload header
//! in one packet, and send it fragmented in one of several ways.
//!
//! ```
//! use reelay::media::jpeg::{Dimensions, standard_header};
//! use reelay::media::payload::{Assembled, Depacketizer, PayloadFormat, packetize};
//! use reelay::proto::rtp::Packet;
//!
//! let dimensions = Dimensions { width: 16, height: 16 };
//! let mut jpeg = standard_header(dimensions, 2, [&[16; 64], &[17; 64]], None);
//! jpeg.extend([0x12, 0x34, 0xFF, 0xD9]);
//!
//! let frame = packetize(&jpeg, PayloadFormat::Rfc2435)?;
//! let (mut depacketizer, mut datagram) = (Depacketizer::new(None), Vec::new());
//! for (index, sequence) in (0..frame.packets().len()).zip(1_000..) {
//!     frame.write_packet(index, sequence, 90_000, 0x1234_5678, &mut datagram);
//!     depacketizer.push(&Packet::parse(datagram.clone().into())?);
//! }
//!
//! let Some(Assembled::Frame(received)) = depacketizer.poll_frame() else { panic!("the frame is usable") };
//! assert!(received.is_complete());
//! assert_eq!(received.jpeg, jpeg);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assembled;
mod classroom;
mod classroom_depacketizer;
mod depacketizer;
mod header_extension;
mod intervals;
mod known_headers;
mod main_header;
mod packetizer;
mod payload_format;
mod rfc2435;

pub use assembled::{Assembled, AssembledFrame, UNKNOWN_END};
pub use classroom::{MAX_CLASSROOM_FRAME_SIZE, MAX_SMALL_CLASSROOM_FRAME_SIZE};
pub use classroom_depacketizer::{ClassroomDatagram, ClassroomDepacketizer, ClassroomVariant};
pub use depacketizer::{Depacketizer, starts_frame};
pub use packetizer::{MAX_PACKET_SIZE, PacketizedFrame, packetize};
pub use payload_format::PayloadFormat;
pub use rfc2435::{Rfc2435Frame, UnsupportedJpeg};
