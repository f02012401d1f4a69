//! The list of what may come of communications.

use diesel::prelude::*;
use kartoteka_domain::{
    communication::outcome::{CommunicationOutcome, ListCommunicationOutcomes, topic_key},
    event::Event,
    id::WorkspaceId,
    list::Page,
    text,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    db::{Doc, Uid},
    entity::{Entity, Stored, pack, revive},
    fragment::{self, Fragment},
    schema::communication_outcome,
    store::{Reading, StoreError, WriteTx},
};

row! {
    OutcomeRow in communication_outcome {
        name_key: String, sort_key: String, position: i64, channels: String, topic_key: Option<String>, profile: Doc,
    }
}
keyed!(OutcomeRow { position, sort_key, created_at });

const ELSEWHERE: &[&str] = &["position"];

fn row(workspace: WorkspaceId, o: &CommunicationOutcome) -> Result<OutcomeRow, StoreError> {
    let channels = o.channels.iter().map(|channel| format!("{channel},")).collect::<String>();
    Ok(stamped! { OutcomeRow of o, in workspace.into();
    name_key: text::fold(&o.name),
    sort_key: text::sort_key(&o.name),
    position: o.position,
    channels: if channels.is_empty() { channels } else { format!(",{channels}") },
    topic_key: o.topic.as_deref().map(topic_key),
    profile: pack(o, ELSEWHERE)?, })
}

fn record(row: OutcomeRow) -> Result<CommunicationOutcome, StoreError> {
    let (columns, envelope) = ([("position", json!(row.position))], row.envelope());
    revive(row.profile, envelope, columns)
}

impl Stored for CommunicationOutcome {
    type Params = ListCommunicationOutcomes;

    fn find(tx: &mut dyn Reading, id: Uuid) -> Result<Option<Self>, StoreError> {
        let row: Option<OutcomeRow> =
            all!(tx, communication_outcome).filter(communication_outcome::id.eq(Uid::from(id))).first(tx.db().0).optional()?;
        row.map(record).transpose()
    }

    fn list(tx: &mut dyn Reading, params: &ListCommunicationOutcomes) -> Result<Page<Self>, StoreError> {
        let request = kartoteka_domain::list::ListParameters::page(params);
        let build = || {
            let mut query = all!(tx, communication_outcome);
            if let Some(archived) = fragment::archived(request.archived, "communication_outcome.archived_at") {
                query = query.filter(archived);
            }
            if let Some(found) = params.q.as_deref().and_then(|q| fragment::search(&["communication_outcome.name_key"], q)) {
                query = query.filter(found);
            }
            if let Some(channel) = params.channel {
                let through = Fragment::default().sql("communication_outcome.channels = '' OR communication_outcome.channels LIKE ");
                query = query.filter(through.text(format!("%,{channel},%")));
            }
            if let Some(topic) = &params.topic {
                let of = Fragment::default().sql("communication_outcome.topic_key IS NULL OR communication_outcome.topic_key = ");
                query = query.filter(of.text(topic_key(topic)));
            }
            query
        };
        let mut rows = page!(tx, OutcomeRow, communication_outcome, request, ["position", "sort_key", "created_at"], build);
        let records = rows.take().into_iter().map(record).collect::<Result<_, _>>()?;
        Ok(rows.into_page(records))
    }

    fn insert(tx: &mut WriteTx<'_>, new: &Self, event: Event) -> Result<(), StoreError> {
        let recorded = tx.record(event)?;
        row(tx.workspace(), new)?.insert(tx.db().0, &recorded)?;
        Ok(())
    }

    fn update(tx: &mut WriteTx<'_>, before: &Self, after: &Self, event: Event) -> Result<(), StoreError> {
        replace!(tx, row(tx.workspace(), after)?, before.version, event);
        Ok(())
    }
}
