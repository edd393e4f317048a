//! What every request to a model must keep, whatever the code under test meant to do.

use serde_json::Value;
use std::collections::BTreeSet;

/// The rules that the fake model checks on every request.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The most bytes of text that one message may hold.
    pub max_message_bytes: usize,
    /// The most bytes that all tool declarations may take, as JSON.
    pub max_tools_bytes: usize,
    /// Strings that may be nowhere in a body: planted secrets.
    pub forbidden: Vec<String>,
    /// How a request's messages relate to the previous request's.
    pub history: History,
}

/// How the messages of one request relate to those of the request before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The earlier messages are a prefix of the later ones.
    AppendOnly,
    /// They may be rewritten, but the first message stays and the rewriting makes them shorter.
    MayCompact,
    /// Requests have nothing to do with each other, e.g. several investigations on one server.
    Unrelated,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            max_message_bytes: 64 << 10,
            max_tools_bytes: 64 << 10,
            forbidden: Vec::new(),
            history: History::AppendOnly,
        }
    }
}

impl Rules {
    /// The same, and these strings may be nowhere.
    #[must_use]
    pub fn forbid<S: Into<String>>(mut self, strings: impl IntoIterator<Item = S>) -> Self {
        self.forbidden.extend(strings.into_iter().map(Into::into));
        self
    }

    /// The same with another history rule.
    #[must_use]
    pub fn history(self, history: History) -> Self {
        Self { history, ..self }
    }

    /// What is wrong with this body.
    pub(super) fn check(&self, body: &Value, raw: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        if body["stream"] != Value::Bool(true) {
            found.push("`stream` is not true".to_owned());
        }
        if body["model"].as_str().is_none_or(str::is_empty) {
            found.push("`model` is missing".to_owned());
        }
        match body["messages"].as_array() {
            None => found.push("`messages` is not a list".to_owned()),
            Some(messages) if messages.is_empty() => found.push("`messages` is empty".to_owned()),
            Some(messages) => {
                self.check_messages(messages, &mut found);
                check_pairs(messages, &mut found);
            }
        }
        self.check_tools(body.get("tools"), &mut found);
        self.check_forbidden(body, raw, &mut found);
        found
    }

    /// What is wrong between two requests. `declared` is what the turn says of this one step.
    pub(super) fn check_history(&self, before: &Value, after: &Value, declared: History) -> Option<String> {
        let (Some(before), Some(after)) = (before["messages"].as_array(), after["messages"].as_array())
        else {
            return None;
        };
        if after.starts_with(before) {
            return None;
        }
        let at = before.iter().zip(after).take_while(|(old, new)| old == new).count();
        match (self.history, declared) {
            (History::Unrelated, _) | (_, History::Unrelated) => None,
            (History::AppendOnly, History::AppendOnly) => Some(format!(
                "the history is not append-only: message {at} of the {} before has changed or is gone",
                before.len()
            )),
            (History::MayCompact, _) | (_, History::MayCompact) if before.first() != after.first() => {
                Some("compaction has changed the first message".to_owned())
            }
            (History::MayCompact, _) | (_, History::MayCompact) if bytes(after) >= bytes(before) => {
                Some("compaction has not made the history shorter".to_owned())
            }
            (History::MayCompact, _) | (_, History::MayCompact) => None,
        }
    }

    fn check_messages(&self, messages: &[Value], found: &mut Vec<String>) {
        for (at, message) in messages.iter().enumerate() {
            let role = message["role"].as_str().unwrap_or("");
            if !["system", "developer", "user", "assistant", "tool"].contains(&role) {
                found.push(format!("message {at} has the role {role:?}"));
            }
            let content = &message["content"];
            let calls = message["tool_calls"].as_array().map_or(0, Vec::len);
            let may_be_null = role == "assistant" && calls > 0;
            if !(content.is_string() || content.is_null() && may_be_null) {
                found.push(format!("message {at} ({role}) has no text"));
            }
            let size = content.as_str().map_or(0, str::len);
            if size > self.max_message_bytes {
                found
                    .push(format!("message {at} ({role}) has {size} bytes, over {}", self.max_message_bytes));
            }
        }
    }

    fn check_tools(&self, tools: Option<&Value>, found: &mut Vec<String>) {
        let Some(tools) = tools else { return };
        let Some(list) = tools.as_array().filter(|list| !list.is_empty()) else {
            found.push("`tools` is not a list with entries; leave it out instead".to_owned());
            return;
        };
        let size = tools.to_string().len();
        if size > self.max_tools_bytes {
            found.push(format!("the tools take {size} bytes, over {}", self.max_tools_bytes));
        }
        let mut names = BTreeSet::new();
        for tool in list {
            let function = &tool["function"];
            let name = function["name"].as_str().unwrap_or("");
            if tool["type"] != "function" || !is_tool_name(name) {
                found.push(format!("tool {name:?} is not a function with a valid name"));
            }
            if !names.insert(name) {
                found.push(format!("tool {name} is declared twice"));
            }
            if function["description"].as_str().is_none_or(str::is_empty) {
                found.push(format!("tool {name} has no description"));
            }
            let parameters = &function["parameters"];
            if parameters["type"] != "object" || !parameters["properties"].is_object() {
                found.push(format!("the parameters of {name} are not an object schema with properties"));
            }
            check_schema(parameters, parameters, name, found);
        }
    }

    fn check_forbidden(&self, body: &Value, raw: &[u8], found: &mut Vec<String>) {
        let raw = String::from_utf8_lossy(raw);
        for (at, secret) in self.forbidden.iter().enumerate().filter(|(_, secret)| !secret.is_empty()) {
            // Said by its number: the violation itself must not carry a secret on into logs.
            if raw.contains(secret.as_str()) || holds(body, secret) {
                found.push(format!("the forbidden string number {} is in the body", at + 1));
            }
        }
    }
}

/// Every call has exactly one result, right behind the message that makes it, in call order.
fn check_pairs(messages: &[Value], found: &mut Vec<String>) {
    let mut ids = BTreeSet::new();
    let mut open: Vec<String> = Vec::new();
    let mut next = 0;
    for (at, message) in messages.iter().enumerate() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or("");
            match open.get(next) {
                Some(expected) if expected == id => {}
                Some(expected) => {
                    found.push(format!("message {at}: a result for {id:?} where {expected:?} is next"));
                }
                None => found.push(format!("message {at}: a result for {id:?} that no open call asked for")),
            }
            next += 1;
            continue;
        }
        if next < open.len() {
            found.push(format!("message {at}: calls {:?} have no result", &open[next..]));
        }
        open.clear();
        next = 0;
        for call in message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let id = call["id"].as_str().unwrap_or("").to_owned();
            if id.is_empty() || !ids.insert(id.clone()) {
                found.push(format!("message {at}: the call id {id:?} is empty or used before"));
            }
            let arguments = call["function"]["arguments"].as_str().map(serde_json::from_str::<Value>);
            if !matches!(arguments, Some(Ok(Value::Object(_)))) {
                found
                    .push(format!("message {at}: the arguments of {id:?} are not a JSON object in a string"));
            }
            if call["type"] != "function" || !is_tool_name(call["function"]["name"].as_str().unwrap_or("")) {
                found.push(format!("message {at}: the call {id:?} is not a function with a valid name"));
            }
            open.push(id);
        }
    }
    if next < open.len() {
        found.push(format!("at the end: calls {:?} have no result", &open[next..]));
    }
}

/// OpenAI's rule for function names: letters, digits, underscores and dashes, at most 64.
fn is_tool_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed)
}

fn check_schema(schema: &Value, root: &Value, tool: &str, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                let inside = target.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
                if inside.is_none() {
                    found.push(format!("the parameters of {tool} refer to {target}, which is not there"));
                }
            }
            if let (Some(required), Some(Value::Object(properties))) =
                (fields.get("required").and_then(Value::as_array), fields.get("properties"))
            {
                for name in required.iter().filter_map(Value::as_str) {
                    if !properties.contains_key(name) {
                        found.push(format!(
                            "the parameters of {tool} require {name:?}, which is not declared"
                        ));
                    }
                }
            }
            for field in fields.values() {
                check_schema(field, root, tool, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check_schema(item, root, tool, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn holds(value: &Value, secret: &str) -> bool {
    match value {
        Value::String(text) => {
            // Tool arguments are JSON in a string: look into them unescaped as well.
            text.contains(secret)
                || text.starts_with(['{', '['])
                    && serde_json::from_str::<Value>(text).is_ok_and(|inner| holds(&inner, secret))
        }
        Value::Array(items) => items.iter().any(|item| holds(item, secret)),
        Value::Object(fields) => {
            fields.iter().any(|(name, field)| name.contains(secret) || holds(field, secret))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn bytes(messages: &[Value]) -> usize {
    messages.iter().map(|message| message.to_string().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(messages: &Value) -> Value {
        json!({"stream": true, "model": "m", "messages": messages})
    }

    fn check(rules: &Rules, body: &Value) -> Vec<String> {
        rules.check(body, body.to_string().as_bytes())
    }

    fn call(id: &str, arguments: &str) -> Value {
        json!({"id": id, "type": "function", "function": {"name": "k8s_get", "arguments": arguments}})
    }

    #[test]
    fn accepts_calls_that_are_answered_in_order() {
        let messages = json!([
            {"role": "system", "content": "s"}, {"role": "user", "content": "q"},
            {"role": "assistant", "content": null, "tool_calls": [call("a", "{}"), call("b", "{}")]},
            {"role": "tool", "tool_call_id": "a", "content": "1"}, {"role": "tool", "tool_call_id": "b", "content": "2"}]);
        assert_eq!(check(&Rules::default(), &body(&messages)), Vec::<String>::new());
    }

    #[test]
    fn names_results_that_are_missing_swapped_doubled_or_orphaned() {
        let assistant =
            json!({"role": "assistant", "content": null, "tool_calls": [call("a", "{}"), call("b", "{}")]});
        let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "r"});
        let of = |messages: Value| check(&Rules::default(), &body(&messages));
        assert_eq!(of(json!([assistant, result("a")])), ["at the end: calls [\"b\"] have no result"]);
        assert_eq!(
            of(json!([assistant, result("b"), result("a")])),
            [
                "message 1: a result for \"b\" where \"a\" is next",
                "message 2: a result for \"a\" where \"b\" is next"
            ]
        );
        assert_eq!(
            of(json!([assistant, result("a"), result("b"), result("b")])),
            ["message 3: a result for \"b\" that no open call asked for"]
        );
        assert_eq!(of(json!([result("z")])), ["message 0: a result for \"z\" that no open call asked for"]);
    }

    #[test]
    fn names_broken_arguments_and_reused_ids() {
        let assistant = json!({"role": "assistant", "content": "", "tool_calls": [call("a", "{oops")]});
        let again = json!({"role": "assistant", "content": "", "tool_calls": [call("a", "{}")]});
        let result = json!({"role": "tool", "tool_call_id": "a", "content": "r"});
        assert_eq!(
            check(&Rules::default(), &body(&json!([assistant, result, again, result]))),
            [
                "message 0: the arguments of \"a\" are not a JSON object in a string",
                "message 2: the call id \"a\" is empty or used before"
            ]
        );
    }

    #[test]
    fn finds_a_secret_in_a_body_however_it_is_escaped_and_does_not_repeat_it() {
        let rules = Rules::default().forbid(["p\"ss"]);
        let messages = json!([{"role": "user", "content": "x"},
            {"role": "assistant", "content": "", "tool_calls": [call("a", "{\"q\":\"p\\\"ss\"}")]},
            {"role": "tool", "tool_call_id": "a", "content": "r"}]);
        assert_eq!(check(&rules, &body(&messages)), ["the forbidden string number 1 is in the body"]);
    }

    #[test]
    fn says_when_a_history_was_rewritten() {
        let rules = Rules::default();
        let (before, after) = (body(&json!([1, 2, 3])), body(&json!([1, 4])));
        assert_eq!(rules.check_history(&before, &before, History::AppendOnly), None);
        assert_eq!(
            rules.check_history(&before, &after, History::AppendOnly).as_deref(),
            Some("the history is not append-only: message 1 of the 3 before has changed or is gone")
        );
        assert_eq!(rules.check_history(&before, &after, History::MayCompact), None);
        assert_eq!(
            rules.check_history(&after, &body(&json!([1, 5, 6])), History::MayCompact).as_deref(),
            Some("compaction has not made the history shorter")
        );
    }

    #[test]
    fn names_schemas_that_no_server_accepts() {
        let mut request = body(&json!([{"role": "user", "content": "q"}]));
        request["tools"] = json!([{"type": "function", "function": {"name": "a b", "description": "d",
            "parameters": {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}, "required": ["y"]}}}]);
        assert_eq!(
            check(&Rules::default(), &request),
            [
                "tool \"a b\" is not a function with a valid name",
                "the parameters of a b require \"y\", which is not declared",
                "the parameters of a b refer to #/$defs/X, which is not there"
            ]
        );
    }
}
