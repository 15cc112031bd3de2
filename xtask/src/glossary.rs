//! The terms of the field, in what users read: documents, help and public names.

use std::fs;

use anyhow::{Result, ensure};

use crate::{paths, shell};

/// Words that have a better one, with that. Each is matched as a whole word, whatever its case.
const WORDS: &[(&str, &str)] = &[
    ("addend", "residual"),
    ("addends", "residuals"),
    ("are told", "are reported"),
    ("chatter", "stderr_capture"),
    ("colour", "color"),
    ("colours", "colors"),
    ("cut", "split"),
    ("entry point", "signature (SignatureDef)"),
    ("entry points", "signatures (SignatureDef)"),
    ("entrypoint", "SignatureDef"),
    ("expansion", "producer"),
    ("extent", "size, dimension"),
    ("extents", "shape, dimensions, size"),
    ("grey", "gray"),
    ("has all of", "supports"),
    ("hears", "receives"),
    ("is told", "is reported"),
    ("join", "concat, concatenate"),
    ("knows", "depends on, supports, recognizes"),
    ("lacking", "unsupported"),
    ("last activation", "post-add activation"),
    ("licence", "license"),
    ("licences", "licenses"),
    ("model in onnx", "ONNX model"),
    ("models in onnx", "ONNX models"),
    ("models of a stranger", "untrusted models"),
    ("models of strangers", "untrusted models"),
    ("normalisation", "normalization"),
    ("normalise", "normalize"),
    ("normalised", "normalized"),
    ("operand", "input"),
    ("operands", "inputs"),
    ("picture", "image"),
    ("pictures", "images"),
    ("places", "offsets, positions, indices"),
    ("plain loops", "reference ops"),
    ("programs of strangers", "untrusted programs"),
    ("quantisation", "quantization"),
    ("quantise", "quantize"),
    ("quantised", "quantized"),
    ("redimension", "reshape"),
    ("says of itself", "describes"),
    ("set of instructions", "instruction set"),
    ("sets of instructions", "instruction sets"),
    ("shares of the work", "tasks"),
    ("sliced", "per channel"),
    ("tells", "reports"),
    ("the reference's words", "the reference's error message"),
    ("turn", "rotate, transpose"),
    ("turn by", "rotate by"),
    ("turned", "rotated"),
    ("wants", "needs"),
];

/// Words that prose may have, and the name of a public item may not.
const NAMES: &[(&str, &str)] = &[
    ("action", "prepared op"),
    ("counted", "valid mask"),
    ("flip", "sign mask"),
    ("least", "min"),
    ("meet", "broadcast"),
    ("most", "max"),
    ("outside", "padding"),
    ("place", "offset, slot, index"),
    ("plain", "reference"),
    ("results", "outputs"),
    ("sets", "instruction sets"),
    ("shares", "tasks, chunks"),
    ("take", "fill"),
    ("taken", "ring state"),
    ("takes", "supports"),
    ("told", "reported"),
];

/// Fails if a document, the help, or the name of a public item has a word of the list.
pub(crate) fn check() -> Result<()> {
    let documents = shell::output("git", &["ls-files", "*.md", "*help*.snap", "*/Cargo.toml"])?;
    let mut found = Vec::new();
    for file in documents.lines() {
        let text = fs::read_to_string(paths::root().join(file))?;
        for (number, line) in text.lines().enumerate() {
            found.extend(words(line, WORDS).map(|word| format!("{file}:{}: {word}", number + 1)));
        }
    }
    let sources = shell::output("git", &["ls-files", "crates/*/src/*.rs"])?;
    for file in sources.lines() {
        let is_published = !UNPUBLISHED.iter().any(|part| file.contains(part));
        let text = fs::read_to_string(paths::root().join(file))?;
        for (number, line) in text.lines().enumerate() {
            let inside = words_inside(line).filter(|(word, _)| !is_right(file, word));
            found.extend(inside.map(|(word, better)| {
                format!("{file}:{}: `{word}`, write `{better}`", number + 1)
            }));
            let Some(name) = public_name(line).filter(|_| is_published) else { continue };
            let spoken = spoken(name);
            let replaced = words(&spoken, WORDS).chain(words(&spoken, NAMES));
            found.extend(replaced.map(|word| format!("{file}:{}: {word} in `{name}`", number + 1)));
        }
    }
    ensure!(found.is_empty(), "words that the glossary replaces:\n{}", found.join("\n"));
    Ok(())
}

/// Crates that nobody outside uses.
const UNPUBLISHED: [&str; 2] = ["lookalike-hardening", "lookalike-conformance"];

/// Words that identifiers inside the crates do not have either.
const IDENTIFIERS: &[(&str, &str)] = &[
    ("flip", "sign mask, xor"),
    ("least", "min"),
    ("meet", "broadcast"),
    ("most", "max"),
    ("place", "offset, slot, index, position"),
    ("shares", "tasks, chunks"),
];

/// Where a word is right: in the files whose path has this part.
const RIGHT: &[(&str, &str)] = &[
    // Paths, strings and threads are joined.
    ("", "join"),
    // Help of several lines, of which each is taken for code.
    ("lookalike-cli/src/args.rs", "least"),
    // Elements within ranges.
    ("lookalike-graph/src/parse/layout.rs", "sliced"),
    ("lookalike-onnx/src/constant.rs", "sliced"),
    ("lookalike-onnx/src/operators/layout.rs", "sliced"),
];

fn is_right(file: &str, word: &str) -> bool {
    RIGHT.iter().any(|&(part, right)| word == right && file.contains(part))
}

/// The words of the lists in a line of a source file: in its comment those of prose, in its code those of identifiers.
fn words_inside(line: &str) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let (code, comment) = line.split_once("//").unwrap_or((line, ""));
    // What stands in quotes is for users, and is checked where they read it.
    let code: String = code.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let code = spoken(&code);
    let in_code: Vec<_> = matches(&code, WORDS)
        .chain(matches(&code, IDENTIFIERS))
        .chain(matches(comment, WORDS))
        .collect();
    in_code.into_iter()
}

/// The entries of a list whose words are in a line.
fn matches(
    line: &str,
    list: &'static [(&str, &str)],
) -> impl Iterator<Item = &'static (&'static str, &'static str)> + use<> {
    let line = format!(
        " {} ",
        line.to_lowercase()
            .replace(|letter: char| !letter.is_alphanumeric() && letter != '\'', " ")
    );
    list.iter().filter(move |(word, _)| line.contains(&format!(" {word} ")))
}

/// The words of the list in a line, each with what to write.
fn words(line: &str, list: &'static [(&str, &str)]) -> impl Iterator<Item = String> + use<> {
    matches(line, list).map(|(word, better)| format!("`{word}`, write `{better}`"))
}

/// The name that a line makes public.
fn public_name(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub ")?;
    let rest = [
        "const fn ",
        "unsafe fn ",
        "fn ",
        "struct ",
        "enum ",
        "trait ",
        "const ",
        "static ",
        "type ",
        "mod ",
    ]
    .iter()
    .find_map(|kind| rest.strip_prefix(kind))
    .unwrap_or(rest);
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    Some(&rest[..end]).filter(|name| !name.is_empty() && *name != "use")
}

/// A name with its words apart.
fn spoken(name: &str) -> String {
    let mut spoken = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            spoken.push(' ');
        }
        spoken.push(if letter == '_' { ' ' } else { letter });
    }
    spoken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whole_and_names_apart() {
        assert_eq!(words("A grey Picture.", WORDS).count(), 2);
        assert_eq!(words("The greyhound pictured it.", WORDS).count(), 0);
        assert_eq!(public_name("    pub fn decode_image(data: &[u8]) {"), Some("decode_image"));
        assert_eq!(public_name("    pub(crate) fn hidden() {"), None);
        assert_eq!(words(&spoken("PictureFormat"), WORDS).count(), 1);
        assert_eq!(words(&spoken("most_values"), NAMES).count(), 1);
        let found = |line| words_inside(line).map(|(word, _)| *word).collect::<Vec<_>>();
        assert_eq!(
            found("let most_rows = extent(\"a grey place\"); // The operand."),
            ["extent", "most", "operand"]
        );
    }
}
