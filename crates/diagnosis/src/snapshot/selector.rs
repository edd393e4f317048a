//! Label selectors with `matchLabels` and `matchExpressions`.

use super::meta::{Labels, List};

/// A label selector; an empty one matches everything.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelector {
    /// Pairs that must be there.
    pub match_labels: Labels,
    /// Requirements that must hold.
    pub match_expressions: List<Requirement>,
}

/// One requirement on a label.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Requirement {
    /// Label name.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, and for nodes `Gt` and `Lt`.
    pub operator: String,
    /// Values.
    pub values: List<String>,
}

impl LabelSelector {
    /// Whether the labels satisfy the selector.
    pub fn matches(&self, labels: &Labels) -> bool {
        labels.carry(&self.match_labels) && self.match_expressions.iter().all(|rule| rule.holds(labels))
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }

    /// `a=b,c in (d, e)`.
    pub fn written(&self) -> String {
        let mut parts: Vec<String> =
            self.match_labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        parts.extend(self.match_expressions.iter().map(Requirement::written));
        parts.join(",")
    }
}

impl Requirement {
    /// Whether the labels satisfy the requirement. An operator nobody knows matches nothing, as in the scheduler.
    pub fn holds(&self, labels: &Labels) -> bool {
        let value = labels.text(&self.key);
        let listed = |value: &str| self.values.iter().any(|listed| listed == value);
        match self.operator.as_str() {
            "In" => value.is_some_and(listed),
            "NotIn" => !value.is_some_and(listed),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            "Gt" => self.compare(value).is_some_and(|(have, want)| have > want),
            "Lt" => self.compare(value).is_some_and(|(have, want)| have < want),
            _ => false,
        }
    }

    fn compare(&self, value: Option<&str>) -> Option<(i64, i64)> {
        Some((value?.parse().ok()?, self.values.first()?.parse().ok()?))
    }

    /// `key In (a, b)`.
    pub fn written(&self) -> String {
        if self.values.is_empty() {
            format!("{} {}", self.key, self.operator)
        } else {
            format!("{} {} ({})", self.key, self.operator, self.values.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requirement(operator: &str, values: &[&str]) -> Requirement {
        Requirement {
            key: "tier".to_owned(),
            operator: operator.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>().into(),
        }
    }

    fn labels(value: Option<&str>) -> Labels {
        value.map(|value| ("tier", Box::from(value))).into_iter().collect()
    }

    #[test]
    fn operators_follow_upstream() {
        let cases = [
            ("In", &["a", "b"][..], Some("a"), true),
            ("In", &["a"], None, false),
            ("NotIn", &["a"], None, true),
            ("NotIn", &["a"], Some("a"), false),
            ("Exists", &[], Some("a"), true),
            ("DoesNotExist", &[], Some("a"), false),
            ("Gt", &["3"], Some("4"), true),
            ("Gt", &["3"], Some("many"), false),
            ("Lt", &["3"], Some("2"), true),
            ("Like", &["a"], Some("a"), false),
        ];
        for (operator, values, value, expected) in cases {
            assert_eq!(
                requirement(operator, values).holds(&labels(value)),
                expected,
                "{operator} {values:?} {value:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn in_and_not_in_are_opposites(value in proptest::option::of("[a-c]"), listed in proptest::collection::vec("[a-c]", 0..3)) {
            let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
            let labels = labels(value.as_deref());
            prop_assert_ne!(requirement("In", &listed).holds(&labels), requirement("NotIn", &listed).holds(&labels));
        }

        #[test]
        fn an_object_matches_a_selector_made_of_its_own_labels(pairs in proptest::collection::btree_map("[a-z]{1,4}", "[a-z]{0,4}", 0..5)) {
            let labels: Labels = pairs.into_iter().map(|(name, value)| (name, Box::from(value))).collect();
            let selector = LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() };
            prop_assert!(selector.matches(&labels));
        }
    }
}
