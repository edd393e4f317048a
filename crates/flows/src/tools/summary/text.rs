//! The answer as compact text.

use super::super::rows::DropRow;
use super::Output;
use crate::show::count;
use stethoscope_core::tool::{Coverage, Present};

impl Present for Output {
    fn text(&self) -> String {
        let mut out = format!("flows: {}\n", self.scope);
        for line in &self.seen {
            out.push_str(line);
            out.push('\n');
        }
        if !self.verdicts.is_empty() {
            let mut verdicts: Vec<(&String, &u64)> = self.verdicts.iter().collect();
            verdicts.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
            let verdicts: Vec<String> = verdicts
                .into_iter()
                .map(|(verdict, events)| format!("{verdict} {}", count(*events)))
                .collect();
            out.push_str(&format!("verdicts: {}\n", verdicts.join(", ")));
        }
        drops(&mut out, "drops", &self.drops);
        if self.drops.is_empty() && self.events > 0 {
            out.push_str(if self.noise.is_empty() {
                "drops: none in what was seen\n"
            } else {
                "drops: none in what was seen but noise\n"
            });
        }
        drops(&mut out, "audit mode", &self.audit);
        if !self.noise.is_empty() {
            let noise: Vec<String> =
                self.noise.iter().map(|(reason, events)| format!("{reason} {}", count(*events))).collect();
            out.push_str(&format!("drops set apart as noise: {}\n", noise.join(", ")));
        }
        self.layer7(&mut out);
        if !self.tcp.is_empty() {
            out.push_str("connections that fail without a drop (ID  FROM -> TO  WHAT)\n");
            for row in &self.tcp {
                out.push_str(&format!(
                    "{}  {} -> {} {}  {}\n",
                    row.id, row.from, row.to, row.port, row.outcome
                ));
            }
        }
        if !self.talkers.is_empty() {
            out.push_str("most flow events (ID  EVENTS  FROM -> TO)\n");
            for row in &self.talkers {
                out.push_str(&format!(
                    "{}  {}  {} -> {} {}\n",
                    row.id,
                    count(row.count),
                    row.from,
                    row.to,
                    row.port
                ));
            }
        }
        for line in &self.omitted {
            out.push_str(line);
            out.push('\n');
        }
        out.push_str(&format!(
            "flow events are not packets; flow_examples {{group: ID}} shows records; {}\n",
            self.command
        ));
        out
    }

    fn summary(&self) -> String {
        let dropped: u64 = self.drops.iter().map(|row| row.count).sum();
        format!("{} flow events, {} dropped", count(self.events), count(dropped))
    }

    fn coverage(&self) -> Coverage {
        self.coverage.clone()
    }
}

impl Output {
    fn layer7(&self, out: &mut String) {
        if !self.http.is_empty() {
            out.push_str("http (ID  ANSWERS  FROM -> TO  REQUEST  ERRORS  LATENCY)\n");
            for row in &self.http {
                let mut errors = row.codes.clone();
                if row.denied > 0 {
                    if !errors.is_empty() {
                        errors.push(' ');
                    }
                    errors.push_str(&format!("denied x{}", count(row.denied)));
                }
                if errors.is_empty() {
                    "no errors".clone_into(&mut errors);
                }
                out.push_str(&format!(
                    "{}  {}  {} -> {}  {}  {errors}  {}\n",
                    row.id,
                    count(row.answers),
                    row.from,
                    row.to,
                    row.request,
                    row.latency.as_deref().unwrap_or("-")
                ));
            }
        }
        if !self.dns.is_empty() {
            out.push_str("dns that fails (ID  FROM  NAME  OUTCOME)\n");
            for row in &self.dns {
                out.push_str(&format!("{}  {}  {}  {}\n", row.id, row.from, row.name, row.outcome));
            }
        }
        if self.dns_search_tries > 0 {
            out.push_str(&format!(
                "dns: {} NXDOMAIN are tries with search domains (ndots) of names that resolve\n",
                count(self.dns_search_tries)
            ));
        }
    }
}

fn drops(out: &mut String, title: &str, rows: &[DropRow]) {
    if rows.is_empty() {
        return;
    }
    out.push_str(&format!("{title} (ID  EVENTS  REASON  WHOSE POLICY SIDE  FROM -> TO  WHEN  NODES)\n"));
    for row in rows {
        out.push_str(&format!(
            "{}  {}  {}  {}  {} -> {} {}  {}-{}  {}",
            row.id,
            count(row.count),
            row.reason,
            row.at,
            row.from,
            row.to,
            row.port,
            row.first,
            row.last,
            row.nodes.join(",")
        ));
        if !row.denied_by.is_empty() {
            out.push_str(&format!("; denied by {}", row.denied_by.join(", ")));
        }
        if let Some(note) = &row.note {
            out.push_str(&format!("; {note}"));
        }
        out.push('\n');
    }
}
