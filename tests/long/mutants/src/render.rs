//! Writes the source again, with each site as a choice between its mutants and the unchanged code.

use std::ops::Range;

use serde::Serialize;

use crate::sites::{Site, SiteKind, Variant};

/// Bytes of the rewritten file that belong to mutants: to one, or to all of a site.
#[derive(Serialize)]
pub struct Region {
    start: usize,
    end: usize,
    mutants: Vec<u32>,
}

pub fn render(source: &str, sites: &[Site]) -> (String, Vec<Region>) {
    let mut renderer = Renderer { source, out: String::new(), regions: Vec::new() };
    renderer.copy(0..source.len(), sites);
    (renderer.out, renderer.regions)
}

struct Renderer<'a> {
    source: &'a str,
    out: String,
    regions: Vec<Region>,
}

impl Renderer<'_> {
    /// Copies the range, in which the sites stand, outermost first.
    fn copy(&mut self, range: Range<usize>, sites: &[Site]) {
        let mut at = range.start;
        let mut rest = sites;
        while let Some((site, later)) = rest.split_first() {
            let inner = later.iter().take_while(|inner| inner.range.start < site.range.end).count();
            let (inside, after) = later.split_at(inner);
            self.push(at..site.range.start);
            let start = self.out.len();
            self.site(site, inside);
            let mutants = site.variants.iter().map(|variant| variant.id).collect();
            self.regions.push(Region { start, end: self.out.len(), mutants });
            at = site.range.end;
            rest = after;
        }
        self.push(at..range.end);
    }

    fn push(&mut self, range: Range<usize>) {
        self.out.push_str(&self.source[range]);
    }

    fn site(&mut self, site: &Site, inside: &[Site]) {
        let first = site.variants[0].id;
        match &site.kind {
            SiteKind::Body => {
                self.out.push_str(&format!("match crate::mutants::at({first}) {{ "));
                for variant in &site.variants {
                    self.variant(variant, &format!("return {}", variant.replacement));
                }
                self.out.push_str("_ => {} } ");
                self.copy(site.range.clone(), inside);
            }
            SiteKind::Binary { left, right, assigns } => {
                self.out.push_str(&format!("(match crate::mutants::at({first}) {{ "));
                for variant in &site.variants {
                    let (left, right) = (&self.source[left.clone()], &self.source[right.clone()]);
                    let operator = &variant.replacement;
                    let code = if *assigns {
                        format!("{left} {operator} ({right})")
                    } else {
                        format!("({left}) {operator} ({right})")
                    };
                    self.variant(variant, &code);
                }
                self.unchanged(site, inside);
            }
            SiteKind::Unary { operand } => {
                self.out.push_str(&format!("(match crate::mutants::at({first}) {{ "));
                for variant in &site.variants {
                    let code = self.source[operand.clone()].to_owned();
                    self.variant(variant, &code);
                }
                self.unchanged(site, inside);
            }
            SiteKind::Guard => {
                self.out.push_str(&format!("(match crate::mutants::at({first}) {{ "));
                for variant in &site.variants {
                    self.variant(variant, &variant.replacement);
                }
                self.unchanged(site, inside);
            }
            SiteKind::Fields => {
                self.out.push_str(&format!("(match crate::mutants::at({first}) {{ "));
                for variant in &site.variants {
                    let code = self.without(site.range.clone(), variant.removed.clone());
                    self.variant(variant, &code);
                }
                self.unchanged(site, inside);
            }
            SiteKind::Arm => {
                self.copy(site.range.clone(), inside);
                self.out.push_str(&format!(" if crate::mutants::at({first}) != {first}"));
            }
        }
    }

    /// Ends a choice with the code as it is, in which other sites stand.
    fn unchanged(&mut self, site: &Site, inside: &[Site]) {
        self.out.push_str("_ => { ");
        self.copy(site.range.clone(), inside);
        self.out.push_str(" } })");
    }

    fn variant(&mut self, variant: &Variant, code: &str) {
        self.out.push_str(&format!("{} => {{ ", variant.id));
        let start = self.out.len();
        self.out.push_str(code);
        self.regions.push(Region { start, end: self.out.len(), mutants: vec![variant.id] });
        self.out.push_str(" } ");
    }

    /// The expression without one of its fields, and without the comma after it.
    fn without(&self, range: Range<usize>, removed: Range<usize>) -> String {
        let after = self.source[removed.end..range.end].trim_start();
        format!("{}{}", &self.source[range.start..removed.start], after.strip_prefix(',').unwrap_or(after))
    }
}
