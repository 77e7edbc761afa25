//! What follows the command's name: a few flags and plain words.

use crate::shell::Outcome;

/// The words that are not used up yet.
pub struct Args {
    command: String,
    words: Vec<String>,
}

impl Args {
    /// The words that follow `command`.
    pub fn new(command: &str, words: Vec<String>) -> Self {
        Self {
            command: command.to_owned(),
            words,
        }
    }

    /// Takes a flag without a value; true when it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// Takes a flag's value, given as `--name value` or `--name=value`.
    pub fn value(&mut self, name: &str) -> Outcome<Option<String>> {
        let prefix = format!("{name}=");
        let Some(at) = self
            .words
            .iter()
            .position(|word| word == name || word.starts_with(&prefix))
        else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        if let Some(value) = word.strip_prefix(&prefix) {
            return Ok(Some(value.to_owned()));
        }
        if at < self.words.len() {
            return Ok(Some(self.words.remove(at)));
        }
        Err(format!("{name} needs a value after it"))
    }

    /// Takes the plain words; a flag among them is one that nobody knows.
    pub fn rest(&mut self) -> Outcome<Vec<String>> {
        match self.words.iter().find(|word| word.starts_with('-')) {
            Some(flag) => Err(self.unknown(flag)),
            None => Ok(std::mem::take(&mut self.words)),
        }
    }

    /// Makes sure that nothing is left over.
    pub fn end(&mut self) -> Outcome {
        match self.words.first() {
            Some(word) => Err(self.unknown(word)),
            None => Ok(()),
        }
    }

    fn unknown(&self, word: &str) -> String {
        format!(
            "\"{word}\" means nothing to {}; \"cargo xtask help\" lists what does",
            self.command
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Args;

    fn args(text: &str) -> Args {
        Args::new(
            "serve",
            text.split_whitespace().map(str::to_owned).collect(),
        )
    }

    #[test]
    fn takes_flags_and_values_in_any_order() {
        let mut both = args("--release --port 9000");
        assert_eq!(both.value("--port"), Ok(Some("9000".to_owned())));
        assert!(both.flag("--release"));
        assert_eq!(both.end(), Ok(()));
        assert_eq!(
            args("--port=9000").value("--port"),
            Ok(Some("9000".to_owned()))
        );
    }

    #[test]
    fn quotes_what_it_does_not_know() {
        assert!(
            args("--prot 1")
                .end()
                .is_err_and(|message| message.contains("\"--prot\""))
        );
        assert!(args("--port").value("--port").is_err());
    }
}
