//! Traces, histories and ShiViz logs. What a run says of itself is written as it goes and not kept.

use clusterscope_core::sim::run::Run;
use clusterscope_core::trace::{VectorClocks, shiviz_lines, trace_line};

use crate::args::Outputs;
use crate::output::{Place, Problem, Sink};

/// The files that a run is written to.
pub struct Export {
    trace: Option<Sink>,
    shiviz: Option<Sink>,
    history: Option<Sink>,
    clocks: VectorClocks,
    /// How many events have been written.
    events: u32,
    /// How many lines of the history have been written.
    lines: u32,
}

impl Export {
    /// Opens what is wanted.
    pub fn open(outputs: &Outputs) -> Result<Export, Problem> {
        let open = |it: &Option<Place>| it.as_ref().map(Sink::open).transpose();
        Ok(Export {
            trace: open(&outputs.trace)?,
            shiviz: open(&outputs.shiviz)?,
            history: open(&outputs.history)?,
            clocks: VectorClocks::default(),
            events: 0,
            lines: 0,
        })
    }

    /// Writes what is new since the last time.
    pub fn write(&mut self, run: &mut dyn Run) -> Result<(), Problem> {
        self.write_history(run)?;
        if self.trace.is_none() && self.shiviz.is_none() {
            return Ok(());
        }
        let words = run.take_explained();
        let mut words = words.iter().peekable();
        let recorder = run.recorder();
        let records = recorder
            .records()
            .with(self.events, u32::MAX, <[_]>::to_vec);
        for record in &records {
            let id = self.events;
            self.events += 1;
            let words = words.next_if(|it| it.event == id);
            let clock = self.clocks.next(id, record);
            let label = recorder.label(record);
            if let Some(trace) = &mut self.trace {
                trace.write(&trace_line(id, record, label, words, clock.as_ref()))?;
                trace.write("\n")?;
            }
            if let Some(shiviz) = &mut self.shiviz {
                let text = words.map_or(label, |it| it.text.as_str());
                if let Some(lines) = shiviz_lines(record, text, clock.as_ref()) {
                    shiviz.write(&lines)?;
                }
            }
        }
        // What has been written is not needed any more: a long trace fits into the file, not into the memory.
        recorder.records().forget_before(self.events);
        Ok(())
    }

    fn write_history(&mut self, run: &dyn Run) -> Result<(), Problem> {
        let Some(history) = &mut self.history else {
            return Ok(());
        };
        let events = run.history().with(self.lines, u32::MAX, <[_]>::to_vec);
        self.lines += events.len() as u32;
        for event in &events {
            // Plain data: nothing in it can fail to become JSON.
            let line = serde_json::to_string(event).unwrap_or_default();
            history.write(&line)?;
            history.write("\n")?;
        }
        Ok(())
    }

    /// Writes what is left and closes the files.
    pub fn finish(mut self, run: &dyn Run) -> Result<(), Problem> {
        self.write_history(run)?;
        for sink in [self.trace, self.shiviz, self.history]
            .into_iter()
            .flatten()
        {
            sink.finish()?;
        }
        Ok(())
    }
}
