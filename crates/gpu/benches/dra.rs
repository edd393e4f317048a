//! `dra_explain` over 10,000 devices in 500 slices. Wanted: at most 300 ms.

#[path = "../tests/fake/mod.rs"]
mod fake;

use fake::{Fake, call};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn cluster() -> Fake {
    let dra = "resource.k8s.io";
    let mut fake = Fake::new().with_dra();
    for node in 0..500 {
        let devices: Vec<Value> = (0..20)
            .map(|index| {
                json!({"name": format!("gpu-{index}"), "capacity": {"memory": {"value": "80Gi"}}, "attributes": {
                    "type": {"string": "gpu"}, "productName": {"string": "H100"}, "uuid": {"string": format!("GPU-{node}-{index}")},
                    "architecture": {"string": "Hopper"}, "driverVersion": {"version": "580.126.9"},
                    "cudaComputeCapability": {"version": "9.0.0"}, "resource.kubernetes.io/pcieRoot": {"string": "pci0000:10"}}})
            })
            .collect();
        let name = format!("node-{node}");
        let slice = json!({"metadata": {"name": name}, "spec": {"driver": "gpu.io", "nodeName": name, "devices": devices,
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1}}});
        fake = fake.with("", "nodes", json!({"metadata": {"name": name}})).with(dra, "resourceslices", slice);
    }
    let class = json!({"metadata": {"name": "gpus"}, "spec": {"selectors": [{"cel": {"expression": "device.driver == 'gpu.io' && device.attributes['gpu.io'].type == 'gpu'"}}]}});
    let selector = "device.capacity['gpu.io'].memory.compareTo(quantity('100Gi')) >= 0 && device.attributes['gpu.io'].driverVersion.compareTo(semver('570.0.0')) > 0";
    let claim = json!({"metadata": {"name": "c", "namespace": "ml"}, "spec": {"devices": {"requests": [{"name": "r",
        "exactly": {"deviceClassName": "gpus", "selectors": [{"cel": {"expression": selector}}]}}]}}});
    fake.with(dra, "deviceclasses", class).with(dra, "resourceclaims", claim)
}

#[divan::bench(sample_count = 10)]
fn ten_thousand_devices_in_five_hundred_slices(bencher: divan::Bencher<'_, '_>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let backend = runtime.block_on(cluster().backend(None));
    bencher.bench_local(|| runtime.block_on(call(&backend, "dra_explain", json!({"name": "claim/c"}))));
}
