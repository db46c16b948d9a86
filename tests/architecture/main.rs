//! Structure of the sources: layers, import cycles, and the APIs that a sans-I/O file must not use. ARCHITECTURE.md has
//! the reasons.

mod imports;
mod sources;
mod twins;

use self::sources::Source;

/// Top-level modules from the bottom to the top, and the modules that each may use besides itself.
const LAYERS: [(&str, &[&str]); 18] = [
    ("proto", &[]),
    ("format.rs", &[]),
    ("file_url.rs", &[]),
    ("about.rs", &[]),
    ("media", &["proto"]),
    ("impairment", &["format", "proto"]),
    ("stats", &["format", "impairment", "proto"]),
    ("net", &["format", "proto"]),
    ("media_file", &["media", "format", "file_url", "proto"]),
    ("session", &["net", "stats", "impairment", "media", "about", "format", "proto"]),
    ("server_embed", &["net", "media_file", "stats", "impairment", "media", "about", "proto"]),
    ("proxy", &["net", "impairment", "proto"]),
    ("recording", &["session", "media_file", "media", "format", "proto"]),
    ("settings", &["recording", "session", "media", "proto"]),
    (
        "backend",
        &[
            "recording",
            "session",
            "server_embed",
            "media_file",
            "net",
            "stats",
            "impairment",
            "media",
            "proto",
        ],
    ),
    (
        "command_line",
        &[
            "backend",
            "settings",
            "recording",
            "proxy",
            "server_embed",
            "session",
            "media_file",
            "net",
            "stats",
            "impairment",
            "media",
            "format",
            "file_url",
            "about",
            "proto",
        ],
    ),
    (
        "ui",
        &[
            "command_line",
            "backend",
            "settings",
            "recording",
            "session",
            "media_file",
            "stats",
            "impairment",
            "media",
            "format",
            "file_url",
            "about",
            "proto",
        ],
    ),
    // `lib.rs` only declares the modules. `main.rs` uses the library as any other crate does, so it is not listed.
    ("lib.rs", &[]),
];

#[test]
fn modules_use_only_lower_layers() {
    for source in sources::read() {
        let room = source.top_module();
        if room == "main.rs" {
            continue;
        }
        let allowed = LAYERS.iter().find(|(name, _)| *name == room);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{} is in no known module", source.name));
        for used in used_modules(source.code()) {
            let is_own = used == room.trim_end_matches(".rs");
            assert!(is_own || allowed.contains(&used), "{} may not use {used}", source.name);
        }
    }
}

/// Returns the names after `crate::`, comments left out.
fn used_modules(code: &str) -> Vec<&str> {
    let lines = code.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    lines
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
        .collect()
}

#[test]
fn files_have_no_import_cycles() {
    let graph = imports::graph(&sources::read());
    let edges: usize = graph.values().map(|used| used.len()).sum();
    assert!(edges > 500, "only {edges} imports were found");
    assert_eq!(imports::cycles(&graph), Vec::<Vec<&str>>::new());
}

/// Widgets of iced that react to the mouse only. `ui/widget/control.rs` and `ui/widget/choices.rs` have the controls
/// that the keyboard reaches as well, and `ui/theme.rs` their styles.
const MOUSE_ONLY: [&str; 8] =
    ["button", "checkbox", "combo_box", "pick_list", "radio", "slider", "toggler", "vertical_slider"];

#[test]
fn controls_of_the_window_can_be_reached_by_the_keyboard() {
    let exempt = ["ui/widget/control.rs", "ui/widget/choices.rs", "ui/theme.rs"];
    let sources = sources::read();
    let views = sources.iter().filter(|source| source.top_module() == "ui");
    let imported = |source: &Source| -> Vec<String> {
        let imports = source.code().split("use iced::widget::").skip(1);
        let names =
            imports.flat_map(|rest| rest.split(';').next().unwrap_or_default().split([',', '{', '}']));
        names.map(|name| name.trim().to_owned()).filter(|name| MOUSE_ONLY.contains(&name.as_str())).collect()
    };
    let found: Vec<(&str, Vec<String>)> = views
        .map(|source| (source.name.as_str(), imported(source)))
        .filter(|(_, names)| !names.is_empty())
        .collect();
    assert!(found.iter().any(|(name, _)| *name == "ui/theme.rs"), "the imports are not recognized");
    let others: Vec<_> = found.into_iter().filter(|(name, _)| !exempt.contains(name)).collect();
    assert!(others.is_empty(), "use crate::ui::widget::control instead: {others:?}");
}

#[test]
fn clients_of_different_protocols_share_no_code_runs() {
    let sources = sources::read();
    let in_folder = |folders: &[&str]| {
        let is_inside = |source: &&Source| folders.iter().any(|folder| source.name.starts_with(folder));
        sources.iter().filter(is_inside).collect::<Vec<_>>()
    };
    let (rtsp, classroom, http) = (
        in_folder(&["session/rtsp/", "session/rtp/"]),
        in_folder(&["session/classroom/"]),
        in_folder(&["session/http/"]),
    );
    assert!(rtsp.len() > 10 && classroom.len() > 5 && http.len() > 5, "too few files of clients were found");
    for (first, second) in [(&rtsp, &classroom), (&rtsp, &http), (&classroom, &http)] {
        assert_eq!(twins::runs(first, second), Vec::<String>::new());
    }
}

/// Returns true if a file must not use sockets, a runtime, a toolkit or a clock: all files of some modules, and those
/// that state it in their first line.
fn is_sans_io(source: &Source) -> bool {
    let is_sans_io_room = ["proto", "media", "impairment", "stats"].contains(&source.top_module());
    let first_line = source.text.lines().next().unwrap_or_default();
    is_sans_io_room || first_line.contains("Sans-I/O")
}

#[test]
fn sans_io_files_use_no_io_toolkit_or_clock() {
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
    let sources = sources::read();
    let sans_io: Vec<_> = sources.iter().filter(|source| is_sans_io(source)).collect();
    for source in &sans_io {
        // Examples in doc comments may read a clock.
        let is_comment = |line: &&str| line.trim_start().starts_with("//");
        let code: String = source.code().lines().filter(|line| !is_comment(line)).collect();
        for word in forbidden {
            assert!(!code.contains(word), "{} is sans-I/O and uses {word}", source.name);
        }
    }
    assert!(sans_io.len() > 90, "only {} files are sans-I/O", sans_io.len());
}

#[test]
fn only_ui_uses_the_toolkit() {
    for source in sources::read().iter().filter(|source| source.top_module() != "ui") {
        let code = source.code();
        assert!(!code.contains("iced::") && !code.contains("rfd::"), "{} uses the toolkit", source.name);
    }
}

#[test]
fn there_is_no_unsafe_code() {
    for source in sources::read() {
        let code = source.code();
        let is_unsafe = ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| code.contains(word));
        assert!(!is_unsafe, "{} has unsafe code", source.name);
    }
}

/// rustfmt wraps code, and leaves comments as they are.
#[test]
fn comments_are_wrapped() {
    for source in sources::read() {
        let comments = source.text.lines().zip(1..).filter(|(line, _)| line.trim_start().starts_with("//"));
        for (line, number) in comments {
            assert!(line.chars().count() <= 120, "{}:{number} has more than 120 columns", source.name);
        }
    }
}

/// A doc comment begins with a noun or a verb; "Returns true if" says which value has which meaning.
#[test]
fn doc_comments_begin_with_no_pronoun() {
    const REFUSED: [&str; 9] =
        ["Who ", "What ", "Whether ", "Nobody ", "It ", "They ", "Those ", "That ", "Returns whether "];
    for source in sources::read() {
        let lines: Vec<_> = source.text.lines().map(str::trim_start).collect();
        for (at, line) in lines.iter().enumerate() {
            let is_first = at == 0 || !lines[at - 1].starts_with("///");
            let refused =
                line.strip_prefix("/// ").is_some_and(|doc| REFUSED.iter().any(|word| doc.starts_with(word)));
            assert!(!(is_first && refused), "{}:{}: {line}", source.name, at + 1);
        }
    }
}
