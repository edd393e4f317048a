//! Workloads: what is refused before a pod exists, what is switched off, what does not roll out.

pub(crate) mod admission;
pub(crate) mod autoscalers;
pub(crate) mod cron;
pub(crate) mod daemons;
pub(crate) mod guards;
pub(crate) mod jobs;
pub(crate) mod ordered;
pub(crate) mod preemption;
pub(crate) mod rollout;
