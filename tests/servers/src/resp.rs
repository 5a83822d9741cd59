//! Redis's protocol, as far as a test has to look at a server without the client that is under test.

use std::fmt;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What one answer may have: a test's server has small things.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A word or a string.
    Text(String),
    /// A number.
    Number(i64),
    /// Nothing.
    Nil,
    /// An error, with its code word first.
    Error(String),
    /// Several.
    List(Vec<Reply>),
}

impl Reply {
    /// The text of a word, string or number; an error is a panic, for it is not what the test asked for.
    ///
    /// # Panics
    /// Where it is something else.
    pub fn text(self) -> String {
        match self {
            Reply::Text(text) => text,
            Reply::Number(number) => number.to_string(),
            Reply::Nil => String::new(),
            other @ (Reply::Error(_) | Reply::List(_)) => panic!("no text: {other}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Text(text) => f.write_str(text),
            Reply::Number(number) => write!(f, "{number}"),
            Reply::Nil => f.write_str("(nil)"),
            Reply::Error(why) => write!(f, "error {why}"),
            Reply::List(list) => {
                f.write_str("[")?;
                for (at, one) in list.iter().enumerate() {
                    write!(f, "{}{one}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}

/// Sends one command on a connection of its own, and waits for its answer.
///
/// # Errors
/// Nobody listens, or nothing comes in time, or what comes is not Redis's protocol.
pub fn ask(port: u16, words: &[&str]) -> io::Result<Reply> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let mut sent = format!("*{}\r\n", words.len());
    for word in words {
        sent.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    (&stream).write_all(sent.as_bytes())?;
    reply(&mut BufReader::new(stream))
}

fn reply(from: &mut impl BufRead) -> io::Result<Reply> {
    let mut line = String::new();
    from.by_ref().take(1 << 16).read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| bad("it ended"))?;
    let number = || rest.parse::<i64>().map_err(|_| bad(line));
    match kind {
        "+" => Ok(Reply::Text(rest.into())),
        "-" => Ok(Reply::Error(rest.into())),
        ":" => Ok(Reply::Number(number()?)),
        "$" => match usize::try_from(number()?) {
            Ok(bytes) if bytes <= ANSWER_BYTES_MAX => {
                let mut text = vec![0; bytes + 2];
                from.read_exact(&mut text)?;
                text.truncate(bytes);
                Ok(Reply::Text(String::from_utf8_lossy(&text).into_owned()))
            }
            Ok(_) => Err(bad(line)),
            Err(_) => Ok(Reply::Nil),
        },
        "*" => match usize::try_from(number()?) {
            Ok(count) if count <= ANSWER_BYTES_MAX => {
                (0..count).map(|_| reply(from)).collect::<io::Result<_>>().map(Reply::List)
            }
            Ok(_) => Err(bad(line)),
            Err(_) => Ok(Reply::Nil),
        },
        _ => Err(bad(line)),
    }
}

fn bad(line: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not Redis's protocol: {line:?}"))
}
