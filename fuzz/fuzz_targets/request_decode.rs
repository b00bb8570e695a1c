//! A frame as a client could send it: header, then body, then the answer's decoder on the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_wire::api::{RequestBody, ResponseBody};
use ottla_wire::header::decode_request_header;
use ottla_wire::{Reader, Writer};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let mut reader = Reader::new(&bytes);
    let Ok(start) = decode_request_header(&mut reader) else { return };
    let version = start.header.request_api_version;
    let _ = ResponseBody::decode(start.api_key, &mut reader.clone(), version);
    if let Ok(body) = RequestBody::decode(start.api_key, &mut reader, version) {
        let written = encoded(&body, version);
        let again = RequestBody::decode(start.api_key, &mut Reader::new(&written), version);
        let again = again.expect("what was written can be read");
        // Bytes, not values: a quota that is not a number equals nothing.
        assert_eq!(encoded(&again, version), written, "what was written reads as the same");
    }
});

fn encoded(body: &RequestBody, version: i16) -> Bytes {
    let mut writer = Writer::contiguous(0);
    body.encode(&mut writer, version).expect("what was read can be written");
    writer.into_bytes()
}
