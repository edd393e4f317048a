//! Whether a systemd unit runs, from its status or its journal.

/// What the text says about the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State<'t> {
    /// It runs, or nothing says otherwise.
    Up,
    /// It does not run; the line that says so.
    Down {
        /// Verbatim.
        line: &'t str,
    },
}

/// Reads `systemctl status` when it is there, else systemd's own lines in the journal, newest last.
pub(super) fn state(text: &str) -> State<'_> {
    for line in text.lines() {
        let trimmed = line.trim_start();
        if let Some(active) = trimmed.strip_prefix("Active: ") {
            let down =
                ["inactive", "failed", "activating (auto-restart)"].iter().any(|it| active.starts_with(it));
            return if down { State::Down { line } } else { State::Up };
        }
    }
    for line in text.lines().rev().filter(|line| line.contains("systemd[")) {
        let message = line.split_once("]: ").map_or(line, |(_, message)| message);
        if message.starts_with("Started ") || message.starts_with("Starting ") {
            return State::Up;
        }
        let stopped = message.starts_with("Stopped ")
            || message.contains("Failed with result")
            || message.contains("Deactivated successfully")
            || message.contains("Main process exited");
        if stopped {
            return State::Down { line };
        }
    }
    State::Up
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_status_line_decides_and_the_newest_systemd_line_else() {
        let dead = "     Active: inactive (dead) since Fri 2026-01-02 12:32:29 CST; 1min ago";
        assert_eq!(state(&format!("● kubelet.service\n{dead}\n")), State::Down { line: dead });
        assert_eq!(state("     Active: active (running) since Fri"), State::Up);
        let stopped = "Jan 02 12:32:29 n1 systemd[1]: Stopped kubelet: The Kubernetes Node Agent.";
        let started = "Jan 02 12:32:31 n1 systemd[1]: Started kubelet: The Kubernetes Node Agent.";
        assert_eq!(
            state(&format!("{started}\nJan n1 kubelet[9]: x\n{stopped}\n")),
            State::Down { line: stopped }
        );
        assert_eq!(state(&format!("{stopped}\n{started}\n")), State::Up);
        assert_eq!(state(""), State::Up);
    }
}
