//! The macro that declares bodies: a struct, and how it is written and read, from one list of fields.

/// Declares bodies and parts of them. A field is a member with the name of the field, unless it is marked:
///
/// - `[omitted]`: the member is left out where there is no value;
/// - `[flat]`: the field stands for several members;
/// - `[full]`: the same for a principal, with a null for each member that it does not have.
macro_rules! bodies {
    ($(
        $(#[$about:meta])*
        pub struct $name:ident {
            $($(#[$field_about:meta])* pub $field:ident: $type:ty $([$how:ident])?,)*
        }
    )*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_about])* pub $field: $type,)*
        }

        impl $name {
            pub(super) fn write(&self, out: &mut Members) {
                $(bodies!(write $($how)?, &self.$field, stringify!($field), out);)*
            }

            pub(super) fn read(record: &Object) -> Result<Self, JsonError> {
                Ok($name { $($field: <$type as Member>::read(stringify!($field), record)?,)* })
            }

            pub(super) fn size(&self) -> usize {
                [$(Member::size(&self.$field)),*].into_iter().fold(0, usize::saturating_add)
            }
        }
    )*};
    (write omitted, $field:expr, $key:expr, $out:expr) => {
        if let Some(value) = $field {
            Member::write(value, $key, $out);
        }
    };
    (write full, $field:expr, $key:expr, $out:expr) => { member::write_full($field, $out) };
    (write $(flat)?, $field:expr, $key:expr, $out:expr) => { Member::write($field, $key, $out) };
}

/// A part of a body that is an object of its own.
macro_rules! objects {
    ($($type:ty: $shape:literal;)*) => {$(
        impl Part for $type {
            const SHAPE: &'static str = $shape;

            fn print(&self) -> Canonical {
                let mut members = Members::new();
                self.write(&mut members);
                let members: Vec<_> = members.iter().map(|(key, value)| (*key, value)).collect();
                Canonical::object(&members)
            }

            fn parse(value: &Value) -> Option<Self> {
                <$type>::read(value.as_object()?).ok()
            }

            fn length(&self) -> usize {
                <$type>::size(self)
            }
        }
    )*};
}

pub(super) use bodies;
pub(super) use objects;
