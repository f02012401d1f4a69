//! The handlers every record type has. A room says its names, its rights and its use-cases; what makes a room special
//! is written in the room.

/// `crud! { Type; tag, collection, item, restore path; singular, plural; handlers with rights and use-cases }`.
#[macro_export]
macro_rules! crud {
    ($ty:ty, $new:ty, $params:ty; $tag:tt, $path:tt, $item:tt, $restore_path:tt;
        list $list:ident $list_text:tt, get $get:ident $get_text:tt, read $read:ident $(, expand $expand:ident)?;
        create $create:ident $create_text:tt, right $create_right:ident, by $create_fn:path;
        update $update:ident $update_text:tt, right $update_right:ident, by $update_fn:path;
        archive $archive:ident $archive_text:tt, by $archive_fn:path $(, may $refuse:literal)?;
        restore $restore:ident $restore_text:tt, by $restore_fn:path;) => {
        $crate::crud_read!($ty, $params; $tag, $path, $item; list $list $list_text, get $get $get_text, read $read $(, expand $expand)?);

        #[utoipa::path(post, path = $path, tag = $tag, summary = $create_text, description = "Checks everything, tells every fault at once, answers the full record.")]
        pub async fn $create(can: $crate::can::Can<$crate::can::$create_right>, new: $crate::request::Valid<$new>) -> $crate::answer::Answer<$crate::answer::Created<$ty>> {
            can.write(move |tx| $create_fn(tx, &new.0)).await
        }

        $crate::crud_change!($ty, $new; $tag, $item, $restore_path; update $update $update_text, right $update_right, by $update_fn;
            archive $archive $archive_text, by $archive_fn $(, may $refuse)?; restore $restore $restore_text, by $restore_fn;);
    };
}

/// What archiving answers: nothing, or a refusal of its own.
#[macro_export]
macro_rules! gone {
    () => { $crate::answer::Done };
    ($status:literal) => { $crate::answer::DoneUnless<$status> };
}

/// Update, archive, restore.
#[macro_export]
macro_rules! crud_change {
    ($ty:ty, $new:ty; $tag:tt, $item:tt, $restore_path:tt;
        update $update:ident $update_text:tt, right $update_right:ident, by $update_fn:path;
        archive $archive:ident $archive_text:tt, by $archive_fn:path $(, may $refuse:literal)?;
        restore $restore:ident $restore_text:tt, by $restore_fn:path;) => {
        #[utoipa::path(patch, path = $item, tag = $tag, summary = $update_text, description = "JSON Merge Patch (RFC 7396): absent leaves, null or `clear` clears. A change of nothing writes nothing.")]
        pub async fn $update(can: $crate::can::Can<$crate::can::$update_right>, at: $crate::request::At<$ty>, if_match: $crate::request::IfMatch, patch: $crate::request::Patch<$new>) -> $crate::answer::Answer<$crate::answer::Found<$ty>> {
            can.write(move |tx| $update_fn(tx, at.0, &patch, &if_match)).await
        }

        #[utoipa::path(delete, path = $item, tag = $tag, summary = $archive_text, description = "Archives instead of deleting: it stays readable by id and can be restored.")]
        pub async fn $archive(can: $crate::can::Can<$crate::can::ToDelete<$crate::can::$update_right>>, at: $crate::request::At<$ty>, if_match: $crate::request::IfMatch) -> $crate::answer::Answer<$crate::gone!($($refuse)?)> {
            can.write(move |tx| $archive_fn(tx, at.0, &if_match).map(|_| Default::default())).await
        }

        #[utoipa::path(post, path = $restore_path, tag = $tag, summary = $restore_text, description = "Brings an archived record back.")]
        pub async fn $restore(can: $crate::can::Can<$crate::can::ToDelete<$crate::can::$update_right>>, at: $crate::request::At<$ty>, if_match: $crate::request::IfMatch) -> $crate::answer::Answer<$crate::answer::Found<$ty>> {
            can.write(move |tx| $restore_fn(tx, at.0, &if_match).map($crate::answer::Found)).await
        }
    };
}

/// List and get; with `expand` the related records asked for.
#[macro_export]
macro_rules! crud_read {
    ($ty:ty, $params:ty; $tag:tt, $path:tt, $item:tt; list $list:ident $list_text:tt, get $get:ident $get_text:tt, read $read:ident) => {
        #[utoipa::path(get, path = $path, tag = $tag, summary = $list_text, description = "A page by keyset cursor, with filters and a closed list of orders.")]
        pub async fn $list(can: $crate::can::Can<$crate::can::$read>, params: $crate::request::Params<$params>) -> $crate::answer::Answer<kartoteka_domain::list::Page<$ty>> {
            can.read(move |tx| $crate::record::list::<$ty>(tx, &params)).await
        }

        #[utoipa::path(get, path = $item, tag = $tag, summary = $get_text, description = "One record by id, archived or not.")]
        pub async fn $get(can: $crate::can::Can<$crate::can::$read>, at: $crate::request::At<$ty>) -> $crate::answer::Answer<$crate::answer::Found<$ty>> {
            can.read(move |tx| $crate::record::get::<$ty>(tx, at.0).map($crate::answer::Found)).await
        }
    };
    ($ty:ty, $params:ty; $tag:tt, $path:tt, $item:tt; list $list:ident $list_text:tt, get $get:ident $get_text:tt, read $read:ident, expand $expand:ident) => {
        #[utoipa::path(get, path = $path, tag = $tag, summary = $list_text, description = "A page by keyset cursor, with filters, a closed list of orders and expansions.")]
        pub async fn $list(can: $crate::can::Can<$crate::can::$read>, params: $crate::request::Params<$params>) -> $crate::answer::Answer<kartoteka_domain::list::Page<$ty>> {
            can.read(move |tx| {
                let mut page = $crate::record::list::<$ty>(tx, &params)?;
                $crate::record::$expand(tx, params.expand.as_ref(), &mut page.data)?;
                Ok(page)
            })
            .await
        }

        #[utoipa::path(get, path = $item, tag = $tag, summary = $get_text, description = "One record by id, archived or not, with expansions.")]
        pub async fn $get(can: $crate::can::Can<$crate::can::$read>, at: $crate::request::At<$ty>, params: $crate::request::Params<$crate::record::one::ExpandParams<$ty>>) -> $crate::answer::Answer<$crate::answer::Found<$ty>> {
            can.read(move |tx| {
                let mut record = $crate::record::get::<$ty>(tx, at.0)?;
                $crate::record::$expand(tx, params.expand.as_ref(), std::slice::from_mut(&mut record))?;
                Ok($crate::answer::Found(record))
            })
            .await
        }
    };
}

use kartoteka_domain::record::Made;
use kartoteka_persistence::{Stored, WriteTx};
use uuid::Uuid;

use crate::{
    answer::{Created, Found},
    problem::Result,
    record,
    request::{IfMatch, Patch},
};

/// Creation where the record's own rules are all there is.
pub fn create<T: Made + Stored>(tx: &mut WriteTx<'_>, input: &T::Input) -> Result<Created<T>> {
    record::create(tx, input).map(Created::new)
}

/// Change where the record's own rules are all there is.
pub fn update<T: Made + Stored>(tx: &mut WriteTx<'_>, id: Uuid, patch: &Patch<T::Input>, if_match: &IfMatch) -> Result<Found<T>> {
    record::change(tx, id, patch, if_match, |_, _, _: &mut T| Ok(()))
}
