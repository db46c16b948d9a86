//! Version, copyright and required notices of the program.

/// Name and version, as in the headers User-Agent and Server.
pub const PRODUCT: &str = concat!("Reelay/", env!("CARGO_PKG_VERSION"));

/// Description of the program, in three sentences.
pub const SUMMARY: &str = "Reelay plays Motion JPEG over RTSP and RTP: films on this machine through a server of its own, \
    and streams of other servers and cameras. \
    It loses, delays and reorders packets on request, and shows what that does to the picture, to the figures and to the \
    messages of both sides. \
    It is made for lessons about streaming, and for everyone who wants to look at a stream.";

/// Name, version and licence of each crate that is linked into the program on Linux, one a line. `tests/licences.rs`
/// writes the file.
pub const LICENCES: &str = include_str!("../assets/licences.txt");

/// Version, and the notices that the licences of jpeg-encoder (IJG) and of the font (OFL) require, in four lines.
pub const VERSION_AND_NOTICES: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\n\
     Copyright © 2026 The Reelay authors, MIT licence\n\
     This software is based in part on the work of the Independent JPEG Group.\n\
     Font: IBM Plex Sans, copyright © 2017 IBM Corp., SIL Open Font License 1.1"
);
