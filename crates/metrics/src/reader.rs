//! The port through which other tool crates ask for series.

use crate::backend::Backend;
use async_trait::async_trait;
use jiff::Timestamp;
use stethoscope_core::reader::{SeriesAnswer, SeriesReader, SeriesValue};
use stethoscope_core::tool::ToolError;

#[async_trait]
impl SeriesReader for Backend {
    async fn query(&self, promql: &str, at: Timestamp) -> Result<SeriesAnswer, ToolError> {
        let answer = self.prometheus()?.instant(promql, at.as_millisecond()).await?;
        let series = answer
            .series
            .into_iter()
            .filter_map(|series| {
                let value = series.samples.last()?.value;
                Some(SeriesValue { labels: series.labels, value })
            })
            .collect();
        Ok(SeriesAnswer { series, missing: answer.warnings })
    }
}
