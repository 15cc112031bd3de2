//! Gives the shared library the name and the version of MediaPipe's.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=exports.ld");
    let target = |name: &str| env::var(name).unwrap_or_default();
    if target("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmediapipe.so");
    // The linker of the other Linux targets, GNU's, takes no second version script beside the one of rustc.
    if target("CARGO_CFG_TARGET_ARCH") == "x86_64" {
        let script = Path::new(&target("CARGO_MANIFEST_DIR")).join("exports.ld");
        println!("cargo::rustc-cdylib-link-arg=-Wl,--version-script={}", script.display());
    }
}
