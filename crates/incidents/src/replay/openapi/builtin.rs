//! Upstream's schemas of the built-in kinds, from the OpenAPI document that `k8s-openapi` is generated from.

use k8s_openapi::api;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as apiregistration;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// The schemas of all kinds of one group and version, by component name; empty for groups that aren't built in.
pub(super) fn schemas(group: &str, version: &str) -> Map<String, Value> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    add(&mut generator, group, version);
    generator.take_definitions(true)
}

fn define<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

macro_rules! define {
    ($generator:ident: $($module:ident)::+ { $($kind:ident),+ $(,)? }) => {{
        use $($module)::+ as kinds;
        $(define::<kinds::$kind>($generator);)+
    }};
}

fn add(generator: &mut SchemaGenerator, group: &str, version: &str) {
    match (group, version) {
        ("", "v1") => define!(generator: api::core::v1 {
            Binding, ComponentStatus, ConfigMap, Endpoints, Event, LimitRange, Namespace, Node, PersistentVolume,
            PersistentVolumeClaim, Pod, PodTemplate, ReplicationController, ResourceQuota, Secret, Service,
            ServiceAccount,
        }),
        ("apps", "v1") => define!(generator: api::apps::v1 {
            ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet,
        }),
        ("events.k8s.io", "v1") => define!(generator: api::events::v1 { Event }),
        ("autoscaling", "v1") => define!(generator: api::autoscaling::v1 { HorizontalPodAutoscaler }),
        ("autoscaling", "v2") => define!(generator: api::autoscaling::v2 { HorizontalPodAutoscaler }),
        ("batch", "v1") => define!(generator: api::batch::v1 { CronJob, Job }),
        ("certificates.k8s.io", "v1") => {
            define!(generator: api::certificates::v1 { CertificateSigningRequest });
        }
        ("networking.k8s.io", "v1") => define!(generator: api::networking::v1 {
            IPAddress, Ingress, IngressClass, NetworkPolicy, ServiceCIDR,
        }),
        ("policy", "v1") => define!(generator: api::policy::v1 { PodDisruptionBudget }),
        ("rbac.authorization.k8s.io", "v1") => define!(generator: api::rbac::v1 {
            ClusterRole, ClusterRoleBinding, Role, RoleBinding,
        }),
        ("storage.k8s.io", "v1") => define!(generator: api::storage::v1 {
            CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment,
        }),
        ("admissionregistration.k8s.io", "v1") => define!(generator: api::admissionregistration::v1 {
            MutatingWebhookConfiguration, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
            ValidatingWebhookConfiguration,
        }),
        ("scheduling.k8s.io", "v1") => define!(generator: api::scheduling::v1 { PriorityClass }),
        ("coordination.k8s.io", "v1") => define!(generator: api::coordination::v1 { Lease }),
        ("node.k8s.io", "v1") => define!(generator: api::node::v1 { RuntimeClass }),
        ("discovery.k8s.io", "v1") => define!(generator: api::discovery::v1 { EndpointSlice }),
        ("resource.k8s.io", "v1") => define!(generator: api::resource::v1 {
            DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice,
        }),
        ("apiextensions.k8s.io", "v1") => define!(generator: apiextensions { CustomResourceDefinition }),
        ("apiregistration.k8s.io", "v1") => define!(generator: apiregistration { APIService }),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::resources::builtin;
    use super::super::schema_name;
    use super::*;

    #[test]
    fn every_builtin_kind_has_a_described_schema() {
        for kind in builtin() {
            let schemas = schemas(&kind.group, &kind.version);
            let name = schema_name(&schemas, &kind);
            let described = schemas.get(&name).and_then(|s| s.get("description")?.as_str());
            assert!(described.is_some(), "{} ({name})", kind.qualified());
        }
    }
}
