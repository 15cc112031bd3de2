//! The macros that make of a table declaration a borrowed view, an owned value, a verifier and a builder.
//!
//! A field is `slot name: kind(arguments)`, where the slot is the number the schema gives the field. Kinds:
//! `scalar(T = default)`, `code(Enumeration, T = default)`, `text()`, `bytes()`, `list(T)`, `required_list(T)` (written even if empty), `texts()`, `table(T, TRef)`, `tables(T, TRef)` and
//! `union(U, URef)`, whose slot is the one of the value (its type tag sits in the slot before).

/// Byte offset of a field's entry in a vtable: two u16 (sizes) come first.
pub(crate) const fn vtable_offset(slot: u16) -> flatbuffers::VOffsetT {
    4 + 2 * slot
}

/// Writes an owned value; what every declared table can do.
pub(crate) trait Pack {
    fn pack(&self, builder: &mut FlatBufferBuilder<'_>) -> TableOffset;
}

pub(crate) use flatbuffers::FlatBufferBuilder;
pub(crate) type TableOffset = flatbuffers::WIPOffset<flatbuffers::TableFinishedWIPOffset>;

/// Writes a vector of tables, or nothing for an empty slice.
pub(crate) fn pack_tables<T: Pack>(
    builder: &mut FlatBufferBuilder<'_>,
    items: &[T],
) -> Option<flatbuffers::UOffsetT> {
    if items.is_empty() {
        return None;
    }
    let offsets: Vec<_> = items.iter().map(|item| item.pack(builder)).collect();
    Some(builder.create_vector(&offsets).value())
}

/// Writes a vector of strings, or nothing for an empty slice.
pub(crate) fn pack_texts(
    builder: &mut FlatBufferBuilder<'_>,
    items: &[String],
) -> Option<flatbuffers::UOffsetT> {
    if items.is_empty() {
        return None;
    }
    let offsets: Vec<_> = items.iter().map(|item| builder.create_string(item)).collect();
    Some(builder.create_vector(&offsets).value())
}

/// Writes a vector of bytes whose first byte lies on a multiple of 16, as the schemas ask for weights.
pub(crate) fn pack_bytes(
    builder: &mut FlatBufferBuilder<'_>,
    data: &[u8],
) -> Option<flatbuffers::UOffsetT> {
    if data.is_empty() {
        return None;
    }
    // A buffer grows towards its front, so the position of the data is counted from the end.
    let padding = (builder.unfinished_data().len() + data.len()).wrapping_neg() % 16;
    for _ in 0..padding {
        builder.push(0u8);
    }
    Some(builder.create_vector(data).value())
}

macro_rules! tables {
    ($( $(#[$meta:meta])* table $Name:ident, $Ref:ident {
        $( $(#[$field_meta:meta])* $slot:literal $field:ident: $kind:ident($($arg:tt)*), )*
    } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name {
            $( $(#[$field_meta])* pub $field: tables!(@owned $kind($($arg)*)), )*
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $( $field: tables!(@default $kind($($arg)*)), )* }
            }
        }

        impl crate::table::Pack for $Name {
            #[allow(unused_variables, reason = "tables without fields have nothing to write")]
            fn pack(&self, builder: &mut flatbuffers::FlatBufferBuilder<'_>) -> crate::table::TableOffset {
                // Whatever lies behind an offset must be written before the table is begun.
                $( let $field = tables!(@prepare builder, self.$field, $kind($($arg)*)); )*
                let start = builder.start_table();
                $( tables!(@write builder, $slot, $field, $kind($($arg)*)); )*
                let end = builder.end_table(start);
                crate::table::TableOffset::new(end.value())
            }
        }

        #[doc = concat!("Borrowed view of a verified [`", stringify!($Name), "`].")]
        #[derive(Clone, Copy, Debug)]
        pub struct $Ref<'a> {
            #[allow(dead_code, reason = "tables without fields have nothing to read")]
            table: flatbuffers::Table<'a>,
        }

        impl<'a> flatbuffers::Follow<'a> for $Ref<'a> {
            type Inner = Self;
            unsafe fn follow(buffer: &'a [u8], position: usize) -> Self {
                // SAFETY: the caller vouches for a verified table of this type at `position`.
                Self { table: unsafe { flatbuffers::Table::new(buffer, position) } }
            }
        }

        impl flatbuffers::Verifiable for $Ref<'_> {
            fn run_verifier(
                verifier: &mut flatbuffers::Verifier<'_, '_>,
                position: usize,
            ) -> Result<(), flatbuffers::InvalidFlatbuffer> {
                let table = verifier.visit_table(position)?;
                $( let table = tables!(@verify table, $slot, $field, $kind($($arg)*))?; )*
                table.finish();
                Ok(())
            }
        }

        impl<'a> $Ref<'a> {
            $( $(#[$field_meta])* pub fn $field(&self) -> tables!(@view 'a $kind($($arg)*)) {
                tables!(@read self.table, $slot, $kind($($arg)*))
            } )*

            /// Copies the table and all below it.
            pub fn to_owned(&self) -> $Name {
                $Name { $( $field: tables!(@copy self.$field(), $kind($($arg)*)), )* }
            }
        }
    )* };

    (@owned scalar($T:ty = $default:expr)) => { $T };
    (@owned code($Code:ident, $T:ty = $default:expr)) => { $Code };
    (@owned text()) => { Option<String> };
    (@owned bytes()) => { Vec<u8> };
    (@owned list($T:ty)) => { Vec<$T> };
    (@owned required_list($T:ty)) => { Vec<$T> };
    (@owned texts()) => { Vec<String> };
    (@owned table($T:ty, $Ref:ident)) => { Option<$T> };
    (@owned tables($T:ty, $Ref:ident)) => { Vec<$T> };
    (@owned union($U:ty, $Ref:ident)) => { $U };

    (@default scalar($T:ty = $default:expr)) => { $default };
    (@default code($Code:ident, $T:ty = $default:expr)) => { $Code($default) };
    (@default $kind:ident($($arg:tt)*)) => { Default::default() };

    (@view $a:lifetime scalar($T:ty = $default:expr)) => { $T };
    (@view $a:lifetime code($Code:ident, $T:ty = $default:expr)) => { $Code };
    (@view $a:lifetime text()) => { Option<&$a str> };
    (@view $a:lifetime bytes()) => { &$a [u8] };
    (@view $a:lifetime list($T:ty)) => { flatbuffers::Vector<$a, $T> };
    (@view $a:lifetime required_list($T:ty)) => { flatbuffers::Vector<$a, $T> };
    (@view $a:lifetime texts()) => { flatbuffers::Vector<$a, flatbuffers::ForwardsUOffset<&$a str>> };
    (@view $a:lifetime table($T:ty, $Ref:ident)) => { Option<$Ref<$a>> };
    (@view $a:lifetime tables($T:ty, $Ref:ident)) => {
        flatbuffers::Vector<$a, flatbuffers::ForwardsUOffset<$Ref<$a>>>
    };
    (@view $a:lifetime union($U:ty, $Ref:ident)) => { $Ref<$a> };

    (@wire scalar($T:ty = $default:expr)) => { $T };
    (@wire code($Code:ident, $T:ty = $default:expr)) => { $T };
    (@wire text()) => { flatbuffers::ForwardsUOffset<&str> };
    (@wire bytes()) => { flatbuffers::ForwardsUOffset<flatbuffers::Vector<'_, u8>> };
    (@wire list($T:ty)) => { flatbuffers::ForwardsUOffset<flatbuffers::Vector<'_, $T>> };
    (@wire required_list($T:ty)) => { flatbuffers::ForwardsUOffset<flatbuffers::Vector<'_, $T>> };
    (@wire texts()) => {
        flatbuffers::ForwardsUOffset<flatbuffers::Vector<'_, flatbuffers::ForwardsUOffset<&str>>>
    };
    (@wire table($T:ty, $Ref:ident)) => { flatbuffers::ForwardsUOffset<$Ref<'_>> };
    (@wire tables($T:ty, $Ref:ident)) => {
        flatbuffers::ForwardsUOffset<flatbuffers::Vector<'_, flatbuffers::ForwardsUOffset<$Ref<'_>>>>
    };

    (@verify $table:ident, $slot:literal, $field:ident, union($U:ty, $Ref:ident)) => {{
        // Unlike `visit_union` this accepts a tag without a value, which real files have.
        let mut table = $table;
        let tag = table.deref(crate::table::vtable_offset($slot - 1))?;
        let value = table.deref(crate::table::vtable_offset($slot))?;
        if let Some(tag) = tag {
            let tag = table.verifier().get_u8(tag)?;
            if let Some(value) = value {
                $Ref::verify(tag, table.verifier(), value)?;
            }
        }
        Ok::<_, flatbuffers::InvalidFlatbuffer>(table)
    }};
    (@verify $table:ident, $slot:literal, $field:ident, $kind:ident($($arg:tt)*)) => {
        $table.visit_field::<tables!(@wire $kind($($arg)*))>(
            stringify!($field),
            crate::table::vtable_offset($slot),
            false,
        )
    };

    (@get $table:expr, $slot:expr, $Wire:ty, $default:expr) => {
        // SAFETY: a view exists only over bytes that passed the verifier, which checked this field's type.
        unsafe { $table.get::<$Wire>(crate::table::vtable_offset($slot), $default) }
    };
    (@read $table:expr, $slot:literal, scalar($T:ty = $default:expr)) => {
        tables!(@get $table, $slot, $T, Some($default)).unwrap_or($default)
    };
    (@read $table:expr, $slot:literal, code($Code:ident, $T:ty = $default:expr)) => {
        $Code(tables!(@get $table, $slot, $T, Some($default)).unwrap_or($default))
    };
    (@read $table:expr, $slot:literal, bytes()) => {
        tables!(@get $table, $slot, flatbuffers::ForwardsUOffset<flatbuffers::Vector<'a, u8>>, None)
            .map(|vector| vector.bytes())
            .unwrap_or_default()
    };
    (@read $table:expr, $slot:literal, union($U:ty, $Ref:ident)) => {{
        let tag = tables!(@get $table, $slot - 1, u8, Some(0)).unwrap_or(0);
        $Ref::read(tag, $table, $slot)
    }};
    (@read $table:expr, $slot:literal, text()) => {
        tables!(@get $table, $slot, flatbuffers::ForwardsUOffset<&'a str>, None)
    };
    (@read $table:expr, $slot:literal, table($T:ty, $Ref:ident)) => {
        tables!(@get $table, $slot, flatbuffers::ForwardsUOffset<$Ref<'a>>, None)
    };
    (@read $table:expr, $slot:literal, $kind:ident($($arg:tt)*)) => {
        tables!(
            @get $table, $slot,
            flatbuffers::ForwardsUOffset<tables!(@view 'a $kind($($arg)*))>, None
        )
        .unwrap_or_default()
    };

    (@copy $value:expr, scalar($T:ty = $default:expr)) => { $value };
    (@copy $value:expr, code($Code:ident, $T:ty = $default:expr)) => { $value };
    (@copy $value:expr, text()) => { $value.map(str::to_owned) };
    (@copy $value:expr, bytes()) => { $value.to_vec() };
    (@copy $value:expr, list($T:ty)) => { $value.iter().collect() };
    (@copy $value:expr, required_list($T:ty)) => { $value.iter().collect() };
    (@copy $value:expr, texts()) => { $value.iter().map(str::to_owned).collect() };
    (@copy $value:expr, table($T:ty, $Ref:ident)) => { $value.map(|table| table.to_owned()) };
    (@copy $value:expr, tables($T:ty, $Ref:ident)) => {
        $value.iter().map(|table| table.to_owned()).collect()
    };
    (@copy $value:expr, union($U:ty, $Ref:ident)) => { $value.to_owned() };

    (@prepare $builder:ident, $value:expr, scalar($T:ty = $default:expr)) => { $value };
    (@prepare $builder:ident, $value:expr, code($Code:ident, $T:ty = $default:expr)) => { $value.0 };
    (@prepare $builder:ident, $value:expr, text()) => {
        $value.as_deref().map(|text| $builder.create_string(text).value())
    };
    (@prepare $builder:ident, $value:expr, bytes()) => { crate::table::pack_bytes($builder, &$value) };
    (@prepare $builder:ident, $value:expr, list($T:ty)) => {
        (!$value.is_empty()).then(|| $builder.create_vector(&$value).value())
    };
    (@prepare $builder:ident, $value:expr, required_list($T:ty)) => {
        Some($builder.create_vector(&$value).value())
    };
    (@prepare $builder:ident, $value:expr, texts()) => { crate::table::pack_texts($builder, &$value) };
    (@prepare $builder:ident, $value:expr, table($T:ty, $Ref:ident)) => {
        $value.as_ref().map(|table| crate::table::Pack::pack(table, $builder).value())
    };
    (@prepare $builder:ident, $value:expr, tables($T:ty, $Ref:ident)) => {
        crate::table::pack_tables($builder, &$value)
    };
    (@prepare $builder:ident, $value:expr, union($U:ty, $Ref:ident)) => { $value.pack($builder) };

    (@write $builder:ident, $slot:literal, $value:ident, scalar($T:ty = $default:expr)) => {
        $builder.push_slot::<$T>(crate::table::vtable_offset($slot), $value, $default)
    };
    (@write $builder:ident, $slot:literal, $value:ident, code($Code:ident, $T:ty = $default:expr)) => {
        $builder.push_slot::<$T>(crate::table::vtable_offset($slot), $value, $default)
    };
    (@write $builder:ident, $slot:literal, $value:ident, union($U:ty, $Ref:ident)) => {
        if let Some((tag, value)) = $value {
            $builder.push_slot_always::<u8>(crate::table::vtable_offset($slot - 1), tag);
            $builder.push_slot_always(crate::table::vtable_offset($slot), value);
        }
    };
    (@write $builder:ident, $slot:literal, $value:ident, $kind:ident($($arg:tt)*)) => {
        if let Some(offset) = $value {
            $builder.push_slot_always(
                crate::table::vtable_offset($slot),
                flatbuffers::WIPOffset::<flatbuffers::ForwardsUOffset<()>>::new(offset),
            );
        }
    };
}

macro_rules! unions {
    ($( $(#[$meta:meta])* union $Name:ident, $Ref:ident {
        $( $(#[$variant_meta:meta])* $tag:literal $Variant:ident($VariantRef:ident), )*
    } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub enum $Name {
            /// No value.
            #[default]
            None,
            $( $(#[$variant_meta])* $Variant($Variant), )*
            /// A member this version does not know, or one without a value; only the tag is kept, and it is not written back.
            Unknown(u8),
        }

        impl $Name {
            pub(crate) fn pack(
                &self,
                builder: &mut flatbuffers::FlatBufferBuilder<'_>,
            ) -> Option<(u8, crate::table::TableOffset)> {
                match self {
                    Self::None | Self::Unknown(_) => None,
                    $( Self::$Variant(value) => Some(($tag, crate::table::Pack::pack(value, builder))), )*
                }
            }

            /// The member's name in the schema, `NONE` without a value.
            pub fn name(&self) -> &'static str {
                match self {
                    Self::None => "NONE",
                    $( Self::$Variant(_) | Self::Unknown($tag) => stringify!($Variant), )*
                    Self::Unknown(_) => "UNKNOWN",
                }
            }
        }

        #[doc = concat!("Borrowed view of a verified [`", stringify!($Name), "`].")]
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum $Ref<'a> {
            /// No value.
            None,
            $( $(#[$variant_meta])* $Variant($VariantRef<'a>), )*
            /// A member this version does not know, or one without a value.
            Unknown(u8),
        }

        impl<'a> $Ref<'a> {
            fn verify(
                tag: u8,
                verifier: &mut flatbuffers::Verifier<'_, '_>,
                position: usize,
            ) -> Result<(), flatbuffers::InvalidFlatbuffer> {
                match tag {
                    $( $tag => verifier.verify_union_variant::<flatbuffers::ForwardsUOffset<$VariantRef<'_>>>(
                        stringify!($Variant),
                        position,
                    ), )*
                    _ => Ok(()),
                }
            }

            /// Follows the value's offset for known members only: the verifier looks at no other.
            fn read(tag: u8, table: flatbuffers::Table<'a>, slot: u16) -> Self {
                match tag {
                    0 => Self::None,
                    $( $tag => tables!(
                        @get table, slot, flatbuffers::ForwardsUOffset<$VariantRef<'a>>, None
                    )
                    .map_or(Self::Unknown(tag), Self::$Variant), )*
                    _ => Self::Unknown(tag),
                }
            }

            /// Copies the member and all below it.
            pub fn to_owned(&self) -> $Name {
                match self {
                    Self::None => $Name::None,
                    $( Self::$Variant(value) => $Name::$Variant(value.to_owned()), )*
                    Self::Unknown(tag) => $Name::Unknown(*tag),
                }
            }
        }
    )* };
}

macro_rules! enumerations {
    ($( $(#[$meta:meta])* enum $Name:ident: $T:ty { $( $Variant:ident = $value:literal, )* } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $Name(pub $T);

        #[allow(missing_docs, reason = "the names are the schema's own")]
        impl $Name {
            $( pub const $Variant: Self = Self($value); )*
        }

        impl $Name {
            /// The value's name in the schema, `None` for one this version does not know.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $value => Some(stringify!($Variant)), )*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => formatter.write_str(name),
                    None => write!(formatter, "{}_{}", stringify!($Name), self.0),
                }
            }
        }
    )* };
}

pub(crate) use {enumerations, tables, unions};
