//! The inner loops compiled for each instruction set, and the choice of the set.

// Unit tests run no kernels of these sets, which would take longest to compile; the tests in `tests/` run them all.
#[cfg(all(target_arch = "x86_64", not(test)))]
mod avx2;
#[cfg(all(target_arch = "x86_64", not(test)))]
mod avx512;
#[cfg(all(target_arch = "x86_64", not(test)))]
mod avx512vl;
mod portable;

use lookalike_core::{InstructionSet, Isa};

use super::Kernels;

/// The kernels that are compiled for an instruction set.
pub(crate) fn kernels_for(set: InstructionSet) -> &'static Kernels {
    match set.isa() {
        #[cfg(all(target_arch = "x86_64", not(test)))]
        Isa::Avx2 => &avx2::KERNELS,
        #[cfg(all(target_arch = "x86_64", not(test)))]
        Isa::Avx512Vl => &avx512vl::KERNELS,
        #[cfg(all(target_arch = "x86_64", not(test)))]
        Isa::Avx512 => &avx512::KERNELS,
        _ => &portable::KERNELS,
    }
}

/// The kernels that unit tests have.
#[cfg(test)]
pub(crate) fn portable() -> &'static Kernels {
    kernels_for(InstructionSet::PORTABLE)
}
