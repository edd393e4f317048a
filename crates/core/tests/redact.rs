//! What is redacted, what stays readable, and the promises that hold for every text.
#![expect(clippy::unwrap_used, reason = "helpers outside #[test] functions fail the test that called them")]

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde_json::{Value, json};
use stethoscope_core::redact::{RedactError, Redactor, Sealer};

const KEY: [u8; 32] = [7; 32];

fn sealer() -> Sealer {
    Sealer::new(KEY)
}

/// Tokens that secret scanners would flag are put together here, so that no file holds one.
fn fill(text: &str) -> String {
    let alnum =
        "Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj9kLm2nOp5qRs8tUv1w";
    let hex = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
    let begin = format!("-----BEGIN RSA {} KEY-----", "PRIVATE");
    let end = format!("-----END RSA {} KEY-----", "PRIVATE");
    let jwt_head = format!("{}{}", "eyJ", "hbGciOiJIUzI1NiJ9");
    let tokens = [
        ("{ghp}", format!("{}_{}", "ghp", &alnum[..36])),
        ("{github_pat}", format!("{}_{}_{}", "github", "pat", &alnum[..40])),
        ("{glpat}", format!("{}-{}", "glpat", &alnum[..20])),
        ("{xoxb}", format!("{}-{}-{}", "xoxb", "1234567890", &alnum[..24])),
        ("{sk_live}", format!("{}_{}_{}", "sk", "live", &alnum[..24])),
        ("{sk_ant}", format!("{}-{}-{}", "sk", "ant", &alnum[..40])),
        ("{sk_proj}", format!("{}-{}-{}", "sk", "proj", &alnum[..40])),
        ("{sk}", format!("{}-{}", "sk", &alnum[..48])),
        ("{hf}", format!("{}_{}", "hf", &alnum[..34])),
        ("{npm}", format!("{}_{}", "npm", &alnum[..36])),
        ("{pypi}", format!("{}-{}", "pypi", &alnum[..60])),
        ("{dop}", format!("{}_{}_{}", "dop", "v1", hex)),
        ("{hvs}", format!("{}.{}", "hvs", &alnum[..28])),
        ("{nvapi}", format!("{}-{}", "nvapi", &alnum[..60])),
        ("{aiza}", format!("{}{}", "AIza", &alnum[..35])),
        ("{akia}", format!("{}{}", "AKIA", "ABCDEFGH12345678")),
        ("{glsa}", format!("{}_{}", "glsa", &alnum[..32])),
        ("{sendgrid}", format!("{}.{}.{}", "SG", &alnum[..22], &alnum[..43])),
        ("{azure_secret}", format!("{}8{}{}", "abc", "Q~", &alnum[..34])),
        ("{openshift}", format!("{}~{}", "sha256", &alnum[..43])),
        ("{aws40}", format!("{}/{}", &alnum[..20], &alnum[20..39])),
        ("{azure88}", format!("{}==", &alnum[..86])),
        ("{azure44}", format!("{}=", &alnum[..43])),
        ("{slack_webhook}", format!("{}.slack.com/services/«T00000000/B00000000/{}»", "hooks", &alnum[..24])),
        ("{jwt}", format!("{jwt_head}.{}.{}", "eyJzdWIiOiJib2IifQ", &alnum[..43])),
        ("{jwt_cut}", format!("{jwt_head}.{}", "eyJzdWI")),
        ("{begin}", begin.clone()),
        ("{begin_openssh}", begin.replace("RSA", "OPENSSH")),
        ("{pem}", format!("{begin}\nMIIE{alnum}\n{alnum}\n{end}")),
        ("{pem_escaped}", format!("{begin}\\nMIIE{alnum}\\n{end}\\n").trim_end_matches("\\n").to_owned()),
        ("{pem_b64}", format!("{}{}", "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQp", alnum)),
        (
            "{akia_line}",
            format!("«{}{}»,«{}/{}»,eu-central-1", "AKIA", "ABCDEFGH12345678", &alnum[..20], &alnum[20..39]),
        ),
    ];
    let mut text = text.replace('⏎', "\n").replace('␉', "\t").replace('␀', "\u{fffd}");
    for (name, token) in tokens {
        text = text.replace(name, &token);
    }
    text
}

/// A sealed text with each token shown as «».
fn blank(sealed: &str) -> String {
    let mut out = String::new();
    let mut rest = sealed;
    while let Some(at) = rest.find("[secret:") {
        let end = rest[at..].find(']').map_or(rest.len(), |len| at + len + 1);
        out.push_str(&rest[..at]);
        out.push_str("«»");
        rest = &rest[end..];
    }
    out + rest
}

/// The text of a case, what it must become, and its secrets.
fn case(line: &str) -> (String, String, Vec<String>) {
    let (mut text, mut expected, mut secrets) = (String::new(), String::new(), Vec::new());
    let filled = fill(line);
    let mut rest = filled.as_str();
    while let Some((before, after)) = rest.split_once('«') {
        text.push_str(before);
        expected.push_str(before);
        expected.push_str("«»");
        // A secret that is cut by the end of the text has no closing mark.
        let (secret, tail) = after.split_once('»').unwrap_or((after, ""));
        text.push_str(secret);
        secrets.push(secret.to_owned());
        rest = tail;
    }
    text.push_str(rest);
    expected.push_str(rest);
    (text, expected, secrets)
}

fn lines(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with("# "))
}

#[test]
fn seals_every_marked_secret_and_nothing_around_it() {
    let mut wrong = Vec::new();
    for line in lines(include_str!("redact_cases/redacted.txt")) {
        let (text, expected, _) = case(line);
        let got = sealer().text(&text).unwrap().text;
        if blank(&got) != expected {
            wrong.push(format!("text     {text:?}\nexpected {expected:?}\ngot      {got:?}"));
        }
        let again = sealer().text(&got).unwrap();
        if again.text != got {
            wrong.push(format!("sealed twice {line}\nonce  {got:?}\ntwice {:?}", again.text));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn keeps_what_is_not_a_secret_readable() {
    let mut wrong = Vec::new();
    for line in lines(include_str!("redact_cases/readable.txt")) {
        let text = fill(line);
        let got = sealer().text(&text).unwrap().text;
        if got != text {
            wrong.push(format!("text {text:?}\ngot  {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} destroyed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn keeps_what_is_not_a_secret_readable_within_a_log_and_within_a_json_string() {
    let mut wrong = Vec::new();
    for line in lines(include_str!("redact_cases/readable.txt")) {
        let text = fill(line);
        let log = format!("a line before\n{text}\na line after with pod=web-0\n");
        let quoted = json!({ "log": text, "n": 1 }).to_string();
        let twice = json!({ "log": quoted }).to_string();
        for around in [log, quoted, twice] {
            let got = sealer().text(&around).unwrap().text;
            if got != around {
                wrong.push(format!("text {around:?}\ngot  {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} destroyed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn seals_the_same_within_a_log_and_within_a_json_string() {
    let mut wrong = Vec::new();
    for line in lines(include_str!("redact_cases/redacted.txt")) {
        // A case that ends in the midst of a secret says what happens at the end of a text.
        if !line.ends_with('»') && line.matches('«').count() > line.matches('»').count() {
            continue;
        }
        let (text, _, secrets) = case(line);
        let log = format!("a line before\n{text}\na line after with pod=web-0\n");
        let quoted = json!({ "log": text, "n": 1 }).to_string();
        let twice = json!({ "log": quoted }).to_string();
        for (how, around) in [("log", &log), ("json", &quoted), ("json in json", &twice)] {
            let got = sealer().text(around).unwrap().text;
            for secret in secrets.iter().filter(|secret| secret.len() >= 4) {
                if got.contains(secret.as_str()) {
                    wrong.push(format!("{how}: {secret:?} survives in {got:?}"));
                }
            }
            let again = sealer().text(&got).unwrap().text;
            if again != got {
                wrong.push(format!("{how}: sealed twice\nonce  {got:?}\ntwice {again:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn sealed(mut object: Value) -> Value {
    sealer().object(&mut object).unwrap();
    object
}

/// The object with each token shown as «».
fn blanked(object: Value) -> Value {
    let text = sealed(object).to_string();
    serde_json::from_str(&blank(&text)).unwrap()
}

#[test]
fn a_secret_loses_every_value_and_keeps_its_keys() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": "db", "namespace": "shop" },
        "data": { "host": "ZGI=", "ca.crt": "QUJD", "empty": "" },
        "stringData": { "note": "not even this" }
    });
    assert_eq!(
        blanked(json!({ "kind": "List", "items": [secret.clone()] })),
        json!({ "kind": "List", "items": [{
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": { "name": "db", "namespace": "shop" },
            "data": { "host": "«»", "ca.crt": "«»", "empty": "" },
            "stringData": { "note": "«»" }
        }] })
    );
    let mut item = secret;
    let object = item.as_object_mut().unwrap();
    object.remove("kind");
    object.remove("type");
    let list = blanked(json!({ "kind": "SecretList", "items": [item] }));
    assert_eq!(list["items"][0]["data"]["host"], "«»");
    let helm = blanked(json!({ "type": "helm.sh/release.v1", "data": { "release": "SDRzSUFBQUFBQUFB" } }));
    assert_eq!(helm, json!({ "type": "helm.sh/release.v1", "data": { "release": "«»" } }));
}

#[test]
fn a_secrets_encoded_value_equals_the_same_value_elsewhere() {
    let secret = sealed(json!({ "kind": "Secret", "data": { "password": "aHVudGVyMg==" } }));
    let in_secret = secret["data"]["password"].as_str().unwrap().split('@').nth(1).unwrap().to_owned();
    let in_log = sealer().text("password=hunter2").unwrap().text;
    assert!(in_log.ends_with(&in_secret), "{in_log} {in_secret}");
}

#[test]
fn environment_values_go_by_their_names_in_every_container_list() {
    let container = json!({
        "name": "web", "image": "registry.example.com/shop/web:v1",
        "env": [
            { "name": "DB_PASSWORD", "value": "hunter2" },
            { "name": "DB_HOST", "value": "db.shop.svc" },
            { "name": "API_TOKEN", "valueFrom": { "secretKeyRef": { "name": "api", "key": "token" } } },
            { "name": "DB_PASSWORD_FILE", "value": "/run/secrets/db" },
            { "name": "DATABASE_URL", "value": "postgres://app:hunter2@db:5432/shop" }
        ]
    });
    let expected = json!({
        "name": "web", "image": "registry.example.com/shop/web:v1",
        "env": [
            { "name": "DB_PASSWORD", "value": "«»" },
            { "name": "DB_HOST", "value": "db.shop.svc" },
            { "name": "API_TOKEN", "valueFrom": { "secretKeyRef": { "name": "api", "key": "token" } } },
            { "name": "DB_PASSWORD_FILE", "value": "/run/secrets/db" },
            { "name": "DATABASE_URL", "value": "postgres://app:«»@db:5432/shop" }
        ]
    });
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        assert_eq!(
            blanked(
                json!({ "kind": "Deployment", "spec": { "template": { "spec": { list: [container.clone()] } } } })
            ),
            json!({ "kind": "Deployment", "spec": { "template": { "spec": { list: [expected.clone()] } } } })
        );
    }
    assert_eq!(
        blanked(
            json!({ "kind": "RayCluster", "spec": { "workerGroupSpecs": [{ "template": { "containers": [container] } }] } })
        ),
        json!({ "kind": "RayCluster", "spec": { "workerGroupSpecs": [{ "template": { "containers": [expected] } }] } })
    );
}

#[test]
fn arguments_lose_the_item_after_a_secret_flag() {
    assert_eq!(
        blanked(
            json!({ "args": ["--db-password", "hunter2", "--port", "80", "--token=abc123", "--token", "--verbose"] })
        ),
        json!({ "args": ["--db-password", "«»", "--port", "80", "--token=«»", "--token", "--verbose"] })
    );
    assert_eq!(
        blanked(json!({ "command": ["/usr/bin/mysql", "-uroot", "-phunter2", "-e", "select 1"] })),
        json!({ "command": ["/usr/bin/mysql", "-uroot", "-p«»", "-e", "select 1"] })
    );
    assert_eq!(
        blanked(
            json!({ "command": ["sh", "-c", "redis-cli -a hunter2 ping && curl -H 'Authorization: Bearer abcdef0123456789' x"] })
        ),
        json!({ "command": ["sh", "-c", "redis-cli -a «» ping && curl -H 'Authorization: Bearer «»' x"] })
    );
}

#[test]
fn embedded_objects_are_sealed_like_any_object_or_dropped() {
    let applied =
        json!({ "kind": "Secret", "data": { "foo": "aHVudGVyMg==" }, "metadata": { "name": "db" } })
            .to_string();
    let object = sealed(json!({
        "kind": "Deployment",
        "metadata": { "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": applied,
            "kapp.k14s.io/original": "{\"cut\": \"in the mid",
            "checksum/secret": "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
        } }
    }));
    let annotations = &object["metadata"]["annotations"];
    assert_eq!(
        blank(annotations["kubectl.kubernetes.io/last-applied-configuration"].as_str().unwrap()),
        r#"{"kind":"Secret","data":{"foo":"«»"},"metadata":{"name":"db"}}"#
    );
    assert_eq!(blank(annotations["kapp.k14s.io/original"].as_str().unwrap()), "«»");
    assert_eq!(annotations["checksum/secret"], "0a1b2c3d4e5f60718293a4b5c6d7e8f9");
}

#[test]
fn config_maps_lose_credentials_and_keep_configuration() {
    let kubeconfig = fill(
        "apiVersion: v1⏎clusters:⏎- cluster:⏎    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0t⏎    server: https://10.0.0.1:6443⏎users:⏎- name: admin⏎  user:⏎    client-key-data: {pem_b64}⏎    token: abcdef0123456789⏎    password: hunter2⏎",
    );
    let got = blanked(json!({ "kind": "ConfigMap", "data": {
        "kubeconfig": kubeconfig,
        "LOG_LEVEL": "debug",
        "DB_PASSWORD": "hunter2",
        ".dockerconfigjson": "{\"auths\":{}}",
        "tls.key": "anything",
        "app.properties": "db.host=db\ndb.password=hunter2\n",
        "tls.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    } }));
    assert_eq!(
        got,
        json!({ "kind": "ConfigMap", "data": {
            "kubeconfig": "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0t\n    server: https://10.0.0.1:6443\nusers:\n- name: admin\n  user:\n    client-key-data: «»\n    token: «»\n    password: «»\n",
            "LOG_LEVEL": "debug",
            "DB_PASSWORD": "«»",
            ".dockerconfigjson": "«»",
            "tls.key": "«»",
            "app.properties": "db.host=db\ndb.password=«»\n",
            "tls.crt": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
        } })
    );
    let helm = blanked(
        json!({ "kind": "ConfigMap", "metadata": { "labels": { "OWNER": "TILLER" } }, "data": { "release": "H4sIAAAA" } }),
    );
    assert_eq!(helm["data"]["release"], "«»");
}

#[test]
fn what_is_public_in_an_object_stays() {
    let object = json!({
        "kind": "Pod",
        "metadata": { "name": "web-7d4b9c6f5d-x7k2p", "uid": "6f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "resourceVersion": "123456" },
        "spec": {
            "automountServiceAccountToken": false, "imagePullSecrets": [{ "name": "regcred" }], "nodeName": "ip-10-0-1-2.ec2.internal",
            "volumes": [
                { "name": "token", "projected": { "sources": [{ "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } }] } },
                { "name": "tls", "secret": { "secretName": "web-tls", "defaultMode": 420 } }
            ],
            "tolerations": [{ "key": "dedicated", "value": "secret-workloads" }]
        },
        "webhooks": [{ "clientConfig": { "caBundle": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkekND" } }],
        "status": { "containerStatuses": [{ "imageID": "web@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9" }] }
    });
    assert_eq!(sealed(object.clone()), object);
}

#[test]
fn a_key_that_is_a_secret_is_sealed_too() {
    assert_eq!(blanked(json!({ fill("{ghp}"): "bob" })), json!({ "«»": "bob" }));
}

#[test]
fn numbers_go_by_first_appearance_and_equal_secrets_share_one() {
    let mut redactor = Redactor::new(sealer());
    let first = redactor.text("password=alpha1 token=beta22").unwrap();
    assert_eq!(
        (first.text.as_str(), first.replaced),
        ("password=[secret:password#1] token=[secret:token#2]", 2)
    );
    let second = redactor.text("postgres://u:beta22@db and password=gamma3").unwrap();
    assert_eq!(second.text, "postgres://u:[secret:url-password#2]@db and password=[secret:password#3]");
    let mut value = json!({ "password": "alpha1", "log": "pwd=delta4" });
    assert_eq!(redactor.value(&mut value), Ok(2));
    assert_eq!(value, json!({ "password": "[secret:password#1]", "log": "pwd=[secret:password#4]" }));

    let kept = serde_json::to_string(redactor.pseudonyms()).unwrap();
    assert!(!kept.contains("alpha1"));
    let mut resumed = Redactor::resume(sealer(), serde_json::from_str(&kept).unwrap());
    assert_eq!(resumed.text("password=delta4").unwrap().text, "password=[secret:password#4]");
}

#[test]
fn what_tools_sealed_in_any_order_is_numbered_in_the_order_of_evidence() {
    let (a, b) =
        (sealer().text("password=alpha1").unwrap().text, sealer().text("password=beta22").unwrap().text);
    let mut redactor = Redactor::new(sealer());
    assert_eq!(redactor.text(&b).unwrap().text, "password=[secret:password#1]");
    assert_eq!(redactor.text(&a).unwrap().text, "password=[secret:password#2]");
}

#[test]
fn a_look_alike_from_outside_is_marked_as_quoted() {
    let mut redactor = Redactor::new(sealer());
    let log = "got password=alpha1 then [secret:jwt#1] and [Secret:password@0123456789abcdef]";
    let got = redactor.text(log).unwrap();
    assert_eq!(
        got.text,
        "got password=[secret:password#1] then [quoted secret:jwt#1] and [quoted secret:password@0123456789abcdef]"
    );
    assert_eq!(got.replaced, 1);
    assert_eq!(
        redactor.text(&got.text.replace("#1] then", "#1] so")).unwrap().text.matches("[quoted").count(),
        3
    );
    assert_eq!(
        redactor.reply("grep [secret:password#1] not [secret:password#9]").unwrap().text,
        "grep [secret:password#1] not [quoted secret:password#9]"
    );
    let other = Sealer::new([8; 32]).text("password=alpha1").unwrap().text;
    assert!(sealer().text(&other).unwrap().text.contains("[quoted secret:"));
}

#[test]
fn keys_make_the_tokens() {
    let (one, two) = (sealer().text("password=alpha1"), Sealer::new([8; 32]).text("password=alpha1"));
    assert_ne!(one, two);
    assert_eq!(format!("{:?}", sealer()), "Sealer { .. }");
}

#[test]
fn what_cannot_be_searched_is_refused() {
    let huge = "x".repeat((64 << 20) + 1);
    assert_eq!(sealer().text(&huge), Err(RedactError::TooLarge { bytes: huge.len(), limit: 64 << 20 }));
    let mut deep = json!("x");
    for _ in 0..300 {
        deep = json!([deep]);
    }
    assert!(matches!(sealer().value(&mut deep), Err(RedactError::TooDeep { .. })));
    assert!(matches!(Redactor::new(sealer()).value(&mut deep), Err(RedactError::TooDeep { .. })));
}

#[test]
fn hostile_repetition_is_read_in_linear_time_or_refused() {
    for unit in [
        "password=",
        "password=\"",
        "\"password\":\"",
        "://",
        "a://b:",
        "{begin}",
        "eyJ",
        "\\\"",
        "\\",
        "kind: Secret\n",
        "\"kind\":\"Secret\",",
        "{\"kind\":\"Secret\",\"data\":{",
        "[secret:",
        "[secret:a@0123456789abcdef]",
        "name: PASSWORD\n",
        "token: ",
        "bearer ",
        "mysql -p ",
        "@db:5432",
        "-p",
        "password: |\n",
        "secret_",
        "--password ",
        "$2a$",
        "LS0tLS1CRUdJTi",
        "identified by ",
        "  - kind: Secret\n",
        "password[",
        "<password>",
        "sk-",
        "a:5432:b:c:",
    ] {
        let unit = fill(unit);
        let text = unit.repeat(300_000 / unit.len());
        // Either is right; what is not is to hang. The work is counted, so no clock is needed.
        match sealer().text(&text) {
            Ok(_) | Err(RedactError::TooTangled) => {}
            Err(other) => panic!("{unit:?}: {other}"),
        }
    }
}

/// Texts in which secrets are planted: words, quotes, brackets, escapes, separators, names of secrets.
fn surroundings() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            Just(" ".to_owned()),
            Just("\n".to_owned()),
            Just("\\n".to_owned()),
            Just("\"".to_owned()),
            Just("\\\"".to_owned()),
            Just("'".to_owned()),
            Just("{".to_owned()),
            Just("}".to_owned()),
            Just(": ".to_owned()),
            Just("=".to_owned()),
            Just(",".to_owned()),
            Just("password".to_owned()),
            Just("token".to_owned()),
            Just("://".to_owned()),
            Just("@".to_owned()),
            Just("kind: Secret\n".to_owned()),
            Just("data:\n".to_owned()),
            Just("[secret:".to_owned()),
            Just("- ".to_owned()),
            Just("Bearer ".to_owned()),
            Just("name: DB_PASSWORD\n".to_owned()),
            Just("value: ".to_owned()),
            Just("|\n".to_owned()),
            "[a-z0-9]{1,8}",
            "\\PC{1,4}",
        ],
        0..24,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sealing_never_panics_and_sealing_again_changes_nothing(text in surroundings()) {
        let once = sealer().text(&text).unwrap().text;
        let twice = sealer().text(&once).unwrap().text;
        prop_assert_eq!(&twice, &once);
    }

    #[test]
    fn planted_secrets_never_survive(
        before in "[a-zA-Z0-9 .,:;/=_\\-\n]{0,40}",
        secret in "[A-Za-z0-9]{6}[A-Z][a-z][0-9][A-Za-z0-9!#%^*+_-]{4,20}[A-Za-z0-9]",
        after in "[a-zA-Z0-9 .,:;/=_\\-\n]{0,40}",
        name in prop::sample::select(vec!["password", "DB_PASSWORD", "client_secret", "apiKey", "access_token", "X-Api-Key"]),
        shape in 0usize..12,
    ) {
        let inner = json!({ "user": "bob", name: secret, "n": 1 }).to_string();
        let planted = match shape {
            0 => format!("{name}={secret}"),
            1 => format!("{name}: {secret}"),
            2 => format!("{name}=\"{secret}\""),
            3 => format!("--{} {secret}", name.to_ascii_lowercase()),
            4 => inner,
            5 => json!({ "log": inner }).to_string(),
            6 => json!({ "log": json!({ "log": inner }).to_string() }).to_string(),
            7 => format!("env:\n- name: {name}\n  value: {secret}\n- name: X\n  value: y"),
            8 => format!("spec:\n  {name}: |\n    {secret}\n  other: x"),
            9 => format!("https://bob:{}@db.example.com/x", secret.replace(['#', '/', '?', '%'], "x")),
            10 => format!("Authorization: Bearer {}", secret.replace(['!', '#', '^', '*', '%'], "x")),
            _ => format!("apiVersion: v1\nkind: Secret\ndata:\n  anything: {secret}\n"),
        };
        let visible = match shape {
            9 => secret.replace(['#', '/', '?', '%'], "x"),
            10 => secret.replace(['!', '#', '^', '*', '%'], "x"),
            _ => secret.clone(),
        };
        let text = format!("{before}\n{planted}\n{after}");
        let got = sealer().text(&text).unwrap().text;
        prop_assert!(!got.contains(&visible), "{} in {}", visible, got);
        let mut value = json!({ "items": [{ "message": text }] });
        let mut redactor = Redactor::new(sealer());
        redactor.value(&mut value).unwrap();
        prop_assert!(!value.to_string().contains(&visible), "{} in {}", visible, value);
        // Cut anywhere after the name, the part of the secret that is left is still sealed.
        let start = text.find(&visible).unwrap();
        let cut = start + visible.len() - 2;
        let got = sealer().text(&text[..cut]).unwrap().text;
        prop_assert!(!got.contains(&visible[..visible.len() - 2]), "{} in {}", visible, got);
    }

    #[test]
    fn equal_secrets_get_equal_numbers(secret in "[A-Za-z]{4}[0-9]{4}[A-Za-z]{4}", other in "[A-Za-z]{4}[0-9]{4}[A-Za-z]{5}") {
        let mut redactor = Redactor::new(sealer());
        let got = redactor
            .text(&format!("password={other} password={secret}\n{{\"token\":\"{secret}\"}} --password {secret}"))
            .unwrap()
            .text;
        prop_assert_eq!(
            got,
            "password=[secret:password#1] password=[secret:password#2]\n{\"token\":\"[secret:token#2]\"} --password [secret:password#2]"
        );
    }
}
