//! Import graph of the sources: which file uses an item that another file defines.
//!
//! Paths are resolved through re-exports to the defining file, so `crate::session::Goal` counts as a use of
//! `session/state.rs` and not of `session/mod.rs`. Unit tests and their imports are left out.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;

use crate::sources::Source;

/// Files that each file uses, by name below `src`.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

/// Builds the graph from all sources of the crate.
pub fn graph(sources: &[Source]) -> Graph {
    let modules = Modules::new(sources);
    let mut graph = Graph::new();
    for module in modules.by_path.values() {
        let used = graph.entry(module.file.clone()).or_default();
        for path in &module.paths {
            if let Some(file) = modules.resolve(&module.path, path, 0).filter(|file| *file != module.file) {
                used.insert(file);
            }
        }
    }
    graph
}

/// Returns the groups of files that use each other, directly or through others; empty if there is no cycle.
pub fn cycles(graph: &Graph) -> Vec<Vec<&str>> {
    let reachable: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|file| (file.as_str(), reachable_from(graph, file))).collect();
    let mut circles: Vec<Vec<&str>> = Vec::new();
    for (file, reached) in &reachable {
        let is_known = circles.iter().any(|circle| circle.contains(file));
        if reached.contains(file) && !is_known {
            let members = reached.iter().filter(|other| reachable[*other].contains(file));
            circles.push(members.copied().collect());
        }
    }
    circles
}

fn reachable_from<'a>(graph: &'a Graph, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = graph[start].iter().map(String::as_str).collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(graph.get(file).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

type ModulePath = Vec<String>;

/// Maximum length of a chain of re-exports that is followed.
const MAX_DEPTH: usize = 16;

struct Modules {
    by_path: BTreeMap<ModulePath, Module>,
}

#[derive(Default)]
struct Module {
    path: ModulePath,
    file: String,
    /// Names of the items and child modules that are defined here.
    items: BTreeSet<String>,
    /// Imports: local name and path as written.
    imports: Vec<(String, ModulePath)>,
    /// Modules whose items are all imported.
    globs: Vec<ModulePath>,
    /// All paths that the file mentions, as written.
    paths: Vec<ModulePath>,
}

impl Modules {
    fn new(sources: &[Source]) -> Self {
        let modules = sources.iter().map(|source| {
            let mut module =
                Module { path: module_path(&source.name), file: source.name.clone(), ..Module::default() };
            module.visit_file(&source.syntax);
            (module.path.clone(), module)
        });
        Self { by_path: modules.collect() }
    }

    /// Returns the file that defines the item of a path; `None` if the item is not of this crate.
    fn resolve(&self, from: &ModulePath, path: &ModulePath, depth: usize) -> Option<String> {
        let (first, rest) = path.split_first()?;
        let here = self.by_path.get(from)?;
        match first.as_str() {
            "crate" => self.resolve_in(&ModulePath::new(), rest, depth),
            "self" => self.resolve_in(from, rest, depth),
            "super" => self.resolve_in(&from[..from.len().checked_sub(1)?].to_vec(), rest, depth),
            name if here.items.contains(name) => self.resolve_in(from, path, depth),
            _ => None,
        }
    }

    fn resolve_in(&self, module_path: &ModulePath, path: &[String], depth: usize) -> Option<String> {
        let here = self.by_path.get(module_path)?;
        let Some((first, rest)) = path.split_first().filter(|_| depth < MAX_DEPTH) else {
            return Some(here.file.clone());
        };
        if first == "super" {
            return self.resolve_in(&module_path[..module_path.len().checked_sub(1)?].to_vec(), rest, depth);
        }
        let child: ModulePath = module_path.iter().chain([first]).cloned().collect();
        if self.by_path.contains_key(&child) {
            return self.resolve_in(&child, rest, depth);
        }
        if here.items.contains(first) {
            return Some(here.file.clone());
        }
        let imported = here.imports.iter().find(|(name, _)| name == first);
        let through_import = imported.and_then(|(_, target)| {
            let whole = [&target[..], rest].concat();
            self.resolve(module_path, &whole, depth + 1)
        });
        let through_globs = || {
            here.globs.iter().find_map(|glob| {
                let whole = [&glob[..], path].concat();
                let resolved = self.resolve(module_path, &whole, depth + 1);
                resolved.filter(|file| self.defines(file, first))
            })
        };
        through_import.or_else(through_globs).or_else(|| Some(here.file.clone()))
    }

    fn defines(&self, file: &str, item: &str) -> bool {
        self.by_path.values().any(|module| module.file == file && module.items.contains(item))
    }
}

/// Returns the module path of a file: `session::rtsp` for `session/rtsp/mod.rs` and for `session/rtsp.rs`.
fn module_path(file: &str) -> ModulePath {
    let stem = file.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    match stem {
        "lib" => ModulePath::new(),
        // The binary uses the library as any other crate does.
        stem => stem.split('/').map(str::to_owned).collect(),
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_test(item_attributes(item)) {
            return;
        }
        if let Some(name) = item_name(item) {
            self.items.insert(name);
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(ModulePath::new(), &item.tree);
    }

    /// Ignores visibilities: `pub(super)` is not a use of the parent module.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }
}

impl Module {
    fn import(&mut self, mut prefix: ModulePath, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.import(prefix, &path.tree);
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let local = prefix.last().cloned().unwrap_or_default();
                self.add_import(local, prefix);
            }
            syn::UseTree::Name(name) => {
                let local = name.ident.to_string();
                prefix.push(local.clone());
                self.add_import(local, prefix);
            }
            syn::UseTree::Rename(rename) => {
                prefix.push(rename.ident.to_string());
                self.add_import(rename.rename.to_string(), prefix);
            }
            syn::UseTree::Glob(_) => {
                self.paths.push(prefix.clone());
                self.globs.push(prefix);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.import(prefix.clone(), item));
            }
        }
    }

    fn add_import(&mut self, local: String, target: ModulePath) {
        self.paths.push(target.clone());
        self.imports.push((local, target));
    }
}

fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

fn item_name(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Mod(item) => &item.ident,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
