//! Reelay
pub mod backend;
pub mod command_line;
pub mod file_url;
pub mod format;
pub mod impairment;
pub mod media;
pub mod media_file;
pub mod net;
pub mod proto;
pub mod proxy;
pub mod server_embed;
pub mod session;
pub mod settings;
pub mod stats;
pub mod ui;
