//! Certificates that ran out, or that nobody manages to renew. Never from a Secret: from the objects of cert-manager, and
//! from what kubelets, components and ingress controllers write.

pub(crate) mod issued;
pub(crate) mod serving;
