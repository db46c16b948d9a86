//! `reelay man`: manual page of the program and its commands, in roff.

use std::io::{self, Write as _};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::cli::Cli;

/// Returns the manual page, one page for all commands, as `man -l` and `mandoc` read it.
pub fn page() -> String {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = write_page(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

fn write_page(page: &mut Vec<u8>) -> io::Result<()> {
    let mut cli = Cli::command();
    cli.build();
    let commands: Vec<_> = cli.get_subcommands().filter(|command| command.get_name() != "help").collect();
    let man = Man::new(cli.clone());
    // `Man::render_title` would drop the empty date, and shift the fields after it.
    writeln!(page, ".TH REELAY 1 \"\" \"reelay {}\" \"User Commands\"", env!("CARGO_PKG_VERSION"))?;
    man.render_name_section(page)?;
    synopsis(&mut cli.clone(), &commands).to_writer(page)?;
    description("DESCRIPTION", &cli).to_writer(page)?;
    man.render_options_section(page)?;
    for command in commands {
        description(&format!("REELAY {}", command.get_name().to_uppercase()), command).to_writer(page)?;
        write_options(page, command)?;
    }
    Ok(())
}

/// Returns the usage of the program and of its commands.
fn synopsis(cli: &mut Command, commands: &[&Command]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).control("nf", []);
    // The second line of the program's own usage is a placeholder for all commands.
    for usage in usage_lines(cli).into_iter().take(1) {
        roff.text([bold(usage)]);
    }
    for usage in commands.iter().flat_map(|command| usage_lines(&mut (*command).clone())) {
        roff.text([bold(usage)]);
    }
    roff.control("fi", []);
    roff
}

/// Returns the lines after `Usage:` in the help text.
fn usage_lines(command: &mut Command) -> Vec<String> {
    let usage = command.render_usage().to_string();
    usage.lines().map(|line| line.trim_start_matches("Usage:").trim().to_owned()).collect()
}

/// Returns a section with the parts of the help text before and after the options.
fn description(heading: &str, command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    if let Some(about) = command.get_about() {
        roff.text([roman(format!("{about}."))]);
    }
    if let Some(notes) = command.get_after_help() {
        append_notes(&mut roff, &notes.to_string());
    }
    roff
}

/// Writes the options of a command as subsections.
fn write_options(page: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    let mut options = Vec::new();
    Man::new(command.clone()).render_options_section(&mut options)?;
    let options = String::from_utf8_lossy(&options).replace(".SH ", ".SS ");
    page.extend_from_slice(options.as_bytes());
    Ok(())
}

/// Appends the notes after the options of a help text: paragraphs, and indented lines that stay as they are.
fn append_notes(roff: &mut Roff, notes: &str) {
    for paragraph in notes.split("\n\n") {
        roff.control("PP", []);
        let (examples, lines): (Vec<_>, Vec<_>) = paragraph.lines().partition(|line| line.starts_with("  "));
        for line in lines {
            roff.text([roman(line)]);
        }
        if !examples.is_empty() {
            roff.control("RS", ["4"]).control("nf", []);
            for example in examples {
                roff.text([bold(example.trim_start())]);
            }
            roff.control("fi", []).control("RE", []);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Removes the escapes of hyphens and fonts.
    fn plain(page: &str) -> String {
        page.replace("\\-", "-").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
    }

    #[test]
    fn page_has_the_usual_sections_and_each_command() {
        let page = page();
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"] {
            assert!(page.contains(&format!("\n.SH {heading}\n")), "{heading}: {page}");
        }
        for command in ["SERVE", "PROBE", "PROXY", "CONVERT", "COMPLETIONS", "MAN"] {
            assert!(page.contains(&format!("\n.SH \"REELAY {command}\"\n")), "{command}: {page}");
        }
        assert!(page.starts_with(".TH REELAY 1 \"\" \"reelay "), "{page}");
    }

    #[test]
    fn section_of_each_command_lists_its_options() {
        let page = plain(&page());
        let mut cli = Cli::command();
        cli.build();
        let sections: Vec<_> = page.split("\n.SH ").collect();
        for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
            let heading = format!("\"REELAY {}\"", command.get_name().to_uppercase());
            let section = sections.iter().find(|section| section.starts_with(&heading)).unwrap();
            for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(section.contains(&format!("--{option}")), "{option}: {section}");
            }
        }
        let own = sections.iter().find(|section| section.starts_with("OPTIONS")).unwrap();
        for option in cli.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(own.contains(&format!("--{option}")), "{option}: {own}");
        }
    }
}
