//! One embedder for the whole program, loaded when it is first needed: `cargo run --example once_lock -- a.jpg b.jpg`

#![expect(clippy::print_stdout, reason = "an example for people")]

use std::sync::OnceLock;

use lookalike::{ImageEmbedder, Result};

/// Loads the model once; a model that cannot be loaded is reported each time.
fn embedder() -> Result<&'static ImageEmbedder> {
    static EMBEDDER: OnceLock<ImageEmbedder> = OnceLock::new();
    if let Some(embedder) = EMBEDDER.get() {
        return Ok(embedder);
    }
    let embedder = ImageEmbedder::builder().l2_normalize(true).build()?;
    Ok(EMBEDDER.get_or_init(|| embedder))
}

fn main() -> Result<()> {
    let paths: Vec<_> = std::env::args_os().skip(1).collect();
    let vectors = embedder()?.embed_files(paths.clone()).collect::<Result<Vec<_>>>()?;
    for (pair, names) in vectors.windows(2).zip(paths.windows(2)) {
        let similarity = pair[0].first().cosine(pair[1].first())?;
        println!("{} {} {similarity:.6}", names[0].display(), names[1].display());
    }
    Ok(())
}
