//! The instruction sets that kernels are compiled for, and the choice among them.

use std::sync::LazyLock;

/// An instruction set that this processor has: a value for a set exists only where the processor has the instructions.
///
/// ```
/// use lookalike_core::InstructionSet;
///
/// let best = InstructionSet::detect();
/// assert_eq!(best, InstructionSet::available()[0]);
/// assert_eq!(InstructionSet::PORTABLE.name(), "portable");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InstructionSet(Isa);

/// What an [`InstructionSet`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Isa {
    /// What every processor of the platform has.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and VNNI, in vectors of 256 bits: ahead where 512 bits are computed in two halves.
    Avx512Vl,
    /// The same in vectors of 512 bits.
    Avx512,
}

impl InstructionSet {
    /// What every processor of the platform has.
    pub const PORTABLE: Self = Self(Isa::Portable);

    /// All that this processor has, the best one first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if has_avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                sets.push(Self(Isa::Avx512));
                sets.push(Self(Isa::Avx512Vl));
                if halves_vectors() {
                    sets.swap(0, 1);
                }
            }
            if has_avx2 {
                sets.push(Self(Isa::Avx2));
            }
        }
        sets.push(Self::PORTABLE);
        sets
    }

    /// The best one this processor has.
    pub fn detect() -> Self {
        // Virtual machines take long to report what their processor is.
        static BEST: LazyLock<InstructionSet> = LazyLock::new(|| InstructionSet::available()[0]);
        *BEST
    }

    /// The set, to match on.
    pub fn isa(self) -> Isa {
        self.0
    }

    /// Its name: `portable`, `avx2`, `avx512vl` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512Vl => "avx512vl",
            Isa::Avx512 => "avx512",
        }
    }
}

/// Whether the processor computes 512-bit instructions in two halves: AMD's Zen 4, of family 25, as no other one with such
/// instructions is.
#[cfg(target_arch = "x86_64")]
fn halves_vectors() -> bool {
    use std::arch::x86_64::__cpuid;

    let vendor = __cpuid(0);
    let is_amd =
        [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD";
    let version = __cpuid(1).eax;
    let (base, extension) = (version >> 8 & 0xF, version >> 20 & 0xFF);
    is_amd && base + extension == 25
}
