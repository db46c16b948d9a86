//! Reelay
pub mod media;
pub mod proto;
