//! DNS names without the search domains that resolvers try (`ndots:5`): all variants of a name are one name.

/// What became of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folded<'q> {
    /// The name as it was meant.
    pub(crate) base: &'q str,
    /// Whether a search domain was taken off.
    pub(crate) expanded: bool,
}

/// Takes off the final dot, `.svc.<cluster domain>`, the cluster domain alone, and the asking pod's namespace.
/// `namespace` is the one of the pod that asks.
pub(crate) fn fold<'q>(query: &'q str, namespace: &str) -> Folded<'q> {
    let mut base = query.trim_end_matches('.');
    let whole = base;
    // Names of services may have been expanded more than once: a.b.svc.cluster.local has four dots, less than five.
    for _ in 0..4 {
        let before = base;
        if let Some(at) = base.rfind(".svc.") {
            base = &base[..at];
            if !namespace.is_empty()
                && let Some(shorter) =
                    base.strip_suffix(namespace).and_then(|shorter| shorter.strip_suffix('.'))
            {
                base = shorter;
            }
        } else if let Some(shorter) = base.strip_suffix(".cluster.local") {
            base = shorter;
        }
        if let Some(shorter) = base.strip_suffix(".svc") {
            base = shorter;
        }
        if base == before {
            break;
        }
    }
    if base.is_empty() {
        base = whole;
    }
    Folded { base, expanded: base.len() < whole.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use proptest::prelude::*;

    #[test]
    fn every_variant_that_a_resolver_tries_is_the_same_name() {
        for query in [
            "api.example.com.shop.svc.cluster.local.",
            "api.example.com.svc.cluster.local.",
            "api.example.com.cluster.local.",
            "api.example.com.",
        ] {
            assert_eq!(fold(query, "shop").base, "api.example.com", "{query}");
        }
        for query in
            ["db.bank.svc.cluster.local.shop.svc.cluster.local.", "db.bank.svc.cluster.local.", "db.bank."]
        {
            assert_eq!(fold(query, "shop").base, "db.bank", "{query}");
        }
        assert_eq!(fold("cart.shop.svc.corp.internal.", "shop").base, "cart");
        assert_eq!(fold("example.com.", "shop"), Folded { base: "example.com", expanded: false });
        assert_eq!(fold(".", ""), Folded { base: "", expanded: false });
    }

    proptest! {
        #[test]
        fn a_folded_name_is_the_beginning_of_the_query(query in "[a-z.]{0,60}(.svc.cluster.local)?.?", namespace in "[a-z]{0,5}") {
            prop_assert!(query.starts_with(fold(&query, &namespace).base));
        }
    }
}
