//! The response to a refused connection, in the dialect of its first request. Sans-I/O.

use bytes::Bytes;

use crate::proto::rtsp::{Message, Response, StatusCode, header};

/// Returns a 503 response to the first message of a refused connection; `None` if there is none.
pub fn encode_refusal(first: Option<&Message>, reason: &str) -> Bytes {
    let response = Response::error(StatusCode::SERVICE_UNAVAILABLE, reason);
    match first {
        // Three lines, which classroom programs read by position, and no blank line.
        Some(Message::Classroom(request)) => {
            let cseq = request.cseq.unwrap_or_default();
            format!("RTSP/1.0 {}\r\nCSeq: {cseq}\r\nSession: 0\r\n", response.status).into()
        }
        Some(Message::Request(request)) => {
            let cseq = request.headers.get(header::CSEQ).map(|cseq| cseq.trim().to_owned());
            encode_standard(cseq, response)
        }
        _ => encode_standard(None, response),
    }
}

fn encode_standard(cseq: Option<String>, mut response: Response) -> Bytes {
    if let Some(cseq) = cseq {
        response = response.with_header(header::CSEQ, cseq);
    }
    response.with_header(header::CONNECTION, "close").encode()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::rtsp::{MessageLimits, MessageReader};

    fn refusal(request: &str) -> String {
        let mut reader = MessageReader::new(MessageLimits::SERVER);
        reader.push(request.as_bytes());
        let first = reader.poll_message().unwrap().or_else(|| reader.finish_classroom());
        String::from_utf8(encode_refusal(first.as_ref(), "it is full").to_vec()).unwrap()
    }

    #[test]
    fn refusal_has_the_dialect_of_the_request() {
        assert_eq!(
            refusal("OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n"),
            "RTSP/1.0 503 Service Unavailable: it is full\r\nCSeq: 7\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            refusal("SETUP movie.Mjpeg RTSP/1.0\nCSeq: 1\nTransport: RTP/UDP; client_port= 25000"),
            "RTSP/1.0 503 Service Unavailable\r\nCSeq: 1\r\nSession: 0\r\n"
        );
        assert_eq!(refusal(""), "RTSP/1.0 503 Service Unavailable: it is full\r\nConnection: close\r\n\r\n");
    }
}
