//! Colours for the labels of messages. The text after a label is not coloured.

const LABELS: [(&str, &str); 4] =
    [("error:", "\u{1b}[1;31m"), ("warning:", "\u{1b}[1;33m"), ("hint:", "\u{1b}[36m"), ("note:", "\u{1b}[1m")];

/// Colours the label that a line begins with, in each of the lines.
pub fn colorize(lines: &str, color: bool) -> String {
    if !color {
        return lines.to_owned();
    }
    let colorize_line = |line: &str| {
        let known = LABELS.iter().find_map(|(label, code)| Some((label, code, line.strip_prefix(label)?)));
        match known {
            Some((label, code, rest)) => format!("{code}{label}\u{1b}[0m{rest}"),
            None => line.to_owned(),
        }
    };
    lines.split_inclusive('\n').map(colorize_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_at_the_beginning_of_a_line_alone() {
        let text = "error: no error: here\n  cause: x\nhint: y";
        assert_eq!(colorize(text, false), text);
        assert_eq!(
            colorize(text, true),
            "\u{1b}[1;31merror:\u{1b}[0m no error: here\n  cause: x\n\u{1b}[36mhint:\u{1b}[0m y"
        );
    }
}
