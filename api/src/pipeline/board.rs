//! The board of a pipeline.

use kartoteka_domain::{
    access::RecordType,
    deal::board::{Board, BoardParams},
    pipeline::Pipeline,
};
use kartoteka_persistence::{Reading, deal::board};

use crate::{
    answer::{Answer, Plain},
    can::{Can, ReadDeals},
    clock, record,
    request::{At, Params},
};

/// Get a pipeline's board
///
/// Per stage the count, the sum per currency and the first cards in their manual order, in one answer. Deals that were won or lost long ago are
/// left out.
#[utoipa::path(get, path = "/v1/pipelines/{id}/board", tag = "pipelines")]
pub async fn get_board(can: Can<ReadDeals>, at: At<Pipeline>, params: Params<BoardParams>) -> Answer<Plain<Board>> {
    let now = clock::now();
    can.read(move |tx| {
        let pipeline: Pipeline = record::get(tx, at.0)?;
        let since = params.closed_after.map_or(now - chrono::Duration::days(30), |moment| moment.0);
        let mut board = board::of(tx, &pipeline, &params, since)?;
        // who does not see the amounts does not see what they come to
        if tx.scope().actor().role().fields.touches(RecordType::Deal, &["amount", "line_items"]) {
            board.stages.iter_mut().for_each(|stage| stage.sums.clear());
        }
        Ok(Plain(board))
    })
    .await
}
