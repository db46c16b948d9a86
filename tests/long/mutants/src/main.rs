//! Writes every mutant that cargo-mutants lists into one copy of the source, so that one build contains them all. The
//! environment variable `REELAY_MUTANT` selects the one that a run of a test has.
//!
//!     reelay-mutants LIST TREE DROPPED
//!
//! LIST is the output of `cargo mutants --list --json`, TREE a copy of the project whose `src` is rewritten, and
//! DROPPED a JSON list of the numbers of mutants that do not compile. Prints JSON: each mutant with its number, and for
//! each file the bytes that belong to each mutant, by which an error of the compiler is attributed.

mod render;
mod sites;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A mutant as cargo-mutants lists it.
#[derive(Deserialize)]
pub struct Listed {
    pub file: PathBuf,
    pub genre: String,
    pub name: String,
    pub replacement: String,
    pub span: ListedSpan,
}

#[derive(Deserialize)]
pub struct ListedSpan {
    pub start: Position,
    pub end: Position,
}

/// Line and column, both from 1; the column counts characters.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A mutant and its number: its place in the list, from 1. Zero means the unchanged program.
pub struct Mutant<'a> {
    pub id: u32,
    pub listed: &'a Listed,
}

#[derive(Serialize)]
struct Report {
    mutants: BTreeMap<u32, String>,
    /// Mutants whose code is a constant expression or another form that cannot ask which mutant is selected.
    unsupported: BTreeMap<u32, String>,
    files: BTreeMap<PathBuf, Vec<render::Region>>,
}

/// The module that the rewritten source asks: which mutant is selected, and with `REELAY_MUTANTS_REACHED`, a file to
/// which the number of each reached place is appended.
const RUNTIME: &str = include_str!("runtime.rs.txt");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [list, tree, dropped] = arguments.as_slice() else {
        return Err("usage: reelay-mutants LIST TREE DROPPED".into());
    };
    let listed: Vec<Listed> = serde_json::from_slice(&fs::read(list)?)?;
    let dropped: BTreeSet<u32> = serde_json::from_slice(&fs::read(dropped)?)?;
    let tree = Path::new(tree);

    let mut by_file: BTreeMap<&Path, Vec<Mutant>> = BTreeMap::new();
    for (id, listed) in (1..).zip(&listed) {
        if !dropped.contains(&id) {
            by_file.entry(&listed.file).or_default().push(Mutant { id, listed });
        }
    }
    let mut report =
        Report { mutants: BTreeMap::new(), unsupported: BTreeMap::new(), files: BTreeMap::new() };
    for (file, mutants) in by_file {
        let path = tree.join(file);
        let source = fs::read_to_string(&path)?;
        let found = sites::find(&source, &mutants)?;
        let (rewritten, regions) = render::render(&source, &found);
        fs::write(&path, rewritten)?;
        let placed: BTreeSet<u32> =
            found.iter().flat_map(|site| site.variants.iter().map(|variant| variant.id)).collect();
        for mutant in mutants {
            let names =
                if placed.contains(&mutant.id) { &mut report.mutants } else { &mut report.unsupported };
            names.insert(mutant.id, mutant.listed.name.clone());
        }
        report.files.insert(file.to_owned(), regions);
    }
    let runtime = RUNTIME.replace("NUMBER_OF_MUTANTS", &listed.len().to_string());
    fs::write(tree.join("src/mutants.rs"), runtime)?;
    for root in ["src/lib.rs", "src/main.rs"] {
        let path = tree.join(root);
        fs::write(&path, fs::read_to_string(&path)? + "\nmod mutants;\n")?;
    }
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
