// The engine module through the code that wasm-bindgen generated for it, as the npm package uses it.
//
// Its interface is the one of c_abi.mjs, so that both can be asked the same and must agree.
import { loadInput } from "./c_abi.mjs";

const AS_RECEIVED = 0;

export class Glue {
  name = "wasm-bindgen";
  #engine;

  /** `glue` is the generated module `engine.js`. */
  constructor(glue, module) {
    glue.initSync({ module });
    this.#engine = new glue.Engine();
  }

  load(files) {
    return this.#engine.load(loadInput(files));
  }

  unload(handle) {
    return this.#engine.unload(handle);
  }

  decide(handle, action, state) {
    return this.#engine.decide_bytes(handle, action, state, AS_RECEIVED);
  }

  canonicalize(action) {
    return this.#engine.canonicalize(action);
  }

  /** How this interface writes a decision with its canonical texts: four lines. */
  written({ action, decision, error, state }) {
    return [decision, action ?? "null", state, error ?? "null"].join("\n");
  }
}
