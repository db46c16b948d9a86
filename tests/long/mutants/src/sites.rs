//! Finds the expressions, bodies and arms that the mutants of a file change.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Arm, BinOp, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary, ImplItemFn, ItemConst, ItemFn, ItemStatic,
};

use crate::{Mutant, Position};

/// A place in a file, in bytes, and the mutants that change it.
pub struct Site {
    pub range: Range<usize>,
    pub kind: SiteKind,
    pub variants: Vec<Variant>,
}

pub struct Variant {
    pub id: u32,
    /// Operator, value or body that stands instead.
    pub replacement: String,
    /// Bytes that are left out, for a field of a struct expression.
    pub removed: Range<usize>,
}

pub enum SiteKind {
    /// The inside of a function's body, which another value replaces.
    Body,
    /// An expression with an operator between two operands.
    Binary { left: Range<usize>, right: Range<usize>, assigns: bool },
    /// An expression with an operator before its operand.
    Unary { operand: Range<usize> },
    /// The pattern of an arm without a guard, which is left out.
    Arm,
    /// A guard that is always or never true.
    Guard,
    /// A struct expression whose field is taken from its base.
    Fields,
}

/// Sites of the file, outermost first. Mutants that have none are in a form that cannot be selected at run time.
pub fn find(source: &str, mutants: &[Mutant]) -> syn::Result<Vec<Site>> {
    let lines = Lines::new(source);
    let mut by_place: BTreeMap<(&str, usize), Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        let start = lines.offset(mutant.listed.span.start);
        by_place.entry((mutant.listed.genre.as_str(), start)).or_default().push(mutant);
    }
    let file = syn::parse_file(source)?;
    let mut finder = Finder { lines: &lines, by_place, sites: Vec::new() };
    finder.visit_file(&file);
    let mut sites = finder.sites;
    sites.sort_by_key(|site| (site.range.start, std::cmp::Reverse(site.range.end)));
    Ok(sites)
}

struct Finder<'a> {
    lines: &'a Lines,
    by_place: BTreeMap<(&'a str, usize), Vec<&'a Mutant<'a>>>,
    sites: Vec<Site>,
}

impl Finder<'_> {
    fn range(&self, span: Span) -> Range<usize> {
        self.lines.offset(position(span.start()))..self.lines.offset(position(span.end()))
    }

    fn take(&mut self, genre: &'static str, start: usize) -> Vec<Variant> {
        let mutants = self.by_place.remove(&(genre, start)).unwrap_or_default();
        let variant = |mutant: &&Mutant| {
            let span = &mutant.listed.span;
            let removed = self.lines.offset(span.start)..self.lines.offset(span.end);
            Variant { id: mutant.id, replacement: mutant.listed.replacement.clone(), removed }
        };
        mutants.iter().map(variant).collect()
    }

    fn add(&mut self, range: Range<usize>, kind: SiteKind, variants: Vec<Variant>) {
        if !variants.is_empty() {
            self.sites.push(Site { range, kind, variants });
        }
    }

    fn add_body(&mut self, block: &syn::Block) {
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else { return };
        let range = self.range(first.span()).start..self.range(last.span()).end;
        let variants = self.take("FnValue", range.start);
        self.add(range, SiteKind::Body, variants);
    }

    fn add_arm(&mut self, arm: &Arm) {
        let pattern = self.range(arm.pat.span());
        let whole = self.range(arm.span());
        let guard = arm.guard.as_ref().map(|(_, guard)| self.range(guard.span()));
        // An arm may begin with an attribute, and cargo-mutants lists it at its beginning or at its pattern.
        let mut variants = self.take("MatchArm", whole.start);
        variants.extend(if whole.start == pattern.start {
            Vec::new()
        } else {
            self.take("MatchArm", pattern.start)
        });
        // cargo-mutants does not leave out arms with guards.
        if guard.is_none() {
            self.add(pattern, SiteKind::Arm, variants);
        }
        if let Some(guard) = guard {
            let variants = self.take("MatchArmGuard", guard.start);
            self.add(guard, SiteKind::Guard, variants);
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if item.sig.constness.is_none() {
            self.add_body(&item.block);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if item.sig.constness.is_none() {
            self.add_body(&item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add_body(block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    // Constant expressions cannot ask which mutant is selected.
    fn visit_item_const(&mut self, _: &'ast ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}

    fn visit_expr_repeat(&mut self, expression: &'ast syn::ExprRepeat) {
        self.visit_expr(&expression.expr);
    }

    fn visit_expr_binary(&mut self, expression: &'ast ExprBinary) {
        let operator = self.range(expression.op.span()).start;
        let variants = self.take("BinaryOperator", operator);
        if !contains_let(&expression.left) && !contains_let(&expression.right) {
            let (left, right) = (self.range(expression.left.span()), self.range(expression.right.span()));
            let kind = SiteKind::Binary { left, right, assigns: assigns(&expression.op) };
            self.add(self.range(expression.span()), kind, variants);
        }
        visit::visit_expr_binary(self, expression);
    }

    fn visit_expr_unary(&mut self, expression: &'ast ExprUnary) {
        let range = self.range(expression.span());
        let variants = self.take("UnaryOperator", range.start);
        let operand = self.range(expression.expr.span());
        self.add(range, SiteKind::Unary { operand }, variants);
        visit::visit_expr_unary(self, expression);
    }

    fn visit_expr_match(&mut self, expression: &'ast ExprMatch) {
        expression.arms.iter().for_each(|arm| self.add_arm(arm));
        visit::visit_expr_match(self, expression);
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        let mut variants = Vec::new();
        for field in &expression.fields {
            variants.extend(self.take("StructField", self.range(field.span()).start));
        }
        self.add(self.range(expression.span()), SiteKind::Fields, variants);
        visit::visit_expr_struct(self, expression);
    }
}

fn assigns(operator: &BinOp) -> bool {
    use BinOp::{
        AddAssign, BitAndAssign, BitOrAssign, BitXorAssign, DivAssign, MulAssign, RemAssign, ShlAssign,
        ShrAssign, SubAssign,
    };
    matches!(
        operator,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | BitXorAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}

/// Tells if the expression is part of a chain with `let`, which stands in a condition only.
fn contains_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => contains_let(&binary.left) || contains_let(&binary.right),
        _ => false,
    }
}

fn position(place: LineColumn) -> Position {
    Position { line: place.line, column: place.column + 1 }
}

/// Bytes at which the characters of a text stand.
struct Lines(Vec<Vec<usize>>);

impl Lines {
    fn new(text: &str) -> Self {
        let mut lines = vec![Vec::new()];
        for (offset, character) in text.char_indices() {
            lines.last_mut().expect("never empty").push(offset);
            if character == '\n' {
                lines.push(Vec::new());
            }
        }
        lines.last_mut().expect("never empty").push(text.len());
        Self(lines)
    }

    fn offset(&self, position: Position) -> usize {
        self.0[position.line - 1][position.column - 1]
    }
}
