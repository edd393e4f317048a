//! Databases as their clients see them.

use crate::cause::{Cause, Fix};
use crate::finding::Severity;

pub(super) const ENTRIES: &[Cause] = &[
    Cause {
        code: "database.credentials-refused",
        title: "database refuses the credentials",
        explanation: "The database answers, but refuses the user or password that the workload uses.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Give the workload the credentials that the database knows.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "database.wrong-port",
        title: "wrong database port",
        explanation: "The workload connects to a port on which the database's Service does not listen.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Set the port in variable {variable} to {right}.",
            command: "kubectl edit {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "database.connections-exhausted",
        title: "database has no connections left",
        explanation: "All connections that the database allows are taken, so new ones are refused.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Raise the database's limit, or let the clients hold fewer connections.",
            command: "kubectl logs {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "database.read-only",
        title: "database takes no writes",
        explanation: "The database runs read-only, so every write fails.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Make it writable again, or send writes to the primary.",
            command: "kubectl logs {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "database.schema-behind",
        title: "database schema behind the program",
        explanation: "The program expects tables or columns that the database does not have: a migration has not run.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Run the migrations of the version that is rolled out.",
            command: "kubectl get jobs -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
    Cause {
        code: "database.migration-locked",
        title: "migration lock held",
        explanation: "A migration waits for a lock that another or an aborted migration holds.",
        subject_kind: "Deployment",
        severity: Severity::High,
        fix: &[Fix {
            explain: "Make sure that no migration runs, then release the lock.",
            command: "kubectl logs {kind}/{name} -n {namespace}",
            verify: "kubectl rollout status {kind}/{name} -n {namespace}",
        }],
    },
];
