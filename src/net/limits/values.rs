//! The numbers of all limits. Sans-I/O.

use std::time::Duration;

/// Limits of a server or a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of open connections.
    pub max_connections: usize,
    /// Maximum number of open connections of one client address.
    pub max_connections_per_address: usize,
    /// Maximum number of new connections of one client address in a second.
    pub max_new_connections: usize,
    /// Maximum number of sessions; at the proxy, of streams over UDP.
    pub max_sessions: usize,
    /// Maximum number of sessions of one client address; at the proxy, of streams over UDP.
    pub max_sessions_per_address: usize,
    /// Maximum number of sessions that are set up on one connection.
    pub max_sessions_per_connection: usize,
    /// Maximum time of the TLS handshake of a connection.
    pub handshake_timeout: Duration,
    /// Maximum time from the first to the last byte of a request.
    pub request_timeout: Duration,
    /// Maximum time without a complete request on a connection without a session. Long, because classroom programs
    /// connect when their window opens and send nothing before a button is pressed.
    pub idle_timeout: Duration,
    /// Time without a request or RTCP after which a session ends that has never played and whose connection is closed.
    /// Not zero, because a client may use one connection for each request (RFC 2326 §1.4).
    pub unplayed_session_timeout: Duration,
    /// Maximum number of refused connections that wait for their 503 response. Beyond it, they are closed without one.
    pub max_refusals: usize,
    /// Time that a refused connection has for its first request, which shows the dialect of the response.
    pub refusal_timeout: Duration,
    /// Number of wrong passwords after which a connection is closed.
    pub max_wrong_passwords: u32,
    /// Delay of the response to the first wrong password of an address; it grows with their number, up to 16 times.
    pub wrong_password_delay: Duration,
    /// Maximum number of log lines for each second and client address. Further ones are counted.
    pub max_log_lines: u32,
}

impl Default for Limits {
    /// Limits of a server.
    fn default() -> Self {
        Self {
            max_connections: 4_096,
            max_connections_per_address: 64,
            max_new_connections: 128,
            max_sessions: 4_096,
            max_sessions_per_address: 64,
            max_sessions_per_connection: 16,
            handshake_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(600),
            unplayed_session_timeout: Duration::from_secs(2),
            max_refusals: 64,
            refusal_timeout: Duration::from_secs(2),
            max_wrong_passwords: 5,
            wrong_password_delay: Duration::from_millis(500),
            max_log_lines: 50,
        }
    }
}

impl Limits {
    /// Limits of a proxy, which needs two file descriptors for each connection and four for each stream over UDP.
    pub fn for_proxy() -> Self {
        Self { max_connections: 128, max_sessions: 128, ..Self::default() }
    }

    /// Returns the number of open files that a server needs for all connections that these limits admit.
    pub fn open_files(&self) -> u64 {
        self.max_connections.saturating_add(RESERVED_FILES) as u64
    }

    /// Returns these limits with no more connections than fit into this number of open files: a connection of a server
    /// needs one, and 512 are kept for films, UDP ports and refused connections.
    #[must_use]
    pub fn within_open_files(self, open_files: u64) -> Self {
        let open_files = usize::try_from(open_files).unwrap_or(usize::MAX);
        let most = open_files.saturating_sub(RESERVED_FILES).max(open_files / 2).max(1);
        Self {
            max_connections: self.max_connections.min(most),
            max_sessions: self.max_sessions.min(most),
            ..self
        }
    }

    /// Returns these limits with other numbers of connections, and as many sessions: in all and for each client
    /// address; `None` keeps a number. Without a number in all, there are at least as many as for each address, so that
    /// a school behind one address needs only that number. Up to twice as many as for each address may be new in
    /// a second.
    #[must_use]
    pub fn with_connections(self, in_all: Option<usize>, per_address: Option<usize>) -> Self {
        let most_per_address = per_address.unwrap_or(self.max_connections_per_address);
        let most = in_all.unwrap_or(self.max_connections.max(most_per_address));
        Self {
            max_connections: most,
            max_sessions: most,
            max_connections_per_address: most_per_address,
            max_new_connections: self.max_new_connections.max(most_per_address.saturating_mul(2)),
            max_sessions_per_address: most_per_address,
            ..self
        }
    }
}

/// Number of open files that are no connections.
const RESERVED_FILES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_into_the_open_files() {
        let connections = |files| {
            let limits = Limits::default().within_open_files(files);
            assert_eq!(limits.max_connections, limits.max_sessions);
            limits.max_connections
        };
        assert_eq!(
            [1_048_576, 4_608, 4_607, 1_024, 100, 0].map(connections),
            [4_096, 4_096, 4_095, 512, 50, 1]
        );
        let needed = Limits::default().open_files();
        assert_eq!((needed, connections(needed)), (4_608, 4_096));
        let few = Limits::default().with_connections(Some(9), None);
        assert_eq!(few.within_open_files(1_024), few);
    }

    #[test]
    fn number_per_address_raises_the_number_in_all() {
        let limits = Limits::default().with_connections(None, Some(5_000));
        assert_eq!((limits.max_connections, limits.max_connections_per_address), (5_000, 5_000));
        assert_eq!((limits.max_sessions, limits.max_sessions_per_address), (5_000, 5_000));
        assert_eq!(limits.max_new_connections, 10_000);
        let limits = Limits::default().with_connections(Some(100), Some(1_000));
        assert_eq!((limits.max_connections, limits.max_connections_per_address), (100, 1_000));
        assert_eq!(Limits::default().with_connections(None, None), Limits::default());
        assert_eq!(Limits::for_proxy().with_connections(None, None), Limits::for_proxy());
    }
}
