//! Lines as components write them: what they say, and whom they blame.

use crate::logs::signatures::{self, Signature};
use crate::logs::target;
use Signature::{
    AddressInUse, ConnectionsExhausted, CredentialsRefused, Denied, DiskFull, EnvironmentMissing,
    ForeignBinary, MigrationLocked, NameUnresolved, NoLeader, NoRoute, OutOfMemory, Overloaded, PeerFails,
    ReadOnlyDatabase, ReadOnlyFileSystem, Reset, SchemaBehind, Tls, TopicMissing, Unreachable,
};
use pretty_assertions::assert_eq;

/// Line, signature, `host` or `host:port` that it blames (empty: nobody).
type Case = (&'static str, Option<Signature>, &'static str);

fn check(cases: &[Case]) {
    let told: Vec<(&str, Option<Signature>, String)> = cases
        .iter()
        .map(|(line, ..)| {
            let whom = target::of(line).map_or_else(String::new, |it| match it.port {
                Some(port) => format!("{}:{port}", it.host),
                None => it.host,
            });
            (*line, signatures::of(line), whom)
        })
        .collect();
    let expected: Vec<(&str, Option<Signature>, String)> =
        cases.iter().map(|(line, signature, whom)| (*line, *signature, (*whom).to_owned())).collect();
    assert_eq!(told, expected);
}

#[test]
fn go_says_whom_it_dialled() {
    check(&[
        (
            r#"{"level":"ERROR","msg":"reserve seat","err":"Post \"http://seating:8080/v1/hold\": dial tcp 10.96.14.3:8080: connect: connection refused"}"#,
            Some(Unreachable),
            "seating:8080",
        ),
        ("2026/03/02 10:11:12 dial tcp 10.96.14.3:8080: i/o timeout", Some(Unreachable), "10.96.14.3:8080"),
        ("dial tcp: lookup tariffs on 10.96.0.10:53: no such host", Some(NameUnresolved), "tariffs"),
        (
            "lookup tariffs.grid.svc.cluster.local on 10.96.0.10:53: server misbehaving",
            Some(NameUnresolved),
            "tariffs.grid.svc.cluster.local",
        ),
        (
            "read tcp 10.244.1.7:51422->10.96.8.8:5432: read: connection reset by peer",
            Some(Reset),
            "10.96.8.8:5432",
        ),
        (
            r#"Get "https://auth.grid.svc:8443/keys": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
            Some(Tls),
            "auth.grid.svc:8443",
        ),
        (
            "http: TLS handshake error from 10.244.2.9:40112: remote error: tls: bad certificate",
            Some(Tls),
            "10.244.2.9:40112",
        ),
        ("fatal error: runtime: out of memory", Some(OutOfMemory), ""),
        ("listen tcp :9090: bind: address already in use", Some(AddressInUse), ""),
        ("required key LEDGER_URL missing value", Some(EnvironmentMissing), ""),
        ("open /data/wal/000142: no space left on device", Some(DiskFull), ""),
        (
            "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp 10.96.77.1:50051: connect: connection refused\"",
            Some(Unreachable),
            "10.96.77.1:50051",
        ),
        ("rpc error: code = DeadlineExceeded desc = context deadline exceeded", Some(Unreachable), ""),
        (
            "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5242880 vs. 4194304)",
            Some(Overloaded),
            "",
        ),
        ("rpc error: code = Unauthenticated desc = token is expired", Some(Denied), ""),
        ("rpc error: code = Internal desc = pricing table empty", Some(PeerFails), ""),
    ]);
}

#[test]
fn java_says_it_in_exceptions() {
    check(&[
        ("java.net.ConnectException: Connection refused (Connection refused)", Some(Unreachable), ""),
        (
            "org.apache.http.conn.HttpHostConnectException: Connect to meters:8080 [meters/10.96.3.3] failed: Connection refused",
            Some(Unreachable),
            "meters:8080",
        ),
        ("java.net.UnknownHostException: meters-db", Some(NameUnresolved), "meters-db"),
        (
            "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure",
            Some(Unreachable),
            "",
        ),
        (
            "org.postgresql.util.PSQLException: Connection to meters-db:5432 refused. Check that the hostname and port are correct",
            Some(Unreachable),
            "meters-db:5432",
        ),
        (
            "Caused by: org.postgresql.util.PSQLException: FATAL: password authentication failed for user \"meters\"",
            Some(CredentialsRefused),
            "",
        ),
        (
            "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
            Some(ConnectionsExhausted),
            "",
        ),
        ("java.lang.OutOfMemoryError: Java heap space", Some(OutOfMemory), ""),
        ("javax.net.ssl.SSLHandshakeException: PKIX path building failed", Some(Tls), ""),
        (
            "Could not resolve placeholder 'billing.iban' in value \"${billing.iban}\"",
            Some(EnvironmentMissing),
            "",
        ),
        (
            "liquibase.exception.LockException: Could not acquire change log lock.  Currently locked by meters-7d9 (10.244.3.2) since 3/2/26, 4:11 AM",
            Some(MigrationLocked),
            "",
        ),
        ("Schema-validation: missing column [tariff_zone] in table [meter]", Some(SchemaBehind), ""),
        ("io.grpc.StatusRuntimeException: UNAVAILABLE: io exception", Some(Unreachable), ""),
        ("java.net.SocketException: Connection reset", Some(Reset), ""),
    ]);
}

#[test]
fn python_and_node_say_it_in_their_ways() {
    check(&[
        (
            "psycopg.OperationalError: connection failed: connection to server at \"10.96.5.5\", port 5432 failed: Connection refused",
            Some(Unreachable),
            "10.96.5.5:5432",
        ),
        (
            "psycopg2.OperationalError: could not translate host name \"archive-db\" to address: Name or service not known",
            Some(NameUnresolved),
            "archive-db",
        ),
        (
            "urllib3.exceptions.MaxRetryError: HTTPConnectionPool(host='labels', port=8000): Max retries exceeded with url: /v1 (Caused by NewConnectionError(': Failed to establish a new connection: [Errno 111] Connection refused'))",
            Some(Unreachable),
            "labels:8000",
        ),
        (
            "redis.exceptions.ConnectionError: Error 111 connecting to session-cache:6379. Connection refused.",
            Some(Unreachable),
            "session-cache:6379",
        ),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", Some(NameUnresolved), ""),
        ("KeyError: 'DATABASE_URL'", Some(EnvironmentMissing), ""),
        ("KeyError: 'title'", None, ""),
        (
            "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings",
            Some(EnvironmentMissing),
            "",
        ),
        (
            "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
            Some(ConnectionsExhausted),
            "",
        ),
        (
            "django.db.utils.ProgrammingError: relation \"exhibits_loan\" does not exist",
            Some(SchemaBehind),
            "",
        ),
        ("MemoryError", Some(OutOfMemory), ""),
        ("OSError: [Errno 30] Read-only file system: '/app/.cache'", Some(ReadOnlyFileSystem), ""),
        ("Error: connect ECONNREFUSED 10.96.41.2:7070", Some(Unreachable), "10.96.41.2:7070"),
        ("Error: getaddrinfo ENOTFOUND loans-api", Some(NameUnresolved), "loans-api"),
        ("Error: read ECONNRESET", Some(Reset), ""),
        (
            "FetchError: request to http://loans-api:3000/due failed, reason: socket hang up",
            Some(Reset),
            "loans-api:3000",
        ),
        ("Error: listen EADDRINUSE: address already in use :::3000", Some(AddressInUse), ""),
        (
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            Some(OutOfMemory),
            "",
        ),
        ("Error: Missing required environment variable STRIPE_ACCOUNT", Some(EnvironmentMissing), ""),
        ("Error: unable to verify the first certificate", Some(Tls), ""),
        ("AxiosError: Request failed with status code 503", Some(PeerFails), ""),
        (
            "Error: 14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 10.96.9.1:50051",
            Some(Unreachable),
            "10.96.9.1:50051",
        ),
        ("MigrationLocked: Migration table is already locked", Some(MigrationLocked), ""),
    ]);
}

#[test]
fn dotnet_and_databases_say_it_too() {
    check(&[
        (
            "System.Net.Http.HttpRequestException: Connection refused (badges:8080)",
            Some(Unreachable),
            "badges:8080",
        ),
        (
            "System.Net.Sockets.SocketException (10061): No connection could be made because the target machine actively refused it.",
            Some(Unreachable),
            "",
        ),
        (
            "StackExchange.Redis.RedisConnectionException: It was not possible to connect to the redis server(s). UnableToConnect on badge-cache:6379/Interactive",
            Some(Unreachable),
            "badge-cache:6379",
        ),
        (
            "Microsoft.Data.SqlClient.SqlException (0x80131904): Login failed for user 'badges'.",
            Some(CredentialsRefused),
            "",
        ),
        (
            "System.InvalidOperationException: The ConnectionString property has not been initialized.",
            Some(EnvironmentMissing),
            "",
        ),
        (
            "ERROR 1045 (28000): Access denied for user 'ward'@'10.244.1.9' (using password: YES)",
            Some(CredentialsRefused),
            "",
        ),
        (
            "ERROR 2003 (HY000): Can't connect to MySQL server on 'ward-db:3306' (111)",
            Some(Unreachable),
            "ward-db:3306",
        ),
        ("ERROR 1040 (08004): Too many connections", Some(ConnectionsExhausted), ""),
        (
            "The MySQL server is running with the --read-only option so it cannot execute this statement",
            Some(ReadOnlyDatabase),
            "",
        ),
        ("ERROR:  cannot execute INSERT in a read-only transaction", Some(ReadOnlyDatabase), ""),
        (
            "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
            Some(ConnectionsExhausted),
            "",
        ),
        ("ERROR 1146 (42S02): Table 'ward.shift_v2' doesn't exist", Some(SchemaBehind), ""),
        ("error: Dirty database version 14. Fix and force version.", Some(MigrationLocked), ""),
        ("MongoServerError: Authentication failed.", Some(CredentialsRefused), ""),
        (
            "MongoServerSelectionError: connect ECONNREFUSED 10.244.4.4:27017",
            Some(Unreachable),
            "10.244.4.4:27017",
        ),
        (
            "server selection error: server selection timeout, current topology: { Type: ReplicaSetNoPrimary, Servers: [{ Addr: mongo-0.mongo:27017 }] }",
            Some(NoLeader),
            "mongo-0.mongo:27017",
        ),
        ("READONLY You can't write against a read only replica.", Some(ReadOnlyDatabase), ""),
        ("NOAUTH Authentication required.", Some(CredentialsRefused), ""),
        (
            "Could not connect to Redis at session-cache:6379: Name or service not known",
            Some(NameUnresolved),
            "session-cache:6379",
        ),
        (
            "docker-entrypoint: Error: Database is uninitialized and superuser password is not specified.",
            Some(EnvironmentMissing),
            "",
        ),
    ]);
}

#[test]
fn brokers_say_it_with_their_own_codes() {
    check(&[
        (
            "[Producer clientId=p1] Got error produce response with correlation id 7 on topic-partition readings-0, retrying. Error: NOT_LEADER_OR_FOLLOWER",
            Some(NoLeader),
            "",
        ),
        (
            "[AdminClient clientId=a1] Connection to node -1 (kafka/10.96.60.6:9092) could not be established. Node may not be available.",
            Some(Unreachable),
            "kafka:9092",
        ),
        (
            "org.apache.kafka.common.errors.TimeoutException: Topic readings.v2 not present in metadata after 60000 ms.",
            Some(TopicMissing),
            "",
        ),
        (
            "kafka: error: [3] Unknown Topic Or Partition: the request is for a topic or partition that does not exist on this broker",
            Some(TopicMissing),
            "",
        ),
        (
            "Error while fetching metadata with correlation id 3 : {readings=LEADER_NOT_AVAILABLE}",
            Some(NoLeader),
            "",
        ),
        ("Messages are rejected since there are fewer in-sync replicas than required.", Some(NoLeader), ""),
        ("NOT_FOUND - no queue 'letters' in vhost '/'", Some(TopicMissing), ""),
        (
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.",
            Some(CredentialsRefused),
            "",
        ),
        ("memory resource limit alarm set on node rabbit@queue-0.", Some(Overloaded), ""),
        (
            "[Consumer groupId=readings] Group coordinator kafka-2.kafka:9092 (id: 2147483645) is unavailable or invalid due to cause: coordinator unavailable",
            Some(NoLeader),
            "kafka-2.kafka:9092",
        ),
    ]);
}

#[test]
fn proxies_say_who_failed() {
    check(&[
        (
            r#"2026/03/02 10:11:12 [error] 29#29: *88 connect() failed (111: Connection refused) while connecting to upstream, client: 198.51.100.7, server: tickets.example.com, request: "GET / HTTP/1.1", upstream: "http://10.96.3.1:8080/", host: "tickets.example.com""#,
            Some(Unreachable),
            "10.96.3.1:8080",
        ),
        (
            r#"2026/03/02 10:11:12 [error] 29#29: *91 upstream prematurely closed connection while reading response header from upstream, client: 198.51.100.7, upstream: "http://10.96.3.1:8080/pay""#,
            Some(Reset),
            "10.96.3.1:8080",
        ),
        (
            "nginx: [emerg] host not found in upstream \"seats\" in /etc/nginx/conf.d/default.conf:4",
            Some(NameUnresolved),
            "seats",
        ),
        (
            r#"[2026-03-02T10:11:12.004Z] "GET /seats HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{connection_failure} - "-" 0 91 2 - "-" "curl/8" "x" "seats" "10.244.1.4:8080" outbound|8080||seats.hall.svc.cluster.local - - - -"#,
            Some(Unreachable),
            "seats.hall.svc.cluster.local:8080",
        ),
        (
            r#"[2026-03-02T10:11:12.004Z] "GET /seats HTTP/1.1" 503 UH no_healthy_upstream - "-" 0 19 0 - "-" "curl/8" "x" "seats" "-" outbound|8080||seats.hall.svc.cluster.local - - - -"#,
            Some(Unreachable),
            "seats.hall.svc.cluster.local:8080",
        ),
        (
            r#"[2026-03-02T10:11:12.004Z] "POST /seats HTTP/2" 503 UO upstream_overflow - "-" 0 81 0 - "-" "-" "x" "seats" "-" outbound|8080||seats.hall.svc.cluster.local - - - -"#,
            Some(Overloaded),
            "seats.hall.svc.cluster.local:8080",
        ),
        (
            r#"[2026-03-02T10:11:12.004Z] "GET /stage HTTP/1.1" 404 NR route_not_found - "-" 0 0 0 - "-" "-" "x" "hall" "-" - - 10.244.1.2:8080 10.244.9.9:4411 - -"#,
            Some(NoRoute),
            "10.244.1.2:8080",
        ),
        (
            r#"{"method":"GET","path":"/seats","response_code":503,"response_flags":"UC","upstream_cluster":"outbound|8080||seats.hall.svc.cluster.local"}"#,
            Some(Reset),
            "seats.hall.svc.cluster.local:8080",
        ),
    ]);
}

#[test]
fn runtimes_refuse_foreign_binaries() {
    check(&[
        ("exec /usr/local/bin/docker-entrypoint.sh: exec format error", Some(ForeignBinary), ""),
        ("standard_init_linux.go:228: exec user process caused: exec format error", Some(ForeignBinary), ""),
    ]);
}

#[test]
fn what_only_looks_like_trouble_says_nothing() {
    let quiet = [
        r#"[2026-03-02T10:11:12.004Z] "GET /seats HTTP/1.1" 0 DC downstream_remote_disconnect - "-" 0 0 12 - "-" "-" "x" "seats" "10.244.1.4:8080" - - - - -"#,
        r#"[2026-03-02T10:11:12.004Z] "GET /seats HTTP/1.1" 200 - via_upstream - "-" 0 91 2 1 "-" "curl/8" "x" "seats" "10.244.1.4:8080" - - - - -"#,
        r#"198.51.100.7 - - [02/Mar/2026:10:11:12 +0000] "GET /errors/connection HTTP/1.1" 200 157 "-" "curl/8""#,
        "INFO  accepted connection from 10.244.1.4:51234",
        "INFO  listening on 0.0.0.0:8080",
        "INFO  applied 3 migrations in 140 ms",
        "INFO  topic readings has 6 partitions, all with a leader",
        "INFO  environment variable LOG_LEVEL is debug",
        "INFO  retry budget left: 100 %",
        "WARN  certificate of peer expires in 40 days",
        "DEBUG cache miss for key 'relation'",
        "INFO  column widths: 12, 40, 8",
        "INFO  read-only replica attached",
        "INFO  password rotated for user badges",
        "INFO  503 rows copied",
    ];
    let told: Vec<(&str, Option<Signature>)> =
        quiet.iter().map(|line| (*line, signatures::of(line))).collect();
    let nothing: Vec<(&str, Option<Signature>)> = quiet.iter().map(|line| (*line, None)).collect();
    assert_eq!(told, nothing);
}

#[test]
fn places_in_sources_and_times_are_no_hosts() {
    for line in [
        "main.go:42 panic: nil map",
        "at Object.<anonymous> (/srv/app/server.js:10:15)",
        "10:15:30 tick",
        "2026-03-02T10:11:12Z tick",
        "File \"/srv/app/db.py\", line 57, in connect",
        "listening on :8080",
        "http://localhost:8080/health ok",
    ] {
        assert_eq!(target::of(line), None, "{line}");
    }
}
