//! The texts of `--help`.

pub const GENERAL: &str = "\
Reelay plays Motion JPEG through RTSP and RTP, and serves it.

USAGE
  reelay [FILE|URL] [--play]      open the window
  reelay serve PATH...            serve films without a window
  reelay probe FILE|URL           play without a window, and measure
  reelay link --to HOST:PORT      put a bad network before a server

WINDOW
  --play                 begin to play at once
  --classroom ADDRESS    play HOST:PORT/FILE of a classroom server
  --fps RATE             frames a second of films that state no rate
                         (20, or what was chosen in the preferences)
  --theme NAME           dark, light or system (as it was chosen)

ALL
  --verbose              tell more on stderr
  --help, --version

\"reelay COMMAND --help\" tells the rest.
";

/// What stands in the help of every command that can emulate a bad network.
macro_rules! network_options {
    () => {
        "\
A BAD NETWORK, emulated for RTP and RTCP
  --loss P%              packets that vanish, like 5%
  --burst N              lost in rows of N on average
  --rate R               bits a second, counted in IP, like 500K or 2M
  --queue N              bytes that may wait for it (64K)
  --delay T              how long packets take, like 40ms
  --jitter T             how much that varies, like 10ms
  --reorder              packets may overtake each other
  --duplicate P%         packets that come twice
  --corrupt P%           packets with one wrong bit
  --seed N               chance begins here (anywhere)
  --preset NAME          Perfect, \"Office Wi-Fi\", \"Busy Wi-Fi\", 4G, 3G,
                         Satellite, \"2015 student project\"; the other
                         options change it
"
    };
}

pub const SERVE: &str = concat!(
    "\
Serves films to RTSP players until Ctrl+C.

USAGE
  reelay serve [OPTIONS] PATH...      files, or folders of .mjpeg, .mjpg and .mjp files

OPTIONS
  --listen ADDR:PORT     where players connect (127.0.0.1:8554)
                         0.0.0.0:8554 lets other machines in
  --fps RATE             frames a second of films that state no rate (20)
  --user NAME            let only this user in, who gives the password that
  --password-file FILE   is the first line of FILE (Digest, or Basic)
  --session-timeout N    seconds without a sign of life that end a session (60)
  --quality N            of pictures that RTSP players cannot take as they are
                         and that are encoded anew for them, 1 to 100 (90)
  --verbose              tell more on stderr

",
    network_options!(),
    "
When it is ready it prints one rtsp:// line for each film on stdout. Each
request goes to stderr: who asked, the method, the session, the status.
"
);

pub const PROBE: &str = concat!(
    "\
Plays a film or a stream without a window, and measures what arrives.

USAGE
  reelay probe [OPTIONS] FILE|URL
  reelay probe [OPTIONS] --classroom HOST:PORT/FILE

OPTIONS
  --classroom ADDRESS    play a classroom server, which speaks a dialect of
                         its own and is never asked which
  --seconds N            stop N seconds after the first frame (at the end; 10 if
                         the stream has no end and --frames is not given)
  --frames N             stop after N frames
  --transport udp|tcp    how RTP travels (udp, and tcp if the server has no udp)
  --rtp-port N           the player's own RTP port, an even number (any);
                         with --classroom an odd one, too
  --fps RATE             frames a second of films that state no rate (20)
  --save-frames DIR      write each whole JPEG as 000001.jpg, 000002.jpg, ...
  --report FILE          write everything that was measured: a row for each
                         second into FILE.csv, or all of it into FILE.json
  --json                 print the figures as one JSON object
  --verbose              tell more on stderr

",
    network_options!(),
    "
It succeeds if at least one whole frame has come and the stream has not broken
off before its end.
"
);

pub const LINK: &str = concat!(
    "\
Puts a bad network between RTSP players and a server, until Ctrl+C.

USAGE
  reelay link [OPTIONS] --to HOST:PORT

OPTIONS
  --listen ADDR:PORT     where players connect (127.0.0.1:8555)
  --to HOST:PORT         the server
  --verbose              tell more on stderr

",
    network_options!(),
    "
Players name this address instead of the server's, and everything else as
before: rtsp://127.0.0.1:8555/PATH. What the server sends them as RTP and RTCP
passes the bad network, by UDP or interleaved; RTSP does not.
"
);
