//! Who may know whom. ARCHITECTURE.md says why.

use std::fs;
use std::path::{Path, PathBuf};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Every source file: its path below `src`, with slashes, and its text without tests.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    collect(Path::new(SOURCES), &mut files);
    assert!(files.len() > 50, "the sources are elsewhere");
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(SOURCES).unwrap().components();
            let name = name.map(|part| part.as_os_str().to_str().unwrap()).collect::<Vec<_>>().join("/");
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            (name, code)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The rooms of this crate that a file reaches into.
fn rooms_used(code: &str) -> Vec<&str> {
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
        .collect()
}

/// What each room may use. A room that is not listed fails the test: it must be given its place.
const ALLOWED: [(&str, &[&str]); 17] = [
    ("proto", &["proto"]),
    ("media", &["media", "proto"]),
    ("impairment", &["impairment", "proto"]),
    ("stats", &["stats", "impairment", "proto"]),
    ("acceptor.rs", &[]),
    ("deadline.rs", &[]),
    ("ports.rs", &["proto"]),
    ("session", &["session", "deadline", "ports", "impairment", "stats", "media", "proto"]),
    ("server_embed", &["server_embed", "acceptor", "ports", "impairment", "stats", "media", "proto"]),
    ("relay", &["relay", "acceptor", "deadline", "ports", "impairment", "proto"]),
    ("file_url.rs", &[]),
    ("settings.rs", &["session", "media"]),
    ("backend.rs", &["session", "server_embed", "ports", "impairment", "stats", "media", "proto"]),
    (
        "command_line",
        &[
            "command_line",
            "backend",
            "deadline",
            "file_url",
            "relay",
            "session",
            "server_embed",
            "settings",
            "impairment",
            "stats",
            "media",
            "proto",
        ],
    ),
    (
        "ui",
        &[
            "ui",
            "backend",
            "command_line",
            "file_url",
            "settings",
            "session",
            "server_embed",
            "impairment",
            "stats",
            "media",
            "proto",
        ],
    ),
    ("main.rs", &[]),
    ("lib.rs", &[]),
];

/// In the window, what is of the server's is only what the backend tells of films.
const FROM_SERVER_IN_UI: &str = "server_embed::Progress";

#[test]
fn every_room_keeps_to_the_rooms_below() {
    for (file, code) in sources() {
        let room = file.split('/').next().unwrap();
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{file} stands in no known room"));
        for used in rooms_used(&code) {
            assert!(allowed.contains(&used), "{file} may not use {used}");
        }
        if room == "ui" {
            let from_server = code.matches("server_embed::").count();
            assert_eq!(
                from_server,
                code.matches(FROM_SERVER_IN_UI).count(),
                "{file} reaches into the server"
            );
        }
    }
}

/// Files that hold no socket, no runtime, no toolkit and no clock, besides everything in the pure rooms.
fn is_pure(file: &str, code: &str) -> bool {
    let room = file.split('/').next().unwrap();
    ["proto", "media", "impairment", "stats"].contains(&room) || code.trim_start().starts_with("//! PURE.")
}

#[test]
fn what_is_pure_holds_no_socket_no_runtime_no_toolkit_and_no_clock() {
    let forbidden = [
        "tokio",
        "iced::",
        "std::fs",
        "std::thread",
        "std::net::Tcp",
        "std::net::Udp",
        "Instant::now",
        "SystemTime::now",
        "rand::random",
    ];
    let mut pure = 0;
    for (file, code) in sources() {
        if is_pure(&file, &code) {
            pure += 1;
            for word in forbidden {
                assert!(!code.contains(word), "{file} is pure and uses {word}");
            }
        }
    }
    assert!(pure > 40, "only {pure} files are pure");
}

#[test]
fn only_the_window_knows_the_toolkit() {
    for (file, code) in sources() {
        if !file.starts_with("ui/") {
            assert!(!code.contains("iced::") && !code.contains("rfd::"), "{file} uses the toolkit");
        }
    }
}

#[test]
fn there_is_no_unsafe_code() {
    for (file, code) in sources() {
        assert!(
            !code.contains("unsafe {") && !code.contains("unsafe fn") && !code.contains("unsafe impl"),
            "{file}"
        );
    }
}
