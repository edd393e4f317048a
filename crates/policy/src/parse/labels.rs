//! Label selectors and networks, which all kinds share.

use super::cursor::{At, Report};
use crate::selector::{Key, Operator, Requirement, Selector};
use ipnet::IpNet;
use std::net::IpAddr;

/// A label selector; `None` when a part of it can't be read.
pub(super) fn selector(at: &At<'_>, report: &mut Report, key: impl Fn(&str) -> Key) -> Option<Selector> {
    let mut fields = at.fields(report)?;
    let mut requirements = Vec::new();
    let mut readable = true;
    if let Some(labels) = fields.take("matchLabels") {
        match labels.value.as_object() {
            Some(map) => {
                for (name, value) in map {
                    match value.as_str() {
                        Some(value) => requirements.push(Requirement::equals(key(name), value)),
                        None => {
                            report.malformed(&format!("{}.{name}", labels.path), "a label's value is text");
                            readable = false;
                        }
                    }
                }
            }
            None => {
                report.malformed(&labels.path, "matchLabels is an object");
                readable = false;
            }
        }
    }
    if let Some(expressions) = fields.take("matchExpressions") {
        for item in expressions.list(report).unwrap_or_default() {
            match expression(&item, report, &key) {
                Some(requirement) => requirements.push(requirement),
                None => readable = false,
            }
        }
        readable &= expressions.value.is_array();
    }
    readable &= fields.close(report).is_none();
    readable.then_some(Selector { requirements })
}

fn expression(at: &At<'_>, report: &mut Report, key: &impl Fn(&str) -> Key) -> Option<Requirement> {
    let mut fields = at.fields(report)?;
    let name = fields.take("key")?.text(report)?;
    let operator = fields.take("operator").and_then(|operator| operator.text(report));
    let values: Option<Vec<String>> = match fields.take("values") {
        Some(values) => {
            values.list(report)?.iter().map(|value| value.text(report).map(str::to_owned)).collect()
        }
        None => Some(Vec::new()),
    };
    let values = values?;
    let operator = match operator {
        Some("In") => Operator::In,
        Some("NotIn") => Operator::NotIn,
        Some("Exists") => Operator::Exists,
        Some("DoesNotExist") => Operator::DoesNotExist,
        other => {
            report.malformed(
                &at.path,
                format!("{:?} is none of In, NotIn, Exists, DoesNotExist", other.unwrap_or_default()),
            );
            return None;
        }
    };
    // Upstream's validation: values belong to In and NotIn, and only to them.
    if matches!(operator, Operator::In | Operator::NotIn) == values.is_empty() {
        report.malformed(&at.path, "values belong to In and NotIn, and only to them");
        return None;
    }
    if fields.close(report).is_some() {
        return None;
    }
    Some(Requirement { key: key(name), operator, values })
}

/// A network, or an address as the network of itself.
pub(super) fn network(at: &At<'_>, report: &mut Report) -> Option<IpNet> {
    let text = at.text(report)?;
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if net.is_none() {
        report.malformed(&at.path, "neither a network such as 192.0.2.0/24 nor an address");
    }
    net.map(|net| net.trunc())
}

/// A list of networks; `None` when one of them can't be read.
pub(super) fn networks(at: &At<'_>, report: &mut Report) -> Option<Vec<IpNet>> {
    let items = at.list(report)?;
    let read: Vec<Option<IpNet>> = items.iter().map(|item| network(item, report)).collect();
    read.into_iter().collect()
}
