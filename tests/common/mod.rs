//! What the tests share.
#![allow(dead_code)] // each test binary uses a part of it

pub mod app_harness;
pub mod classroom_server;
pub mod jpegs;
pub mod media_files;
pub mod simulation;
pub mod window_harness;
