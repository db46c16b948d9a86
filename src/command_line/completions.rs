//! `reelay completions`: completion scripts for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::cli::Cli;

/// Returns the completion script of a shell.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "reelay", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    /// Returns the lines of a script about a command, `None` if the script of this shell does not separate commands.
    fn lines_about<'a>(shell: Shell, script: &'a str, command: &str) -> Option<Vec<&'a str>> {
        let (start, end) = match shell {
            Shell::Bash => (format!("reelay__subcmd__{command})\n            opts="), ";;\n        reelay__"),
            Shell::Fish => {
                let about = format!("__fish_reelay_using_subcommand {command}\" ");
                return Some(script.lines().filter(|line| line.contains(&about)).collect());
            }
            _ => return None,
        };
        let section = &script[script.find(&start)?..];
        Some(section.split(end).next()?.lines().collect())
    }

    #[test]
    fn scripts_complete_each_option_of_each_command() {
        let mut cli = Cli::command();
        cli.build();
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
                let name = command.get_name();
                assert!(script.contains(name), "{shell}: {name}");
                let lines = lines_about(*shell, &script, name).unwrap_or_else(|| script.lines().collect());
                for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                    // Fish names long options with `-l`.
                    let names = [format!("--{option}"), format!("-l {option}")];
                    let is_offered = lines.iter().any(|line| names.iter().any(|name| line.contains(name)));
                    assert!(is_offered, "{shell}: {name} --{option}");
                }
            }
            for option in cli.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(script.contains(option), "{shell}: --{option}");
            }
        }
    }

    #[test]
    fn scripts_offer_the_values_of_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            assert!(script.contains("udp") && script.contains("tcp"), "{shell}");
            assert!(script.contains("dark") && script.contains("light"), "{shell}");
        }
    }
}
