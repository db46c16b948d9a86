//! Request of a second start of the program: what is read is the same after writing, and opens films and streams only.

use reelay::command_line::Target;
use reelay::ui::{MAX_PAYLOAD, Request, payload_length};

pub fn body(data: &[u8]) {
    let Some(request) = Request::decode(data) else { return };
    assert!(request.folder.is_absolute());
    let bytes = request.encode().expect("what was read can be written");
    let (length, payload) = bytes.split_first_chunk().unwrap();
    assert_eq!(payload_length(*length), Some(payload.len()));
    assert!(payload.len() <= MAX_PAYLOAD);
    assert_eq!(Request::decode(payload).as_ref(), Some(&request));
    let Some(arguments) = request.window_arguments() else { return };
    for target in arguments.targets {
        if let Target::File(path) = target {
            assert!(path.is_absolute(), "{}", path.display());
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [
        "reelay-window 1\0/films\0talk.mjpeg\0--play\0",
        "reelay-window 1\0/\0rtsp://ann:secret@camera.local:554/live\0--snapshot-rate=5\0--theme\0light\0",
        "reelay-window 1\0/home/ann\0--classroom\x00127.0.0.1:1025/movie.Mjpeg\0file:///films/a%20talk.avi\0--fps\x0029.97\0",
        "reelay-window 1\0/films\0",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}
