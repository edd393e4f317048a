//! Resources: what is being looked at, evidence, answers, causes.

use crate::audit::Outcome;
use crate::caller::{Caller, Scope};
use crate::desk::lock;
use crate::investigate::link;
use crate::server::{FIXED_TTL_MS, Server, allowed, caller, refusal};
use rmcp::ErrorData;
use rmcp::model::{CacheScope, ReadResourceResult, Resource, ResourceContents, ResourceTemplate};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher, RandomState};
use stethoscope_core::cause::{CATALOGUE, Cause, find};
use stethoscope_core::evidence::{Evidence, EvidenceId};
use stethoscope_core::text::Fence;
use stethoscope_core::tool::nearest_names;

const CURRENT: &str = "incident://current";

/// Newest pieces of evidence that are listed; every one can be read.
const NEWEST: usize = 20;

/// Longest address that is looked at.
const LONGEST: usize = 512;

const JSON: &str = "application/json";
const MARKDOWN: &str = "text/markdown";

/// Every cause, by code.
pub(crate) fn causes() -> Vec<&'static Cause> {
    let mut causes: Vec<&Cause> = CATALOGUE.iter().flat_map(|area| area.iter()).collect();
    causes.sort_by_key(|cause| cause.code);
    causes
}

/// Every template. There are no runbooks, so there is no `runbook://`.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("cause://{code}", "cause")
            .with_title("Cause")
            .with_description("What a cause code means, why it happens and how it is mended")
            .with_mime_type(MARKDOWN),
        ResourceTemplate::new("evidence://{id}", "evidence")
            .with_title("Evidence")
            .with_description("One output whole, e.g. E7; I1/E3 for that of an investigation")
            .with_mime_type("text/plain"),
        ResourceTemplate::new("incident://{id}", "incident")
            .with_title("Incident")
            .with_description("The answer of an investigation, e.g. I1, or `current`: what is looked at")
            .with_mime_type(JSON),
    ]
}

impl Server {
    /// What a caller may read now: what is looked at, their answers and evidence, then the causes.
    pub(crate) fn resources(&self, caller: &Caller) -> Vec<Resource> {
        let current = Resource::new(CURRENT, "current")
            .with_title("What is looked at")
            .with_description("The cluster or recorded incident, its question, and what was gathered so far")
            .with_mime_type(JSON);
        let mut resources = vec![current];
        let desk = self.desk(caller);
        let desk = lock(&desk);
        resources.extend(desk.answers().rev().map(|(number, kept)| link(number, &kept.answer)));
        resources.extend(desk.ledger.iter().rev().take(NEWEST).map(|evidence| {
            Resource::new(format!("evidence://{}", evidence.id), evidence.id.to_string())
                .with_title(format!("{}: {}", evidence.tool, evidence.summary))
                .with_mime_type("text/plain")
                .with_size(evidence.text.len() as u64)
        }));
        resources.extend(causes().into_iter().map(|cause| {
            Resource::new(format!("cause://{}", cause.code), cause.code)
                .with_title(cause.title)
                .with_mime_type(MARKDOWN)
        }));
        resources
    }

    pub(crate) async fn resource(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        let caller = caller(context);
        allowed(&caller)?;
        let read = if uri.len() > LONGEST {
            Err(unknown("the address is too long to be one of ours", uri))
        } else {
            self.look_up(uri, &caller).await
        };
        let (outcome, bytes) = match &read {
            Ok((contents, ..)) => (Outcome::Ok, size(contents)),
            Err(_) => (Outcome::Error, 0),
        };
        self.inner.audit.read(&caller, "resources/read", uri, outcome, bytes);
        let (contents, ttl, scope) = read?;
        let mut result = ReadResourceResult::new(vec![contents]);
        result.ttl_ms = Some(ttl);
        result.cache_scope = Some(scope);
        Ok(result)
    }

    async fn look_up(
        &self,
        uri: &str,
        caller: &Caller,
    ) -> Result<(ResourceContents, u64, CacheScope), ErrorData> {
        let contents = |text: String, kind: &str| ResourceContents::text(text, uri).with_mime_type(kind);
        match uri.split_once("://") {
            Some(("cause", code)) => {
                let cause = find(code).ok_or_else(|| {
                    let near = nearest_names(code, causes().into_iter().map(|cause| cause.code), 3);
                    unknown(&format!("no cause has this code; near: {}", near.join(", ")), uri)
                })?;
                Ok((contents(explain(cause), MARKDOWN), FIXED_TTL_MS, CacheScope::Public))
            }
            Some(("evidence", id)) => {
                let text = self
                    .evidence(id, caller)
                    .ok_or_else(|| unknown("no such evidence; the oldest is dropped after a while", uri))?;
                Ok((contents(text, "text/plain"), FIXED_TTL_MS, CacheScope::Private))
            }
            Some(("incident", "current")) => {
                let text = self.current(caller).await?;
                Ok((contents(text, JSON), 0, CacheScope::Private))
            }
            Some(("incident", id)) => {
                let desk = self.desk(caller);
                let kept = id
                    .strip_prefix('I')
                    .and_then(|number| number.parse().ok())
                    .and_then(|number| lock(&desk).answer(number).cloned());
                let kept = kept.ok_or_else(|| unknown("no such investigation", uri))?;
                let text = serde_json::to_string(&kept.answer)
                    .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                Ok((contents(text, JSON), FIXED_TTL_MS, CacheScope::Private))
            }
            _ => Err(unknown("there are cause://, evidence:// and incident://", uri)),
        }
    }

    /// `E7`, or `I1/E3` of an investigation.
    fn evidence(&self, id: &str, caller: &Caller) -> Option<String> {
        let desk = self.desk(caller);
        let desk = lock(&desk);
        match id.split_once('/') {
            Some((investigation, id)) => {
                let number = investigation.strip_prefix('I')?.parse().ok()?;
                desk.answer(number)?.ledger.get(plain_id(id)?).map(whole)
            }
            None => desk.ledger.get(plain_id(id)?).map(whole),
        }
    }

    async fn current(&self, caller: &Caller) -> Result<String, ErrorData> {
        let place = self
            .inner
            .places
            .open(None, &caller.identity)
            .await
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        let source = &place.source;
        let desk = self.desk(caller);
        let desk = lock(&desk);
        let evidence: Vec<Value> = desk
            .ledger
            .iter()
            .map(|evidence| json!({"id": evidence.id, "tool": evidence.tool, "summary": evidence.summary}))
            .collect();
        let answers: Vec<Value> = desk
            .answers()
            .map(|(number, kept)| {
                json!({"id": format!("I{number}"), "question": kept.answer.question, "verdict": kept.answer.verdict})
            })
            .collect();
        let model = refusal(self, caller, Scope::Investigate).is_none().then(|| source.agent.model());
        let current = json!({
            "cluster": source.scope.cluster,
            "namespace": source.scope.namespace,
            "at": source.clock.now(),
            "question": source.question,
            "contexts": self.inner.places.sources().contexts(),
            "model": model,
            "investigations": answers,
            "evidence": evidence,
        });
        Ok(current.to_string())
    }
}

/// An id as it is written, nothing looser: an address has one spelling.
fn plain_id(text: &str) -> Option<EvidenceId> {
    let id: EvidenceId = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

fn unknown(message: &str, uri: &str) -> ErrorData {
    let uri: String = uri.chars().take(LONGEST).collect();
    ErrorData::resource_not_found(message.to_owned(), Some(json!({"uri": uri})))
}

fn size(contents: &ResourceContents) -> usize {
    match contents {
        ResourceContents::TextResourceContents { text, .. } => text.len(),
        _ => 0,
    }
}

/// A piece of evidence with its head. It has passed the choke point, and is fenced anew: nobody can guess the marker.
fn whole(evidence: &Evidence) -> String {
    let fence = Fence::new(format!("data-{:016x}", RandomState::new().build_hasher().finish()));
    let mut text = format!("{} {} {} at {}\n", evidence.id, evidence.tool, evidence.arguments, evidence.at);
    text.push_str(&fence.wrap(&evidence.text));
    for line in &evidence.coverage.missing {
        let _ = write!(text, "\n[not seen: {line}]");
    }
    for line in &evidence.coverage.truncated {
        let _ = write!(text, "\n[cut: {line}]");
    }
    text
}

/// A catalogue's entry for people and models. Braces in commands are placeholders.
fn explain(cause: &Cause) -> String {
    let mut text = format!(
        "# {}\n\n`{}` · severity {} · on a {}\n\n{}\n",
        cause.title, cause.code, cause.severity, cause.subject_kind, cause.explanation
    );
    for fix in cause.fix {
        let _ = write!(text, "\n- {}", fix.explain);
        if !fix.command.is_empty() {
            let _ = write!(text, "\n  `{}`", fix.command);
        }
        if !fix.verify.is_empty() {
            let _ = write!(text, "\n  verify: `{}`", fix.verify);
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evidence_address_has_one_spelling() {
        assert!(plain_id("E7").is_some());
        for other in ["e7", "7", "E07", "[E7]", " E7", "E7 ", "E", "E-1", "E99999999999"] {
            assert!(plain_id(other).is_none(), "{other}");
        }
    }

    #[test]
    fn every_cause_can_be_explained() {
        for cause in causes() {
            let text = explain(cause);
            assert!(text.starts_with("# ") && text.contains(cause.code), "{text}");
        }
    }
}
