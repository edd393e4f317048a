//! Schemas as they are declared: of arguments, of results, without what only costs bytes.

use serde_json::{Map, Value, json};

/// Keywords whose values are maps from names to schemas: a key there is no keyword.
const MAPS: [&str; 4] = ["properties", "$defs", "patternProperties", "dependentSchemas"];

/// A schema without descriptions: results are read by programs that know what they asked for.
pub(crate) fn lean(schema: &mut Value) {
    each(schema, &mut |map| {
        map.shift_remove("description");
    });
}

/// Arguments whose types are single, for clients that know no other: an optional argument is left out, not null.
pub(crate) fn plain_arguments(schema: &mut Value) {
    each(schema, &mut |map| {
        if let Some(one) = single_type(map) {
            map.insert("type".to_owned(), one);
        }
        let Some(Value::Array(branches)) = map.get("anyOf") else { return };
        let null = json!({"type": "null"});
        let [Value::Object(one), other] = branches.as_slice() else { return };
        if *other == null {
            let one = one.clone();
            map.shift_remove("anyOf");
            map.extend(one);
        }
    });
}

/// The type beside `null`, where there is one.
fn single_type(map: &Map<String, Value>) -> Option<Value> {
    let Value::Array(types) = map.get("type")? else { return None };
    let mut others = types.iter().filter(|one| *one != "null");
    let one = others.next()?;
    others.next().is_none().then(|| one.clone())
}

/// Results whose types are single: a value that may be null has two branches.
fn branches_for_null(schema: &mut Value) {
    each(schema, &mut |map| {
        if map.contains_key("anyOf") {
            return;
        }
        if let Some(Value::Array(types)) = map.get("type") {
            let branches: Vec<Value> = types.iter().map(|one| json!({"type": one})).collect();
            map.shift_remove("type");
            map.insert("anyOf".to_owned(), Value::Array(branches));
        }
    });
}

/// Visits every schema within a schema.
fn each(schema: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Object(map) => {
            visit(map);
            for (key, value) in map.iter_mut() {
                match value {
                    Value::Object(names) if MAPS.contains(&key.as_str()) => {
                        names.values_mut().for_each(|inner| each(inner, visit));
                    }
                    _ if matches!(key.as_str(), "enum" | "const" | "default" | "examples") => {}
                    _ => each(value, visit),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| each(inner, visit)),
        _ => {}
    }
}

/// The schema of a result: the same frame around every tool's own data. Either `text` or `data` holds what the text
/// content does not; both are absent where the text content holds it all.
pub(crate) fn result(mut data: Value) -> Map<String, Value> {
    lean(&mut data);
    branches_for_null(&mut data);
    // References are relative to the root, so definitions move there.
    let definitions = data.as_object_mut().and_then(|map| map.remove("$defs"));
    let strings = json!({"type": "array", "items": {"type": "string"}});
    let mut schema = json!({
        "type": "object",
        "properties": {
            "evidence": {"type": "string"},
            "summary": {"type": "string"},
            "text": {"type": "string"},
            "data": data,
            "missing": strings,
            "truncated": strings
        },
        "required": ["summary"]
    });
    if let (Some(definitions), Some(map)) = (definitions, schema.as_object_mut()) {
        map.insert("$defs".to_owned(), definitions);
    }
    object(schema)
}

/// The map of a JSON object; anything else is an empty one.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn descriptions_go_but_a_property_of_that_name_stays() {
        let mut schema = json!({
            "description": "x",
            "properties": {"description": {"type": "string", "description": "y"}},
            "enum": [{"description": "a value"}]
        });
        lean(&mut schema);
        assert_eq!(
            schema,
            json!({
                "properties": {"description": {"type": "string"}},
                "enum": [{"description": "a value"}]
            })
        );
    }

    #[test]
    fn null_is_left_out_of_arguments_and_is_a_branch_in_results() {
        let schema = || {
            json!({"properties": {
                "a": {"type": ["string", "null"], "format": "date"},
                "b": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "n"},
                "type": {"type": "boolean"}
            }})
        };
        let mut arguments = schema();
        plain_arguments(&mut arguments);
        assert_eq!(
            arguments,
            json!({"properties": {
                "a": {"type": "string", "format": "date"},
                "b": {"description": "n", "type": "integer"},
                "type": {"type": "boolean"}
            }})
        );
        let mut results = schema();
        branches_for_null(&mut results);
        assert_eq!(
            results["properties"]["a"],
            json!({"format": "date", "anyOf": [{"type": "string"}, {"type": "null"}]})
        );
        assert_eq!(results["properties"]["b"], schema()["properties"]["b"]);
    }

    #[test]
    fn definitions_of_the_data_move_to_the_root_where_references_look() {
        let data = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "null"}}});
        let schema = result(data);
        assert_eq!(schema["$defs"], json!({"A": {"type": "null"}}));
        assert_eq!(schema["properties"]["data"]["properties"]["a"], json!({"$ref": "#/$defs/A"}));
        assert_eq!(schema["properties"]["data"].get("$defs"), None);
    }
}
