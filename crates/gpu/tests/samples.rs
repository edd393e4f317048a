//! Real samples, where they lie beside the repository: every line, dump and object is read as what it says.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failing test fails, a skipped one says so")]

mod fake;

use fake::{Fake, call};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::path::PathBuf;
use stethoscope_gpu::{KernelEvent, PciAddress, exposition, gpus, is_blank, kernel_event};

/// Files with this extension.
fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/gpu").join(folder);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: no samples at {}", folder.display());
        return Vec::new();
    };
    let mut files: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|known| known == extension))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Code and device, taken from a line by hand: what follows `Xid (` or `SXid (`.
fn by_hand(line: &str) -> Option<(u32, Option<PciAddress>)> {
    let (_, rest) = line.split_once("Xid (")?;
    let (device, rest) = rest.split_once("): ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, PciAddress::parse(device)))
}

#[test]
fn every_line_of_the_logs_gives_its_code_and_device() {
    let mut read = 0;
    for (file, text) in files("logs", "log").into_iter().chain(files("logs", "txt")) {
        for line in text.lines() {
            let told = match kernel_event(line) {
                Some(KernelEvent::Xid(xid)) => Some((xid.code, xid.device)),
                Some(KernelEvent::Sxid(sxid)) => Some((sxid.code, sxid.device)),
                Some(KernelEvent::Peermem | KernelEvent::NcclSegfault) | None => None,
            };
            let expected = by_hand(line);
            assert_eq!(told, expected, "{file}: {line}");
            assert!(expected.is_none_or(|(_, device)| device.is_some()), "{file}: {line}");
            read += usize::from(told.is_some());
        }
        if file.contains("peermem") {
            let mut lines = text.lines().filter(|line| line.contains("detected invalid context"));
            assert!(lines.all(|line| kernel_event(line) == Some(KernelEvent::Peermem)), "{file}");
        }
        if file.contains("segfault") {
            assert!(text.lines().all(|line| kernel_event(line) == Some(KernelEvent::NcclSegfault)), "{file}");
        }
    }
    if read == 0 {
        eprintln!("skipped: no log lines");
    }
}

#[test]
fn every_dump_is_read_stray_titles_and_all() {
    for (file, text) in files("dcgm", "prom") {
        let answer = exposition(&text);
        let samples = text.lines().filter(|line| line.starts_with("DCGM_")).count();
        assert_eq!(answer.series.len(), samples, "{file}: {:?}", answer.missing);
        let gpus = gpus(&answer.series);
        let mut uuids: Vec<&str> = answer
            .series
            .iter()
            .filter(|sample| !is_blank(sample.value))
            .map(|sample| sample.labels["UUID"].as_str())
            .collect();
        uuids.sort_unstable();
        uuids.dedup();
        let mut told: Vec<&str> = gpus.iter().map(|gpu| gpu.uuid.as_str()).collect();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told, uuids, "{file}");
        assert!(
            gpus.iter().all(|gpu| gpu.pod.as_ref().is_none_or(|pod| !pod.contains("dcgm-exporter"))),
            "{file}"
        );
    }
}

#[tokio::test]
async fn the_inventory_of_every_node_equals_the_object() {
    for (file, text) in files("nodes", "yaml") {
        let node: Value = serde_saphyr::from_str(&text).unwrap();
        let backend = Fake::new().with("", "nodes", node.clone()).backend(None).await;
        let output = call(&backend, "gpu_overview", json!({})).await.unwrap();
        let told = &output.data["nodes"][0];
        let count = |place: &str, name: &str| -> i64 {
            node["status"][place][name].as_str().map_or(0, |count| count.parse().unwrap())
        };
        let mut expected: Vec<Value> = node["status"]["capacity"]
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| name.starts_with("nvidia.com/"))
            .map(|name| json!({"name": name, "capacity": count("capacity", name), "allocatable": count("allocatable", name), "allocated": 0}))
            .collect();
        expected.sort_by_key(|row| row["name"].as_str().unwrap().to_owned());
        assert_eq!(told["resources"], Value::Array(expected), "{file}");
        let labels = &node["metadata"]["labels"];
        assert_eq!(told["product"], labels["nvidia.com/gpu.product"], "{file}");
        assert_eq!(told["count"].to_string(), labels["nvidia.com/gpu.count"].as_str().unwrap(), "{file}");
        let part = |key: &str| labels[key].as_str().unwrap();
        let driver =
            ["major", "minor", "rev"].map(|key| part(&format!("nvidia.com/cuda.driver.{key}"))).join(".");
        assert_eq!(told["driver"], json!(driver), "{file}");
        for (key, value) in labels.as_object().unwrap() {
            if let Some(profile) =
                key.strip_prefix("nvidia.com/mig-").and_then(|key| key.strip_suffix(".count"))
            {
                assert_eq!(told["instances"][profile].to_string(), value.as_str().unwrap(), "{file}");
            }
        }
    }
}

fn slices(text: &str) -> Vec<Value> {
    let document: Value = serde_saphyr::from_str(text).unwrap();
    document["items"].as_array().cloned().unwrap_or_else(|| vec![document])
}

#[tokio::test]
async fn every_device_of_a_slice_can_be_selected_by_what_the_object_says() {
    for (file, text) in files("resourceslice", "yaml") {
        let slices = slices(&text);
        let class = json!({"metadata": {"name": "any"}, "spec": {}});
        let mut fake = Fake::new().with_dra().with("resource.k8s.io", "deviceclasses", class);
        for slice in &slices {
            fake = fake.with("resource.k8s.io", "resourceslices", slice.clone());
        }
        let mut claims = 0;
        for slice in &slices {
            let driver = slice["spec"]["driver"].as_str().unwrap();
            for device in slice["spec"]["devices"].as_array().unwrap() {
                let mut terms = vec![format!("device.driver == '{driver}'")];
                for (name, value) in device["attributes"].as_object().unwrap() {
                    let (domain, name) = name.split_once('/').unwrap_or((driver, name));
                    let field = format!("device.attributes['{domain}']['{name}']");
                    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
                    terms.push(match kind.as_str() {
                        "string" => format!("{field} == '{}'", value.as_str().unwrap()),
                        "version" => format!("{field}.compareTo(semver('{}')) == 0", value.as_str().unwrap()),
                        _ => format!("{field} == {value}"),
                    });
                }
                for (name, value) in device["capacity"].as_object().into_iter().flatten() {
                    let value = value["value"].as_str().unwrap();
                    terms.push(format!(
                        "device.capacity['{driver}'].{name}.compareTo(quantity('{value}')) == 0"
                    ));
                }
                let selector = terms.join(" && ");
                let request = json!({"name": "r", "exactly": {"deviceClassName": "any", "selectors": [{"cel": {"expression": selector}}]}});
                let claim = json!({"metadata": {"name": format!("c{claims}"), "namespace": "t"}, "spec": {"devices": {"requests": [request]}}});
                fake = fake.with("resource.k8s.io", "resourceclaims", claim);
                claims += 1;
            }
        }
        let backend = fake.backend(None).await;
        for claim in 0..claims {
            let output =
                call(&backend, "dra_explain", json!({"name": format!("claim/c{claim}")})).await.unwrap();
            let verdicts = output.data["requests"][0]["verdicts"].as_array().unwrap();
            let fits =
                verdicts.iter().find(|group| group["verdict"] == "fits").map(|group| group["count"].clone());
            assert_eq!(fits, Some(json!(1)), "{file}: {}", output.text);
        }
    }
}
