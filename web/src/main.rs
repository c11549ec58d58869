//! Starts the dashboard in a page. All of it is in the library.

fn main() {
    web::start();
}
