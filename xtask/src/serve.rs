//! The page on the reader's own machine.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::thread;
use std::time::Duration;

use crate::args::Args;
use crate::dist;
use crate::shell::{self, Guard, Outcome};
use crate::tools::{self, Tool};

/// Without the size of a release nobody waits for wasm-opt.
const TOOLS: [Tool; 3] = [Tool::WasmTarget, Tool::Trunk, Tool::Bindgen];

/// Serves the page until the reader ends it.
pub fn serve(mut args: Args) -> Outcome {
    let port = port(args.value("--port")?.as_deref())?;
    let release = args.flag("--release");
    args.end()?;
    make_sure_is_free(port)?;
    let needed = if release { &dist::TOOLS[..] } else { &TOOLS };
    tools::ensure(needed, || vec![dist::compile(release)])?;
    let mut trunk = dist::trunk();
    // Not dist/: that holds what was built for a host, and tests read it. Without what an earlier run
    // left: that would be shown, as if it were new, when the page does not compile.
    let folder = shell::target_dir().join("served");
    let _ = std::fs::remove_dir_all(&folder);
    trunk
        .args(["serve", "--port", &port.to_string(), "--dist"])
        .arg(folder);
    if release {
        trunk.arg("--release");
    }
    let mut child = trunk
        .spawn()
        .map_err(|error| shell::cannot_start(&trunk, &error))?;
    let _guard = Guard::over(&child);
    wait_until_open(&mut child, port)?;
    println!("\nClusterscope is open at http://127.0.0.1:{port}/ (Ctrl-C ends it)\n");
    let status = child
        .wait()
        .map_err(|error| format!("trunk was lost: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!(
            "`{}` {}",
            shell::typed(&trunk),
            shell::ended(status)
        ))
    }
}

/// Reads the port's number.
fn port(given: Option<&str>) -> Outcome<u16> {
    let Some(text) = given else { return Ok(8080) };
    match text.parse() {
        Ok(port @ 1..) => Ok(port),
        _ => Err(format!(
            "\"{text}\" is not a port; try a number from 1024 to 65535"
        )),
    }
}

/// Better now than after minutes of building.
fn make_sure_is_free(port: u16) -> Outcome {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map(drop)
        .map_err(|error| {
            format!("port {port} of 127.0.0.1 cannot be used ({error}); choose another with --port")
        })
}

/// Waits until the page is really answered: trunk listens before its first build is done.
fn wait_until_open(child: &mut Child, port: u16) -> Outcome {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!(
                "trunk {} before the page was open; its messages are above",
                shell::ended(status)
            ));
        }
        if get(port)
            .is_some_and(|answer| answer.starts_with("HTTP/1.1 200") && answer.contains(".wasm"))
        {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// What the server says about the page.
fn get(port: u16) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::port;

    #[test]
    fn reads_ports_and_quotes_what_is_none() {
        assert_eq!(port(None), Ok(8080));
        assert_eq!(port(Some("9000")), Ok(9000));
        for bad in ["0", "65536", "eighty"] {
            assert!(port(Some(bad)).is_err_and(|message| message.contains(&format!("\"{bad}\""))));
        }
    }
}
