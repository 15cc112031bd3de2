//! The bodies of the fuzz targets: each takes any bytes and panics only if lookalike is wrong.
//!
//! They stand here, and not beside libFuzzer, so that plain `cargo test` can replay what was found.

mod command_line;
mod images;
mod jpeg;
mod metadata;
mod models;
mod tensors;

pub use command_line::{parse_arguments, write_vectors};
pub use images::decode_image;
pub use jpeg::{change_jpeg, decode_jpeg};
pub use metadata::read_metadata;
pub use models::{read_model, run, run_model, translate_model};
pub use tensors::prepare_tensor;

use std::{panic, process};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// All targets by name, which is also that of their folders of seeds and of regressions.
pub const TARGETS: &[(&str, Target)] = &[
    ("change_jpeg", change_jpeg),
    ("decode_image", decode_image),
    ("decode_jpeg", decode_jpeg),
    ("parse_arguments", parse_arguments),
    ("prepare_tensor", prepare_tensor),
    ("read_metadata", read_metadata),
    ("read_model", read_model),
    ("run_model", run_model),
    ("translate_model", translate_model),
    ("write_vectors", write_vectors),
];

/// Ends the process at a panic in lookalike's own code, also where the panic would be contained.
///
/// Panics of decoders and engines are errors for callers, as promised: a fuzzer that ends at each of them, as libFuzzer's
/// binding does by itself, would never get past a known one. One that is not contained ends the process all the same.
pub fn abort_on_own_panics() {
    // The hook in place is the one that aborts at every panic; taking it brings back the one that only reports.
    drop(panic::take_hook());
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|location| is_own(location.file())) {
            report(panic);
            process::abort();
        }
    }));
}

/// Whether a source file is one of the workspace: paths of dependencies lead through a registry's folder.
fn is_own(file: &str) -> bool {
    let file = file.replace('\\', "/");
    file.starts_with("crates/lookalike") || file.contains("/crates/lookalike")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// Runs itself in a process of its own, which must not come to its end.
    #[test]
    fn a_panic_of_ours_ends_the_process_although_it_is_contained() {
        const IN_CHILD: &str = "LOOKALIKE_PANICS";
        if std::env::var_os(IN_CHILD).is_some() {
            abort_on_own_panics();
            assert!(lookalike::contain_panics::<()>(|| panic!("of ours")).is_err());
            return;
        }
        let name = "targets::tests::a_panic_of_ours_ends_the_process_although_it_is_contained";
        let program = std::env::current_exe().expect("a test is a program");
        let mut child = process::Command::new(program);
        let output = child.args(["--exact", name]).env(IN_CHILD, "1").output();
        let output = output.expect("the program runs again");
        assert_eq!(output.status.signal(), Some(6), "{output:?}");
    }

    #[test]
    fn own_files_differ_from_those_of_dependencies() {
        assert!(is_own(file!()));
        assert!(is_own("/home/somebody/checkout/crates/lookalike-decode/src/lib.rs"));
        assert!(!is_own(
            "/home/somebody/.cargo/registry/src/index/zune-jpeg-0.5.15/src/idct/avx2.rs"
        ));
        assert!(!is_own("/rustc/0123456789abcdef/library/core/src/option.rs"));
    }
}
