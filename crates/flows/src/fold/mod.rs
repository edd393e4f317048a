//! Many names for one thing, folded: pods to their owners, URLs to templates, DNS names without search domains.

pub(crate) mod dns;
pub(crate) mod pod;
pub(crate) mod url;
