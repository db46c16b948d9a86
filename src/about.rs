//! Version, copyright and required notices of the program.

/// Version, and the notices that the licences of jpeg-encoder (IJG) and of the font (OFL) require, in four lines.
pub const VERSION_AND_NOTICES: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\n\
     Copyright © 2026 The Reelay authors, MIT licence\n\
     This software is based in part on the work of the Independent JPEG Group.\n\
     Font: IBM Plex Sans, copyright © 2017 IBM Corp., SIL Open Font License 1.1"
);
