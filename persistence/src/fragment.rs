//! Conditions written as SQL with bound values: reach, keyset pages, text search. Text of SQL is only ever a literal;
//! whatever comes from outside is bound. The differences between the two databases are here, too.

use std::fmt::Write as _;

use chrono::{DateTime, TimeZone, Utc};
use diesel::{
    backend::Backend,
    expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate},
    query_builder::{AstPass, QueryFragment, QueryId},
    result::QueryResult,
    serialize::ToSql,
    sql_types::{BigInt, Bool, HasSqlType, Text},
};
use kartoteka_domain::{
    access::{Owners, RecordType},
    id::{UserId, WorkspaceId},
    list::{Archived, PageRequest, Sort},
    text,
};
use uuid::Uuid;

use crate::{
    db::{At, Guid, Instant, Uid},
    store::StoreError,
};

#[derive(Debug, Clone)]
enum Piece {
    Sql(&'static str),
    Guid(Uid),
    Instant(At),
    Text(String),
    Int(i64),
}

/// A boolean condition.
#[derive(Debug, Clone, Default)]
pub struct Fragment(Vec<Piece>);

impl Fragment {
    pub fn sql(mut self, sql: &'static str) -> Self {
        self.0.push(Piece::Sql(sql));
        self
    }
    /// Another condition's words, as they are.
    pub fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
    pub fn guid(mut self, value: Uuid) -> Self {
        self.0.push(Piece::Guid(Uid(value)));
        self
    }
    pub fn instant(mut self, value: At) -> Self {
        self.0.push(Piece::Instant(value));
        self
    }
    pub fn text(mut self, value: impl Into<String>) -> Self {
        self.0.push(Piece::Text(value.into()));
        self
    }
    fn key(mut self, key: Key) -> Self {
        self.0.push(match key {
            Key::Instant(at) => Piece::Instant(At(at)),
            Key::Text(text) => Piece::Text(text),
            Key::Int(number) => Piece::Int(number),
        });
        self
    }
    /// `(?, ?, …)`; an empty list matches nothing. Filled up to a power of two with the last value, so that lists of many lengths share few
    /// prepared statements.
    fn list(mut self, mut values: Vec<Piece>) -> Self {
        if let Some(last) = values.last().cloned() {
            values.resize(values.len().next_power_of_two(), last);
        } else {
            values.push(Piece::Sql("NULL"));
        }
        let mut glue = "(";
        for value in values {
            self = self.sql(glue);
            self.0.push(value);
            glue = ", ";
        }
        self.sql(")")
    }
    /// `(?, ?, …)` of texts.
    pub fn texts(self, values: impl IntoIterator<Item = String>) -> Self {
        self.list(values.into_iter().map(Piece::Text).collect())
    }
    /// `(?, ?, …)` of moments.
    pub fn instants(self, values: impl IntoIterator<Item = DateTime<Utc>>) -> Self {
        self.list(values.into_iter().map(|value| Piece::Instant(At(value))).collect())
    }
    /// `(?, ?, …)` of ids.
    pub fn guids(self, values: impl IntoIterator<Item = Uuid>) -> Self {
        self.list(values.into_iter().map(|value| Piece::Guid(Uid(value))).collect())
    }
}

/// `column IN (…)` of ids. Unlike `eq_any` its statement is kept prepared.
pub fn one_of(column: &'static str, ids: impl IntoIterator<Item = Uuid>) -> Fragment {
    Fragment::default().sql(column).sql(" IN ").guids(ids)
}

/// `column IN (…)` of texts.
pub fn one_text_of(column: &'static str, texts: impl IntoIterator<Item = String>) -> Fragment {
    Fragment::default().sql(column).sql(" IN ").texts(texts)
}

impl QueryId for Fragment {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}
impl Expression for Fragment {
    type SqlType = Bool;
}
impl<QS: ?Sized> AppearsOnTable<QS> for Fragment {}
impl<QS: ?Sized> SelectableExpression<QS> for Fragment {}
impl<GB> ValidGrouping<GB> for Fragment {
    type IsAggregate = is_aggregate::Never;
}
impl<DB> QueryFragment<DB> for Fragment
where
    DB: Backend + HasSqlType<Guid> + HasSqlType<Instant> + HasSqlType<Text> + HasSqlType<BigInt>,
    Uid: ToSql<Guid, DB>,
    At: ToSql<Instant, DB>,
    String: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(");
        for piece in &self.0 {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Guid(value) => out.push_bind_param::<Guid, _>(value)?,
                Piece::Instant(value) => out.push_bind_param::<Instant, _>(value)?,
                Piece::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Piece::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

fn ids(users: &[UserId]) -> impl Iterator<Item = Uuid> + '_ {
    users.iter().map(|user| user.uuid())
}

/// Which rows of a type are seen; `None` when all are.
///
/// own = responsible, or further responsible; communications, notes and submissions follow their card; tasks show when
/// they or their card do; leads without a responsible person show to roles that see the unassigned.
pub fn visible(record: RecordType, owners: &Owners, cards: &Owners, unassigned: bool) -> Option<Fragment> {
    let users = match owners {
        Owners::All => return None,
        Owners::None => return Some(Fragment::default().sql("1 = 0")),
        Owners::Of(users) => users,
    };
    let new = Fragment::default();
    // each asked of the one row, by its key: a list of all one's cards would be gone through for every row
    let card = |f: Fragment, column: &'static str| {
        match cards {
        Owners::All => f.sql(column).sql(" IS NOT NULL"),
        Owners::None => f.sql("1 = 0"),
        Owners::Of(cards) => f
            .sql("EXISTS (SELECT 1 FROM contact c WHERE c.workspace_id = ")
            .sql(workspace_column(column))
            .sql(" AND c.id = ")
            .sql(column)
            .sql(" AND (c.owner_id IN ")
            .guids(ids(cards))
            .sql(" OR EXISTS (SELECT 1 FROM contact_responsible r WHERE r.workspace_id = c.workspace_id AND r.contact_id = c.id AND r.user_id IN ")
            .guids(ids(cards))
            .sql(")))"),
    }
    };
    Some(match record {
        RecordType::Contact => new
            .sql("contact.owner_id IN ")
            .guids(ids(users))
            .sql(" OR EXISTS (SELECT 1 FROM contact_responsible r WHERE r.workspace_id = contact.workspace_id AND r.contact_id = contact.id AND r.user_id IN ")
            .guids(ids(users))
            .sql(")"),
        RecordType::Company => new
            .sql("company.owner_id IN ")
            .guids(ids(users))
            .sql(" OR EXISTS (SELECT 1 FROM contact c WHERE c.workspace_id = company.workspace_id AND c.company_id = company.id AND c.owner_id IN ")
            .guids(ids(users))
            .sql(")"),
        RecordType::Lead => {
            let lead = new.sql("lead.owner_id IN ").guids(ids(users)).sql(" OR ");
            let lead = card(lead, "lead.contact_id");
            if unassigned { lead.sql(" OR lead.owner_id IS NULL") } else { lead }
        }
        RecordType::Deal => {
            let deal = card(new.sql("deal.owner_id IN ").guids(ids(users)).sql(" OR "), "deal.contact_id");
            if unassigned { deal.sql(" OR deal.owner_id IS NULL") } else { deal }
        }
        RecordType::Task => card(new.sql("task.owner_id IN ").guids(ids(users)).sql(" OR "), "task.contact_id"),
        RecordType::Communication => {
            card(new.sql("communication.owner_id IN ").guids(ids(users)).sql(" OR "), "communication.contact_id")
        }
        RecordType::Note => {
            let note = card(new, "note.contact_id")
                .sql(" OR EXISTS (SELECT 1 FROM lead l WHERE l.workspace_id = note.workspace_id AND l.id = note.lead_id AND l.owner_id IN ")
                .guids(ids(users))
                .sql(") OR EXISTS (SELECT 1 FROM task t WHERE t.workspace_id = note.workspace_id AND t.id = note.task_id AND t.owner_id IN ")
                .guids(ids(users))
                .sql(") OR EXISTS (SELECT 1 FROM deal d WHERE d.workspace_id = note.workspace_id AND d.id = note.deal_id AND d.owner_id IN ")
                .guids(ids(users))
                .sql(") OR EXISTS (SELECT 1 FROM company o WHERE o.workspace_id = note.workspace_id AND o.id = note.company_id AND (o.owner_id IN ")
                .guids(ids(users))
                .sql(" OR EXISTS (SELECT 1 FROM contact c WHERE c.workspace_id = o.workspace_id AND c.company_id = o.id AND c.owner_id IN ");
            note.guids(ids(users)).sql(")))")
        }
        _ => new.sql("1 = 0"),
    })
}

/// The workspace column beside a card column.
fn workspace_column(column: &'static str) -> &'static str {
    match column {
        "lead.contact_id" => "lead.workspace_id",
        "deal.contact_id" => "deal.workspace_id",
        "task.contact_id" => "task.workspace_id",
        "note.contact_id" => "note.workspace_id",
        _ => "communication.workspace_id",
    }
}

/// A condition for every word of `q`: each must be contained in the folded search text, in any order.
/// A run of digits, however punctuated, is looked for as digits.
pub fn search(columns: &'static [&'static str], q: &str) -> Option<Fragment> {
    let columns: Vec<_> = columns.iter().map(|column| (Fragment::default().sql(column), "")).collect();
    search_in(&columns, q)
}

/// The same where a column is reached by more words: what comes before the comparison and after it.
pub fn search_in(columns: &[(Fragment, &'static str)], q: &str) -> Option<Fragment> {
    let folded = text::fold(q);
    let mut words: Vec<String> = Vec::new();
    let compact: String = folded.chars().filter(|c| !c.is_whitespace()).collect();
    if is_phone_like(&compact) {
        let digits = kartoteka_domain::phone::digits(&compact);
        // a national 8… or 0… is written +7… or +380… in the index: the rest of the number is what is common
        words.push(if digits.len() >= 10 { digits.chars().skip(digits.len() - 10).collect() } else { digits });
    } else {
        words.extend(folded.split(' ').filter(|w| !w.is_empty()).take(10).map(ToOwned::to_owned));
    }
    if words.is_empty() || columns.is_empty() {
        // nothing is left of it to look for, or nowhere to look: nobody has it
        return (!q.trim().is_empty()).then(|| Fragment::default().sql("1 = 0"));
    }
    let mut fragment = Fragment::default();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            fragment = fragment.sql(" AND ");
        }
        fragment = fragment.sql("(");
        for (number, (column, end)) in columns.iter().enumerate() {
            if number > 0 {
                fragment = fragment.sql(" OR ");
            }
            fragment = fragment.then(column.clone()).sql(" LIKE ").text(pattern(word)).sql(" ESCAPE '\\'").sql(end);
        }
        fragment = fragment.sql(")");
    }
    Some(fragment)
}

/// The same by names alone, for those who see no contact data: a word with a digit or `@` finds nothing. `column` is a sort
/// key, which is made letter by letter.
pub fn search_names(column: &'static str, q: &str) -> Option<Fragment> {
    let words: Vec<&str> = q.split_whitespace().take(10).collect();
    if words.is_empty() {
        return None;
    }
    let mut fragment = Fragment::default();
    for (index, word) in words.into_iter().enumerate() {
        if word.contains(|c: char| c.is_numeric() || c == '@') {
            return Some(Fragment::default().sql("1 = 0"));
        }
        fragment = fragment
            .sql(if index > 0 { " AND " } else { "" })
            .sql(column)
            .sql(" LIKE ")
            .text(pattern(&text::sort_word(word)))
            .sql(" ESCAPE '\\'");
    }
    Some(fragment)
}

fn is_phone_like(compact: &str) -> bool {
    let digits = compact.chars().filter(char::is_ascii_digit).count();
    digits >= 3 && compact.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '(' | ')' | '.' | '/'))
}

fn pattern(word: &str) -> String {
    let mut pattern = String::with_capacity(word.len() + 2);
    pattern.push('%');
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// A value a page is ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    Instant(DateTime<Utc>),
    Text(String),
    Int(i64),
}

impl From<At> for Key {
    fn from(at: At) -> Self {
        Self::Instant(at.0)
    }
}
impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Key {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Sorts where there is nothing to sort by: after everything. Page keys are never NULL.
pub fn far_future() -> DateTime<Utc> {
    Utc.timestamp_opt(253_402_214_400, 0).single().unwrap_or_default()
}

/// Microseconds since 1970 that both databases can compare with: the years 1 to 9999.
const SANE_MICROS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// A place in a list, opaque outside: order, key, id.
pub fn write_cursor(sort: &str, key: &Key, id: Uuid) -> String {
    let key = match key {
        Key::Instant(at) => format!("t{}", at.timestamp_micros()),
        Key::Text(text) => format!("s{text}"),
        Key::Int(number) => format!("n{number}"),
    };
    let plain = format!("{sort}\n{}\n{key}", id.simple());
    plain.bytes().fold(String::with_capacity(plain.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The place a cursor names; a cursor of another order, or no cursor at all, is an error of the caller.
pub fn read_cursor(sort: &str, cursor: &str) -> Result<(Key, Uuid), StoreError> {
    let bad = || StoreError::BadCursor;
    let bytes: Option<Vec<u8>> =
        (0..cursor.len()).step_by(2).map(|at| cursor.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect();
    let plain = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)?;
    let mut parts = plain.splitn(3, '\n');
    if parts.next() != Some(sort) {
        return Err(bad());
    }
    let id = parts.next().and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(bad)?;
    let key = parts.next().ok_or_else(bad)?;
    let key = match (key.get(..1), key.get(1..)) {
        (Some("t"), Some(micros)) => Key::Instant(
            micros.parse().ok().filter(|m| SANE_MICROS.contains(m)).and_then(|m| Utc.timestamp_micros(m).single()).ok_or_else(bad)?,
        ),
        (Some("s"), Some(text)) if !text.contains('\0') => Key::Text(text.to_owned()),
        (Some("n"), Some(number)) => Key::Int(number.parse().map_err(|_| bad())?),
        _ => return Err(bad()),
    };
    Ok((key, id))
}

/// Where a page begins and its order, for one table.
pub struct Keyset {
    pub order: String,
    pub after: Option<Fragment>,
}

/// The rows after a key, as a row comparison, which both databases answer from the index.
fn after(columns: &'static str, descending: bool, key: Key, id: Uuid) -> Fragment {
    let comparison = if descending { ") < (" } else { ") > (" };
    Fragment::default().sql("(").sql(columns).sql(comparison).key(key).sql(", ").guid(id).sql(")")
}

/// The keyset of a list: `columns` are `table.column, table.id` of the chosen sort.
pub fn keyset<S: Sort>(request: &PageRequest<S>, columns: &'static str) -> Result<Keyset, StoreError> {
    let sort = request.sort;
    let direction = if sort.descending() { " DESC" } else { " ASC" };
    let order = columns.split(", ").map(|column| format!("{column}{direction}")).collect::<Vec<_>>().join(", ");
    let after = match &request.cursor {
        None => None,
        Some(cursor) => {
            let (key, id) = read_cursor(sort.name(), cursor)?;
            let fits = match sort.column() {
                "sort_key" | "board_key" | "expected_key" => matches!(key, Key::Text(_)),
                "position" => matches!(key, Key::Int(_)),
                _ => matches!(key, Key::Instant(_)),
            };
            if !fits {
                return Err(StoreError::BadCursor);
            }
            Some(after(columns, sort.descending(), key, id))
        }
    };
    Ok(Keyset { order, after })
}

/// Newest-first pages of one timeline source.
pub fn before(columns: &'static str, at: DateTime<Utc>, id: Uuid) -> Fragment {
    after(columns, true, Key::Instant(at), id)
}

/// The same from the place itself on.
pub fn not_after(columns: &'static str, at: DateTime<Utc>, id: Uuid) -> Fragment {
    Fragment::default().sql("(").sql(columns).sql(") <= (").key(Key::Instant(at)).sql(", ").guid(id).sql(")")
}

/// A column that contains a text as it is written.
pub fn contains(column: &'static str, text: &str) -> Fragment {
    Fragment::default().sql(column).sql(" LIKE ").text(pattern(text)).sql(" ESCAPE '\\'")
}

/// Records with any of these tags; `owner` is the tagging's column, `id` the record's.
pub fn tagged(id: &'static str, owner: &'static str, workspace: WorkspaceId, names: &[String]) -> Fragment {
    Fragment::default()
        .sql(id)
        .sql(" IN (SELECT ")
        .sql(owner)
        .sql(" FROM tagging t JOIN catalogue_entry e ON e.workspace_id = t.workspace_id AND e.id = t.tag_id WHERE t.workspace_id = ")
        .guid(workspace.uuid())
        .sql(" AND e.name_key IN ")
        .texts(names.iter().map(|name| kartoteka_domain::catalogue::name_key(name)))
        .sql(")")
}

/// The condition of `archived=`.
pub fn archived(choice: Archived, column: &'static str) -> Option<Fragment> {
    match choice {
        Archived::Exclude => Some(Fragment::default().sql(column).sql(" IS NULL")),
        Archived::Only => Some(Fragment::default().sql(column).sql(" IS NOT NULL")),
        Archived::Include => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_only_in_its_order() {
        let id = Uuid::from_u128(42);
        for key in [Key::Instant(far_future()), Key::Text("ахматова".into()), Key::Int(-3)] {
            let cursor = write_cursor("-updated_at", &key, id);
            assert_eq!(read_cursor("-updated_at", &cursor).unwrap(), (key, id));
            assert!(read_cursor("updated_at", &cursor).is_err());
        }
        for bad in ["", "zz", "абв", "00", "7", "2d757064617465645f61740a"] {
            assert!(read_cursor("-updated_at", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn signs_of_the_pattern_language_are_literal() {
        assert_eq!(pattern("50%_\\"), "%50\\%\\_\\\\%");
    }
}
