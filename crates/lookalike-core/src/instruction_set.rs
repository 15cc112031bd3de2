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
            use std::arch::x86_64::__cpuid;

            let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if has_avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                sets.push(Self(Isa::Avx512));
                sets.push(Self(Isa::Avx512Vl));
                let vendor = __cpuid(0);
                let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes).concat();
                if halves_vectors(&vendor, __cpuid(1).eax) {
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

/// Whether a processor computes 512-bit instructions in two halves, by its vendor and version as `cpuid` gives them: AMD's Zen 4, of
/// family 25, as no other one with such instructions is.
#[cfg(target_arch = "x86_64")]
fn halves_vectors(vendor: &[u8], version: u32) -> bool {
    let (base, extension) = (version >> 8 & 0xF, version >> 20 & 0xFF);
    vendor == b"AuthenticAMD" && base + extension == 25
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn zen_4_halves_vectors() {
        // Zen 4 is family 15 + 10; Zen 5 is 15 + 11, and Zen 2 is 15 + 8.
        let amd = b"AuthenticAMD";
        assert!(halves_vectors(amd, 0x00A1_0F11));
        assert!(!halves_vectors(amd, 0x00B1_0F11));
        assert!(!halves_vectors(amd, 0x0083_0F10));
        assert!(!halves_vectors(b"GenuineIntel", 0x00A1_0F11));
    }
}
