// The engine module through its plain exports (engine/src/abi.rs): bytes in, bytes out, no generated code.
//
// It runs as it is in Node, workerd and a browser, and reads no answer: answers are texts, to be compared.

const AS_RECEIVED = 0;

/** Input of `load`: for each file name length, name, content length, content. */
export function loadInput(files) {
  const parts = files.flatMap(({ name, bytes }) => [new TextEncoder().encode(name), bytes]);
  const input = new Uint8Array(parts.reduce((total, part) => total + 4 + part.length, 0));
  const view = new DataView(input.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    input.set(part, at + 4);
    at += 4 + part.length;
  }
  return input;
}

export class CAbi {
  name = "C ABI";
  #exports;
  // A byte order mark belongs to the answer, and bytes that are not UTF-8 are a finding.
  #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  /** The module must need nothing from outside. */
  constructor(module) {
    this.#exports = new WebAssembly.Instance(module, {}).exports;
    const version = this.#exports.abi_version();
    if (version !== 1) {
      throw new Error(`the engine speaks version ${version} of its interface`);
    }
  }

  #put(...parts) {
    const address = this.#exports.buffer(parts.reduce((total, part) => total + part.length, 0)) >>> 0;
    let at = address;
    for (const part of parts) {
      new Uint8Array(this.#exports.memory.buffer).set(part, at);
      at += part.length;
    }
    return at - address;
  }

  #text(packed) {
    const answer = BigInt.asUintN(64, packed);
    const [address, length] = [Number(answer >> 32n), Number(answer & 0xffff_ffffn)];
    return this.#decoder.decode(new Uint8Array(this.#exports.memory.buffer, address, length));
  }

  load(files) {
    return this.#text(this.#exports.load(this.#put(loadInput(files))));
  }

  unload(handle) {
    return this.#exports.unload(handle) === 1;
  }

  decide(handle, action, state) {
    this.#put(action, state);
    return this.#text(this.#exports.decide(handle, action.length, state.length, AS_RECEIVED));
  }

  canonicalize(action) {
    return this.#text(this.#exports.canonicalize(this.#put(action)));
  }

  /** How this interface writes a decision with its canonical texts: one object, its keys in order. */
  written({ action, decision, error, state }) {
    const told = error === null ? "" : `,"error":${error}`;
    return `{"action":${action ?? "null"},"decision":${decision}${told},"state":${state}}`;
  }
}
