//! The program `reelay`, run until it ends, and the files that it leaves.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a command in a folder.
pub fn reelay(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reelay")).current_dir(folder).args(arguments).output().unwrap()
}

/// Runs a command that succeeds, and returns the text that it prints on stdout and on stderr.
#[track_caller]
pub fn succeed(folder: &Path, arguments: &[&str]) -> (String, String) {
    let output = reelay(folder, arguments);
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{arguments:?}: {err}");
    (out, err)
}

/// Runs a command that fails with exit status 1, and returns its sentence.
#[track_caller]
pub fn fail(folder: &Path, arguments: &[&str]) -> String {
    let output = reelay(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// Returns the sorted names of everything in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}
