//! One module a command.

pub(crate) mod backends;
pub(crate) mod compare;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod inspect;
mod inspect_image;
