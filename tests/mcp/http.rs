//! Over HTTP: what is let in, what is not, and what a crowd does.

use crate::harness::{run, stethoscope};
use crate::talk::{PATIENCE, Served, bundle, modern, request};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

const BROKEN: &str = "lantern-checkout-errors";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn both_revisions_are_served_and_evidence_outlives_a_request() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let discovered = served.ask("server/discover", json!({}), &[]).message();
    let versions = discovered["result"]["supportedVersions"].to_string();
    assert!(versions.contains("2026-07-28") && versions.contains("2025-11-25"), "{versions}");
    let listed = served.ask("tools/list", json!({}), &[]);
    assert_eq!(listed.headers["content-type"], "application/json");
    let result = &listed.message()["result"];
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(60_000), &json!("private")));
    let first = served.tool("k8s_list", json!({"kind": "pods"}), &[]);
    let id = first["structuredContent"]["evidence"].as_str().unwrap();
    let read = served.ask("resources/read", json!({"uri": format!("evidence://{id}")}), &[]).message();
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().contains("READY"), "{read}");
    // 2025-11-25: a session.
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}
    }});
    let plain =
        headers(&[("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")]);
    let welcome = request(served.address, "POST", "/mcp", &plain, hello.to_string().as_bytes());
    assert_eq!(
        (welcome.status, &welcome.message()["result"]["protocolVersion"]),
        (200, &json!("2025-11-25"))
    );
    assert!(welcome.headers.contains_key("mcp-session-id"));
}

#[test]
fn a_long_investigation_is_a_task_for_a_client_that_can_follow_one() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let able = json!({"io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}});
    let call =
        json!({"name": "investigate", "arguments": {"question": "why is checkout failing?"}, "_meta": able});
    let begun = served.ask("tools/call", call, &[]).message();
    assert_eq!(begun["result"]["resultType"], "task", "{begun}");
    let id = begun["result"]["taskId"].as_str().unwrap().to_owned();
    let deadline = Instant::now() + PATIENCE;
    let done = loop {
        let asked = json!({"taskId": id, "_meta": able});
        let state = served.ask("tasks/get", asked, &[("Mcp-Name", &id)]).message();
        if state["result"]["status"] != "working" {
            break state;
        }
        assert!(Instant::now() < deadline, "{state}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(done["result"]["status"], "completed", "{done}");
    assert!(done["result"]["result"]["content"][0]["text"].as_str().unwrap().contains("selector"), "{done}");
    let unknown =
        served.ask("tasks/get", json!({"taskId": "x", "_meta": able}), &[("Mcp-Name", "x")]).message();
    assert_eq!(unknown["error"]["code"], -32602);
}

#[test]
fn a_name_that_is_rebound_to_us_and_a_foreign_page_are_turned_away() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let port = served.address.port();
    for host in [
        "evil.example.com".to_owned(),
        format!("evil.example.com:{port}"),
        "127.0.0.1.evil.example".to_owned(),
    ] {
        assert_eq!(served.ask("tools/list", json!({}), &[("Host", &host)]).status, 403, "{host}");
    }
    for origin in ["https://evil.example.com", "null", "http://127.0.0.1.evil.example"] {
        assert_eq!(served.ask("tools/list", json!({}), &[("Origin", origin)]).status, 403, "{origin}");
    }
    let own = format!("http://localhost:{port}");
    assert_eq!(served.ask("tools/list", json!({}), &[("Host", "localhost"), ("Origin", &own)]).status, 200);
    let named = Served::start(&["--incident", &bundle(BROKEN), "--allowed-host", "mcp.example.com"], &[]);
    assert_eq!(named.ask("tools/list", json!({}), &[("Host", "mcp.example.com")]).status, 200);
}

#[test]
fn rubbish_is_refused_and_costs_nothing() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let plain =
        headers(&[("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")]);
    let post = |body: &[u8]| request(served.address, "POST", "/mcp", &plain, body).status;
    assert_eq!(post(&vec![b' '; (1 << 20) + 1]), 413);
    let deep = "[".repeat(100_000);
    for body in [&b"{"[..], b"", b"[]", b"null", b"{\"jsonrpc\":\"2.0\"}", b"\xff\xfe", deep.as_bytes()] {
        let status = post(body);
        assert!((400..500).contains(&status), "{status} for {:?}", &body[..body.len().min(20)]);
    }
    // A body without an end, and with a false length.
    let mut endless = TcpStream::connect(served.address).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        served.address
    );
    endless.write_all(head.as_bytes()).unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..64 {
        if endless.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let mut answer = [0; 12];
    if endless.read_exact(&mut answer).is_ok() {
        assert_eq!(&answer, b"HTTP/1.1 413");
    }
    for (method, path) in [("PUT", "/mcp"), ("GET", "/../etc/passwd"), ("GET", "/")] {
        let status = request(served.address, method, path, &[], b"").status;
        assert!((400..500).contains(&status), "{method} {path}: {status}");
    }
    assert_eq!(served.ask("tools/list", json!({}), &[]).status, 200, "still there");
}

#[test]
fn without_the_token_nothing_is_told() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[("STETHOSCOPE_MCP_TOKEN", TOKEN)]);
    let refused = served.ask("tools/list", json!({}), &[]);
    assert_eq!((refused.status, refused.headers["www-authenticate"].as_str()), (401, "Bearer"));
    let wrong =
        served.ask("tools/list", json!({}), &[("Authorization", "Bearer 0123456789abcdef0123456789abcdee")]);
    assert_eq!(wrong.status, 401);
    assert!(!wrong.body.contains("k8s"), "{wrong:?}");
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(served.ask("tools/list", json!({}), &[("Authorization", &bearer)]).status, 200);
    let short = stethoscope()
        .args(["mcp", "--http", "127.0.0.1:0", "--incident", &bundle(BROKEN)])
        .env("STETHOSCOPE_MCP_TOKEN", "short")
        .output()
        .unwrap();
    assert_eq!(short.status.code(), Some(2));
}

#[test]
fn an_address_that_others_reach_needs_authentication_and_a_name() {
    let open = run(&["mcp", "--http", "0.0.0.0:0", "--incident", &bundle(BROKEN)]);
    assert_eq!(open.code, 2);
    assert!(open.stderr.contains("no authentication is configured"), "{}", open.stderr);
    let nameless = stethoscope()
        .args(["mcp", "--http", "0.0.0.0:0", "--incident", &bundle(BROKEN)])
        .env("STETHOSCOPE_MCP_TOKEN", TOKEN)
        .output()
        .unwrap();
    assert_eq!(nameless.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nameless.stderr).contains("--allowed-host"));
}

#[test]
fn a_hasty_caller_is_asked_to_wait() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("stethoscope.toml");
    std::fs::write(&config, "[mcp]\nrequests_per_second = 0.01\n").unwrap();
    let served = Served::start(&["--incident", &bundle(BROKEN), "--config", config.to_str().unwrap()], &[]);
    let statuses: Vec<u16> = (0..3).map(|_| served.ask("tools/list", json!({}), &[]).status).collect();
    assert_eq!(statuses, [200, 429, 429]);
    let refused = served.ask("tools/list", json!({}), &[]);
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() >= 1);
}

#[test]
fn the_audit_log_tells_who_asked_what_and_never_what_was_said() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("audit.jsonl");
    let served = Served::start(
        &["--incident", &bundle(BROKEN), "--audit", log.to_str().unwrap()],
        &[("STETHOSCOPE_MCP_TOKEN", TOKEN)],
    );
    let bearer = format!("Bearer {TOKEN}");
    let authorized = [("Authorization", bearer.as_str())];
    served.tool(
        "k8s_logs",
        json!({"name": "checkout", "kind": "deployment", "grep": "words-nobody-logs"}),
        &authorized,
    );
    served.tool("investigate", json!({"question": "words-nobody-logs", "namespace": "lantern"}), &authorized);
    served.tool("metrics_query", json!({"query": "words-nobody-logs"}), &authorized);
    served.ask("tools/list", json!({}), &[]);
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!text.contains("words-nobody-logs") && !text.contains(TOKEN), "{text}");
    let logs = lines.iter().find(|line| line["tool"] == "k8s_logs").unwrap();
    assert_eq!(
        (&logs["caller"], &logs["outcome"], &logs["about"]),
        (&json!("bearer"), &json!("ok"), &json!({"kind": "deployment", "name": "checkout"}))
    );
    assert!(logs["bytes"].as_u64().unwrap() > 0 && logs["redactions"].is_u64(), "{logs}");
    assert!(lines.iter().any(|line| line["method"] == "investigate" && line["tool"] == "diagnose"), "{text}");
    assert!(
        lines.iter().any(|line| line["tool"] == "metrics_query" && line["why"] == "unavailable"),
        "{text}"
    );
    assert!(lines.iter().any(|line| line["outcome"] == "refused" && line["why"] == "no token"), "{text}");
}

#[test]
fn clients_that_vanish_in_the_middle_leave_nothing_behind() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    served.tool("investigate", json!({"question": "why?"}), &[]);
    let (body, all) = modern("tools/call", json!({"name": "investigate", "arguments": {"question": "why?"}}));
    let vanish = || {
        let mut stream = TcpStream::connect(served.address).unwrap();
        let mut head =
            format!("POST /mcp HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", served.address, body.len());
        for (name, value) in &all {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    };
    for _ in 0..20 {
        vanish();
    }
    // Four investigations may run at once: if those of the vanished still did, this one would be refused for ever.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let result = served.tool("investigate", json!({"question": "why is checkout failing?"}), &[]);
        if result["isError"] == false {
            break;
        }
        assert!(Instant::now() < deadline, "{result}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn a_thousand_clients_at_once_are_served_and_memory_stays() {
    let served = Served::start(&["--incident", &bundle(BROKEN)], &[]);
    let (body, all) = modern("tools/call", json!({"name": "k8s_list", "arguments": {"kind": "namespaces"}}));
    let round = || {
        // Everybody is connected before anybody is answered. The limit of open files of the test itself is the bound.
        let mut clients: Vec<TcpStream> =
            (0..1_000).map_while(|_| TcpStream::connect(served.address).ok()).collect();
        for stream in &mut clients {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut head = format!(
                "POST /mcp HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
                served.address,
                body.len()
            );
            for (name, value) in &all {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        }
        let answered = clients
            .iter_mut()
            .filter_map(|stream| {
                let mut text = String::new();
                stream.read_to_string(&mut text).ok()?;
                (text.starts_with("HTTP/1.1 200") && text.contains("\"isError\":false")).then_some(())
            })
            .count();
        assert_eq!(answered, clients.len(), "each of {} clients has its answer", clients.len());
        clients.len()
    };
    assert!(round() >= 500, "enough of a crowd");
    let before = served.memory_kib();
    for _ in 0..2 {
        round();
    }
    let after = served.memory_kib();
    assert!(after < before + before / 2 + 16 * 1024, "{before} KiB grew to {after} KiB");
}
