//! Bodies of the fuzz targets. Each module has `body`, which checks what holds for any input, and `seeds`, the inputs
//! that are mutated.
//!
//! `tests/fuzz` runs them with its own mutator, and `fuzz/` with cargo-fuzz. They use only the public interface.
#![allow(dead_code)] // cargo-fuzz uses one body a target, and no seeds

pub mod classroom_client;
pub mod classroom_depacketizer;
pub mod container;
pub mod hand_over;
pub mod impairment_link;
pub mod jpeg_decode;
pub mod jpeg_repair;
pub mod jpeg_transcode;
pub mod jpeg_walk;
pub mod parity_packet;
pub mod proxy_stream;
pub mod rfc2435_depacketizer;
pub mod rtcp_packet;
pub mod rtp_packet;
pub mod rtsp_client;
pub mod rtsp_headers;
pub mod rtsp_messages;
pub mod sdp;
pub mod server_session;
pub mod settings_file;

mod input;
#[path = "../../common/jpegs.rs"]
mod jpegs;
mod player;
