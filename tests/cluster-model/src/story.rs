//! What happened, in words: written only while a trace is told, so that searching costs nothing for it.

/// Lines of a trace.
#[derive(Debug, Default)]
pub struct Story {
    lines: Option<Vec<String>>,
}

impl Story {
    /// One that listens.
    pub fn told() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    /// One that does not.
    pub fn untold() -> Self {
        Self { lines: None }
    }

    /// Whether it listens.
    pub fn is_told(&self) -> bool {
        self.lines.is_some()
    }

    /// Adds a line.
    pub fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    /// All lines.
    pub fn lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// A request id's name.
pub fn name(request: usize) -> char {
    char::from(b'A' + u8::try_from(request).expect("a handful of request ids"))
}
