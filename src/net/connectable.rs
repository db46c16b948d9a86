//! Address of this machine for other machines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Returns an address that players can connect to. Of an unspecified address (`0.0.0.0` or `::`), the result has the
/// IP address of the interface with the default route, or loopback if there is none.
pub fn connectable_address(listen_address: SocketAddr) -> SocketAddr {
    if !listen_address.ip().is_unspecified() {
        return listen_address;
    }
    let loopback = match listen_address.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    // Connecting a UDP socket sends nothing; the system only selects the local address for the route. 192.0.2.0/24 is
    // reserved for documentation (RFC 5737).
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
            let address = connectable_address(listened.parse().unwrap());
            assert!(!address.ip().is_unspecified() && address.port() == 8_554, "{address}");
        }
        let own = "127.0.0.1:8554".parse().unwrap();
        assert_eq!(connectable_address(own), own);
    }
}
