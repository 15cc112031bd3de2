//! The campaign: every case in a child process with limits, so that whatever happens there is seen and counted.

use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use lookalike::backends;

use crate::child::Outcome;
use crate::subject::{Kind, Subject};

/// How long a case may take.
const LONGEST: Duration = Duration::from_secs(5);
/// How long the start of a child may take, the reading of its subject included.
const LONGEST_START: Duration = Duration::from_secs(60);
/// How much a child may map, shared libraries included.
pub const MAX_BYTES: u64 = 4 << 30;

/// Counts of what became of the cases of a subject, or of a group of them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Number of files.
    pub files: usize,
    /// Number of cases.
    pub cases: usize,
    /// Cases that were refused before an engine saw them, or images that were.
    pub refused: usize,
    /// For each backend: cases that the engine refused, and cases that gave a result. For images there is one column.
    pub engines: Vec<[usize; 2]>,
    /// What must not be: cases that ended their process or took too long.
    pub faults: Vec<String>,
    /// Processor time is not known; this is how long it took.
    pub seconds: f64,
}

impl Tally {
    fn count(&mut self, letters: &str) {
        self.cases += 1;
        let outcomes: Vec<Outcome> = letters.chars().filter_map(Outcome::of).collect();
        self.engines.resize(self.engines.len().max(outcomes.len()), [0, 0]);
        if outcomes.iter().all(|outcome| *outcome == Outcome::Refused) {
            self.refused += 1;
            return;
        }
        for (column, outcome) in self.engines.iter_mut().zip(outcomes) {
            match outcome {
                Outcome::Refused => {}
                Outcome::Failed => column[0] += 1,
                Outcome::Done => column[1] += 1,
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.cases += other.cases;
        self.refused += other.refused;
        self.engines.resize(self.engines.len().max(other.engines.len()), [0, 0]);
        for (sum, column) in self.engines.iter_mut().zip(&other.engines) {
            sum[0] += column[0];
            sum[1] += column[1];
        }
        self.faults.extend(other.faults.iter().cloned());
        self.seconds += other.seconds;
    }
}

/// Does all cases of a subject, with a new child after each one that broke the last.
///
/// # Errors
///
/// No child can be started.
pub fn run(program: &Path, subject: &Subject) -> Result<Tally> {
    let start = Instant::now();
    let count = subject.cases()?.count();
    let mut tally = Tally { files: 1, ..Tally::default() };
    let mut next = 0;
    while next < count {
        let mut child = Running::start(program, subject, next)?;
        while next < count {
            match child.case() {
                Ok(letters) => tally.count(&letters),
                Err(fault) => {
                    tally.cases += 1;
                    tally.faults.push(format!("{} case {next}: {fault}", subject.name()));
                    next += 1;
                    break;
                }
            }
            next += 1;
        }
    }
    tally.seconds = start.elapsed().as_secs_f64();
    Ok(tally)
}

/// A child with what it says.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(program: &Path, subject: &Subject, first: usize) -> Result<Self> {
        let mut child = Command::new(program)
            .arg("child")
            .arg(&subject.path)
            .args(["--from", &first.to_string(), "--mutations", &subject.mutations.to_string()])
            .args(subject.thin.then_some("--thin"))
            .args((subject.kind == Kind::Image).then_some("--image"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let output = child.stdout.take().context("a child without output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(output);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let ready = lines.recv_timeout(LONGEST_START);
        ready.map_err(|_| anyhow!("a child does not start: {}", subject.name()))?;
        Ok(Self { child, lines })
    }

    /// The letters of the next case, or what became of the child.
    fn case(&mut self) -> Result<String, String> {
        match self.lines.recv_timeout(LONGEST) {
            Ok(line) if line.ends_with('\n') => {
                let letters = line.split(' ').nth(1).unwrap_or_default();
                Ok(letters.trim().to_owned())
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("no answer within {} s", LONGEST.as_secs()))
            }
            // A line that ends early: the backends before the one that broke have their letters.
            broken => {
                let status = self.child.wait().map_err(|error| error.to_string())?;
                let letters = broken.unwrap_or_default();
                let done = letters.split(' ').nth(1).unwrap_or_default().len();
                let position = backends().get(done).map_or("", |backend| backend.name());
                Err(format!("{status} on {position}"))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Does all cases of all subjects, as many at a time as `jobs` says.
///
/// # Errors
///
/// No child can be started.
pub fn run_all(
    program: &Path,
    subjects: &[Subject],
    jobs: usize,
    tell: impl Fn(&Subject, &Tally) + Sync,
) -> Result<Vec<Tally>> {
    let queue = Mutex::new(subjects.iter().enumerate());
    let results = Mutex::new(Vec::new());
    let next = || queue.lock().ok()?.next();
    thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some((index, subject)) = next() {
                let tally = run(program, subject)?;
                tell(subject, &tally);
                if let Ok(mut results) = results.lock() {
                    results.push((index, tally));
                }
            }
            Ok(())
        };
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a worker panicked")))
        })
    })?;
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|&(index, _)| index);
    Ok(results.into_iter().map(|(_, tally)| tally).collect())
}

/// The table of a campaign: a row for each group of models, public ones by name, and one for images.
pub fn table(subjects: &[Subject], tallies: &[Tally]) -> String {
    let mut rows: Vec<(String, Kind, Tally)> = Vec::new();
    for (subject, tally) in subjects.iter().zip(tallies) {
        let name = match (subject.kind, subject.group) {
            (Kind::Model, "public") => subject.name(),
            (Kind::Model, group) => group.to_owned(),
            (Kind::Image, group) => format!("images, {group}"),
        };
        match rows.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, _, sum)) => sum.add(tally),
            None => rows.push((name, subject.kind, tally.clone())),
        }
    }
    let names: Vec<&str> = backends().iter().map(|backend| backend.name()).collect();
    let mut text = String::from("| subject | files | cases | refused before any engine |");
    for name in &names {
        write!(text, " {name}: result, error |").ok();
    }
    text.push_str(" faults |\n|---|--:|--:|--:|");
    text.push_str(&"--:|".repeat(names.len() + 1));
    text.push('\n');
    let mut total = Tally::default();
    for (name, kind, tally) in &rows {
        total.add(tally);
        write!(text, "| {name} | {} | {} | {} |", tally.files, tally.cases, tally.refused).ok();
        for column in 0..names.len() {
            match tally.engines.get(column) {
                Some([failed, done]) if *kind == Kind::Model => {
                    write!(text, " {done}, {failed} |").ok();
                }
                Some([_, done]) => write!(text, " {done} decoded |").unwrap_or_default(),
                None => text.push_str(" |"),
            }
        }
        writeln!(text, " {} |", tally.faults.len()).ok();
    }
    let faults = total.faults.len();
    writeln!(
        text,
        "| all | {} | {} | {} |{} {faults} |",
        total.files,
        total.cases,
        total.refused,
        " |".repeat(names.len())
    )
    .ok();
    text
}
