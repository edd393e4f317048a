//! Commands that take a password in a flag of their own, and SQL.

use super::super::RedactError;
use super::super::names::Promise;
use super::super::values;
use super::Scanner;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `mysql -p'x'`, attached.
    Mysql,
    /// `sshpass -p x`.
    Sshpass,
    /// `redis-cli -a x`.
    RedisCli,
    /// `curl -u user:x`.
    Curl,
    /// `docker login -u user -p x`.
    Login,
    /// `kubectl create secret generic … --from-literal=key=x`.
    FromLiteral,
}

/// How far a command line is followed.
const REACH: usize = 512;

impl Scanner<'_> {
    pub(super) fn command(&mut self, command: Command, start: usize, end: usize) -> Result<(), RedactError> {
        if command == Command::FromLiteral {
            return self.literal_of_secret(start, end);
        }
        let word_end = if command == Command::Mysql {
            self.run(end, 12, |b| b.is_ascii_lowercase() || b == b'-')
        } else {
            end
        };
        if !self.word_begins(start) || !matches!(self.byte(word_end), b' ' | b'\t' | b'"' | b'\'' | b',') {
            return Ok(());
        }
        let until = self.boundary(self.run(word_end, REACH, |b| b != b'\n'));
        self.spend(until - word_end)?;
        let flag = match command {
            Command::Mysql | Command::Sshpass | Command::Login => b"-p",
            Command::RedisCli => b"-a",
            Command::Curl | Command::FromLiteral => b"-u",
        };
        if command == Command::Curl {
            self.user_flag(word_end, until);
        }
        let mut at = word_end;
        while let Some(next) = self.bytes[at..until].windows(2).position(|pair| pair == flag) {
            let flag_at = at + next;
            at = flag_at + 2;
            if !matches!(self.bytes[flag_at - 1], b' ' | b'\t' | b'"' | b'\'' | b',') {
                continue;
            }
            let attached = !matches!(self.byte(at), b' ' | b'\t' | b'"' | b'\'' | b',' | b'\\')
                || (matches!(self.byte(at), b'"' | b'\'') && self.bytes[flag_at - 1] == b' ');
            if command == Command::Mysql && !attached {
                continue;
            }
            let from = if attached {
                at
            } else {
                self.run(at, 8, |b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b',' | b'\\' | b'\n'))
            };
            // Quotes that were skipped between two items of an argument list belong to the next item.
            let from =
                if !attached && matches!(self.bytes[from - 1], b'"' | b'\'') { from - 1 } else { from };
            let Some(found) = self.value_at(from, super::value::Ends::Word) else {
                continue;
            };
            let mut value = found;
            if command == Command::Curl {
                let Some(colon) = self.text[found.start..found.end].find(':') else { continue };
                value.start = found.start + colon + 1;
            }
            let text = &self.text[value.start..value.end];
            if command == Command::Mysql && matches!(text, "ort" | "rotocol" | "ipe" | "lugin-dir") {
                continue;
            }
            if !text.is_empty() && !values::is_placeholder(text) && !text.starts_with('-') {
                self.seal(value.start, value.end, "password");
                break;
            }
        }
        Ok(())
    }

    /// `--user name:x`.
    fn user_flag(&mut self, from: usize, until: usize) {
        let Some(flag) = self.text[from..until].find("--user") else {
            return;
        };
        let at = from + flag + 6;
        let start = self.run(at, 4, |b| matches!(b, b' ' | b'=' | b'"' | b'\'' | b','));
        let end = self.run(start, REACH, |b| !b.is_ascii_whitespace() && b != b'"' && b != b'\'');
        let Some(colon) = self.text[start..end].find(':').filter(|_| start > at) else {
            return;
        };
        if colon > 0 && !values::is_placeholder(&self.text[start + colon + 1..end]) {
            self.seal(start + colon + 1, end, "password");
        }
    }

    /// `vault login x`.
    pub(super) fn vault_login(&mut self, end: usize) -> Result<(), RedactError> {
        let until = self.run(end, REACH, |b| !b.is_ascii_whitespace() && b != b'"' && b != b'\'');
        self.spend(until - end)?;
        let value = &self.text[end..until];
        if !value.starts_with('-') && !value.contains('=') && value.bytes().any(|b| b.is_ascii_digit()) {
            self.seal(end, until, "vault-token");
        }
        Ok(())
    }

    fn literal_of_secret(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        let line = self.run_back(start, REACH, |b| b != b'\n');
        self.spend(start - line)?;
        let before = &self.bytes[line..start];
        if !before.windows(6).any(|word| word == b"secret") {
            return Ok(());
        }
        let from = self.run(end, 4, |b| matches!(b, b'=' | b' ' | b'"' | b'\''));
        let key = self.run(from, 253, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if self.byte(key) == b'='
            && let Some(found) = self.value_at(key + 1, super::value::Ends::Word)
            && !values::is_placeholder(&self.text[found.start..found.end])
        {
            self.seal(found.start, found.end, "secret");
        }
        Ok(())
    }

    /// `IDENTIFIED BY 'x'`, `IDENTIFIED WITH plugin BY 'x'`.
    pub(super) fn identified_by(&mut self, end: usize) -> Result<(), RedactError> {
        let until = self.boundary(self.run(end, 96, |b| b != b'\n'));
        self.spend(until - end)?;
        let lower = self.text[end..until].to_ascii_lowercase();
        let Some(by) = lower.find(" by ") else {
            return Ok(());
        };
        let between = lower[..by].trim();
        if !(between.is_empty() || between.starts_with("with")) {
            return Ok(());
        }
        let mut from = self.run(end + by + 4, 8, |b| b == b' ');
        if self.text[from..].get(..9).is_some_and(|word| word.eq_ignore_ascii_case("password ")) {
            from += 9;
        }
        if matches!(self.byte(from), b'\'' | b'"' | b'\\')
            && let Some(found) = self.value_at(from, super::value::Ends::Word)
            && values::is_secret(&self.text[found.start..found.end], Promise::Password)
        {
            self.seal(found.start, found.end, "password");
        }
        Ok(())
    }
}
