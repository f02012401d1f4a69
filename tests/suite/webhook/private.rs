//! No way into private networks: a listener on this machine counts who comes, and nobody does.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kartoteka_tests::{App, Caller, Database, Receiver, Reply, Server, eventually, json};

/// Counts who comes, on every interface of this machine, in both families.
struct Canary {
    port: u16,
    came: Arc<AtomicUsize>,
}

impl Canary {
    fn start() -> Self {
        let first = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let came = Arc::new(AtomicUsize::new(0));
        // a machine without IPv6 has nothing to guard there
        let second = TcpListener::bind(("::1", port)).ok();
        for listener in std::iter::once(first).chain(second) {
            let came = Arc::clone(&came);
            std::thread::spawn(move || {
                for _ in listener.incoming() {
                    came.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { port, came }
    }
}

/// Hosts that mean this machine or a network behind it.
const HOSTS: &str = "127.0.0.1 127.1 127.0.1 127.0.0.2 127.255.255.254 2130706433 017700000001 0x7f000001 0x7f.0.0.1 0x7F.0x0.0x0.0x1 0177.0.0.1 0177.0.0.01 \
    0 0.0.0.0 0x0 00.00 localhost LOCALHOST LocalHost. localhost. a.localhost deep.a.localhost %6c%6f%63%61%6c%68%6f%73%74 %31%32%37.0.0.1 ①②⑦.⓪.⓪.① １２７.０.０.１ \
    127。0。0。1 127．0．0．1 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ 10.0.0.1 167772161 0x0a000001 012.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 192.168.1 0xc0a80001 169.254.169.254 2852039166 0xa9fea9fe \
    0251.0376.0251.0376 169.254.43518 100.64.0.1 100.127.255.254 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 \
    [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::ffff:169.254.169.254] [::ffff:10.0.0.1] [::127.0.0.1] [::ffff:0:127.0.0.1] \
    [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:a9fe:a9fe::] [2001:0:4136:e378:8000:63bf:80ff:fffe] [fc00::1] [fd00:ec2::254] \
    [fe80::1] [fec0::1] [ff02::1] [100::1] [2001:db8::1] [3fff::1] [5f00::1]";

/// What is no address to ask at all.
const MALFORMED: [&str; 12] = [
    "http://127.0.0.1:{port}@hooks.example/",
    "http://hooks.example@127.0.0.1:{port}/",
    "http://user:x@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}\\",
    "http://hooks.example\\@127.0.0.1:{port}/",
    "http://127.0.0.1 :{port}/",
    "http://127.0.0.1\t:{port}/",
    "http://[::1%25lo]:{port}/",
    "gopher://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
];

/// Sends a test there, however it can be got past the first check, and says why it failed.
fn tried(admin: &Caller, url: &str) -> String {
    let hook = admin.post("/v1/webhooks", json!({"name": "x", "url": url, "event_types": ["webhook.updated"]})).created();
    let sent = admin.post_nothing(&format!("{}/test", hook.path())).accepted();
    let path = format!("/v1/webhook-deliveries/{}", sent.id());
    let told = eventually("the try", || Some(admin.get(&path).ok()).filter(|d| d["attempts"].as_i64() > Some(0)));
    admin.delete(&hook.path()).no_content();
    format!("{} {}", told.at("/log/0/status"), told.at("/log/0/error"))
}

#[test]
fn no_trick_leads_into_a_private_network() {
    let canary = Canary::start();
    let proxy = format!("http://127.0.0.1:{}", canary.port);
    // a proxy of the environment would be a way around everything
    let settings: Vec<(&str, &str)> = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .map(|name| (*name, proxy.as_str()))
        .collect();
    let server = Server::start(&Database::fresh(), &settings);
    let admin = App::of(&server).workspace().administrator();
    let mut tricks = 0;
    for host in HOSTS.split_whitespace() {
        for url in [format!("http://{host}:{}/hook", canary.port), format!("https://{host}/")] {
            admin
                .post("/v1/webhooks", json!({"name": "x", "url": url}))
                .is_problem(422, "validation_failed")
                .names_with("/url", "private_address");
        }
        tricks += 1;
    }
    for url in MALFORMED {
        let url = url.replace("{port}", &canary.port.to_string());
        admin.post("/v1/webhooks", json!({"name": "x", "url": url})).is_problem(422, "validation_failed").names_with("/url", "invalid_url");
        tricks += 1;
    }
    // a change is held against the same
    let good = admin.post("/v1/webhooks", json!({"name": "x", "url": "https://hooks.example/", "active": false})).created();
    admin.patch(&good.path(), json!({"url": proxy})).is_problem(422, "validation_failed").names_with("/url", "private_address");
    // names that lead here by the machine's own table of names, not by the look of them
    let table = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let mut names: Vec<String> = table
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter(|line| {
            line.starts_with("127.")
                || line.starts_with("::1")
                || line.starts_with("10.")
                || line.starts_with("172.")
                || line.starts_with("192.168.")
        })
        .flat_map(|line| line.split_whitespace().skip(1))
        .filter(|name| *name != "localhost")
        .map(ToOwned::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in &names {
        let why = tried(&admin, &format!("http://{name}:{}/hook", canary.port));
        assert!(why.contains("not public"), "{name}: {why}");
        tricks += 1;
    }
    assert_eq!(canary.came.load(Ordering::SeqCst), 0, "somebody came to the canary");
    assert!(tricks >= 60, "{tricks} tricks");
}

#[test]
fn a_redirect_is_an_answer_and_not_followed() {
    let canary = Canary::start();
    let server = Server::start(&Database::fresh(), &[("KARTOTEKA_OUTGOING_ALLOWED_NETWORKS", "127.0.0.1/32")]);
    let admin = App::of(&server).workspace().administrator();
    for (status, target) in [(301, "127.0.0.2"), (302, "127.0.0.3"), (303, "[::1]"), (307, "127.1.1.1"), (308, "0.0.0.0")] {
        let location = format!("HTTP/1.1 {status} x\r\nlocation: http://{target}:{}/\r\ncontent-length: 0\r\n\r\n", canary.port);
        let receiver = Receiver::start(move |_, _| Reply::Raw(location.clone().into_bytes()));
        assert!(tried(&admin, &receiver.url()).starts_with(&status.to_string()));
        assert_eq!(receiver.connections(), 1);
    }
    // only what is allowed by name is open, not what stands beside it
    admin
        .post("/v1/webhooks", json!({"name": "x", "url": format!("http://127.0.0.2:{}/", canary.port)}))
        .is_problem(422, "validation_failed")
        .names_with("/url", "private_address");
    assert_eq!(canary.came.load(Ordering::SeqCst), 0);
}

#[test]
fn an_answer_without_end_does_no_harm() {
    let server = Server::start(
        &Database::fresh(),
        &[("KARTOTEKA_OUTGOING_ALLOWED_NETWORKS", "127.0.0.1"), ("KARTOTEKA_WEBHOOK_TIMEOUT_SECONDS", "5")],
    );
    let admin = App::of(&server).workspace().administrator();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 8192]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
            let piece = vec![b'x'; 65536];
            while stream.write_all(&piece).is_ok() {
                count.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    });
    assert!(tried(&admin, &url).starts_with("200"));
    assert!(sent.load(Ordering::SeqCst) < 64 << 20, "{} bytes were taken", sent.load(Ordering::SeqCst));
}
