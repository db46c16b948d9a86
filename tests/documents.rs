//! Documents compared with the program: figures, presets, keys and links.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reelay::impairment::PRESETS;
use reelay::net::limits::Limits;
use reelay::stats::FIGURE_GROUPS;
use reelay::ui::SHORTCUT_TABLE;

fn read_document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Returns the tables of figures, one for each group, as docs/STATISTICS.md must contain them.
fn figure_tables() -> Vec<String> {
    let tables = FIGURE_GROUPS.iter().map(|group| {
        let lines = group.figures.iter().map(|figure| {
            let fields: Vec<_> = figure.fields.iter().map(|field| format!("`{field}`")).collect();
            let span = figure.span.words(false);
            format!("| {} | {span} | {} | {} |\n", figure.name, fields.join(", "), figure.description)
        });
        let head = format!(
            "### {}\n\n| Figure | Span | In JSON | Definition |\n| --- | --- | --- | --- |\n",
            group.name
        );
        head + &lines.collect::<String>()
    });
    tables.collect()
}

#[test]
fn statistics_document_defines_every_figure() {
    let document = read_document("docs/STATISTICS.md");
    for table in figure_tables() {
        assert!(document.contains(&table), "docs/STATISTICS.md lacks:\n\n{table}");
    }
}

#[test]
fn readme_lists_every_key() {
    let rows = SHORTCUT_TABLE.iter().map(|row| format!("| {} | {} |\n", row.keys(), row.action));
    let table = format!("| Key | Action |\n| --- | --- |\n{}\n", rows.collect::<String>());
    assert!(read_document("README.md").contains(&table), "README.md lacks:\n\n{table}");
}

#[test]
fn network_document_lists_every_preset() {
    let document = read_document("docs/NETWORK.md");
    for preset in &PRESETS {
        let line = format!("| {} | {} | {} |\n", preset.name, preset.impairments, preset.source);
        assert!(document.contains(&line), "docs/NETWORK.md lacks:\n\n{line}");
    }
}

#[test]
fn robustness_document_states_the_limits() {
    let document = read_document("docs/ROBUSTNESS.md");
    let (server, proxy) = (Limits::default(), Limits::for_proxy());
    let seconds = |time: Duration| format!("{} s", time.as_secs_f64());
    let delay = server.wrong_password_delay;
    for (limit, default) in [
        ("Connections from one address", server.max_connections_per_address.to_string()),
        (
            "Sessions from one address; at the proxy, streams over UDP",
            server.max_sessions_per_address.to_string(),
        ),
        ("Connections in all", format!("{}; proxy: {}", server.max_connections, proxy.max_connections)),
        (
            "Sessions in all; at the proxy, streams over UDP",
            format!("{}; proxy: {}", server.max_sessions, proxy.max_sessions),
        ),
        ("Sessions on one connection", server.max_sessions_per_connection.to_string()),
        ("Time of a TLS handshake", seconds(server.handshake_timeout)),
        ("Time from the first to the last byte of a request", seconds(server.request_timeout)),
        (
            "Time without a request on a connection without a session",
            format!("{} min", server.idle_timeout.as_secs() / 60),
        ),
        ("The same, if the session has never played", seconds(server.unplayed_session_timeout)),
        ("Refused connections that wait for their 503 response", server.max_refusals.to_string()),
        ("Time that a refused connection has for its first request", seconds(server.refusal_timeout)),
        (
            "Delay of the response to a wrong password",
            format!("{} to {}", seconds(delay), seconds(delay * 16)),
        ),
        ("Wrong passwords on one connection", server.max_wrong_passwords.to_string()),
        ("Log lines about one address in a second", server.max_log_lines.to_string()),
    ] {
        let line = format!("| {limit} | {default} |");
        assert!(document.contains(&line), "docs/ROBUSTNESS.md lacks: {line}");
    }
}

#[test]
fn links_in_documents_resolve() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let named = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name));
    let mut links = 0;
    for document in documents.chain(named).filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            links += 1;
            assert!(
                document.parent().unwrap().join(file).exists(),
                "{} links to {target}, which does not exist",
                document.display()
            );
        }
    }
    assert!(links > 10, "only {links} links found");
}
