//! Search for code that two clients duplicate.
//!
//! Clients of different protocols share their common logic in the files above their folders, such as
//! `session/machine.rs` and `session/protocol.rs`. A run of equal lines in two of them is logic that belongs there.

use crate::sources::Source;

/// Number of consecutive equal lines that make a run.
const RUN_LENGTH: usize = 6;

/// Line of code with its white space folded, and its number in the file.
type Line = (usize, String);

/// Returns the runs of equal code in two sets of files, as `file:line ~ file:line` of their first lines.
pub fn runs(first: &[&Source], second: &[&Source]) -> Vec<String> {
    let mut runs = Vec::new();
    for left in first {
        let left_lines = code_lines(left.code());
        for right in second {
            let right_lines = code_lines(right.code());
            for (left_line, right_line) in equal_runs(&left_lines, &right_lines) {
                runs.push(format!("{}:{left_line} ~ {}:{right_line}", left.name, right.name));
            }
        }
    }
    runs
}

fn equal_runs(left: &[Line], right: &[Line]) -> Vec<(usize, usize)> {
    let text = |lines: &[Line]| lines.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>();
    let mut runs = Vec::new();
    for window in left.windows(RUN_LENGTH) {
        let matches = right.windows(RUN_LENGTH).filter(|other| text(other) == text(window));
        runs.extend(matches.map(|other| (window[0].0, other[0].0)));
    }
    runs
}

/// Lines of code: no comments, no imports, and none without a letter or digit.
fn code_lines(code: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut is_import = false;
    for (index, line) in code.lines().enumerate() {
        let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
        is_import |= text.starts_with("use ") || text.starts_with("pub use ");
        let is_code = !is_import && !text.starts_with("//") && text.contains(char::is_alphanumeric);
        if is_code {
            lines.push((index + 1, text.clone()));
        }
        is_import &= !text.ends_with(';');
    }
    lines
}

#[test]
fn runs_of_six_lines_are_found_despite_comments_and_braces() {
    let left =
        "use a::{\n    b,\n};\nfn f() {\n    one();\n    two();\n    three();\n    four();\n    five();\n}\n";
    let right = "fn g() {}\nfn f() {\n  one();\n\n  // A comment.\n  two();\n  {\n  three();\n  }\n  four();\n  five();\n}\n";
    assert_eq!(equal_runs(&code_lines(left), &code_lines(right)), [(4, 2)]);
    let shorter = right.replace("five", "six");
    assert_eq!(equal_runs(&code_lines(left), &code_lines(&shorter)), []);
}
