//! Command line: arguments, help, and the commands that need no window.
//!
//! [`parse`] turns the arguments into an [`Invocation`], which `main` runs: the window, or one of [`serve()`],
//! [`probe()`], [`proxy()`] and [`convert()`]. Options are declared once, in `cli.rs`; help, completions and the manual
//! page are made from that. Every error is one sentence that says what to try: an [`ArgumentError`] reports wrong usage
//! (exit status 2), and a [`CommandError`] a failure (exit status 1).

mod address;
mod argument_error;
mod arguments;
mod cli;
mod completions;
mod convert;
mod error;
mod limits;
mod man;
mod network;
mod probe;
mod proxy;
mod recording;
mod serve;
pub mod stderr;
mod target;
mod values;

pub use argument_error::ArgumentError;
pub use arguments::{
    ConvertArguments, Invocation, ProbeArguments, ProxyArguments, ServeArguments, UserArguments,
    WindowArguments, parse,
};
pub use cli::GRAPHICS_CARD_COMMAND;
pub use convert::convert;
pub use error::CommandError;
pub use probe::probe;
pub use proxy::proxy;
pub use serve::serve;
pub use target::{Target, TargetError};
pub use values::{OutputFormat, RecordFile, RendererOption, ReportFile, ReportFormat, ValueError};
