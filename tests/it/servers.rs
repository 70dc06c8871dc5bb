//! Real servers for tests: nginx, nghttpd, squid and their like, each on loopback, in a directory of its own.
//!
//! [`program`] finds one, and installs its Debian package where that is missing and can be installed (by root, with
//! apt-get); where it cannot, it says so, and the test that wanted it is skipped. [`Server`] is one that runs; when it is
//! dropped it is killed, and its directory goes away.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One installation at a time: apt-get holds a lock.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Where a program is; `None`, after saying so, when it is not here and its Debian package cannot be installed.
pub(crate) fn program(name: &str, package: &str) -> Option<PathBuf> {
    let find = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places: Vec<_> =
            std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect();
        places.into_iter().map(|place| place.join(name)).find(|path| path.is_file())
    };
    let found = find().or_else(|| {
        let _turn = INSTALLING.lock().unwrap();
        if rustix::process::getuid().is_root() {
            let install = format!("apt-get install -y -qq --no-install-recommends {package}");
            let script = format!("{install} || {{ apt-get update -qq && {install}; }}");
            let _ =
                Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        find()
    });
    if found.is_none() {
        eprintln!("skipped: no `{name}` here (apt-get install {package})");
    }
    found
}

/// A port of loopback that nobody uses, neither over TCP nor over UDP.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// A server under way.
pub(crate) struct Server {
    child: Child,
    /// The port that it was started for.
    pub(crate) port: u16,
    /// Its files.
    pub(crate) directory: tempfile::TempDir,
}

impl Server {
    /// Starts a program that stays in the foreground. `prepare` writes its files into the directory and gives its arguments,
    /// for a port that is free. Waits until the port takes connections.
    pub(crate) fn start(program: &Path, prepare: impl FnOnce(&Path, u16) -> Vec<String>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let arguments = prepare(directory.path(), port);
        let log = std::fs::File::create(directory.path().join("server.log")).unwrap();
        let child = Command::new(program)
            .args(&arguments)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { child, port, directory };
        server.wait_for(port);
        server
    }

    /// Waits until another port of it takes connections too.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, port: u16) {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "not up ({ended:?}): {}", self.log());
            thread::park_timeout(Duration::from_millis(20)); // nothing tells when another process listens
        }
    }

    /// A file of it, e.g. its access log.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    /// What it printed.
    pub(crate) fn log(&self) -> String {
        self.file("server.log")
    }

    /// A URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gently first: those that have worker processes take them along.
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// nginx with these directives in its `http` block, in which `PORT` and `DIR` stand for its port and directory; its
/// documents are those of `files`, below `DIR/www`. Its access log is `access.log`: a line per request with
/// `$status $request $connection $connection_requests $server_protocol $ssl_session_reused` unless the block sets another.
pub(crate) fn nginx(http: &str, files: &[(&str, &str)]) -> Option<Server> {
    let program = program("nginx", "nginx")?;
    Some(Server::start(&program, |directory, port| {
        for (name, text) in files {
            let path = directory.join("www").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let http = http.replace("PORT", &port.to_string()).replace("DIR", &directory.display().to_string());
        let dir = directory.display();
        let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {dir}/{name};"))
            .concat();
        let config = format!(
            "daemon off; {user} worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log info;
             events {{ worker_connections 512; }}
             http {{
                 {temporary}
                 log_format brief '$status $request $connection $connection_requests $server_protocol $ssl_session_reused';
                 access_log {dir}/access.log brief;
                 root {dir}/www; default_type text/html;
                 {http}
             }}"
        );
        std::fs::write(directory.join("nginx.conf"), config).unwrap();
        ["-p", &dir.to_string(), "-c", "nginx.conf", "-e", "error.log"].map(str::to_owned).to_vec()
    }))
}

#[test]
fn nginx_answers() {
    let Some(server) = nginx("server { listen 127.0.0.1:PORT; }", &[("a.html", "<title>real</title>")])
    else {
        return;
    };
    let ran = crate::gannet::run(["fetch", &server.url("/a.html"), "--http1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(String::from_utf8_lossy(&ran.stdout).contains("\"title\":\"real\""));
    assert!(
        server.file("access.log").starts_with("200 GET /a.html HTTP/1.1"),
        "{}",
        server.file("access.log")
    );
}
