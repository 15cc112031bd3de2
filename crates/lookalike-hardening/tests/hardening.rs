//! A sample of the campaign, one test a file, and everything that fuzzing found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use lookalike_hardening::subject::{self, Kind, Subject};
use lookalike_hardening::{bombs, campaign, stress, targets};

/// Mutations of each file, and truncations at most.
const MUTATIONS: usize = 24;

/// How long an embedder of each backend is shared among 64 threads.
const STRESS: Duration = Duration::from_secs(2);

/// Tests that give a machine all it can do have it to themselves: 64 threads would starve a child whose answers are timed.
static MACHINE: RwLock<()> = RwLock::new(());

fn main() -> Result<()> {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for subject in subject::all(MUTATIONS, true)? {
        let name = format!("campaign/{}/{}", subject.group, subject.name());
        trials.push(Trial::test(name, move || campaign(&subject)));
    }
    for (name, bytes) in bombs::all() {
        trials.push(Trial::test(format!("campaign/bombs/{name}"), move || {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join(name);
            fs::write(&path, bytes)?;
            let (kind, group) = (Kind::Image, "bombs");
            campaign(&Subject { kind, path, group, mutations: MUTATIONS, thin: true })
        }));
    }
    for (name, options) in stress::subjects() {
        trials.push(Trial::test(format!("stress/{name}"), move || {
            let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
            let count = stress::stress(&options, STRESS).map_err(|error| format!("{error:#}"))?;
            if count > 0 { Ok(()) } else { Err("no image was embedded".into()) }
        }));
    }
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions");
    for file in files(&found)? {
        let target = file.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let (name, target) = (file.file_name().unwrap_or_default().to_string_lossy(), target);
        let known = targets::TARGETS.iter().find(|(known, _)| *known == target);
        let (_, run) = *known.with_context(|| format!("there is no target `{target}`"))?;
        trials.push(Trial::test(format!("regression/{target}/{name}"), move || {
            run(&fs::read(&file)?);
            Ok(())
        }));
    }
    ensure!(trials.iter().any(|trial| trial.name().starts_with("regression/")), "none is replayed");
    libtest_mimic::run(&arguments, trials).exit()
}

fn campaign(subject: &Subject) -> Result<(), Failed> {
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let program = Path::new(env!("CARGO_BIN_EXE_lookalike-hardening"));
    let tally = campaign::run(program, subject)?;
    if tally.faults.is_empty() { Ok(()) } else { Err(tally.faults.join("\n").into()) }
}

/// Files in the folders of a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        for file in fs::read_dir(entry?.path())? {
            files.push(file?.path());
        }
    }
    files.sort();
    Ok(files)
}
