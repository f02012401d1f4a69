//! A fresh workspace: made by the command line as an owner of a server would, filled with people through the API.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::{answer::Answer, app::App, caller::Caller};

/// The password of everybody in the suite.
pub const PASSWORD: &str = "ключ под ковриком 42";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// One tenant of its own.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The server it is on.
    pub app: App,
    /// Its id.
    pub id: String,
    /// Its slug.
    pub slug: String,
    administrator: Caller,
}

/// A number nobody else in this process has.
pub fn unique() -> u32 {
    COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Workspace {
    /// Makes one.
    #[track_caller]
    pub fn fresh(app: App, country: &str) -> Self {
        let number = unique();
        let name = format!("Мастерская {number}");
        let email = format!("admin-{number}-{}@example.com", std::process::id());
        let arguments = ["init", "--workspace", &name, "--email", &email, "--password", PASSWORD, "--country", country, "--json"];
        let printed = app.database().run(&arguments);
        let made: Value = serde_json::from_str(&printed).unwrap_or_else(|e| panic!("init --json printed {printed:?}: {e}"));
        let administrator = sign_in(app, &email);
        let slug = administrator.get("/v1/workspace").ok()["slug"].as_str().unwrap().to_owned();
        Self { app, id: made["workspace_id"].as_str().expect("workspace_id").to_owned(), slug, administrator }
    }
    /// Its administrator, the same each time.
    pub fn administrator(&self) -> Caller {
        self.administrator.clone()
    }
    /// A new manager.
    #[track_caller]
    pub fn manager(&self) -> Caller {
        self.somebody("manager", json!({}))
    }
    /// A new head, without a department.
    #[track_caller]
    pub fn head(&self) -> Caller {
        self.somebody("head", json!({}))
    }
    /// A new operator.
    #[track_caller]
    pub fn operator(&self) -> Caller {
        self.somebody("operator", json!({}))
    }
    /// A new user of a role with further fields, signed in.
    #[track_caller]
    pub fn somebody(&self, role: &str, more: Value) -> Caller {
        let number = unique();
        let email = format!("{role}-{number}-{}@example.com", std::process::id());
        let mut user = json!({"email": email, "name": format!("Сотрудник {number}"), "role": role, "password": PASSWORD});
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.administrator.post("/v1/users", user).created();
        sign_in(self.app, &email)
    }
    /// An integration: somebody with an API key of that role.
    #[track_caller]
    pub fn key(&self, role: &str) -> Caller {
        let issued = self.administrator.post("/v1/api-keys", json!({"name": format!("key {}", unique()), "role": role})).created();
        self.app.anyone().bearer(issued["secret"].as_str().unwrap())
    }
    /// A form with further fields.
    #[track_caller]
    pub fn form(&self, more: Value) -> Answer {
        let mut form = json!({"name": format!("Сайт {}", unique())});
        form.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.administrator.post("/v1/forms", form).created()
    }
}

/// Signs somebody in by e-mail and the suite's password.
#[track_caller]
pub fn sign_in(app: App, email: &str) -> Caller {
    let tokens = app.anyone().post("/v1/auth/token", json!({"email": email, "password": PASSWORD})).ok();
    let mut caller = app.anyone().bearer(tokens["access_token"].as_str().unwrap());
    let me = caller.get("/v1/me").ok();
    me["user"]["id"].as_str().unwrap().clone_into(&mut caller.user_id);
    email.clone_into(&mut caller.email);
    tokens["refresh_token"].as_str().unwrap().clone_into(&mut caller.refresh_token);
    caller
}
