//! Board: a pipeline at a glance, and the manual order of the cards in its columns.

use fractional_index::FractionalIndex;
use serde::Serialize;
use utoipa::ToSchema;

use super::Deal;
use crate::{
    id::{ContactId, PipelineId, UserId},
    list::AnyOf,
    money::Money,
    pipeline::Stage,
};

params! {
    /// Which deals a board shows.
    pub struct BoardParams {
        /// Responsible users.
        owner_id: AnyOf<UserId>,
        /// Clients.
        contact_id: AnyOf<ContactId>,
        /// Deals won or lost before this are left out; thirty days ago when absent. Open ones are always there.
        closed_after: crate::list::Moment,
        /// How many cards of each stage are answered, 1 to 200; 50 when absent.
        limit: crate::list::Limit,
    }
}

/// One column of a board.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BoardStage {
    /// The stage.
    #[schema(required = true)]
    pub stage: Stage,
    /// How many deals there are in it.
    #[schema(required = true)]
    pub count: i64,
    /// What they come to, per currency.
    #[schema(required = true)]
    pub sums: Vec<Money>,
    /// The first cards, in their manual order.
    #[schema(required = true)]
    pub deals: Vec<Deal>,
    /// Where the list of deals by `stage_id` and `sort=board` goes on; null when these are all.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// A pipeline at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Board {
    /// The pipeline.
    #[schema(required = true)]
    pub pipeline_id: PipelineId,
    /// Its columns, in the order of the stages.
    #[schema(required = true)]
    pub stages: Vec<BoardStage>,
}

/// A key between two others in a manual order; keys compare letter by letter. A key that is none counts as absent, and when the two stand the
/// wrong way round the place is right below the upper one.
pub fn between(above: Option<&str>, below: Option<&str>) -> String {
    let index = |key: Option<&str>| key.and_then(|key| FractionalIndex::from_string(key).ok());
    let (above, below) = (index(above), index(below));
    let place = FractionalIndex::new(above.as_ref(), below.as_ref());
    place.or_else(|| FractionalIndex::new(above.as_ref(), None)).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_place_has_room(places in proptest::collection::vec(0_usize..40, 1..200)) {
            let mut keys: Vec<String> = Vec::new();
            for place in places {
                let at = place.min(keys.len());
                let above = at.checked_sub(1).and_then(|i| keys.get(i));
                let key = between(above.map(String::as_str), keys.get(at).map(String::as_str));
                keys.insert(at, key);
                prop_assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
            }
        }
    }
}
