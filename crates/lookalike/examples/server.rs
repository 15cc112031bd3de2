//! A service that answers an image with its vector: `cargo run --example server --features serde`, then
//! `curl --data-binary @a.jpg http://127.0.0.1:3000/embed`

#![expect(clippy::print_stdout, reason = "an example for people")]

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::post;
use lookalike::{EmbeddingResult, Error, ErrorKind, ImageEmbedder};

type Failure = (StatusCode, String);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let embedder = ImageEmbedder::builder().l2_normalize(true).build()?;
    let service = Router::new()
        .route("/embed", post(embed))
        .layer(DefaultBodyLimit::max(32 << 20))
        .with_state(embedder);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, service).await?;
    Ok(())
}

/// Decoding and inference take milliseconds of a processor, so they run on threads for such work.
async fn embed(
    State(embedder): State<ImageEmbedder>,
    body: Bytes,
) -> Result<Json<EmbeddingResult>, Failure> {
    let embedded = tokio::task::spawn_blocking(move || embedder.embed_bytes(&body)).await;
    let result =
        embedded.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    result.map(Json).map_err(failure)
}

/// A broken image is the client's fault, and so is one that exceeds a limit.
fn failure(error: Error) -> Failure {
    let status = match error.kind() {
        ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorKind::ResourceExhausted => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, format!("{error:#}"))
}
