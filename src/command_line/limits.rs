//! Options of the limits of `serve` and `proxy`. Sans-I/O.

use clap::Args;

use super::values;
use crate::net::limits::Limits;

// The fields' doc comments are the help texts. The struct has none: it would replace that of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Limits, beyond which clients are refused with 503")]
#[allow(missing_docs)]
pub struct LimitOptions {
    /// Connections from one address (IPv6: from one /64 network), and as many sessions; 1000 admits a school behind one
    /// address [default: 64]
    #[arg(
        long,
        value_name = "N",
        value_parser = values::parse_connection_count,
        allow_hyphen_values = true
    )]
    max_connections_per_address: Option<usize>,

    /// Connections in all, and as many sessions [default: 4096 for serve, or what the limit of open files admits,
    /// 128 for proxy, but never fewer than from one address]
    #[arg(
        long,
        value_name = "N",
        value_parser = values::parse_connection_count,
        allow_hyphen_values = true
    )]
    max_connections: Option<usize>,
}

impl LimitOptions {
    /// Returns limits with the numbers that were given.
    pub fn apply(self, limits: Limits) -> Limits {
        limits.with_connections(self.max_connections, self.max_connections_per_address)
    }
}
