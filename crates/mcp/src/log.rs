//! Log messages to clients that want them: by session in 2025-11-25, by request in 2026-07-28.
#![expect(deprecated, reason = "logging is deprecated in 2026-07-28 and still part of both revisions")]

use rmcp::model::{LoggingLevel, LoggingMessageNotificationParam, ProtocolVersion};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How much a message matters, of the protocol's eight levels the two that are used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Info,
    Warning,
}

/// The level that a session chose; warnings until it does.
#[derive(Clone, Debug)]
pub(crate) struct Level(Arc<AtomicU8>);

impl Default for Level {
    fn default() -> Self {
        Self(Arc::new(AtomicU8::new(rank(LoggingLevel::Warning))))
    }
}

impl Level {
    pub(crate) fn choose(&self, level: LoggingLevel) {
        self.0.store(rank(level), Ordering::Relaxed);
    }

    /// Sends a message if the client wants messages of this level. One that cannot be sent is no failure of the call.
    pub(crate) async fn tell(&self, context: &RequestContext<RoleServer>, weight: Weight, data: Value) {
        let level = match weight {
            Weight::Info => LoggingLevel::Info,
            Weight::Warning => LoggingLevel::Warning,
        };
        let stateless =
            context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
        let wanted = if stateless {
            // Without a level in the request, the revision forbids messages.
            context.meta.log_level().map(rank)
        } else {
            Some(self.0.load(Ordering::Relaxed))
        };
        if wanted.is_some_and(|wanted| rank(level) >= wanted) {
            let message = LoggingMessageNotificationParam::new(level, data).with_logger("stethoscope");
            let _ = context.peer.notify_logging_message(message).await;
        }
    }
}

fn rank(level: LoggingLevel) -> u8 {
    match level {
        LoggingLevel::Debug => 0,
        LoggingLevel::Info => 1,
        LoggingLevel::Notice => 2,
        LoggingLevel::Warning => 3,
        LoggingLevel::Error => 4,
        LoggingLevel::Critical => 5,
        LoggingLevel::Alert => 6,
        LoggingLevel::Emergency => 7,
    }
}
