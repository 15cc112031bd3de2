//! What the compiler made of the engine's inner loops.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Result, ensure};

use crate::{paths, shell};

/// Kernels whose sums must stay in registers.
const KERNELS: [&str; 3] = ["::compiled::tile", "::compiled::byte_tile", "::compiled::depthwise"];

/// Instructions that such a loop consists of.
const PRODUCTS: [&str; 3] = ["vfmadd", "vpdpbusd", "vpmaddwd"];

/// Fails if an inner loop moves vectors to the stack or takes them from there: a compiler that runs out of registers, or that keeps an
/// array in memory, makes a kernel half as fast without any other sign.
pub(crate) fn check() -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        println!("inner loops are looked at on x86-64 only");
        return Ok(());
    }
    let file = paths::root().join("target/kernels.s");
    let emit = format!("asm={}", file.display());
    let build =
        ["rustc", "--quiet", "--locked", "--release", "--package", "lookalike-native", "--lib"];
    let options =
        ["--", "-C", "codegen-units=1", "-C", "symbol-mangling-version=v0", "--emit", &emit];
    shell::run("cargo", &[&build[..], &options].concat())?;
    let text = fs::read_to_string(file)?;
    let (mut loops, mut wrong) = (0, Vec::new());
    for function in functions(&text) {
        let name = format!("{:#}", rustc_demangle::demangle(function[0].trim_end_matches(':')));
        let is_kernel = KERNELS.iter().any(|kernel| name.contains(kernel));
        // The portable kernels are for whatever registers there are.
        if !is_kernel || name.contains("portable") {
            continue;
        }
        for inner in inner_loops(&function) {
            let contains = |words: &[&str]| {
                inner.iter().any(|line| words.iter().any(|word| line.contains(word)))
            };
            // A loop that calls `memcpy` stores part of a vector through the stack: it surrounds the products.
            if contains(&PRODUCTS) && !contains(&["call"]) {
                loops += 1;
                let spills =
                    inner.iter().find(|line| line.contains("(%rsp") && line.contains("mm"));
                wrong.extend(spills.map(|line| format!("{name}: {}", line.trim())));
            }
        }
    }
    ensure!(loops > 100, "only {loops} inner loops were found: are kernels named otherwise?");
    ensure!(wrong.is_empty(), "vectors on the stack within loops:\n{}", wrong.join("\n"));
    println!("{loops} inner loops of the engine keep their vectors in registers");
    Ok(())
}

/// The lines of each function, its label first.
fn functions(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let is_label = |line: &&str| line.starts_with("_R") && line.ends_with(':');
    let mut lines = text.lines().skip_while(move |line| !is_label(line)).peekable();
    std::iter::from_fn(move || {
        let mut function = vec![lines.next()?];
        while let Some(line) = lines.next_if(|line| !is_label(line)) {
            function.push(line);
        }
        Some(function)
    })
}

/// The lines between a label and a jump back to it, where no others are within.
fn inner_loops<'a>(function: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    let mut labels = BTreeMap::new();
    let mut loops: Vec<(usize, usize)> = Vec::new();
    for (place, line) in function.iter().enumerate() {
        if let Some(label) = line.strip_suffix(':') {
            labels.insert(label, place);
        }
        let mut words = line.split_whitespace();
        let is_jump = words.next().is_some_and(|word| word.starts_with('j'));
        if let Some(&start) = words.next().filter(|_| is_jump).and_then(|label| labels.get(label)) {
            loops.push((start, place));
        }
    }
    let is_inner = |&&(start, end): &&(usize, usize)| {
        !loops.iter().any(|other| *other != (start, end) && other.0 >= start && other.1 <= end)
    };
    loops.iter().filter(is_inner).map(|&(start, end)| &function[start..=end]).collect()
}
