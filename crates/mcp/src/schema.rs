//! Schemas as they are declared: of arguments, of results, without what only costs bytes.

use serde_json::{Map, Value, json};

/// Keywords whose values are maps from names to schemas: a key there is no keyword.
const MAPS: [&str; 4] = ["properties", "$defs", "patternProperties", "dependentSchemas"];

/// A schema without descriptions: results are read by programs that know what they asked for.
pub(crate) fn lean(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("description");
            for (key, value) in map.iter_mut() {
                match value {
                    Value::Object(names) if MAPS.contains(&key.as_str()) => names.values_mut().for_each(lean),
                    _ if matches!(key.as_str(), "enum" | "const" | "default" | "examples") => {}
                    _ => lean(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lean),
        _ => {}
    }
}

/// The schema of a result: the same frame around every tool's own data. Either `text` or `data` holds what the text
/// content does not; both are absent where the text content holds it all.
pub(crate) fn result(mut data: Value) -> Map<String, Value> {
    lean(&mut data);
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
    fn definitions_of_the_data_move_to_the_root_where_references_look() {
        let data = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "null"}}});
        let schema = result(data);
        assert_eq!(schema["$defs"], json!({"A": {"type": "null"}}));
        assert_eq!(schema["properties"]["data"]["properties"]["a"], json!({"$ref": "#/$defs/A"}));
        assert_eq!(schema["properties"]["data"].get("$defs"), None);
    }
}
