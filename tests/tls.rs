//! TLS between Reelay's server and player over real sockets: passwords, refused UDP, slow readers, and certificates
//! that change.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use common::jpegs::{JpegKind, test_jpeg};
use common::media_files::{FileLayout, TestFile, test_file, test_jpegs};
use reelay::media::FrameRate;
use reelay::media_file::MediaFile;
use reelay::net::server_tls::ServerTls;
use reelay::proto::rtsp::{Message, MessageLimits, MessageReader, Response, RtspUrl};
use reelay::server_embed::{Authenticator, Observer, Server, ServerEvent, ServerOptions};
use reelay::session::{
    CertificateProblem, Fingerprint, FrameSinks, Goal, ReconnectReason, Session, SessionCommand,
    SessionError, SessionEvent, SessionOptions, StreamOptions, TransportPreference, TrustedCertificate,
    TrustedCertificates,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// Limit of every wait: nothing on loopback takes this long.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A self-signed certificate, for `localhost`, and its key.
struct Identity {
    certificate: CertificateDer<'static>,
    tls: ServerTls,
    key: Vec<u8>,
}

impl Identity {
    fn new() -> Self {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = own.signing_key.serialize_pem();
        let tls = ServerTls::from_pem(own.cert.pem().as_bytes(), key.as_bytes()).unwrap();
        let certificate = own.cert.der().to_vec().into();
        Self { certificate, tls, key: own.signing_key.serialize_der() }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

/// A server with one film.
struct TestServer {
    inner: Server,
    file: TestFile,
    url: RtspUrl,
    events: mpsc::UnboundedReceiver<ServerEvent>,
}

impl TestServer {
    async fn start(identity: &Identity, options: ServerOptions) -> Self {
        let film = test_file(FileLayout::Records(5), test_jpegs(JpegKind::Standard420, (96, 64), 300));
        Self::with_film(identity, options, film, FrameRate::per_second(100)).await
    }

    async fn with_film(identity: &Identity, options: ServerOptions, file: TestFile, rate: FrameRate) -> Self {
        let (event_sender, events) = mpsc::unbounded_channel();
        // Errors are ignored: at the end of a test nothing receives the events.
        let observer = Observer::new(move |event| drop(event_sender.send(event)));
        let options = ServerOptions { tls: Some(identity.tls.clone()), ..options };
        let inner = Server::start(options, observer).await.unwrap();
        let name = inner.serve(MediaFile::open(file.path(), "film.mjpeg", rate).unwrap());
        let url = inner.url_of(&name);
        Self { inner, file, url, events }
    }

    /// Returns the methods of the requests so far.
    fn methods(&mut self) -> Vec<String> {
        let mut methods = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if let ServerEvent::RequestHandled { method, status, .. } = event {
                methods.push(format!("{} {}", method.unwrap().as_str(), status.code()));
            }
        }
        methods
    }
}

/// A player without a screen.
struct Player {
    session: Session,
    events: mpsc::Receiver<SessionEvent>,
}

impl Player {
    fn start(url: RtspUrl, trusted: TrustedCertificates) -> Self {
        let (event_sender, events) = mpsc::channel(256);
        let stream = StreamOptions { reconnects: true, ..StreamOptions::default() };
        let options = SessionOptions { stream, trusted: Arc::new(trusted), ..SessionOptions::default() };
        let session = Session::start(url, options, FrameSinks::default(), event_sender);
        session.send_command(SessionCommand::SetGoal(Goal::Playing));
        Self { session, events }
    }

    /// Waits for an event that `find` accepts; panics if the session fails before.
    async fn wait_for<T>(&mut self, mut find: impl FnMut(&SessionEvent) -> Option<T>) -> T {
        let found = async {
            loop {
                let event = self.events.recv().await.expect("the session has ended");
                if let Some(found) = find(&event) {
                    return found;
                }
                assert!(!matches!(event, SessionEvent::Failed(_)), "{event:?}");
            }
        };
        timeout(TEST_TIMEOUT, found).await.expect("no such event")
    }

    async fn wait_for_frames(&self, count: u64) {
        let mut figures = self.session.figures();
        let arrived = figures.wait_for(|figures| figures.snapshot.frames_complete >= count);
        timeout(TEST_TIMEOUT, arrived).await.expect("no frames").unwrap();
    }

    async fn wait_for_end(&mut self) {
        self.wait_for(|event| (*event == SessionEvent::Ended).then_some(())).await;
    }

    async fn failure(&mut self) -> SessionError {
        self.wait_for(|event| match event {
            SessionEvent::Failed(error) => Some(error.clone()),
            _ => None,
        })
        .await
    }
}

fn trusted_at(address: SocketAddr, identity: &Identity) -> TrustedCertificates {
    let known = TrustedCertificate { address: address.to_string(), fingerprint: identity.fingerprint() };
    TrustedCertificates { at_servers: vec![known], anywhere: None }
}

/// A client that writes its requests itself.
struct RawClient {
    stream: TlsStream<TcpStream>,
    reader: MessageReader,
}

impl RawClient {
    /// Connects with a small receive buffer.
    async fn connect(to: SocketAddr, identity: &Identity) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(identity.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let stream = socket.connect(to).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        Self { stream, reader: MessageReader::new(MessageLimits::CLIENT) }
    }

    async fn request(&mut self, request: &str) -> Response {
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut buffer = [0; 4_096];
        loop {
            match self.reader.poll_message().unwrap() {
                Some(Message::Response(response)) => return response,
                Some(_) => {}
                None => {
                    let read = timeout(TEST_TIMEOUT, self.stream.read(&mut buffer)).await;
                    let count = read.expect("no response").unwrap();
                    assert!(count > 0, "the server has closed the connection");
                    self.reader.push(&buffer[..count]);
                }
            }
        }
    }
}

#[tokio::test]
async fn setup_over_udp_is_refused_over_tls() {
    let identity = Identity::new();
    let server = TestServer::start(&identity, ServerOptions::default()).await;
    let mut client = RawClient::connect(server.inner.address(), &identity).await;
    let set_up = |transport: &str| {
        format!("SETUP {}/track1 RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n\r\n", server.url)
    };
    let refused = client.request(&set_up("RTP/AVP;unicast;client_port=5000-5001")).await;
    assert_eq!(refused.status.code(), 461);
    assert!(refused.reason_phrase.contains("over TLS, only"), "{}", refused.reason_phrase);
    let no_transport = format!("SETUP {}/track1 RTSP/1.0\r\nCSeq: 1\r\n\r\n", server.url);
    let refused = client.request(&no_transport).await;
    assert!(refused.reason_phrase.contains("needs a Transport header"), "{}", refused.reason_phrase);
    let either = "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=0-1";
    let accepted = client.request(&set_up(either)).await;
    assert_eq!(accepted.status.code(), 200);
    assert!(accepted.headers.get("Transport").unwrap().contains("interleaved=0-1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digest_works_over_tls() {
    let identity = Identity::new();
    let auth = Some(Authenticator::new("ann", "secret"));
    let mut server = TestServer::start(&identity, ServerOptions { auth, ..ServerOptions::default() }).await;
    let trusted = trusted_at(server.inner.address(), &identity);
    let mut player = Player::start(server.url.clone().with_credentials("ann", "secret"), trusted.clone());
    player.wait_for_end().await;
    assert_eq!(player.session.figures().borrow().snapshot.frames_complete, server.file.frames.len() as u64);
    assert!(server.methods().contains(&"PLAY 200".to_owned()));
    let mut player = Player::start(server.url.clone().with_credentials("ann", "wrong"), trusted);
    assert_eq!(player.failure().await, SessionError::Unauthorized { was_refused: true });
}

/// Serves one connection with TLS that demands Basic, and returns what it was sent until the player gave up.
fn start_basic_server(identity: &Identity) -> (SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![identity.certificate.clone()],
            PrivateKeyDer::try_from(identity.key.clone()).unwrap(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        let mut connection = StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream);
        let (mut requests, mut byte) = (vec![String::new()], [0]);
        // The end of the connection is the end of the requests, with or without close_notify.
        while connection.read(&mut byte).is_ok_and(|length| length > 0) {
            let request = requests.last_mut().unwrap();
            request.push(char::from(byte[0]));
            if request.ends_with("\r\n\r\n") {
                let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap();
                let challenge = "WWW-Authenticate: Basic realm=\"camera\"";
                let response = format!("RTSP/1.0 401 Unauthorized\r\n{cseq}\r\n{challenge}\r\n\r\n");
                connection.write_all(response.as_bytes()).unwrap();
                requests.push(String::new());
            }
        }
        requests
    });
    (address, serving)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn basic_password_is_sent_over_tls_after_the_challenge() {
    let identity = Identity::new();
    let (address, serving) = start_basic_server(&identity);
    let url = RtspUrl::parse(&format!("rtsps://ann:secret@{address}/camera")).unwrap();
    let mut player = Player::start(url, trusted_at(address, &identity));
    assert_eq!(player.failure().await, SessionError::Unauthorized { was_refused: true });
    let requests = tokio::task::spawn_blocking(move || serving.join().unwrap()).await.unwrap();
    let has_password: Vec<_> =
        requests.iter().map(|request| request.contains("Authorization: Basic YW5uOnNlY3JldA==")).collect();
    assert!(!has_password[0] && has_password[1], "{requests:?}");
}

/// A reader that does not read is disconnected, and until then what waits for it is bounded: its frames are skipped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_reader_disturbs_no_other_viewer() {
    let identity = Identity::new();
    // 19 MB, more than the system buffers for a connection.
    let drawn: Vec<_> = (0..6).map(|seed| test_jpeg(JpegKind::Standard420, (640, 480), seed, 255)).collect();
    let frames: Vec<_> = drawn.iter().cycle().take(90).cloned().collect();
    let length: usize = frames.iter().map(Vec::len).sum();
    let film = test_file(FileLayout::Raw, frames);
    let mut server =
        TestServer::with_film(&identity, ServerOptions::default(), film, FrameRate::per_second(30)).await;
    let mut slow = RawClient::connect(server.inner.address(), &identity).await;
    let url = server.url.clone();
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let set_up = slow.request(&format!("SETUP {url}/track1 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n")).await;
    let session = set_up.headers.get("Session").unwrap().split(';').next().unwrap().to_owned();
    let play = format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    // From now on it reads nothing.
    slow.stream.write_all(play.as_bytes()).await.unwrap();
    let mut viewer = Player::start(url, trusted_at(server.inner.address(), &identity));
    viewer.wait_for_end().await;
    let figures = viewer.session.figures().borrow().snapshot;
    assert_eq!((figures.frames_complete, figures.packets_lost), (90, 0));
    assert!(server.methods().iter().filter(|method| *method == "PLAY 200").count() == 2);
    // The slow reader can still read the bytes that were buffered: much less than the film.
    let mut received = 0;
    let mut buffer = vec![0; 64 * 1024];
    let reading = async {
        while let Ok(count @ 1..) = slow.stream.read(&mut buffer).await {
            received += count;
        }
    };
    // A session that was not disconnected yet goes on with the frames that are due.
    let _ = timeout(Duration::from_secs(2), reading).await;
    assert!(received > 0 && received < length / 2, "{received} of {length} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnection_asks_only_about_a_certificate_that_has_changed() {
    let (identity, other) = (Identity::new(), Identity::new());
    let server = TestServer::start(&identity, ServerOptions::default()).await;
    let address = server.inner.address();
    let mut player = Player::start(server.url.clone(), trusted_at(address, &identity));
    player.wait_for_frames(10).await;
    server.inner.stop().await;
    let is_lost = |event: &SessionEvent| {
        matches!(event, SessionEvent::Reconnecting(ReconnectReason::ServerLost { .. })).then_some(())
    };
    player.wait_for(is_lost).await;

    // The same certificate: the film goes on, and nobody is asked.
    let options = || ServerOptions { listen: address, ..ServerOptions::default() };
    let mut server = TestServer::start(&identity, options()).await;
    player.wait_for(|event| matches!(event, SessionEvent::Started(_)).then_some(())).await;
    assert!(server.methods().contains(&"PLAY 200".to_owned()));
    player.wait_for_frames(10).await;
    server.inner.stop().await;
    player.wait_for(is_lost).await;

    // Another one: the session fails before anything is sent.
    let mut server = TestServer::start(&other, options()).await;
    let SessionError::UntrustedCertificate(rejected) = player.failure().await else {
        panic!("it is not about the certificate")
    };
    assert_eq!((rejected.is_changed, rejected.problem), (true, CertificateProblem::SelfSigned));
    assert_eq!(rejected.fingerprint, other.fingerprint());
    assert!(rejected.to_string().contains("has changed"), "{rejected}");
    assert_eq!(server.methods(), Vec::<String>::new());
    // The user has looked at it.
    let mut player = Player::start(server.url.clone(), trusted_at(address, &other));
    player.wait_for_end().await;
    assert!(server.methods().contains(&"PLAY 200".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn udp_that_was_chosen_is_refused_before_anything_is_sent() {
    let identity = Identity::new();
    let mut server = TestServer::start(&identity, ServerOptions::default()).await;
    let (event_sender, events) = mpsc::channel(256);
    let stream = StreamOptions { transport: TransportPreference::Udp, ..StreamOptions::default() };
    let trusted = Arc::new(trusted_at(server.inner.address(), &identity));
    let options = SessionOptions { stream, trusted, ..SessionOptions::default() };
    let session = Session::start(server.url.clone(), options, FrameSinks::default(), event_sender);
    session.send_command(SessionCommand::SetGoal(Goal::Playing));
    let mut player = Player { session, events };
    assert_eq!(player.failure().await, SessionError::UdpOverTls);
    assert!(!server.methods().iter().any(|method| method.starts_with("SETUP")));
}
