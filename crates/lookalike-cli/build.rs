//! Tells the program where to look for TensorFlow Lite's library: beside itself, then where it was built from.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=TFLITEC_PREBUILT_PATH");
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if !is_set("CARGO_FEATURE_TFLITEC") || !is_set("CARGO_CFG_UNIX") {
        return;
    }
    let origin = match std::env::var("CARGO_CFG_TARGET_VENDOR").as_deref() {
        Ok("apple") => "@loader_path",
        _ => "$ORIGIN",
    };
    println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{origin}");
    let library = std::env::var("TFLITEC_PREBUILT_PATH").unwrap_or_default();
    if let Some(folder) = Path::new(&library).parent() {
        println!("cargo::rustc-link-arg-bins=-Wl,-rpath,{}", folder.display());
    }
}
