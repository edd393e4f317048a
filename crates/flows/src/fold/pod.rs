//! The owner of a pod by its name, where the flow does not tell it (before Cilium 1.11, masked fields).

/// Letters of generated names (`k8s.io/apimachinery/pkg/util/rand`): no vowels, no 0, 1 or 3.
fn is_generated(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte))
}

/// `cart-7d8f9c6b5d-x2x4p` -> `cart`, `agent-x2x4p` -> `agent`, `db-0` -> `db`; other names stay.
pub(crate) fn owner(pod: &str) -> &str {
    let Some((stem, last)) = pod.rsplit_once('-') else { return pod };
    if stem.is_empty() {
        return pod;
    }
    if last.len() <= 4 && last.bytes().all(|byte| byte.is_ascii_digit()) && !last.is_empty() {
        return stem;
    }
    if last.len() != 5 || !is_generated(last) {
        return pod;
    }
    match stem.rsplit_once('-') {
        // The hash of a pod template; ten letters as a rule, fewer when its number is small.
        Some((name, hash)) if !name.is_empty() && (6..=10).contains(&hash.len()) && is_generated(hash) => {
            name
        }
        _ => stem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn owners_are_told_by_how_controllers_name_pods() {
        for (pod, expected) in [
            ("cart-7d8f9c6b5d-x2x4p", "cart"),
            ("cart-v2-545db77b95-s6jb8", "cart-v2"),
            ("agent-x2x4p", "agent"),
            ("db-0", "db"),
            ("db-10", "db"),
            ("web", "web"),
            ("web-api", "web-api"),
            ("my-apple", "my-apple"),
            ("-x2x4p", "-x2x4p"),
            ("", ""),
            ("job-29384756-x2x4p", "job-29384756"),
        ] {
            assert_eq!(owner(pod), expected, "{pod}");
        }
    }
}
