//! Loops whose indices are constants.

/// As many indices as [`each!`] writes out at most.
pub(crate) const MAX_STEPS: usize = 18;

/// Does something for each index below a constant, written out for each, so that arrays that are indexed stay in registers: compilers
/// do not unroll every loop, and what a loop indexes lies in memory.
///
/// The count is a constant expression, and so is each comparison with it: code for indices beyond the count is then not even generated,
/// which is what keeps the compile time of this crate low.
///
/// Where the count is small for all that it stands for, indices `of` a shorter list keep what is nested from growing.
macro_rules! each {
    ($index:ident < $count:ident of $($literal:literal)+, $body:block) => {
        $crate::kernels::each::each!(@ $index, $count, $body, $($literal)+)
    };
    ($index:ident < $count:tt, $body:block) => {
        $crate::kernels::each::each!(@ $index, $count, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13)
    };
    (@ $index:ident, $count:tt, $body:block, $($literal:literal)+) => {{
        const { assert!($count <= [$($literal),+].len(), "more indices than are written out") };
        $(if const { $literal < $count } {
            #[allow(non_upper_case_globals, reason = "an index, which the body may use in constants")]
            const $index: usize = $literal;
            $body
        })+
    }};
}

pub(crate) use each;
