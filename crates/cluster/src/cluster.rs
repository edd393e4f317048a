//! The one handle to a cluster that everything else in this crate works with.

use crate::api::{Api, JSON, METADATA, Traffic};
use crate::connect::{self, ConnectOptions};
use crate::discovery::{Catalog, Resource};
use crate::error::ClusterError;
use crate::guard::GuardLayer;
use crate::list::{Listed, Listing};
use crate::seal::{Sealer, seal};
use bytes::Bytes;
use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use serde_json::Value;
use std::sync::Arc;
use stethoscope_core::clock::Clock;
use stethoscope_core::tool::{ToolError, nearest_names};
use tokio::sync::OnceCell;
use tower::{BoxError, Service};

/// A cluster behind the guard. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    api: Api,
    catalog: OnceCell<Catalog>,
    sealer: Sealer,
    clock: Arc<dyn Clock>,
    default_namespace: String,
}

/// Objects of one list, and what the list lacks.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    pub(crate) items: Vec<Value>,
    /// Why there may be more: forbidden, not served, cut at the cap.
    pub(crate) missing: Option<String>,
}

impl Cluster {
    /// Connects, and asks once for the version, so that a wrong address or a dead token is known at once.
    pub async fn connect(
        options: ConnectOptions,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClusterError> {
        let config = connect::load(&options).await?;
        let server = config.cluster_url.to_string();
        let default_namespace = config.default_namespace.clone();
        let client = connect::client(config).await?;
        let cluster =
            Self::assemble(Api::new(client, server, options.traffic()), default_namespace, sealer, clock);
        match cluster.api().get("/version", JSON).await {
            Err(error) if error.is_fatal() => Err(error),
            Ok(_) | Err(_) => Ok(cluster),
        }
    }

    /// A cluster whose transport is any tower service: a replay server in the same process, a recording transport of a
    /// test. The guard and everything above it are those of [`Cluster::connect`]; only the pace is not limited.
    /// Needs a tokio runtime.
    pub fn over_service<S, B>(
        service: S,
        default_namespace: impl Into<String>,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
    ) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::over_service_with(
            service,
            default_namespace,
            Traffic { qps: 0.0, ..Traffic::default() },
            sealer,
            clock,
        )
    }

    /// As [`Cluster::over_service`], with bounds.
    pub fn over_service_with<S, B>(
        service: S,
        default_namespace: impl Into<String>,
        traffic: Traffic,
        sealer: Sealer,
        clock: Arc<dyn Clock>,
    ) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let default_namespace = default_namespace.into();
        let client = ClientBuilder::new(service, default_namespace.clone()).with_layer(&GuardLayer).build();
        let api = Api::new(client, "in-process".to_owned(), traffic);
        Self::assemble(api, default_namespace, sealer, clock)
    }

    /// A cluster that nobody answers for: its tools can be described, not used. Needs a tokio runtime.
    pub fn unconnected(sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        let nobody = tower::service_fn(|_: Request<Body>| async {
            Err::<Response<Body>, BoxError>("there is no connection to a cluster".into())
        });
        Self::over_service(nobody, "default", sealer, clock)
    }

    fn assemble(api: Api, default_namespace: String, sealer: Sealer, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { api, catalog: OnceCell::new(), sealer, clock, default_namespace };
        Self { inner: Arc::new(inner) }
    }

    /// Namespace of the kubeconfig's context or of the service account.
    pub fn default_namespace(&self) -> &str {
        &self.inner.default_namespace
    }

    /// The API server's address, as configured.
    pub fn server(&self) -> &str {
        self.inner.api.server()
    }

    pub(crate) fn api(&self) -> &Api {
        &self.inner.api
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.inner.clock.as_ref()
    }

    /// What is served; asked for once.
    pub(crate) async fn catalog(&self) -> Result<&Catalog, ClusterError> {
        self.inner.catalog.get_or_try_init(|| Catalog::fetch(&self.inner.api)).await
    }

    /// The resource a person means by a word.
    pub(crate) async fn resolve(&self, word: &str) -> Result<Resource, ToolError> {
        self.catalog().await?.resolve(word).cloned()
    }

    /// One object, sealed, `managedFields` and all.
    pub(crate) async fn object(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Value, ClusterError> {
        let path = resource.path(namespace, Some(name))?;
        let accept = if resource.is_secret() { METADATA } else { JSON };
        let mut object = self.api().get_value(&path, accept).await?;
        if let Value::Object(map) = &mut object
            && resource.is_secret()
        {
            map.insert("kind".to_owned(), Value::String(resource.kind.clone()));
            map.insert("apiVersion".to_owned(), Value::String(resource.api_version()));
        }
        seal(self.sealer(), &mut object)?;
        Ok(object)
    }

    /// One object, or the nearest names when there is none of that name.
    pub(crate) async fn object_or_nearest(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Value, ToolError> {
        match self.object(resource, namespace, name).await {
            Ok(object) => Ok(object),
            Err(ClusterError::NotFound { .. }) => Err(self.not_found(resource, namespace, name).await),
            Err(error) => Err(error.into()),
        }
    }

    /// A not-found error with the names there are: in the namespace, else anywhere.
    pub(crate) async fn not_found(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> ToolError {
        let place = namespace.map(|name| format!(" in namespace {name}")).unwrap_or_default();
        let message = format!("no {} called {name}{place}", resource.kind);
        let mut names = self.names(resource, namespace, name).await;
        if names.is_empty() && namespace.is_some() {
            names = self.names(resource, None, name).await;
        }
        ToolError::NotFound { message, nearest: names }
    }

    async fn names(&self, resource: &Resource, namespace: Option<&str>, wanted: &str) -> Vec<String> {
        let mut names = Vec::new();
        let listing = Listing { most: Some(MOST_NAMES), ..Listing::of(resource, namespace) };
        let listed = self
            .list_each(&listing, &mut |item| {
                let name = crate::object::name(&item).to_owned();
                names.push(match (namespace, crate::object::namespace(&item)) {
                    (None, Some(place)) => format!("{place}/{name}"),
                    _ => name,
                });
                Ok(())
            })
            .await;
        if listed.is_err() {
            return Vec::new();
        }
        nearest_names(wanted, names.iter().map(String::as_str), 3)
    }

    /// A list as objects, at most `most`; failures that leave the rest of a tool useful become a remark.
    pub(crate) async fn objects(&self, listing: &Listing<'_>, most: usize) -> Result<Objects, ClusterError> {
        let mut items = Vec::new();
        let listing = Listing { most: Some(most), ..listing.clone() };
        let spoken = listing.resource.spoken();
        let listed = self
            .list_each(&listing, &mut |item| {
                items.push(item);
                Ok(())
            })
            .await;
        match listed {
            Ok(Listed { next, withheld, .. }) => {
                let mut missing = Vec::new();
                if next.is_some() {
                    missing.push(format!("{spoken}: only the first {} were read", items.len()));
                }
                if withheld > 0 {
                    missing.push(format!("{spoken}: {withheld} withheld because they could not be redacted"));
                }
                let missing = Some(missing.join("; ")).filter(|text| !text.is_empty());
                Ok(Objects { items, missing })
            }
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => Ok(Objects { items, missing: Some(format!("{spoken}: {}", error.brief())) }),
        }
    }
}

/// Names read to find the nearest ones.
const MOST_NAMES: usize = 5_000;
