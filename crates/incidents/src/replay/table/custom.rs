//! Custom resources, by the `additionalPrinterColumns` of their recorded definition.

use super::duration;
use super::field::{Printed, scalar, text};
use serde_json::{Value, json};

/// The columns that a definition's version declares, Name first; Age alone where it declares none.
pub(super) fn columns(version: &Value) -> Vec<Value> {
    let mut columns =
        vec![json!({"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0})];
    match declared(version) {
        [] => columns
            .push(json!({"name": "Age", "type": "date", "format": "", "description": "", "priority": 0})),
        declared => columns.extend(declared.iter().map(|column| {
            json!({
                "name": text(column, "/name"),
                "type": text(column, "/type"),
                "format": text(column, "/format"),
                "description": text(column, "/description"),
                "priority": column.get("priority").and_then(Value::as_i64).unwrap_or(0),
            })
        })),
    }
    columns
}

fn declared(version: &Value) -> &[Value] {
    super::field::list(version, "/additionalPrinterColumns")
}

pub(super) fn row(version: &Value, o: Printed<'_>) -> Vec<Value> {
    let mut cells = vec![json!(o.name())];
    match declared(version) {
        [] => cells.push(json!(o.age())),
        declared => cells.extend(declared.iter().map(|column| cell(column, o))),
    }
    cells
}

/// `cellForJSONValue` of apiextensions-apiserver; an absent value is an empty cell.
fn cell(column: &Value, o: Printed<'_>) -> Value {
    let path = match text(column, "/jsonPath") {
        "" => text(column, "/JSONPath"),
        path => path,
    };
    let Some(found) = find(o.object, path).filter(|v| !v.is_null()) else { return Value::Null };
    match (text(column, "/type"), found) {
        ("integer" | "number", Value::Number(_)) | ("boolean", Value::Bool(_)) => found.clone(),
        ("date", Value::String(at)) => json!(duration::since(o.now, Some(at))),
        ("string", found) => json!(scalar(Some(found))),
        _ => Value::Null,
    }
}

/// The first value at a simple JSON path: fields, indexes, `[*]`, and filters that compare one field.
fn find<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    let mut found = root;
    for step in steps(path)? {
        found = match step {
            Step::Field(name) => found.get(&name)?,
            Step::Index(at) => {
                let items = found.as_array()?;
                let at = if at < 0 {
                    items.len().checked_sub(usize::try_from(-at).ok()?)?
                } else {
                    usize::try_from(at).ok()?
                };
                items.get(at)?
            }
            Step::Any => match found {
                Value::Array(items) => items.first()?,
                Value::Object(map) => map.values().next()?,
                _ => return None,
            },
            Step::Where { field, equals } => {
                let wanted = steps(&field)?;
                found.as_array()?.iter().find(|item| {
                    let mut at = Some(*item);
                    for step in &wanted {
                        let Step::Field(name) = step else { return false };
                        at = at.and_then(|v| v.get(name));
                    }
                    at.is_some() && scalar(at) == equals
                })?
            }
        };
    }
    Some(found)
}

enum Step {
    Field(String),
    Index(i64),
    Any,
    Where { field: String, equals: String },
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let end = closing(inside)?;
            steps.push(bracket(inside.get(..end)?)?);
            rest = inside.get(end + 1..)?;
            continue;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let (mut name, mut end, mut escaped) = (String::new(), rest.len(), false);
        for (at, c) in rest.char_indices() {
            match c {
                _ if escaped => {
                    name.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '.' | '[' => {
                    end = at;
                    break;
                }
                c => name.push(c),
            }
        }
        rest = rest.get(end..)?;
        match name.as_str() {
            "" => return None,
            "*" => steps.push(Step::Any),
            _ => steps.push(Step::Field(name)),
        }
    }
    Some(steps)
}

/// The end of a bracket, past brackets in quotes.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ']') => return Some(at),
            _ => {}
        }
    }
    None
}

fn bracket(inside: &str) -> Option<Step> {
    let unquote = |text: &str| text.trim().trim_matches(['\'', '"']).to_owned();
    if inside == "*" || inside == ":" {
        return Some(Step::Any);
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|f| f.strip_suffix(')')) {
        let (field, equals) = filter.split_once("==")?;
        return Some(Step::Where {
            field: field.trim().trim_start_matches('@').to_owned(),
            equals: unquote(equals),
        });
    }
    if inside.starts_with(['\'', '"']) {
        return Some(Step::Field(unquote(inside)));
    }
    inside.trim().parse().ok().map(Step::Index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn finds_what_printer_columns_ask_for() {
        let object = json!({"spec": {"a.b": 1, "list": [{"n": "x"}, {"n": "y"}]},
            "status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Synced", "status": "True"}]}});
        let found = |path| find(&object, path).cloned();
        assert_eq!(found(r".spec.a\.b"), Some(json!(1)));
        assert_eq!(found(".spec['a.b']"), Some(json!(1)));
        assert_eq!(found(".spec.list[1].n"), Some(json!("y")));
        assert_eq!(found(".spec.list[-1].n"), Some(json!("y")));
        assert_eq!(found(".spec.list[*].n"), Some(json!("x")));
        assert_eq!(found(r#".status.conditions[?(@.type=="Synced")].status"#), Some(json!("True")));
        assert_eq!(found(r"{.status.conditions[?(@.type == 'Ready')].status}"), Some(json!("False")));
        assert_eq!(found(".spec.none.x"), None);
        assert_eq!(found(".spec.list["), None);
        assert_eq!(found("..."), None);
    }
}
