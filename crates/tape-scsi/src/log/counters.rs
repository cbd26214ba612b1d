//! A page that is a list of numbers, as a structure with a field for each that is of use here.

/// Declares such a page: its struct, `read(&LogPage)` and `page(&self)`.
///
/// `/// doc  field: parameter code, width in bytes when written;`
macro_rules! counters {
    (
        $(#[$of:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $field:ident: $code:literal, $width:literal; )+ }
    ) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $name { $( $(#[$doc])* pub $field: Option<u64>, )+ }

        impl $name {
            /// Reads what the page has of it.
            pub fn read(page: &$crate::log::LogPage) -> $name {
                $name { $( $field: page.number($code), )+ }
            }

            /// Writes what is known to a page with this code, as a device does.
            pub fn page(&self, code: u8) -> $crate::log::LogPage {
                let mut page = $crate::log::LogPage::new(code);
                $( if let Some(number) = self.$field { page.push_number($code, number, $width); } )+
                page
            }
        }

        #[cfg(test)]
        mod every_field {
            use super::*;
            use $crate::log::{LogPage, testing::any_page};

            #[test]
            fn comes_back_from_its_own_parameter() {
                let mut number = 0;
                let page = $name { $( $field: { number += 1; Some(number) }, )+ };
                let bytes = page.page(0x3e).encode();
                assert_eq!($name::read(&LogPage::decode(&bytes).unwrap()), page);
                assert_eq!($name::read(&LogPage::new(0x3e)), $name::default());
            }

            /// What is left of a number that was written with `width` bytes: those that do not fit have all bits set, which
            /// in more than one byte means that they are not known.
            fn known(number: Option<u64>, width: usize) -> Option<u64> {
                let most = u64::MAX >> (64 - 8 * width);
                let number = number?.min(most);
                (width == 1 || number != most).then_some(number)
            }

            proptest::proptest! {
                #[test]
                fn is_read_from_any_page(page in any_page(0x3e)) {
                    let read = $name::read(&page);
                    let known = $name { $( $field: known(read.$field, $width), )+ };
                    proptest::prop_assert_eq!($name::read(&read.page(0x3e)), known);
                }
            }
        }
    };
}

pub(super) use counters;
