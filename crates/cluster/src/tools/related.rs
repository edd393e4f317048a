//! What selects, mounts, targets or carries an object: the lines of `k8s_describe` below the object itself.

use crate::cluster::Cluster;
use crate::discovery::{Resource, Scope};
use crate::error::ClusterError;
use crate::list::Listing;
use crate::object::{self, at, carries, items, name, pairs, selects, text};
use crate::show::column::{Column, event_time, ingress_backends, node_status, standard};
use jiff::Timestamp;
use serde_json::Value;

/// Objects read of one kind, lines shown of one kind.
const MOST: usize = 5_000;
const LINES: usize = 12;

/// Lines about an object's surroundings, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct Related {
    pub(crate) lines: Vec<String>,
    pub(crate) missing: Vec<String>,
}

impl Related {
    fn add(&mut self, title: &str, mut lines: Vec<String>) {
        let more = lines.len().saturating_sub(LINES);
        lines.truncate(LINES);
        self.lines.extend(lines.into_iter().map(|line| format!("{title}: {line}")));
        if more > 0 {
            self.lines.push(format!("{title}: +{more} more"));
        }
    }

    fn said(&mut self, title: &str, lines: Vec<String>, when_none: &str) {
        if lines.is_empty() {
            self.lines.push(format!("{title}: {when_none}"));
        } else {
            self.add(title, lines);
        }
    }
}

/// Reads the neighbourhood of one object.
pub(crate) struct Neighbourhood<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) now: Timestamp,
    pub(crate) related: Related,
}

impl Neighbourhood<'_> {
    async fn list(
        &mut self,
        group: &str,
        version: &str,
        plural: &str,
        kind: &str,
        namespace: Option<&str>,
    ) -> Result<Vec<Value>, ClusterError> {
        let scope = if namespace.is_some() { Scope::Namespaced } else { Scope::Cluster };
        let resource = Resource::known(group, version, plural, kind, scope);
        let objects = self.cluster.objects(&Listing::of(&resource, namespace), MOST).await?;
        if let Some(missing) = objects.missing
            && !missing.contains("not served")
        {
            self.related.missing.push(missing);
        }
        Ok(objects.items)
    }

    /// A line as `k8s_list` would show it.
    fn line(&self, object: &Value) -> String {
        let kind = text(object, "kind");
        let cells: Vec<String> = standard(kind)
            .iter()
            .map(|column| {
                let cell = Column::parse(column).cell(kind, object, self.now).text;
                if cell.is_empty() { "-".to_owned() } else { cell }
            })
            .collect();
        format!("{} {}", name(object), cells.join(" "))
    }

    fn all(&self, objects: &[Value], keep: impl Fn(&Value) -> bool) -> Vec<String> {
        objects.iter().filter(|object| keep(object)).map(|object| self.line(object)).collect()
    }

    /// Looks around an object.
    pub(crate) async fn look(&mut self, kind: &str, found: &Value) -> Result<(), ClusterError> {
        let place = object::namespace(found);
        match (kind, place) {
            ("Pod", Some(place)) => self.pod(found, place).await,
            ("Service", Some(place)) => self.service(found, place).await,
            ("Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob", Some(place)) => {
                self.workload(kind, found, place).await
            }
            ("PersistentVolumeClaim", Some(place)) => self.claim(found, place).await,
            ("ConfigMap" | "Secret" | "ServiceAccount", Some(place)) => self.users(kind, found, place).await,
            ("Ingress", Some(place)) => self.ingress(found, place).await,
            ("HorizontalPodAutoscaler", Some(place)) => self.autoscaler(found, place).await,
            ("NetworkPolicy", Some(place)) => {
                let pods = self.list("", "v1", "pods", "Pod", Some(place)).await?;
                let selected = self.all(&pods, |pod| selects(at(found, "spec.podSelector"), pod));
                self.related.said("selects pod", selected, "none");
                Ok(())
            }
            ("PodDisruptionBudget", Some(place)) => {
                let pods = self.list("", "v1", "pods", "Pod", Some(place)).await?;
                let selected = self.all(&pods, |pod| selects(at(found, "spec.selector"), pod));
                self.related.said("selects pod", selected, "none");
                Ok(())
            }
            ("Node", None) => self.node(found).await,
            ("Namespace", None) => self.namespace(found).await,
            ("PersistentVolume", None) => {
                self.related.said(
                    "claim",
                    Some(text(found, "spec.claimRef.name"))
                        .filter(|name| !name.is_empty())
                        .map(|name| format!("{}/{name}", text(found, "spec.claimRef.namespace")))
                        .into_iter()
                        .collect(),
                    "none",
                );
                Ok(())
            }
            ("StorageClass", None) => {
                let volumes = self.list("", "v1", "persistentvolumes", "PersistentVolume", None).await?;
                let own = self.all(&volumes, |volume| text(volume, "spec.storageClassName") == name(found));
                self.related.add("volume", own);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn pod(&mut self, pod: &Value, place: &str) -> Result<(), ClusterError> {
        let services = self.list("", "v1", "services", "Service", Some(place)).await?;
        let selecting = self.all(&services, |service| carries(pod, &pairs(service, "spec.selector")));
        self.related.said("selected by service", selecting, "none");
        self.guards(pod, place).await?;
        let claims: Vec<&str> = items(pod, "spec.volumes")
            .iter()
            .map(|volume| text(volume, "persistentVolumeClaim.claimName"))
            .filter(|name| !name.is_empty())
            .collect();
        if !claims.is_empty() {
            let all =
                self.list("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", Some(place)).await?;
            let lines = claims
                .iter()
                .map(|claim| {
                    all.iter()
                        .find(|object| name(object) == *claim)
                        .map_or_else(|| format!("{claim} does not exist"), |object| self.line(object))
                })
                .collect();
            self.related.add("mounts claim", lines);
        }
        let mut maps = references(pod, "ConfigMap");
        if !maps.is_empty() {
            let all = self.list("", "v1", "configmaps", "ConfigMap", Some(place)).await?;
            maps.iter_mut()
                .filter(|map| !all.iter().any(|object| name(object) == **map))
                .for_each(|map| map.push_str(" does not exist"));
            self.related.add("uses configmap", maps);
        }
        self.related.add("uses secret", references(pod, "Secret"));
        let node = text(pod, "spec.nodeName");
        if !node.is_empty() {
            let nodes = Resource::known("", "v1", "nodes", "Node", Scope::Cluster);
            match self.cluster.object(&nodes, None, node).await {
                Ok(node) => {
                    let line = format!("{} {}", name(&node), node_status(&node));
                    self.related.add("on node", vec![line]);
                }
                Err(ClusterError::NotFound { .. }) => {
                    self.related.add("on node", vec![format!("{node} does not exist")]);
                }
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => self.related.missing.push(format!("node {node}: {}", error.brief())),
            }
        }
        Ok(())
    }

    /// Budgets and policies on a pod or on pods of a template.
    async fn guards(&mut self, pod: &Value, place: &str) -> Result<(), ClusterError> {
        let budgets =
            self.list("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", Some(place)).await?;
        let own = self.all(&budgets, |budget| selects(at(budget, "spec.selector"), pod));
        self.related.add("disruption budget", own);
        let policies =
            self.list("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", Some(place)).await?;
        let own = self.all(&policies, |policy| selects(at(policy, "spec.podSelector"), pod));
        self.related.add("network policy", own);
        Ok(())
    }

    async fn service(&mut self, service: &Value, place: &str) -> Result<(), ClusterError> {
        let selector = pairs(service, "spec.selector");
        if !selector.is_empty() {
            let pods = self.list("", "v1", "pods", "Pod", Some(place)).await?;
            let selected = self.all(&pods, |pod| carries(pod, &selector));
            let none = format!("none of {} pods in the namespace", pods.len());
            self.related.said("selects pod", selected, &none);
        }
        let slices =
            self.list("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", Some(place)).await?;
        let mut endpoints = Vec::new();
        for slice in slices
            .iter()
            .filter(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == name(service))
        {
            let ports: Vec<String> = items(slice, "ports")
                .iter()
                .map(|port| {
                    let number = port.get("port").map(object::plain).unwrap_or_default();
                    format!("{}:{number}/{}", text(port, "name"), text(port, "protocol"))
                })
                .collect();
            for endpoint in items(slice, "endpoints") {
                let ready = if endpoint["conditions"]["ready"] == false { "not ready" } else { "ready" };
                let addresses: Vec<String> = items(endpoint, "addresses").iter().map(object::plain).collect();
                endpoints.push(format!(
                    "{} {ready} {} {}",
                    addresses.join(","),
                    text(endpoint, "targetRef.name"),
                    ports.join(",")
                ));
            }
        }
        self.related.said("endpoint", endpoints, "none");
        let ingresses = self.list("networking.k8s.io", "v1", "ingresses", "Ingress", Some(place)).await?;
        let own = self.all(&ingresses, |ingress| {
            ingress_backends(ingress).iter().any(|backend| backend == name(service))
        });
        self.related.add("behind ingress", own);
        Ok(())
    }

    async fn workload(&mut self, kind: &str, workload: &Value, place: &str) -> Result<(), ClusterError> {
        if kind == "Deployment" {
            let sets = self.list("apps", "v1", "replicasets", "ReplicaSet", Some(place)).await?;
            let mut own: Vec<&Value> = sets
                .iter()
                .filter(|set| object::owner(set) == Some(("Deployment", name(workload))))
                .collect();
            own.sort_by_key(|set| std::cmp::Reverse(revision(set)));
            let lines =
                own.iter().map(|set| format!("{} revision {}", self.line(set), revision(set))).collect();
            self.related.said("replicaset", lines, "none");
        }
        let found = self.cluster.pods_behind(kind, workload).await?;
        self.related.missing.extend(found.missing);
        let pods = self.all(&found.items, |_| true);
        self.related.said("pod", pods, "none");
        let template = at(workload, "spec.template").cloned().unwrap_or_default();
        let services = self.list("", "v1", "services", "Service", Some(place)).await?;
        let own = self.all(&services, |service| carries(&template, &pairs(service, "spec.selector")));
        self.related.add("selected by service", own);
        let scalers = self
            .list("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", Some(place))
            .await?;
        let own = self.all(&scalers, |scaler| {
            text(scaler, "spec.scaleTargetRef.kind") == kind
                && text(scaler, "spec.scaleTargetRef.name") == name(workload)
        });
        self.related.add("scaled by", own);
        self.guards(&template, place).await
    }

    async fn claim(&mut self, claim: &Value, place: &str) -> Result<(), ClusterError> {
        let pods = self.list("", "v1", "pods", "Pod", Some(place)).await?;
        let own = self.all(&pods, |pod| {
            items(pod, "spec.volumes")
                .iter()
                .any(|volume| text(volume, "persistentVolumeClaim.claimName") == name(claim))
        });
        self.related.said("mounted by pod", own, "none");
        let classes = self.list("storage.k8s.io", "v1", "storageclasses", "StorageClass", None).await?;
        let wanted = text(claim, "spec.storageClassName");
        let lines = self.all(&classes, |class| wanted.is_empty() || name(class) == wanted);
        let names: Vec<&str> = classes.iter().map(name).collect();
        let none = format!("{wanted} does not exist; there are: {}", names.join(", "));
        self.related.said("storage class", lines, &none);
        let volumes = self.list("", "v1", "persistentvolumes", "PersistentVolume", None).await?;
        let own = self.all(&volumes, |volume| {
            text(volume, "spec.claimRef.name") == name(claim)
                && text(volume, "spec.claimRef.namespace") == place
        });
        self.related.said("volume", own, "none bound");
        Ok(())
    }

    async fn users(&mut self, kind: &str, found: &Value, place: &str) -> Result<(), ClusterError> {
        let pods = self.list("", "v1", "pods", "Pod", Some(place)).await?;
        let own = self.all(&pods, |pod| {
            if kind == "ServiceAccount" {
                return text(pod, "spec.serviceAccountName") == name(found);
            }
            references(pod, kind).iter().any(|used| used == name(found))
        });
        self.related.said("used by pod", own, "none");
        Ok(())
    }

    async fn ingress(&mut self, ingress: &Value, place: &str) -> Result<(), ClusterError> {
        let services = self.list("", "v1", "services", "Service", Some(place)).await?;
        let lines = ingress_backends(ingress)
            .iter()
            .map(|backend| {
                services
                    .iter()
                    .find(|service| name(service) == backend)
                    .map_or_else(|| format!("{backend} does not exist"), |service| self.line(service))
            })
            .collect();
        self.related.said("backend service", lines, "none");
        Ok(())
    }

    async fn autoscaler(&mut self, scaler: &Value, place: &str) -> Result<(), ClusterError> {
        let target = text(scaler, "spec.scaleTargetRef.name");
        let catalog = self.cluster.catalog().await?;
        let kind = text(scaler, "spec.scaleTargetRef.kind");
        let Some(resource) = catalog.by_kind(text(scaler, "spec.scaleTargetRef.apiVersion"), kind) else {
            self.related.add("target", vec![format!("{kind} is not served")]);
            return Ok(());
        };
        match self.cluster.object(resource, Some(place), target).await {
            Ok(object) => {
                let line = format!("{kind} {}", self.line(&object));
                self.related.add("target", vec![line]);
            }
            Err(ClusterError::NotFound { .. }) => {
                self.related.add("target", vec![format!("{kind} {target} does not exist")]);
            }
            Err(error) => self.related.missing.push(format!("{kind} {target}: {}", error.brief())),
        }
        Ok(())
    }

    async fn node(&mut self, node: &Value) -> Result<(), ClusterError> {
        let found = self.cluster.pods_behind("Node", node).await?;
        self.related.missing.extend(found.missing);
        let mut lines: Vec<(bool, String)> = found
            .items
            .iter()
            .map(|pod| {
                let place = object::namespace(pod).unwrap_or_default();
                (text(pod, "status.phase") == "Running", format!("{place}/{}", self.line(pod)))
            })
            .collect();
        lines.sort();
        self.related.said("pod", lines.into_iter().map(|(_, line)| line).collect(), "none");
        let leases = Resource::known("coordination.k8s.io", "v1", "leases", "Lease", Scope::Namespaced);
        if let Ok(lease) = self.cluster.object(&leases, Some("kube-node-lease"), name(node)).await
            && let Some(renewed) = object::time(&lease, "spec.renewTime")
        {
            self.related.add("lease renewed", vec![format!("{} ago", crate::show::age(self.now, renewed))]);
        }
        Ok(())
    }

    async fn namespace(&mut self, namespace: &Value) -> Result<(), ClusterError> {
        let place = name(namespace);
        for (title, plural, kind) in
            [("quota", "resourcequotas", "ResourceQuota"), ("limit range", "limitranges", "LimitRange")]
        {
            let objects = self.list("", "v1", plural, kind, Some(place)).await?;
            let lines = self.all(&objects, |_| true);
            self.related.add(title, lines);
        }
        Ok(())
    }

    /// Events on an object, verbatim, newest first.
    pub(crate) async fn events(&mut self, found: &Value) -> Result<Vec<Value>, ClusterError> {
        let kind = text(found, "kind");
        let fields = format!("involvedObject.name={},involvedObject.kind={kind}", name(found));
        let resource = super::events::resource();
        // Events on cluster-scoped objects lie in `default`, by client-go's recorder.
        let place = object::namespace(found).unwrap_or("default");
        let listing = Listing { fields: Some(&fields), ..Listing::of(&resource, Some(place)) };
        let objects = self.cluster.objects(&listing, MOST).await?;
        self.related.missing.extend(objects.missing);
        let mut events = objects.items;
        events.retain(|event| {
            text(event, "involvedObject.name") == name(found) && text(event, "involvedObject.kind") == kind
        });
        events.sort_by_key(|event| (std::cmp::Reverse(event_time(event)), name(event).to_owned()));
        Ok(events)
    }
}

/// Revision of a ReplicaSet.
pub(crate) fn revision(set: &Value) -> i64 {
    set["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        .as_str()
        .and_then(|revision| revision.parse().ok())
        .unwrap_or_default()
}

/// Names of the ConfigMaps or Secrets that a pod mounts or takes environment from, sorted; optional ones too.
fn references(pod: &Value, kind: &str) -> Vec<String> {
    let (volume, projected, key, from) = match kind {
        "ConfigMap" => {
            ("configMap.name", "configMap.name", "valueFrom.configMapKeyRef.name", "configMapRef.name")
        }
        _ => ("secret.secretName", "secret.name", "valueFrom.secretKeyRef.name", "secretRef.name"),
    };
    let mut names: Vec<String> = Vec::new();
    for item in items(pod, "spec.volumes") {
        names.push(text(item, volume).to_owned());
        names
            .extend(items(item, "projected.sources").iter().map(|source| text(source, projected).to_owned()));
    }
    for list in ["spec.containers", "spec.initContainers"] {
        for container in items(pod, list) {
            names.extend(items(container, "env").iter().map(|env| text(env, key).to_owned()));
            names.extend(items(container, "envFrom").iter().map(|source| text(source, from).to_owned()));
        }
    }
    if kind == "Secret" {
        names
            .extend(items(pod, "spec.imagePullSecrets").iter().map(|secret| text(secret, "name").to_owned()));
    }
    names.retain(|name| !name.is_empty() && name != "kube-root-ca.crt");
    names.sort();
    names.dedup();
    names
}
