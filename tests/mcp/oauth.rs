//! As an OAuth 2.1 resource server: tokens that are really signed, keys that are really served.

use crate::talk::{Served, Small, bundle};
use pretty_assertions::assert_eq;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const BROKEN: &str = "lantern-checkout-errors";
const AUDIENCE: &str = "https://mcp.example.com/mcp";
const READ: &str = "stethoscope:read";
const ALL: &str = "stethoscope:read stethoscope:investigate";

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    out
}

/// A key pair of an issuer.
struct Keys(EcdsaKeyPair);

impl Keys {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap())
    }

    fn public(&self, id: &str) -> Value {
        let point = self.0.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id,
            "x": base64url(&point[1..33]), "y": base64url(&point[33..])
        })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", base64url(signature.as_ref()))
    }
}

/// An issuer with its metadata and keys, and what it would sign.
struct Issuer {
    keys: Keys,
    server: Small,
}

impl Issuer {
    fn start() -> Self {
        let keys = Keys::new();
        let set = json!({"keys": [keys.public("k1")]}).to_string();
        let server = Small::start(move |got, address| match got.path.as_str() {
            "/.well-known/openid-configuration" => {
                let issuer = format!("http://{address}");
                (200, json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string())
            }
            "/keys" => (200, set.clone()),
            _ => (404, "{}".to_owned()),
        });
        Self { keys, server }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    fn claims(&self, scope: &str) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({
            "iss": self.url(), "aud": AUDIENCE, "sub": "jane@example.com", "groups": ["devs"], "scope": scope,
            "iat": now, "exp": now + 600
        })
    }

    fn token(&self, claims: &Value) -> String {
        format!("Bearer {}", self.keys.sign(&json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}), claims))
    }

    fn config(&self, identity: &str) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stethoscope.toml");
        let text = format!(
            "[mcp.oauth]\nissuer = \"{}\"\naudience = \"{AUDIENCE}\"\nidentity = \"{identity}\"\n",
            self.url()
        );
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    fn serve(&self) -> (TempDir, Served) {
        let (directory, path) = self.config("server");
        let served = Served::start(&["--incident", &bundle(BROKEN), "--config", path.to_str().unwrap()], &[]);
        (directory, served)
    }
}

fn status(served: &Served, token: &str) -> u16 {
    served.ask("tools/list", json!({}), &[("Authorization", token)]).status
}

#[test]
fn metadata_is_public_and_a_stranger_is_told_where_it_is() {
    let issuer = Issuer::start();
    let (_directory, served) = issuer.serve();
    let refused = served.ask("tools/list", json!({}), &[]);
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.headers["www-authenticate"],
        "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\", scope=\"stethoscope:read\""
    );
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"] {
        let metadata = crate::talk::request(served.address, "GET", path, &[], b"");
        let metadata: Value = serde_json::from_str(&metadata.body).unwrap();
        assert_eq!(
            (&metadata["resource"], &metadata["authorization_servers"]),
            (&json!(AUDIENCE), &json!([issuer.url()]))
        );
    }
}

#[test]
fn a_signed_token_for_us_is_let_in_and_others_are_not() {
    let issuer = Issuer::start();
    let (_directory, served) = issuer.serve();
    let good = issuer.claims(ALL);
    assert_eq!(status(&served, &issuer.token(&good)), 200);
    let changed = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        issuer.token(&claims)
    };
    let now = jiff::Timestamp::now().as_second();
    for (what, token) in [
        ("expired", changed("exp", json!(now - 120))),
        ("not yet valid", changed("nbf", json!(now + 600))),
        ("for another server", changed("aud", json!("https://other.example.com"))),
        ("of another issuer", changed("iss", json!("https://evil.example.com"))),
        ("without an end", changed("exp", Value::Null)),
        ("of nobody", changed("sub", Value::Null)),
    ] {
        assert_eq!(status(&served, &token), 401, "{what}");
    }
    let other = Keys::new();
    let forged = other.sign(&json!({"alg": "ES256", "kid": "k1"}), &good);
    assert_eq!(status(&served, &format!("Bearer {forged}")), 401, "signed by somebody else");
    let body = base64url(good.to_string().as_bytes());
    for header in [json!({"alg": "none"}), json!({"alg": "HS256", "kid": "k1"})] {
        let head = base64url(header.to_string().as_bytes());
        for signature in ["", "AAAA"] {
            assert_eq!(status(&served, &format!("Bearer {head}.{body}.{signature}")), 401, "{header}");
        }
    }
    for rubbish in ["Bearer", "Bearer x", "Bearer a.b.c", "Basic YTpi"] {
        assert_eq!(status(&served, rubbish), 401, "{rubbish}");
    }
    let token = issuer.token(&good);
    let cut = &token[..token.len() - 2];
    assert_eq!(status(&served, cut), 401, "a damaged signature");
}

#[test]
fn unknown_key_ids_do_not_flood_the_issuer() {
    let issuer = Issuer::start();
    let (_directory, served) = issuer.serve();
    assert_eq!(status(&served, &issuer.token(&issuer.claims(ALL))), 200);
    for id in 0..20 {
        let header = json!({"alg": "ES256", "kid": format!("unknown-{id}")});
        let token = issuer.keys.sign(&header, &issuer.claims(ALL));
        assert_eq!(status(&served, &format!("Bearer {token}")), 401);
    }
    let fetched = issuer.server.got.lock().unwrap().iter().filter(|got| got.path == "/keys").count();
    assert!(fetched <= 2, "{fetched} fetches");
}

#[test]
fn scopes_filter_the_list_and_are_enforced_at_the_call() {
    let issuer = Issuer::start();
    let (_directory, served) = issuer.serve();
    let reader = issuer.token(&issuer.claims(READ));
    let auth = [("Authorization", reader.as_str())];
    let listed = served.ask("tools/list", json!({}), &auth).message().to_string();
    assert!(listed.contains("k8s_list") && !listed.contains("\"investigate\""), "{listed}");
    assert_eq!(served.tool("k8s_overview", json!({}), &auth)["isError"], false);
    let step_up =
        served.ask("tools/call", json!({"name": "investigate", "arguments": {"question": "why?"}}), &auth);
    assert_eq!(step_up.status, 403);
    let challenge = &step_up.headers["www-authenticate"];
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains("scope=\"stethoscope:investigate\""),
        "{challenge}"
    );
    // Wrapped in another tool, it is no more allowed.
    let wrapped =
        served.tool("call_tool", json!({"name": "investigate", "arguments": {"question": "why?"}}), &auth);
    assert_ne!(wrapped["isError"], false, "{wrapped}");
    assert_eq!(status(&served, &issuer.token(&issuer.claims("openid profile"))), 403);
    let mut listed = issuer.claims("");
    listed["scp"] = json!(["stethoscope:read"]);
    assert_eq!(status(&served, &issuer.token(&listed)), 200, "scopes as a list");
}

#[test]
fn evidence_and_sessions_of_one_caller_are_not_another_s() {
    let issuer = Issuer::start();
    let (_directory, served) = issuer.serve();
    let mut other = issuer.claims(ALL);
    other["sub"] = json!("joe@example.com");
    let (jane, joe) = (issuer.token(&issuer.claims(ALL)), issuer.token(&other));
    let jane = [("Authorization", jane.as_str())];
    let joe = [("Authorization", joe.as_str())];
    let result = served.tool("k8s_overview", json!({}), &jane);
    let uri = format!("evidence://{}", result["structuredContent"]["evidence"].as_str().unwrap());
    assert!(served.ask("resources/read", json!({"uri": uri}), &jane).message()["result"].is_object());
    assert!(served.ask("resources/read", json!({"uri": uri}), &joe).message()["error"].is_object());
    let able = json!({"io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}});
    let call = json!({"name": "investigate", "arguments": {"question": "why?"}, "_meta": able});
    let task =
        served.ask("tools/call", call, &jane).message()["result"]["taskId"].as_str().unwrap().to_owned();
    let get = |auth: &(&str, &str)| {
        served
            .ask("tasks/get", json!({"taskId": task, "_meta": able}), &[("Mcp-Name", &task), *auth])
            .message()
    };
    assert!(get(&jane[0])["result"].is_object());
    assert_eq!(get(&joe[0])["error"]["code"], -32602);
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}
    }});
    let post = |auth: &(&str, &str), session: Option<&str>, body: &Value| {
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Accept".to_owned(), "application/json, text/event-stream".to_owned()),
            (auth.0.to_owned(), auth.1.to_owned()),
        ];
        headers.extend(session.map(|id| ("Mcp-Session-Id".to_owned(), id.to_owned())));
        crate::talk::request(served.address, "POST", "/mcp", &headers, body.to_string().as_bytes())
    };
    let session = post(&jane[0], None, &hello).headers["mcp-session-id"].clone();
    let ping = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(post(&joe[0], Some(&session), &ping).status, 404);
    assert_eq!(post(&jane[0], Some(&session), &ping).status, 202);
}

/// A kubeconfig whose API server only listens.
fn kubeconfig(directory: &Path, server: &Small) -> PathBuf {
    let path = directory.join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", server.address)}}],
        "users": [{"name": "u", "user": {"token": "the-server's-own"}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}]
    });
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

/// What the API server saw of a caller.
fn seen(identity: &str) -> (String, Vec<crate::talk::Got>) {
    let issuer = Issuer::start();
    let api = Small::start(|got, _| match got.path.as_str() {
        "/version" => (200, json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0"}).to_string()),
        _ => (404, json!({"kind": "Status", "status": "Failure", "code": 404}).to_string()),
    });
    let (directory, config) = issuer.config(identity);
    let kubeconfig = kubeconfig(directory.path(), &api);
    let served = Served::start(
        &["--config", config.to_str().unwrap(), "--kubeconfig", kubeconfig.to_str().unwrap()],
        &[],
    );
    let token = issuer.token(&issuer.claims(ALL));
    served.tool("k8s_overview", json!({}), &[("Authorization", &token)]);
    let got = api.got.lock().unwrap().clone();
    assert!(!got.is_empty(), "the API server was asked");
    (token, got)
}

#[test]
fn by_default_the_cluster_is_asked_as_the_server() {
    let (_, got) = seen("server");
    for request in got {
        assert_eq!(request.headers["authorization"], "Bearer the-server's-own");
        assert!(!request.headers.contains_key("impersonate-user"), "{request:?}");
    }
}

#[test]
fn impersonation_asks_for_the_caller_in_every_request() {
    let (_, got) = seen("impersonate");
    for request in got {
        assert_eq!(request.headers["authorization"], "Bearer the-server's-own");
        assert_eq!(
            (request.headers["impersonate-user"].as_str(), request.headers["impersonate-group"].as_str()),
            ("jane@example.com", "devs")
        );
    }
}

#[test]
fn passing_the_token_on_leaves_nothing_of_the_server_s_own() {
    let (token, got) = seen("token");
    for request in got {
        assert_eq!(request.headers["authorization"], token);
        assert!(!request.headers.contains_key("impersonate-user"), "{request:?}");
    }
}
