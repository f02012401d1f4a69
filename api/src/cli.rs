//! The command line.

use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use kartoteka_domain::workspace::NewWorkspace;
use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use crate::credential::Vault;
use crate::{
    app::{self, App},
    audit, clock,
    config::{Given, LogFormat, Settings},
    credential, demo,
    problem::{Locale, Problem},
    setup::{Plan, install},
    spec,
};

/// A headless CRM that keeps your client base.
#[derive(Parser)]
#[command(name = "kartoteka", version, about)]
struct Cli {
    #[command(flatten)]
    given: Given,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default)
    Serve,
    /// Bring the database's schema up to date
    Migrate,
    /// Make a workspace and its administrator
    Init(Init),
    /// Fill a demo workspace and print ready curl lines
    Demo {
        /// Print one JSON object instead
        #[arg(long)]
        json: bool,
    },
    /// Print a link by which a user sets a new password
    PasswordLink {
        /// The user's e-mail
        #[arg(long)]
        email: String,
    },
    /// Prove the audit complete
    #[command(subcommand)]
    Audit(Audit),
    /// Print the OpenAPI document
    Openapi {
        /// As YAML instead of JSON
        #[arg(long)]
        yaml: bool,
    },
    /// Print the settings in force, secrets hidden
    Config,
    /// Serve one bare answer without database, rights or middleware: the yardstick of the benches
    #[command(hide = true)]
    Hello,
}

#[derive(Subcommand)]
enum Audit {
    /// Walk along the chain of audit events; status 1 when a link is broken
    Verify {
        /// Only this workspace, by its slug
        #[arg(long)]
        workspace: Option<String>,
        /// A head exported earlier, SEQUENCE:HASH: finds a cut end, too
        #[arg(long, requires = "workspace")]
        expect: Option<String>,
    },
}

#[derive(Args)]
struct Init {
    /// Name of the business
    #[arg(long, env = "KARTOTEKA_INIT_WORKSPACE")]
    workspace: Option<String>,
    /// The administrator's e-mail
    #[arg(long, env = "KARTOTEKA_INIT_EMAIL")]
    email: Option<String>,
    /// The administrator's name
    #[arg(long, env = "KARTOTEKA_INIT_NAME")]
    name: Option<String>,
    /// The administrator's password
    #[arg(long, env = "KARTOTEKA_INIT_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// A file with the administrator's password
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// Default country of phones and tax ids, ISO 3166 alpha-2
    #[arg(long, env = "KARTOTEKA_INIT_COUNTRY")]
    country: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command; what went wrong is one line on standard error.
pub fn run() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("kartoteka: {message}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> Result<(), String> {
    if let Some(Command::Openapi { yaml }) = &cli.command {
        let document = app::openapi();
        let text = if *yaml { spec::to_yaml(&document) } else { format!("{document:#}\n") };
        return io::stdout().write_all(text.as_bytes()).map_err(|e| e.to_string());
    }
    let settings = cli.given.settle()?;
    start_log(&settings);
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(settings),
        Command::Migrate => {
            let applied = migrate(&settings)?;
            println!("{}", if applied.is_empty() { "nothing to do".to_owned() } else { applied.join("\n") });
            Ok(())
        }
        Command::Init(init) => initialise(&settings, init),
        Command::Demo { json } => {
            migrate(&settings)?;
            let store = app::open_store(&settings)?;
            let vault = Vault::new(&settings.installation_secret()?).map_err(|_| "secret_key: cannot be used".to_owned())?;
            let vault = std::sync::Arc::new(vault);
            let filled = demo::fill(&store, vault).map_err(|problem| told(&problem))?;
            if json {
                println!("{filled}");
            } else {
                print!("{}", demo::lines(&filled, &settings.public_url));
            }
            Ok(())
        }
        Command::PasswordLink { email } => password_link(&settings, &email),
        Command::Audit(Audit::Verify { workspace, expect }) => verify_audit(&settings, workspace, expect.as_deref()),
        Command::Openapi { .. } => Ok(()),
        Command::Hello => {
            let listener = std::net::TcpListener::bind(settings.listen).map_err(|e| e.to_string())?;
            actix_web::rt::System::new().block_on(app::hello(listener)).map_err(|error| format!("listen: {error}"))
        }
        Command::Config => {
            println!("{:#}", settings.shown());
            Ok(())
        }
    }
}

fn told(problem: &Problem) -> String {
    let document = problem.document(Locale::En, "-");
    let mut text = document.get("title").and_then(|t| t.as_str()).unwrap_or_default().to_owned();
    for error in document.get("errors").and_then(|e| e.as_array()).into_iter().flatten() {
        let part = |name: &str| error.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        text.push_str(&format!("; {}: {}", part("pointer").trim_start_matches('/'), part("message")));
    }
    text
}

fn start_log(settings: &Settings) {
    let filter = EnvFilter::new(format!("{0},actix_server=warn,actix_http=warn,mio=warn", settings.log));
    // a log that cannot be written, on a full disk perhaps, must not end the thread that has something to tell
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false).log_internal_errors(false);
    let outcome = match settings.log_format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Pretty => builder.try_init(),
    };
    if let Err(error) = outcome {
        eprintln!("kartoteka: the log cannot be started: {error}");
    }
}

fn migrate(settings: &Settings) -> Result<Vec<String>, String> {
    if let Some(path) = settings.database_url.expose_secret().strip_prefix("sqlite:")
        && let Some(folder) = std::path::Path::new(path).parent()
        && folder == settings.data_dir
    {
        fs::create_dir_all(folder).map_err(|e| format!("database_url: cannot make {}: {e}", folder.display()))?;
    }
    kartoteka_persistence::migrate::run(settings.database_url.expose_secret()).map_err(|error| format!("database_url: {error}"))
}

fn serve(mut settings: Settings) -> Result<(), String> {
    migrate(&settings)?;
    kartoteka_domain::phone::warm();
    let listener = std::net::TcpListener::bind(settings.listen).map_err(|error| format!("listen: {error}"))?;
    settings.listens_on(listener.local_addr().map_err(|error| format!("listen: {error}"))?);
    let base = settings.public_url.clone();
    actix_web::rt::System::new().block_on(async move {
        let app = tokio::task::spawn_blocking(move || App::open(settings)).await.map_err(|e| e.to_string())??;
        let store = app.store.clone();
        let empty =
            tokio::task::spawn_blocking(move || kartoteka_persistence::workspace::is_empty_now(&store)).await.map_err(|e| e.to_string())?;
        let empty = empty.map_err(|e| e.to_string())?;
        app::serve(app, listener, move |address| {
            println!("listening on http://{address}");
            drop(io::stdout().flush());
            eprintln!("API reference: {base}/docs/");
            if empty {
                eprintln!("No workspace yet. Next: `kartoteka init` makes yours, `kartoteka demo` fills one to try.");
            }
        })
        .await
        .map_err(|error| format!("listen: {error}"))
    })
}

/// A value by flag or environment, else asked for on a terminal.
fn ask(given: Option<String>, question: &str, flag: &str) -> Result<String, String> {
    if let Some(value) = given {
        return Ok(value);
    }
    if !io::stdin().is_terminal() {
        return Err(format!("--{flag} is needed"));
    }
    eprint!("{question}: ");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).map_err(|e| e.to_string())?;
    Ok(line.trim().to_owned())
}

fn initialise(settings: &Settings, init: Init) -> Result<(), String> {
    let workspace = ask(init.workspace, "Name of the business", "workspace")?;
    let email = ask(init.email, "Administrator's e-mail", "email")?;
    let password = match init.password_file {
        Some(path) => fs::read_to_string(&path)
            .map_err(|e| format!("--password-file: {}: {e}", path.display()))?
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
        None => ask(init.password, "Administrator's password (at least 10 characters)", "password")?,
    };
    migrate(settings)?;
    let store = app::open_store(settings)?;
    let plan = Plan {
        workspace: NewWorkspace { name: Some(workspace), country: init.country, ..NewWorkspace::default() },
        name: init.name.unwrap_or_else(|| email.split('@').next().unwrap_or("Administrator").to_owned()),
        email,
        password,
    };
    let installed = install(&store, &plan).map_err(|problem| told(&problem))?;
    if init.json {
        println!(
            "{}",
            serde_json::json!({"workspace": installed.workspace.slug, "workspace_id": installed.workspace.id, "user_id": installed.administrator.id, "email": installed.administrator.email})
        );
    } else {
        println!("Workspace {} is ready; {} signs in with the password given.", installed.workspace.slug, installed.administrator.email);
    }
    Ok(())
}

fn verify_audit(settings: &Settings, workspace: Option<String>, expect: Option<&str>) -> Result<(), String> {
    let expected = match expect {
        None => None,
        Some(text) => Some(audit::read_head(text).ok_or("--expect: SEQUENCE:HASH is wanted, as `head` is told")?),
    };
    let store = app::open_store(settings)?;
    let verifying = audit::verify_offline(&store, workspace, expected);
    let (lines, sound) = actix_web::rt::System::new().block_on(verifying).map_err(|problem| told(&problem))?;
    println!("{}", lines.join("\n"));
    if sound { Ok(()) } else { Err("the audit does not hold".to_owned()) }
}

fn password_link(settings: &Settings, email: &str) -> Result<(), String> {
    use kartoteka_domain::id::UserId;
    use kartoteka_persistence::workspace::{DoorKind, doors};
    let store = app::open_store(settings)?;
    let hash =
        credential::digest(&kartoteka_domain::email::parse(email).map_err(|_| format!("«{email}» is not an e-mail address"))?.normalised);
    let behind = actix_web::rt::System::new().block_on(doors(&store, DoorKind::SignIn, hash)).map_err(|e| e.to_string())?;
    if behind.is_empty() {
        return Err("nobody signs in with this e-mail".to_owned());
    }
    for door in behind {
        let link = store
            .write_now(credential::lookup_scope(door.workspace), clock::own_circumstances(), move |tx| {
                crate::user::make_link(tx, UserId::new(door.target))
            })
            .map_err(|problem| told(&problem))?;
        println!(
            "{} (valid until {}): send it with the new password to POST {}/v1/auth/password-reset/confirm",
            link.token, link.expires_at, settings.public_url
        );
    }
    Ok(())
}
