//! Which columns each built-in kind has.

use super::field::Printed;
use super::{cluster, network, pods, storage, workloads};
use serde_json::{Value, json};

/// Columns and the cells to go with them.
#[derive(Clone, Copy)]
pub(super) struct Printer {
    /// One word each, as upstream heads them; `~` marks wide columns, `#` integers.
    pub(super) columns: &'static [&'static str],
    pub(super) row: fn(Printed<'_>) -> Vec<Value>,
}

/// The definitions that go over the wire.
pub(super) fn definitions(columns: &[&str]) -> Vec<Value> {
    columns
        .iter()
        .map(|column| {
            let name = column.trim_start_matches(['~', '#']);
            let marks = column.get(..column.len() - name.len()).unwrap_or_default();
            json!({
                "name": name,
                "type": if marks.contains('#') { "integer" } else { "string" },
                "format": if name == "Name" { "name" } else { "" },
                "description": "",
                "priority": i32::from(marks.contains('~')),
            })
        })
        .collect()
}

const fn printer(columns: &'static [&'static str], row: fn(Printed<'_>) -> Vec<Value>) -> Printer {
    Printer { columns, row }
}

fn name_and_age(o: Printed<'_>) -> Vec<Value> {
    vec![json!(o.name()), json!(o.age())]
}

/// The printer of a kind; name and age where upstream has no other.
#[rustfmt::skip]
pub(super) fn printer_of(group: &str, kind: &str) -> Printer {
    match (group, kind) {
        ("", "Pod") => printer(&["Name", "Ready", "Status", "Restarts", "Age", "~IP", "~Node", "~Nominated Node", "~Readiness Gates"], pods::row),
        ("apps", "Deployment") => printer(&["Name", "Ready", "#Up-to-date", "#Available", "Age", "~Containers", "~Images", "~Selector"], workloads::deployment),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => printer(&["Name", "#Desired", "#Current", "#Ready", "Age", "~Containers", "~Images", "~Selector"], workloads::replica_set),
        ("apps", "StatefulSet") => printer(&["Name", "Ready", "Age", "~Containers", "~Images"], workloads::stateful_set),
        ("apps", "DaemonSet") => printer(&["Name", "#Desired", "#Current", "#Ready", "#Up-to-date", "#Available", "Node Selector", "Age", "~Containers", "~Images", "~Selector"], workloads::daemon_set),
        ("apps", "ControllerRevision") => printer(&["Name", "Controller", "#Revision", "Age"], workloads::controller_revision),
        ("batch", "Job") => printer(&["Name", "Status", "Completions", "Duration", "Age", "~Containers", "~Images", "~Selector"], workloads::job),
        ("batch", "CronJob") => printer(&["Name", "Schedule", "Timezone", "Suspend", "#Active", "Last Schedule", "Age", "~Containers", "~Images", "~Selector"], workloads::cron_job),
        ("autoscaling", "HorizontalPodAutoscaler") => printer(&["Name", "Reference", "Targets", "MinPods", "#MaxPods", "#Replicas", "Age"], workloads::autoscaler),
        ("policy", "PodDisruptionBudget") => printer(&["Name", "Min Available", "Max Unavailable", "#Allowed Disruptions", "Age"], workloads::disruption_budget),
        ("", "Service") => printer(&["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "~Selector"], network::service),
        ("", "Endpoints") => printer(&["Name", "Endpoints", "Age"], network::endpoints),
        ("discovery.k8s.io", "EndpointSlice") => printer(&["Name", "AddressType", "Ports", "Endpoints", "Age"], network::endpoint_slice),
        ("networking.k8s.io", "Ingress") => printer(&["Name", "Class", "Hosts", "Address", "Ports", "Age"], network::ingress),
        ("networking.k8s.io", "IngressClass") => printer(&["Name", "Controller", "Parameters", "Age"], network::ingress_class),
        ("networking.k8s.io", "ServiceCIDR") => printer(&["Name", "CIDRs", "Age"], network::service_cidr),
        ("networking.k8s.io", "IPAddress") => printer(&["Name", "ParentRef", "Age"], network::ip_address),
        ("networking.k8s.io", "NetworkPolicy") => printer(&["Name", "Pod-Selector", "Age"], network::network_policy),
        ("", "PersistentVolume") => printer(&["Name", "Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass", "VolumeAttributesClass", "Reason", "Age", "~VolumeMode"], storage::volume),
        ("", "PersistentVolumeClaim") => printer(&["Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age", "~VolumeMode"], storage::claim),
        ("storage.k8s.io", "StorageClass") => printer(&["Name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"], storage::storage_class),
        ("storage.k8s.io", "VolumeAttachment") => printer(&["Name", "Attacher", "PV", "Node", "Attached", "Age"], storage::attachment),
        ("storage.k8s.io", "CSINode") => printer(&["Name", "#Drivers", "Age"], storage::csi_node),
        ("storage.k8s.io", "CSIDriver") => printer(&["Name", "AttachRequired", "PodInfoOnMount", "StorageCapacity", "TokenRequests", "RequiresRepublish", "Modes", "Age"], storage::csi_driver),
        ("", "Node") => printer(&["Name", "Status", "Roles", "Age", "Version", "~Internal-IP", "~External-IP", "~OS-Image", "~Kernel-Version", "~Container-Runtime"], cluster::node),
        ("", "Namespace") => printer(&["Name", "Status", "Age"], cluster::namespace),
        ("" | "events.k8s.io", "Event") => printer(&["Last Seen", "Type", "Reason", "Object", "~Subobject", "~Source", "Message", "~First Seen", "~#Count", "~Name"], cluster::event),
        ("", "Secret") => printer(&["Name", "Type", "#Data", "Age"], cluster::secret),
        ("", "ConfigMap") => printer(&["Name", "#Data", "Age"], cluster::config_map),
        ("", "ServiceAccount") => printer(&["Name", "#Secrets", "Age"], cluster::service_account),
        ("", "ResourceQuota") => printer(&["Name", "Request", "Limit", "Age"], cluster::quota),
        ("", "LimitRange") | ("rbac.authorization.k8s.io", "Role" | "ClusterRole") | ("apiextensions.k8s.io", "CustomResourceDefinition") => printer(&["Name", "Created At"], cluster::created),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => printer(&["Name", "Role", "Age", "~Users", "~Groups", "~ServiceAccounts"], cluster::binding),
        ("coordination.k8s.io", "Lease") => printer(&["Name", "Holder", "Age"], cluster::lease),
        ("scheduling.k8s.io", "PriorityClass") => printer(&["Name", "#Value", "Global-Default", "Age", "PreemptionPolicy"], cluster::priority_class),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration") => printer(&["Name", "#Webhooks", "Age"], cluster::webhooks),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => printer(&["Name", "#Validations", "ParamKind", "Age"], cluster::admission_policy),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => printer(&["Name", "PolicyName", "ParamRef", "Age"], cluster::admission_binding),
        ("storage.k8s.io", "CSIStorageCapacity") => printer(&["Name", "StorageClassName", "Capacity"], storage::capacity),
        ("node.k8s.io", "RuntimeClass") => printer(&["Name", "Handler", "Age"], cluster::runtime_class),
        ("apiregistration.k8s.io", "APIService") => printer(&["Name", "Service", "Available", "Age"], cluster::api_service),
        ("certificates.k8s.io", "CertificateSigningRequest") => printer(&["Name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition"], cluster::signing_request),
        ("resource.k8s.io", "ResourceClaim") => printer(&["Name", "State", "Age"], cluster::resource_claim),
        ("resource.k8s.io", "ResourceSlice") => printer(&["Name", "Node", "Driver", "Pool", "Age"], cluster::resource_slice),
        _ => printer(&["Name", "Age"], name_and_age),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::resources::builtin;
    use super::*;

    #[test]
    fn every_builtin_kind_prints_as_many_cells_as_it_has_columns_even_for_an_empty_object() {
        let empty = json!({});
        for kind in builtin() {
            let printer = printer_of(&kind.group, &kind.kind);
            let printed = Printed { object: &empty, now: jiff::Timestamp::UNIX_EPOCH };
            assert_eq!((printer.row)(printed).len(), printer.columns.len(), "{}", kind.qualified());
        }
    }
}
