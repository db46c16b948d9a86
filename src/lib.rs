//! Reelay
mod acceptor;
pub mod backend;
pub mod command_line;
mod deadline;
pub mod file_url;
pub mod impairment;
pub mod media;
pub mod ports;
pub mod proto;
pub mod relay;
pub mod server_embed;
pub mod session;
pub mod settings;
pub mod stats;
pub mod ui;
