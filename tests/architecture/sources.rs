//! The sources of the crate, read once and parsed.

use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// A source file below `src`.
pub struct Source {
    /// Path below `src`, with slashes.
    pub name: String,
    /// Complete text of the file.
    pub text: String,
    /// Syntax tree of `text`.
    pub syntax: syn::File,
}

impl Source {
    /// Returns the text before the unit tests; a file of unit tests has none.
    pub fn code(&self) -> &str {
        if self.name.ends_with("/tests.rs") {
            return "";
        }
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }

    /// Returns the first folder of the path, or the file name of a file directly below `src`.
    pub fn top_module(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// Reads every source file below `src`.
pub fn read() -> Vec<Source> {
    let mut paths = Vec::new();
    collect(Path::new(FOLDER), &mut paths);
    assert!(paths.len() > 50, "too few source files were found");
    paths.into_iter().map(parse).collect()
}

fn parse(path: PathBuf) -> Source {
    let parts = path.strip_prefix(FOLDER).unwrap().components();
    let name = parts.map(|part| part.as_os_str().to_str().unwrap()).collect::<Vec<_>>().join("/");
    let text = fs::read_to_string(&path).unwrap();
    let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    Source { name, text, syntax }
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
