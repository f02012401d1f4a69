//! Recordings that are kept here: what they are, and their bytes, piece by piece.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    id::CommunicationId,
    recording::{KeptRecording, RecordingId},
};

use crate::{
    db::{At, Uid},
    schema::{recording, recording_piece},
    store::{Reading, StoreError, WriteTx},
};

part! {
    RecordingRow in recording {
        workspace_id: Uid, id: Uid, communication_id: Uid, media_type: String, size_bytes: i64, sha256: String, created_at: At,
    }
}
part! { PieceRow in recording_piece { workspace_id: Uid, id: Uid, recording_id: Uid, number: i64, bytes: Vec<u8> } }

const WITH_ITS_COMMUNICATION: &str = "told by the change of the communication";

/// Keeps the bytes of a communication's recording, each piece but the last one of [`PIECE_BYTES`](kartoteka_domain::recording::PIECE_BYTES); one that there was must be gone.
pub fn keep(
    tx: &mut WriteTx<'_>,
    of: CommunicationId,
    kept: &KeptRecording,
    pieces: impl Iterator<Item = std::io::Result<Vec<u8>>>,
) -> Result<(), StoreError> {
    let workspace = Uid::from(tx.workspace());
    let recorded = tx.unaudited(WITH_ITS_COMMUNICATION);
    let row = RecordingRow {
        workspace_id: workspace,
        id: kept.id.into(),
        communication_id: of.into(),
        media_type: kept.media_type.word().to_owned(),
        size_bytes: kept.size_bytes,
        sha256: kept.sha256.clone(),
        created_at: At(kept.created_at),
    };
    row.insert(tx.db().0, &recorded)?;
    for (number, bytes) in (0..).zip(pieces) {
        let bytes = bytes.map_err(|error| StoreError::Internal(format!("an upload cannot be read again: {error}")))?;
        let row = PieceRow { workspace_id: workspace, id: Uid(tx.fresh_id()), recording_id: kept.id.into(), number, bytes };
        row.insert(tx.db().0, &recorded)?;
    }
    Ok(())
}

/// Deletes a recording for good.
pub fn remove(tx: &mut WriteTx<'_>, id: RecordingId) -> Result<(), StoreError> {
    let workspace = tx.workspace();
    let recorded = tx.unaudited(WITH_ITS_COMMUNICATION);
    delete_parts!(tx.db().0, &recorded, recording_piece, workspace, recording_id = id)?;
    delete_parts!(tx.db().0, &recorded, recording, workspace, id = id)?;
    Ok(())
}

/// The communication a recording is of, whosever it is: for who brings a pass.
pub fn communication_of(tx: &mut dyn Reading, id: RecordingId) -> Result<Option<CommunicationId>, StoreError> {
    let found: Option<Uid> =
        all!(tx, recording).filter(recording::id.eq(Uid::from(id))).select(recording::communication_id).first(tx.db().0).optional()?;
    Ok(found.map(|id| CommunicationId::new(id.0)))
}

/// One piece of a recording: the bytes from `number` times [`PIECE_BYTES`](kartoteka_domain::recording::PIECE_BYTES) on. `None` behind its end, or once it is gone.
pub fn piece(tx: &mut dyn Reading, id: RecordingId, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(all!(tx, recording_piece)
        .filter(recording_piece::recording_id.eq(Uid::from(id)))
        .filter(recording_piece::number.eq(number))
        .select(recording_piece::bytes)
        .first(tx.db().0)
        .optional()?)
}

/// The oldest recordings from before a moment, in the order of their communications.
pub fn kept_since_before(
    tx: &mut dyn Reading,
    before: DateTime<Utc>,
    most: i64,
) -> Result<Vec<(CommunicationId, RecordingId)>, StoreError> {
    let found: Vec<(Uid, Uid)> = all!(tx, recording)
        .filter(recording::created_at.lt(At(before)))
        .order((recording::created_at, recording::id))
        .limit(most)
        .select((recording::communication_id, recording::id))
        .load(tx.db().0)?;
    let mut found: Vec<_> = found.into_iter().map(|(of, id)| (CommunicationId::new(of.0), RecordingId::new(id.0))).collect();
    found.sort_unstable();
    Ok(found)
}
