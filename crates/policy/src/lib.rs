//! Network policies of Kubernetes and Cilium as a pure engine: who may talk to whom, and which rule says so.
