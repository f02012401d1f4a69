//! Everybody who asks, and the records they ask about: of one's own, of a colleague in the same department, of somebody
//! in another one, and what belongs to nobody.

use std::collections::BTreeMap;

use kartoteka_tests::{Caller, Value, Workspace, app, eventually, json, spec::Operation, workspace};

use super::{Ids, NOBODY, merged, user};
use crate::{api_key, tenancy::one_of_each};

/// Whose record is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// The asker's.
    Own,
    /// A colleague's of the same department.
    Department,
    /// Somebody's of another department.
    Stranger,
    /// Nobody's: there is no such record.
    Nobody,
}

/// Somebody who asks everything.
pub struct Asker {
    /// For the report.
    pub name: String,
    /// Who sends.
    pub caller: Caller,
    /// Role.
    pub role: &'static str,
    /// Whether it is an API key.
    pub is_key: bool,
    /// Whether it comes from another workspace.
    pub is_stranger: bool,
    /// The code it is refused with, when its credential is none.
    pub no_credential: Option<&'static str>,
    own: Ids,
}

/// A workspace with two departments and records of everybody.
pub struct Office {
    workspace: Workspace,
    departments: [String; 2],
    colleague: Caller,
    elsewhere: Caller,
    shared: Ids,
    others: BTreeMap<Whose, Ids>,
    form_key: String,
}

const ROLES: [&str; 6] = ["administrator", "head", "manager", "operator", "marketer", "analyst"];

/// One record of each type somebody can be responsible for.
fn records(admin: &Caller, owner: &str) -> Ids {
    let owned = |body: Value| if owner.is_empty() { body } else { merged(body, &user(owner)) };
    let mut ids = Ids::new();
    let mut make = |path: &str, body: Value| {
        let id = admin.post(path, body).created().id();
        ids.insert(path.to_owned(), id.clone());
        id
    };
    make("/v1/companies", owned(json!({"name": format!("Фирма {}", workspace::unique())})));
    let contact = make("/v1/contacts", owned(json!({"last_name": format!("Клиент {}", workspace::unique())})));
    make("/v1/leads", owned(json!({"contact_id": contact})));
    make("/v1/deals", owned(json!({"name": "Сделка", "contacts": [{"contact_id": contact}]})));
    make("/v1/tasks", owned(json!({"title": "Дело", "contact_id": contact})));
    make("/v1/communications", owned(json!({"channel": "call", "direction": "inbound", "contact_id": contact})));
    make("/v1/notes", json!({"body": "Запись", "contact_id": contact}));
    if !owner.is_empty() {
        // of nothing: what is somebody's stays his
        let nothing = admin.post("/v1/contacts", json!({"last_name": "Ничей"})).created().id();
        let of = json!({"from_user_id": owner, "to_user_id": admin.user_id, "record_types": ["lead"], "contact_ids": [nothing]});
        make("/v1/hand-overs", of);
    }
    ids
}

impl Office {
    /// Opens it.
    pub fn open() -> Self {
        let workspace = app().workspace();
        let admin = workspace.administrator();
        let departments = ["Север", "Юг"].map(|name| admin.post("/v1/departments", json!({"name": name})).created().id());
        let of = |place: usize| workspace.somebody("manager", json!({"department_id": departments[place]}));
        let (colleague, elsewhere) = (of(0), of(1));
        let others = BTreeMap::from([
            (Whose::Department, with_session(records(&admin, &colleague.user_id), &colleague)),
            (Whose::Stranger, with_session(records(&admin, &elsewhere.user_id), &elsewhere)),
        ]);
        let shared = one_of_each(&workspace);
        let form_key = workspace.form(json!({}))["key"].as_str().expect("the key of a form").to_owned();
        Self { workspace, departments, colleague, elsewhere, shared, others, form_key }
    }

    /// Everybody.
    pub fn askers(&self) -> Vec<Asker> {
        let admin = self.workspace.administrator();
        let mut all: Vec<Asker> = ROLES
            .map(|role| {
                let caller = self.workspace.somebody(role, json!({"department_id": self.departments[0]}));
                // the session that is ended is not the one that asks
                let spare = workspace::sign_in(app(), &caller.email);
                let own = with_session(records(&admin, &caller.user_id), &spare);
                Asker { name: role.to_owned(), caller, role, is_key: false, is_stranger: false, no_credential: None, own }
            })
            .into();
        let key = |role, expires: Value| {
            let issued = admin.post("/v1/api-keys", json!({"name": "key", "role": role, "expires_at": expires})).created();
            (issued.path(), app().anyone().bearer(issued["secret"].as_str().unwrap()))
        };
        // a key is nobody: it hands over for others
        let mut of_key = records(&admin, "");
        of_key.insert("/v1/hand-overs".into(), self.any("/v1/hand-overs").to_owned());
        all.push(Asker {
            name: "integration".into(),
            caller: key("integration", Value::Null).1,
            role: "integration",
            is_key: true,
            is_stranger: false,
            no_credential: None,
            own: with_session(of_key, &self.colleague),
        });
        all.push(Asker {
            name: "another workspace".into(),
            caller: app().workspace().administrator(),
            role: "administrator",
            is_key: false,
            is_stranger: true,
            no_credential: None,
            own: Ids::new(),
        });
        let ended = self.workspace.somebody("administrator", json!({}));
        ended.get("/v1/me").ok();
        ended.post_nothing("/v1/auth/logout").no_content();
        let gone = self.workspace.somebody("administrator", json!({}));
        gone.get("/v1/me").ok();
        admin.patch(&format!("/v1/users/{}", gone.user_id), json!({"active": false})).ok();
        let (archived, revoked) = key("administrator", Value::Null);
        revoked.get("/v1/me").ok();
        admin.delete(&archived).no_content();
        let (_, expired) = key("administrator", json!(api_key::later(2)));
        for (what, caller) in
            [("token of an ended session", &ended), ("dismissed", &gone), ("revoked key", &revoked), ("expired key", &expired)]
        {
            eventually(what, || (caller.get("/v1/me").status == 401).then_some(()));
        }
        let nobody = app().anyone();
        for (name, caller, code) in [
            ("nobody", nobody.clone(), "unauthenticated"),
            ("forged token", nobody.bearer(&format!("{}x", admin.token())), "invalid_token"),
            ("ended session", ended, "invalid_token"),
            ("dismissed", gone, "invalid_token"),
            ("revoked key", revoked, "invalid_token"),
            ("expired key", expired, "invalid_token"),
        ] {
            all.push(Asker {
                name: name.into(),
                caller,
                role: "administrator",
                is_key: false,
                is_stranger: false,
                no_credential: Some(code),
                own: Ids::new(),
            });
        }
        all
    }

    /// The user whose things are asked about.
    pub fn person(&self, asker: &Asker, whose: Whose) -> String {
        let id = match whose {
            Whose::Own if !asker.caller.user_id.is_empty() => &asker.caller.user_id,
            Whose::Own | Whose::Department => &self.colleague.user_id,
            Whose::Stranger => &self.elsewhere.user_id,
            Whose::Nobody => NOBODY,
        };
        id.to_owned()
    }

    /// The records of that relation.
    pub fn ids<'a>(&'a self, asker: &'a Asker, whose: Whose) -> &'a Ids {
        self.others.get(&whose).unwrap_or(&asker.own)
    }

    /// A record of a collection, whoever's.
    pub fn any(&self, collection: &str) -> &str {
        self.others.values().find_map(|ids| ids.get(collection)).map_or(NOBODY, String::as_str)
    }

    /// The address to ask at.
    pub fn path(&self, operation: &Operation, asker: &Asker, whose: Whose) -> String {
        let path = operation.path.replace("{external_id}", &format!("key-{}", workspace::unique())).replace("{form_key}", &self.form_key);
        match path.split_once("/{id}") {
            None => path,
            Some((collection, rest)) => {
                let id = self.ids(asker, whose).get(collection).or_else(|| self.shared.get(collection));
                format!("{collection}/{}{rest}", id.map_or(NOBODY, String::as_str))
            }
        }
    }
}

fn with_session(mut ids: Ids, of: &Caller) -> Ids {
    ids.insert("/v1/me/sessions".into(), of.get("/v1/me/sessions").ok().ids().remove(0));
    ids.insert("/v1/notifications".into(), told(of));
    ids
}

/// Something a person was told: put into the table, since roles that see nothing of anybody are told of little.
fn told(of: &Caller) -> String {
    let database = kartoteka_tests::app().database();
    let number = kartoteka_tests::workspace::unique();
    let id = database.uuid(&format!("01939d5a-0000-7000-8000-{number:012x}"));
    database.sql(&format!(
        "INSERT INTO notification (workspace_id, id, user_id, kind, cause, in_app, profile, created_at)
         SELECT workspace_id, {id}, id, 'digest', 'matrix {number}', true, '{{\"title\": \"x\", \"body\": null}}', created_at FROM member WHERE id = {}",
        database.uuid(&of.user_id)
    ));
    of.get("/v1/notifications").ok().ids().remove(0)
}
