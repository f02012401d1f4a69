//! What a notification says of a record, read as the person who is told would read it.

use chrono::{DateTime, Utc};
use kartoteka_domain::{
    access::{RecordType, Verb},
    communication::Communication,
    contact::Contact,
    deal::{Deal, DealOutcome},
    id::{ContactId, Id},
    lead::{Lead, LeadStatus},
    notification::NotificationKind as Kind,
    task::{Task, TaskStatus},
    zone,
};
use kartoteka_persistence::{ReadTx, Reading, Stored, WriteTx, pipeline};
use uuid::Uuid;

use super::{Facts, Reader};
use crate::{conceal, problem::Result};

/// A time as clocks show it in a zone.
pub fn shown(at: DateTime<Utc>, time_zone: &str) -> String {
    let (date, minute) = zone::local(at, time_zone);
    format!("{} {:02}:{:02}", date.format("%d.%m.%Y"), minute / 60, minute % 60)
}

/// The facts with those of a record; `None` when the person may not see it.
pub fn seen(tx: &mut WriteTx<'_>, reader: &Reader, record: RecordType, id: Uuid, facts: Facts) -> Result<Option<Facts>> {
    let Ok(scope) = reader.actor.authorize(record, Verb::Read) else { return Ok(None) };
    let tx = &mut tx.as_seen_by(scope)?;
    let at = |at: Option<DateTime<Utc>>| at.map(|at| shown(at, reader.zone())).unwrap_or_default();
    Ok(match record {
        RecordType::Lead => match own::<Lead>(tx, id)? {
            Some(lead) => Some(Facts { comment: lead.comment.unwrap_or_default(), ..of_client(tx, Some(lead.contact_id), facts)? }),
            None => None,
        },
        RecordType::Task => match own::<Task>(tx, id)? {
            Some(task) => Some(Facts { subject: task.title, at: at(task.due_at), ..of_client(tx, task.contact_id, facts)? }),
            None => None,
        },
        RecordType::Deal => match own::<Deal>(tx, id)? {
            Some(deal) => {
                let stages = pipeline::find_many(tx, &[deal.pipeline_id.uuid()])?.into_iter().flat_map(|pipeline| pipeline.stages);
                let stage = stages.filter(|stage| stage.id == deal.stage_id).map(|stage| stage.name).next().unwrap_or_default();
                let amount = deal.amount.as_ref().map(|money| amount(money.amount, &money.currency)).unwrap_or_default();
                let client = deal.contact_id();
                let comment = deal.lost_comment.unwrap_or_default();
                Some(Facts { subject: deal.name, at: at(deal.stage_due_at), stage, amount, comment, ..of_client(tx, client, facts)? })
            }
            None => None,
        },
        RecordType::Communication => match own::<Communication>(tx, id)? {
            Some(call) => Some(Facts { at: at(Some(call.occurred_at)), ..of_client(tx, Some(call.contact_id), facts)? }),
            None => None,
        },
        _ => Some(facts),
    })
}

/// Whether there is still reason to tell of it: a task that is done reminds of nothing.
pub fn is_still_so(tx: &mut WriteTx<'_>, kind: Kind, id: Uuid) -> Result<bool> {
    Ok(match kind {
        Kind::TaskAssigned | Kind::TaskReminder | Kind::TaskOverdue => {
            Task::find(tx, id)?.is_some_and(|task| task.status == TaskStatus::Open && task.archived_at.is_none())
        }
        Kind::LeadUntouched => Lead::find(tx, id)?.is_some_and(|lead| lead.status == LeadStatus::New && lead.archived_at.is_none()),
        Kind::LeadReceived => Lead::find(tx, id)?.is_some_and(|lead| lead.archived_at.is_none()),
        Kind::StageLimit => Deal::find(tx, id)?.is_some_and(|deal| deal.outcome == DealOutcome::Open && deal.archived_at.is_none()),
        _ => true,
    })
}

fn own<T: Stored + serde::de::DeserializeOwned>(tx: &mut ReadTx<'_>, id: Uuid) -> Result<Option<T>> {
    let found = T::find(tx, id)?;
    found.map(|record| conceal::seen(tx.scope().actor(), &record)).transpose()
}

fn of_client(tx: &mut ReadTx<'_>, client: Option<ContactId>, facts: Facts) -> Result<Facts> {
    let Some(client) = client.map(Id::uuid) else { return Ok(facts) };
    let Some(contact) = own::<Contact>(tx, client)? else { return Ok(facts) };
    let phone = contact.phones.first().map(|phone| phone.value.clone()).unwrap_or_default();
    Ok(Facts { client: contact.display_name, phone, ..facts })
}

/// Whole minor units in the currency's own way of writing.
fn amount(minor: i64, currency: &str) -> String {
    let digits = kartoteka_domain::money::exponent(currency).min(6);
    let unit = 10_i64.pow(digits);
    if digits == 0 {
        return format!("{minor} {currency}");
    }
    format!("{}.{:0width$} {currency}", minor / unit, minor % unit, width = usize::try_from(digits).unwrap_or(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times_are_written_for_people() {
        assert_eq!(amount(150_005, "RUB"), "1500.05 RUB");
        assert_eq!(amount(150, "JPY"), "150 JPY");
        assert_eq!(shown("2026-11-22T21:30:00Z".parse().unwrap(), "Europe/Kyiv"), "22.11.2026 23:30");
    }
}
