//! What somebody who leaves has not finished, as far as the asker sees it.

use diesel::prelude::*;
use kartoteka_domain::{
    access::RecordType,
    id::UserId,
    user::{OpenWork, OpenWorkShelf},
};

use crate::{
    db::Uid,
    schema::{company, contact, lead, task},
    store::{Reading, StoreError},
};

/// How many of each are named.
const FIRST: i64 = 20;

macro_rules! shelf {
    ($tx:expr, $table:ident, $record:expr, $user:expr, [$($status:literal),*], by $order:ident) => {{
        let build = || {
            let query = seen!($tx, $table, $record)
                .filter($table::owner_id.eq(Uid::from($user)))
                .filter($table::archived_at.is_null());
            $(let query = shelf!(@status query, $table, $status);)*
            query
        };
        let (all, some) = (build(), build());
        let count = all.count().get_result($tx.db().0)?;
        let first: Vec<Uid> = some.select($table::id).order(($table::$order, $table::id)).limit(FIRST).load($tx.db().0)?;
        OpenWorkShelf { count, first: first.into_iter().map(|id| id.0).collect() }
    }};
    (@status $query:ident, $table:ident, $status:literal) => {
        $query.filter($table::status.ne($status))
    };
}

/// Open tasks, leads, contacts and companies of a person.
pub fn of(tx: &mut dyn Reading, user: UserId) -> Result<OpenWork, StoreError> {
    Ok(OpenWork {
        user_id: user,
        tasks: shelf!(tx, task, RecordType::Task, user, ["done", "cancelled"], by due_key),
        leads: shelf!(tx, lead, RecordType::Lead, user, ["qualified", "rejected"], by received_at),
        contacts: shelf!(tx, contact, RecordType::Contact, user, [], by sort_key),
        companies: shelf!(tx, company, RecordType::Company, user, [], by sort_key),
    })
}
