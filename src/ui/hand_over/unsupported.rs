//! Systems on which each start opens a window.

use super::request::Request;
use super::start::Start;
use crate::command_line::WindowArguments;

/// Listener for later starts, of which there is none.
#[derive(Debug)]
pub enum Listener {}

impl Listener {
    /// Passes on the arguments of later starts.
    pub async fn serve(self, _: tokio::sync::mpsc::Sender<WindowArguments>) {
        match self {}
    }
}

/// Opens a window.
pub fn start(_: &str, _: Option<&Request>) -> Start<Listener> {
    Start::Window(None)
}
