//! What can be typed: arguments, help, and the commands that need no window.

mod address;
mod argument_error;
mod arguments;
mod error;
mod help;
mod network;
mod probe;
mod proxy;
mod serve;
pub mod stderr;

pub use argument_error::ArgumentError;
pub use arguments::{
    Invocation, LinkArguments, ProbeArguments, ReportFile, ReportFormat, ServeArguments, Target,
    WindowArguments, parse,
};
pub use error::CommandError;
pub use probe::probe;
pub use proxy::proxy;
pub use serve::serve;
