//! The frame that `index.html` shows until the program has something to show in its place.

/// Takes the frame out of the page. Every page calls this when it is first drawn.
pub fn remove() {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(shell) = document.and_then(|document| document.get_element_by_id("shell")) {
        shell.remove();
    }
}
