//! Helpers that the integration tests share.
#![allow(dead_code, unused_imports)] // each test binary uses a part of them

pub mod app_harness;
pub mod avi_files;
pub mod classroom_server;
pub mod jpegs;
pub mod loss_measurement;
pub mod media_files;
pub mod mov_files;
pub mod namespaces;
pub mod odd_jpegs;
pub mod program;
pub mod simulation;
pub mod window_harness;
