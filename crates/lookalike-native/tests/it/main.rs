//! The engine on models that are made here: every instruction set, fused and not, with one thread and several, against plain loops.

mod convolutions;
mod graphs;
mod models;
mod sessions;
