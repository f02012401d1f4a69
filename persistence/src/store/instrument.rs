//! Counts statements, so that a round trip too many is seen in `/metrics`; at the level `trace` tells them, without their values.

use diesel::connection::{Instrumentation, InstrumentationEvent};

/// Counts for one connection.
pub(super) struct Statements(metrics::Counter);

impl Statements {
    pub(super) fn new() -> Self {
        Self(metrics::counter!("database_statements_total"))
    }
}

impl Instrumentation for Statements {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            self.0.increment(1);
            if tracing::enabled!(tracing::Level::TRACE) {
                let text = query.to_string();
                // what is bound is somebody's data
                tracing::trace!(sql = text.split(" -- binds:").next().unwrap_or_default(), "statement");
            }
        }
    }
}
