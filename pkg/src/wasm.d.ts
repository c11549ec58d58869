// The type of an imported wasm file in bundlers and workerd: the compiled module. It loads nothing itself.

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}

declare module "*.wasm?module" {
  const module: WebAssembly.Module;
  export default module;
}
