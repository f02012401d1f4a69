//! The one client through which the server asks anything of the outside. It follows no redirect, knows no proxy, reads little of an answer, and connects to
//! checked addresses only: a name is resolved once, everything it leads to is held against the networks, and what was checked is what is connected to.

use std::{
    error::Error,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use ipnet::IpNet;
use kartoteka_domain::outside::{self, Unfit};
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

/// How much of an answer is read.
const EXCERPT: usize = 2_000;

/// How long the body of an answer may take after its head.
const BODY: Duration = Duration::from_secs(2);

type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
type LookUp = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// Resolves names and refuses those that lead where nothing is asked.
struct Guard {
    allowed: Arc<[IpNet]>,
    look_up: LookUp,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (allowed, look_up) = (Arc::clone(&self.allowed), Arc::clone(&self.look_up));
        Box::pin(async move {
            let found = look_up(name.as_str().to_owned()).await?;
            // one address that is not to be asked spoils the name: whoever answers so means no good
            if found.is_empty() || !found.iter().all(|address| outside::may_connect(address.ip(), &allowed)) {
                return Err(Box::new(io::Error::new(io::ErrorKind::PermissionDenied, PRIVATE)) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

const PRIVATE: &str = "the address leads into a network that is not public";

/// What came of a question.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The status, where there was an answer.
    pub status: Option<u16>,
    /// Its `Retry-After`.
    pub retry_after: Option<String>,
    /// Why there was none.
    pub error: Option<String>,
    /// The beginning of its body.
    pub excerpt: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// The guarded client.
pub struct Outside {
    allowed: Arc<[IpNet]>,
    timeout: Duration,
    look_up: LookUp,
    client: OnceLock<Result<Client, String>>,
}

impl Outside {
    /// With networks that are allowed beside the public internet.
    pub fn new(allowed: &[IpNet], timeout: Duration) -> Self {
        let look_up: LookUp = Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }));
        Self { allowed: allowed.into(), timeout, look_up, client: OnceLock::new() }
    }

    /// The networks that are allowed beside the public internet.
    pub fn allowed(&self) -> &[IpNet] {
        &self.allowed
    }

    /// Made at the first question: a machine without certificates serves all the same.
    fn client(&self) -> Result<&Client, String> {
        let make = || {
            Client::builder()
                .no_proxy()
                .redirect(Policy::none())
                .referer(false)
                .timeout(self.timeout)
                .connect_timeout(self.timeout.min(Duration::from_secs(5)))
                .pool_max_idle_per_host(8)
                .pool_idle_timeout(Duration::from_secs(30))
                .dns_resolver(Guard { allowed: Arc::clone(&self.allowed), look_up: Arc::clone(&self.look_up) })
                .user_agent(concat!("Kartoteka/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|error| format!("no client: {error}"))
        };
        self.client.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// Posts JSON.
    pub async fn post(&self, url: &str, headers: &[(&str, String)], body: String) -> Asked {
        let began = Instant::now();
        let mut asked = self.ask(url, headers, body).await.unwrap_or_else(|error| Asked { error: Some(error), ..Asked::default() });
        asked.took = began.elapsed();
        asked
    }

    async fn ask(&self, url: &str, headers: &[(&str, String)], body: String) -> Result<Asked, String> {
        // an address in place of a name is never resolved: it is checked here
        let url = outside::read(url, &self.allowed).map_err(|unfit| match unfit {
            Unfit::Malformed => "not an address to ask".to_owned(),
            Unfit::Private => PRIVATE.to_owned(),
        })?;
        let mut request = self.client()?.post(url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(|error| self.reason(error))?;
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let excerpt = excerpt(answer).await;
        Ok(Asked { status: Some(status), retry_after, error: None, excerpt, took: Duration::ZERO })
    }

    fn reason(&self, error: reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no answer within {} s", self.timeout.as_secs());
        }
        // the address may hold a secret of the receiver's
        let error = error.without_url();
        let mut cause: &dyn Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        printable(&cause.to_string(), 300)
    }
}

/// The beginning of a body: however long it is, or however slowly it comes.
async fn excerpt(mut answer: Response) -> Option<String> {
    let mut read: Vec<u8> = Vec::new();
    let reading = async {
        while read.len() < EXCERPT {
            let Ok(Some(piece)) = answer.chunk().await else { return };
            read.extend_from_slice(piece.get(..piece.len().min(EXCERPT)).unwrap_or_default());
        }
    };
    // what was read until then is enough
    drop(tokio::time::timeout(BODY, reading).await);
    (!read.is_empty()).then(|| printable(&String::from_utf8_lossy(&read), EXCERPT))
}

fn printable(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).take(most).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{IpAddr, Ipv4Addr, TcpListener},
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Counts who comes.
    fn canary() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&came);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
            }
        });
        (port, came)
    }

    fn resolving_to(answers: Vec<Vec<IpAddr>>) -> (Outside, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let look_up: LookUp = Arc::new(move |_| {
            let turn = count.fetch_add(1, Ordering::SeqCst);
            let addresses = answers.get(turn.min(answers.len() - 1)).cloned().unwrap_or_default();
            Box::pin(async move { Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()) })
        });
        (Outside { look_up, ..Outside::new(&[], Duration::from_millis(700)) }, asked)
    }

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[actix_web::test]
    async fn a_name_that_leads_home_is_not_asked_however_it_turns() {
        let (port, came) = canary();
        let url = format!("http://rebind.example:{port}/");
        // at once, beside a public address, mapped, and after having been public when somebody looked
        for answers in [
            vec![vec![HERE]],
            vec![vec!["93.184.216.34".parse().unwrap(), HERE]],
            vec![vec!["::ffff:127.0.0.1".parse().unwrap()]],
            vec![vec![]],
        ] {
            let (outside, _) = resolving_to(answers);
            let asked = outside.post(&url, &[], "{}".into()).await;
            assert!(asked.status.is_none() && asked.error.as_deref() == Some(PRIVATE), "{asked:?}");
        }
        let (outside, looked) = resolving_to(vec![vec![PUBLIC], vec![HERE]]);
        for _ in 0..3 {
            assert_eq!(outside.post(&url, &[], "{}".into()).await.status, None);
        }
        assert!(looked.load(Ordering::SeqCst) >= 1);
        assert_eq!(came.load(Ordering::SeqCst), 0);
    }

    #[actix_web::test]
    async fn what_is_allowed_by_name_is_asked() {
        let (port, came) = canary();
        let outside = Outside::new(&["127.0.0.0/8".parse().unwrap()], Duration::from_secs(5));
        let asked = outside.post(&format!("http://127.0.0.1:{port}/x"), &[("webhook-id", "msg_1".into())], "{}".into()).await;
        assert_eq!((asked.status, asked.excerpt.as_deref()), (Some(200), Some("hi")), "{asked:?}");
        assert_eq!(came.load(Ordering::SeqCst), 1);
    }
}
