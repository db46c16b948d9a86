//! JPEG in RTP packets (RFC 2435), and with its original header (the JPEG header extension of ONVIF).
//!
//! RFC 2435 leaves the picture's header out and describes it in a few bytes, which is enough for baseline 4:2:0 and
//! 4:2:2 with the standard Huffman tables and for nothing else. Between two Reelays the header segments travel in an
//! RTP header extension instead, so that every picture arrives bit for bit.
//!
//! Classroom programs know nothing of either: they take each picture as it is, in one packet, and send it cut in one of
//! several ways.

mod assembled;
mod classroom;
mod classroom_depacketizer;
mod depacketizer;
mod main_header;
mod packetizer;
mod payload_format;
mod rfc2435;

pub use assembled::{Assembled, AssembledFrame, UNKNOWN_END};
pub use classroom::MAX_CLASSROOM_FRAME_SIZE;
pub use classroom_depacketizer::{ClassroomDatagram, ClassroomDepacketizer, ClassroomVariant};
pub use depacketizer::{Depacketizer, starts_frame};
pub use packetizer::{MAX_PACKET_SIZE, PacketizedFrame, packetize};
pub use payload_format::PayloadFormat;
pub use rfc2435::{Rfc2435Frame, UnsupportedJpeg};
