//! TLS of a server in a build without the feature `tls`.

use std::io;

use tokio::net::TcpStream;

use super::error::ServerTlsError;

/// Certificate and private key of a server, of which this build has none.
#[derive(Debug, Clone)]
pub enum ServerTls {}

impl ServerTls {
    /// Refuses a certificate and its key.
    ///
    /// # Errors
    /// Always returns an error: this build has no TLS.
    pub fn from_pem(_certificate: &[u8], _key: &[u8]) -> Result<Self, ServerTlsError> {
        Err(ServerTlsError::Certificate("this program was built without TLS".to_owned()))
    }

    /// Performs the handshake of a connection.
    ///
    /// # Errors
    /// Returns no error, because it cannot be called.
    pub async fn accept(&self, _stream: TcpStream) -> io::Result<TcpStream> {
        match *self {}
    }
}
