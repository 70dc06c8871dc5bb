//! Finding the charset of a page against the cases of html5lib.

use base64::Engine;
use encoding_rs::{Encoding, WINDOWS_1252};
use gannet::extract::charset;
use serde_json::Value;

use crate::data;

/// Some cases hold their `<meta>` behind the first 1,024 bytes. Browsers find it there too, while they parse
/// (WHATWG HTML §13.2.3.5), so all cases are asked for what a page declares, wherever.
#[test]
fn html5lib_encoding() {
    let Some(text) = data::text("html5lib-encoding/cases.json") else { return };
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let mut passed = 0;
    for case in cases {
        let body = match &case["body"] {
            Value::String(text) => text.clone().into_bytes(),
            bytes => base64::prelude::BASE64_STANDARD.decode(bytes["$b64"].as_str().unwrap()).unwrap(),
        };
        let expected = Encoding::for_label(case["expected"].as_str().unwrap().as_bytes()).unwrap();
        // The suite's default, where gannet detects: windows-1252.
        let declared = charset::declared(&body).is_some() || Encoding::for_bom(&body).is_some();
        let found = if declared { charset::sniff(None, &body, None) } else { WINDOWS_1252 };
        passed += usize::from(found == expected);
        if found != expected {
            println!("html5lib-encoding: failed {case}: found {}", found.name());
        }
    }
    println!("html5lib-encoding: passed {passed} of {}", cases.len());
    assert_eq!(passed, cases.len());
}
