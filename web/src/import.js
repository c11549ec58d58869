// The one line of JavaScript that Rust cannot write: a module that is fetched when it is needed.
export function importModule(url) {
  return import(url);
}
