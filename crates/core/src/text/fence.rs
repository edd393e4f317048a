//! The fence around untrusted text.

/// Marks where untrusted text begins and ends, with a marker that the text cannot know.
#[derive(Clone, Debug)]
pub struct Fence {
    marker: String,
}

impl Fence {
    /// A fence with this run's marker. Live runs pass random text; replays a fixed one.
    pub fn new(marker: impl Into<String>) -> Self {
        Self { marker: marker.into() }
    }

    /// The marker.
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// Wraps a text. A text that holds the marker has it broken up, so that it cannot close the fence.
    pub fn wrap(&self, text: &str) -> String {
        let inner = if text.contains(&self.marker) {
            text.replace(&self.marker, "[marker removed]")
        } else {
            text.to_owned()
        };
        format!("<<<{}\n{}\n{}>>>", self.marker, inner.trim_end_matches('\n'), self.marker)
    }
}
