//! Addresses that a command listens on.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::error::CommandError;

/// Returns the error for an address that cannot be listened on.
pub fn listen_error(address: SocketAddr, error: &io::Error) -> CommandError {
    CommandError::new(match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "{address} is in use; stop the other program, or choose another port with --listen ADDR:PORT."
            )
        }
        ErrorKind::PermissionDenied => {
            format!(
                "Listening on {address} is not permitted; choose a port above 1023 with --listen ADDR:PORT."
            )
        }
        ErrorKind::AddrNotAvailable => {
            format!(
                "{} is not an address of this machine; choose another with --listen ADDR:PORT.",
                address.ip()
            )
        }
        _ => format!(
            "Listening on {address} failed ({error}); choose another address with --listen ADDR:PORT."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_errors_name_the_remedy() {
        let address = "10.0.0.7:554".parse().unwrap();
        for kind in [
            ErrorKind::AddrInUse,
            ErrorKind::PermissionDenied,
            ErrorKind::AddrNotAvailable,
            ErrorKind::OutOfMemory,
        ] {
            let sentence = listen_error(address, &kind.into()).to_string();
            assert!(sentence.contains("10.0.0.7") && sentence.ends_with("--listen ADDR:PORT."), "{sentence}");
        }
    }
}
