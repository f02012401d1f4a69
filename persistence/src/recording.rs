//! Recordings that are kept here: what they are, and their bytes, piece by piece.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use kartoteka_domain::{
    id::CommunicationId,
    recording::{KeptRecording, PIECE_BYTES, RecordingId, SoundType},
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

/// Keeps the bytes of a communication's recording; one that there was must be gone.
pub fn keep(tx: &mut WriteTx<'_>, of: CommunicationId, kept: &KeptRecording, bytes: &[u8]) -> Result<(), StoreError> {
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
    for (number, piece) in (0..).zip(bytes.chunks(PIECE_BYTES)) {
        let id = Uid(tx.fresh_id());
        let row = PieceRow { workspace_id: workspace, id, recording_id: kept.id.into(), number, bytes: piece.to_vec() };
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

/// A recording, whosever it is: for who brings a pass.
pub fn find(tx: &mut dyn Reading, id: RecordingId) -> Result<Option<KeptRecording>, StoreError> {
    let row: Option<RecordingRow> = all!(tx, recording).filter(recording::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
    row.map(|row| {
        let media_type = SoundType::from_word(&row.media_type).ok_or_else(|| StoreError::Internal("an unknown kind of sound".into()))?;
        Ok(KeptRecording { id, media_type, size_bytes: row.size_bytes, sha256: row.sha256, created_at: row.created_at.0 })
    })
    .transpose()
}

/// One piece of a recording: the bytes from `number` times [`PIECE_BYTES`] on. `None` behind its end, or once it is gone.
pub fn piece(tx: &mut dyn Reading, id: RecordingId, number: i64) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(all!(tx, recording_piece)
        .filter(recording_piece::recording_id.eq(Uid::from(id)))
        .filter(recording_piece::number.eq(number))
        .select(recording_piece::bytes)
        .first(tx.db().0)
        .optional()?)
}

/// The communications of the oldest recordings from before a moment.
pub fn kept_since_before(tx: &mut dyn Reading, before: DateTime<Utc>, most: i64) -> Result<Vec<CommunicationId>, StoreError> {
    let found: Vec<Uid> = all!(tx, recording)
        .filter(recording::created_at.lt(At(before)))
        .order((recording::created_at, recording::id))
        .limit(most)
        .select(recording::communication_id)
        .load(tx.db().0)?;
    Ok(found.into_iter().map(|id| CommunicationId::new(id.0)).collect())
}
