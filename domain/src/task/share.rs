//! Which part of open tasks is overdue: per kind, per person, per department. Up to 0.05 is healthy.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::overdue_share;
use crate::{
    id::{DepartmentId, UserId},
    user::User,
};

/// At most so many kinds, people and departments are told, those with most overdue.
pub const MOST: usize = 200;

/// Open tasks of one kind of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Whose.
    pub owner: UserId,
    /// Of which kind.
    pub kind: String,
    /// How many are open.
    pub open: i64,
    /// How many of them are overdue.
    pub overdue: i64,
}

macro_rules! shares {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident : $ty:ty),* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
        pub struct $name {
            $($(#[$field_meta])* #[schema(required = true)] pub $field: $ty,)*
            /// How many tasks are open.
            #[schema(required = true)]
            pub open: i64,
            /// How many of them are overdue.
            #[schema(required = true)]
            pub overdue: i64,
            /// Which part that is, 0 to 1.
            #[schema(required = true)]
            pub overdue_share: Option<f64>,
        }
    )*};
}

shares! {
    /// Open tasks of one kind.
    KindShare {
        /// The kind.
        kind: String
    }
    /// Open tasks of one person.
    PersonShare {
        /// Whose.
        user_id: UserId,
        /// The name.
        name: String,
        /// The department; null for none.
        department_id: Option<DepartmentId>
    }
    /// Open tasks of the people of one department, without those of the departments below it.
    DepartmentShare {
        /// The department; null: of people without one.
        department_id: Option<DepartmentId>
    }
}

/// Which part of the open tasks is overdue, of the people whose figures are seen; those with most overdue first, at most 200 of each.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct OverdueShares {
    /// Per kind of task.
    #[schema(required = true)]
    pub by_kind: Vec<KindShare>,
    /// Per person.
    #[schema(required = true)]
    pub by_person: Vec<PersonShare>,
    /// Per department.
    #[schema(required = true)]
    pub by_department: Vec<DepartmentShare>,
}

fn summed<K: Ord>(tallies: impl Iterator<Item = (K, i64, i64)>) -> Vec<(K, i64, i64)> {
    let mut sums: BTreeMap<K, (i64, i64)> = BTreeMap::new();
    for (key, open, overdue) in tallies {
        let sum = sums.entry(key).or_default();
        *sum = (sum.0 + open, sum.1 + overdue);
    }
    let mut all: Vec<_> = sums.into_iter().map(|(key, (open, overdue))| (key, open, overdue)).collect();
    all.sort_by_key(|(_, open, overdue)| (-overdue, -open));
    all.truncate(MOST);
    all
}

/// Tallies as shares; `people` are those the tallies name.
pub fn shares(tallies: &[Tally], people: &[User]) -> OverdueShares {
    let people: BTreeMap<UserId, &User> = people.iter().map(|person| (person.id, person)).collect();
    let department = |owner: UserId| people.get(&owner).and_then(|person| person.department_id);
    OverdueShares {
        by_kind: summed(tallies.iter().map(|t| (t.kind.clone(), t.open, t.overdue)))
            .into_iter()
            .map(|(kind, open, overdue)| KindShare { kind, open, overdue, overdue_share: overdue_share(overdue, open) })
            .collect(),
        by_person: summed(tallies.iter().map(|t| (t.owner, t.open, t.overdue)))
            .into_iter()
            .map(|(user_id, open, overdue)| PersonShare {
                user_id,
                name: people.get(&user_id).map(|person| person.name.clone()).unwrap_or_default(),
                department_id: department(user_id),
                open,
                overdue,
                overdue_share: overdue_share(overdue, open),
            })
            .collect(),
        by_department: summed(tallies.iter().map(|t| (department(t.owner), t.open, t.overdue)))
            .into_iter()
            .map(|(department_id, open, overdue)| DepartmentShare {
                department_id,
                open,
                overdue,
                overdue_share: overdue_share(overdue, open),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn kinds_people_and_departments_count_the_same_tasks(tallies in proptest::collection::vec((0_u128..9, 0_u8..5, 0_i64..50, 0_i64..50), 0..60)) {
            let tallies: Vec<Tally> = tallies
                .into_iter()
                .map(|(owner, kind, overdue, more)| Tally { owner: UserId::new(Uuid::from_u128(owner)), kind: kind.to_string(), open: overdue + more, overdue })
                .collect();
            let (open, overdue) = tallies.iter().fold((0, 0), |sum, t| (sum.0 + t.open, sum.1 + t.overdue));
            let told = shares(&tallies, &[]);
            let sums = |counts: Vec<(i64, i64)>| counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            prop_assert_eq!(sums(told.by_kind.iter().map(|s| (s.open, s.overdue)).collect()), (open, overdue));
            prop_assert_eq!(sums(told.by_person.iter().map(|s| (s.open, s.overdue)).collect()), (open, overdue));
            prop_assert_eq!(sums(told.by_department.iter().map(|s| (s.open, s.overdue)).collect()), (open, overdue));
            prop_assert!(told.by_person.windows(2).all(|pair| pair[0].overdue >= pair[1].overdue));
        }
    }
}
