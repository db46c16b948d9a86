//! What the tests share.
#![allow(dead_code)] // each test binary uses a part of it

pub mod classroom;
pub mod desk;
pub mod films;
pub mod jpegs;
pub mod simulation;
pub mod stage;
