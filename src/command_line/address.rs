//! The address that a command listens on, in words.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::error::CommandError;

/// Why an address cannot be listened on, and what to try.
pub fn listen_error(address: SocketAddr, error: &io::Error) -> CommandError {
    CommandError::new(match error.kind() {
        ErrorKind::AddrInUse => {
            format!(
                "{address} is in use; stop the other program, or choose another port with --listen ADDR:PORT."
            )
        }
        ErrorKind::PermissionDenied => {
            format!("{address} may not be listened on; choose a port above 1023 with --listen ADDR:PORT.")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine; choose another with --listen ADDR:PORT.", address.ip())
        }
        _ => format!("{address} cannot be listened on ({error}); choose another with --listen ADDR:PORT."),
    })
}

/// An address that players can connect to, where the one listened on means "any of this machine".
pub fn connectable_address(listen_address: SocketAddr) -> SocketAddr {
    if !listen_address.ip().is_unspecified() {
        return listen_address;
    }
    let loopback = match listen_address.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    // Connecting a datagram socket sends nothing; it only asks which of our addresses leads out.
    let outward = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| socket.local_addr())
    });
    SocketAddr::new(outward.map_or(loopback, |address| address.ip()), listen_address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_address_becomes_connectable() {
        for listened in ["0.0.0.0:8554", "[::]:8554"] {
            let told = connectable_address(listened.parse().unwrap());
            assert!(!told.ip().is_unspecified() && told.port() == 8_554, "{told}");
        }
        let own = "127.0.0.1:8554".parse().unwrap();
        assert_eq!(connectable_address(own), own);
    }
}
