//! A camera on a real socket, which handles each connection with a function of the test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Time after which a read or write of the camera fails.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Connection of a camera, encrypted or not.
pub trait Connection: Read + Write {}

impl<T: Read + Write> Connection for T {}

/// Starts a camera and returns its address. `handle` is called for each connection, in a thread of its own.
pub fn start(handle: impl Fn(&mut dyn Connection) + Send + Sync + 'static) -> SocketAddr {
    accept(move |mut stream| handle(&mut stream))
}

/// Starts a camera with TLS. Returns its address, and the certificate for `localhost` in PEM.
pub fn start_tls(handle: impl Fn(&mut dyn Connection) + Send + Sync + 'static) -> (SocketAddr, String) {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(own.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let address = accept(move |stream| {
        let session = ServerConnection::new(config.clone()).unwrap();
        handle(&mut StreamOwned::new(session, stream));
    });
    (address, own.cert.pem())
}

fn accept(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, handle) = (listener.local_addr().unwrap(), Arc::new(handle));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
            stream.set_write_timeout(Some(TIMEOUT)).unwrap();
            let handle = handle.clone();
            thread::spawn(move || handle(stream));
        }
    });
    address
}

/// Reads a request; `None` if the player has closed the connection.
pub fn read_request(connection: &mut dyn Connection) -> Option<String> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        if !connection.read(&mut byte).is_ok_and(|length| length > 0) {
            return None;
        }
        request.push(byte[0]);
    }
    Some(String::from_utf8(request).unwrap())
}

/// Responds with a multipart body of these frames, at 50 per second, and closes the connection.
pub fn send_frames(connection: &mut dyn Connection, frames: &[Vec<u8>]) {
    if read_request(connection).is_none() {
        return;
    }
    let head = "HTTP/1.1 200 OK\r\nServer: camera 1.0\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n";
    // Errors are ignored: the player may stop at any time.
    let mut send = |bytes: &[u8]| connection.write_all(bytes).and_then(|()| connection.flush()).is_ok();
    send(head.as_bytes());
    for frame in frames {
        if !send(&super::player::part(frame)) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
