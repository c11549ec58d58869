//! `/ui/…`: the files of the dashboard, which are in the program itself.
//!
//! The browser decides which page a path shows, so every path without a file gives `index.html`. The pages get their
//! data from the API like every other client; nothing is read or decided here.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use engine::hash::Digest;

use super::error::Problem;
use super::extract::{is_unchanged, with_etag};

/// A file of the dashboard.
#[derive(Debug)]
pub struct File {
    /// Where it is below `/ui/`.
    pub name: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// The same, compressed with brotli; none for files that are too small to benefit.
    pub brotli: Option<&'static [u8]>,
}

/// All files, by name.
pub static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// The page that every path shows which is not a file.
const INDEX: &str = "index.html";
/// The folder of files whose names hold a digest of their content, so that they never change.
const ASSETS: &str = "assets/";

/// The permissions of the pages: run the scripts, the module and the styles of this server, and talk to this server.
/// Inline scripts and styles never run, so that no displayed text can become one.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
    manifest-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";
/// Features that the pages do not use. Copying to the clipboard is the only one that they do.
const PERMISSIONS_POLICY: &str = "accelerometer=(), autoplay=(), camera=(), \
    clipboard-read=(), clipboard-write=(self), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), \
    gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), serial=(), storage-access=(), usb=(), \
    xr-spatial-tracking=()";

/// `GET /`: the dashboard is what a person looks for here.
pub async fn root() -> Response {
    (StatusCode::FOUND, [(header::LOCATION, "/ui/")]).into_response()
}

/// `GET /ui`: the address of the dashboard ends in a slash.
pub async fn bare() -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, "/ui/")]).into_response()
}

/// `GET /ui/…`: a file, else the page that finds out what the path shows.
pub async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let name = uri.path().strip_prefix("/ui/").unwrap_or_default();
    let found = find(name).or_else(|| if name.starts_with(ASSETS) { None } else { find(INDEX) });
    let (place, file) = found.ok_or_else(Problem::not_found)?;
    let brotli = file.brotli.filter(|_| accepts_brotli(&headers));
    let digests = DIGESTS.get(place).ok_or_else(Problem::not_found)?;
    // Two forms of a file are not the same bytes, so each has a tag of its own.
    let digest = if brotli.is_some() { digests.brotli } else { digests.plain };
    let lasting = file.name.starts_with(ASSETS);
    let unchanged = is_unchanged(&headers, digest);
    let mut response = match brotli {
        _ if unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Some(bytes) => ([(header::CONTENT_ENCODING, "br")], bytes).into_response(),
        None => file.bytes.into_response(),
    };
    for (name, value) in [
        (header::CONTENT_TYPE, content_type(file.name)),
        (header::CACHE_CONTROL, if lasting { "public, max-age=31536000, immutable" } else { "no-cache" }),
        (header::VARY, "Accept-Encoding"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        // With the word that the API has, a browser says of some requests to this server that they come from nowhere.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(with_etag(response, digest))
}

/// The digests of a file in both its forms.
struct Digests {
    plain: Digest,
    brotli: Digest,
}

/// In the order of [`FILES`].
static DIGESTS: LazyLock<Vec<Digests>> = LazyLock::new(|| {
    let digests = |file: &File| Digests {
        plain: Digest::of(file.bytes),
        brotli: Digest::of(file.brotli.unwrap_or(file.bytes)),
    };
    FILES.iter().map(digests).collect()
});

fn find(name: &str) -> Option<(usize, &'static File)> {
    let place = FILES.binary_search_by(|file| file.name.cmp(name)).ok()?;
    Some((place, FILES.get(place)?))
}

/// Whether `Accept-Encoding` names brotli and does not exclude it, RFC 9110 §12.5.3.
fn accepts_brotli(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("br"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/vnd.microsoft.icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_and_has_a_type_of_its_own() {
        for file in FILES {
            assert_eq!(find(file.name).map(|(_, found)| found.name), Some(file.name));
            assert_ne!(content_type(file.name), "application/octet-stream", "{}", file.name);
        }
        assert!(find(INDEX).is_some());
        assert!(find("").is_none());
    }

    #[test]
    fn brotli_is_for_those_who_ask_for_it() {
        let accepts = |text| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            accepts_brotli(&headers)
        };
        for text in ["br", "gzip, deflate, br, zstd", "gzip;q=1.0, BR;q=0.5"] {
            assert!(accepts(text), "{text}");
        }
        for text in ["", "gzip", "br;q=0", "br; q=0.000", "gzip, br;q=0", "brotli", "br;q=x", "*"] {
            assert!(!accepts(text), "{text}");
        }
        assert!(!accepts_brotli(&HeaderMap::new()));
    }
}
