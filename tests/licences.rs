//! The list of licences in the program, compared with the crates of the lock file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Environment variable that, set to any value, writes the list.
const UPDATE_VARIABLE: &str = "REELAY_UPDATE_LICENCES";

/// Platform of the list, the same as in packaging/licences.py.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Returns what cargo knows about the crates in the lock file. Reads nothing from the network.
fn metadata() -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", TARGET]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Returns a line for each crate that is linked into the program: name, version and licence. Crates of tests and of the
/// build are not in the program.
fn licences(metadata: &Value) -> String {
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).iter().map(|node| (text(&node["id"]), node)).collect();
    let root = text(&metadata["resolve"]["root"]);
    let (mut linked, mut waiting) = (BTreeSet::new(), vec![root]);
    while let Some(id) = waiting.pop() {
        if linked.insert(id) {
            let is_linked = |dependency: &&Value| {
                list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null())
            };
            let dependencies = list(&nodes[id]["deps"]).iter().filter(is_linked);
            waiting.extend(dependencies.map(|dependency| text(&dependency["pkg"])));
        }
    }
    let packages = list(&metadata["packages"]).iter();
    let packages =
        packages.filter(|package| text(&package["id"]) != root && linked.contains(text(&package["id"])));
    let lines: BTreeSet<String> = packages
        .map(|package| {
            let licence = package["license"].as_str().unwrap_or("see its text");
            format!("{} {}: {licence}\n", text(&package["name"]), text(&package["version"]))
        })
        .collect();
    lines.into_iter().collect()
}

#[test]
fn program_lists_the_licence_of_each_crate() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/licences.txt");
    let expected = licences(&metadata());
    assert!(expected.lines().count() > 100 && expected.contains("\niced 0.14"), "{expected}");
    if std::env::var_os(UPDATE_VARIABLE).is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let actual = std::fs::read_to_string(&path).unwrap();
    assert_eq!(actual, expected, "run the test with {UPDATE_VARIABLE}=1 and build again");
}
