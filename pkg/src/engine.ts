// All of the wasm glue: bytes and text in, text out. The module is taken once, policies are compiled once, and after a
// trap the instance is replaced and the policies are compiled again. It makes no decision of its own: a call that the
// engine did not answer throws EngineFailure, and the callers make a HALT of it.

import { ENGINE_HASH } from "./glue/facts.js";
import { Engine, __wbg_reset_state, initSync } from "./glue/engine.js";
import { FarameshError } from "./errors.js";
import type { Diagnostic, Loaded, LoadedFile } from "./generated/wire.js";

/** The action's bytes are a caller's. */
export const AS_RECEIVED = 0;
/** The action's bytes are the canonical form that a record holds. */
export const AS_RECORDED = 1;

/** The engine did not answer: it trapped, or said that the call cannot be made. */
export class EngineFailure extends Error {
  override name = "EngineFailure";
  /** The engine's explanation, if it gives one. */
  readonly code: string;

  constructor(message: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The four lines of an answer, in the engine's own text. */
export interface Lines {
  /** The decision. */
  readonly decision: string;
  /** The canonical action, or null for one that cannot be read. */
  readonly action: string | null;
  /** The state that was consulted. */
  readonly state: string;
  /** The fault of an action that cannot be parsed. */
  readonly error: string | null;
}

/** A policy file: its name, and its content as text or bytes. */
export type File = readonly [name: string, content: string | Uint8Array];

let engine: Engine | undefined;
let taken = false;
/** Counts the instances; policies that were compiled in an earlier one are compiled again. */
let generation = 0;
/** Engines of instances that trapped. They stay, so that nothing is freed in an instance that is not theirs. */
const abandoned: Engine[] = [];

/** Takes the compiled module, or its bytes. The first one counts, for the life of the program. */
export function useModule(module: WebAssembly.Module | BufferSource): void {
  if (taken) return;
  initSync({ module });
  taken = true;
  engine = new Engine();
}

/** Whether there is a module. */
export function isReady(): boolean {
  return taken;
}

/** The SHA-256 of the module that decides: of the file that this package was built with. */
export function engineHash(): string {
  return ENGINE_HASH;
}

/** Calls the engine; what goes wrong is an {@link EngineFailure}. */
function call(run: (engine: Engine) => string): string {
  if (!taken) {
    throw new FarameshError("the engine is not loaded yet; call `await init()` first", { code: "engine_not_ready" });
  }
  if (engine === undefined) reset(undefined);
  // `reset` throws where it cannot make one.
  const current = engine as unknown as Engine;
  let answer: string;
  try {
    answer = run(current);
  } catch (error) {
    if (error instanceof EngineFailure) throw error;
    reset(error);
    throw new EngineFailure("the engine stopped in the middle of a call", "trap", { cause: error });
  }
  if (answer.startsWith('{"failure":')) {
    const { failure } = JSON.parse(answer) as { failure: { code: string; message: string } };
    throw new EngineFailure(failure.message, failure.code);
  }
  return answer;
}

/** Puts a fresh instance in the place of one that trapped: nothing in its memory can be relied on. */
function reset(cause: unknown): void {
  if (engine !== undefined) abandoned.push(engine);
  engine = undefined;
  generation += 1;
  try {
    __wbg_reset_state();
    engine = new Engine();
  } catch (error) {
    throw new EngineFailure("the engine cannot be started again", "trap", { cause: cause ?? error });
  }
}

/** Policies that the engine has compiled. */
export class LoadedPolicies {
  /** The SHA-256 over the names and hashes of the files. */
  readonly policyHash: string;
  /** A summary of the files. */
  readonly files: readonly LoadedFile[];
  readonly #input: Uint8Array;
  #handle: number;
  #generation: number;

  private constructor(input: Uint8Array, loaded: Loaded, handle: number) {
    this.#input = input;
    this.#handle = handle;
    this.#generation = generation;
    this.policyHash = loaded.policy_hash;
    this.files = loaded.files;
  }

  /** Compiles `files`; no policies where one of them has an error. */
  static load(files: readonly File[]): { policies: LoadedPolicies | null; diagnostics: Diagnostic[]; policyHash: string } {
    const input = loadInput(files);
    const loaded = JSON.parse(call((engine) => engine.load(input))) as Loaded;
    const policies = loaded.handle === null ? null : new LoadedPolicies(input, loaded, loaded.handle);
    return { policies, diagnostics: loaded.diagnostics, policyHash: loaded.policy_hash };
  }

  /** Decides an action, given as text or as bytes. */
  decide(action: string | Uint8Array, state: string, form: number): Lines {
    const [bytes, stateBytes] = typeof action === "string" ? packed(action, state) : [action, encode(state)];
    const answer = call((engine) => engine.decide_bytes(this.#current(engine), bytes, stateBytes, form));
    const first = answer.indexOf("\n");
    const second = answer.indexOf("\n", first + 1);
    const third = answer.indexOf("\n", second + 1);
    if (third < 0) throw new EngineFailure("the engine's answer has not four lines", "answer");
    const canonical = answer.slice(first + 1, second);
    const error = answer.slice(third + 1);
    return {
      decision: answer.slice(0, first),
      action: canonical === "null" ? null : canonical,
      state: answer.slice(second + 1, third),
      error: error === "null" ? null : error,
    };
  }

  /** Explains the decision on an action, as JSON. */
  explain(action: Uint8Array, state: string): string {
    return call((engine) => engine.explain(this.#current(engine), action, encode(state), AS_RECEIVED));
  }

  /** Forgets the policies. */
  unload(): void {
    const handle = this.#handle;
    if (this.#generation === generation) call((engine) => String(engine.unload(handle)));
  }

  #current(engine: Engine): number {
    if (this.#generation === generation) return this.#handle;
    const loaded = JSON.parse(engine.load(this.#input)) as Loaded;
    if (loaded.handle === null || loaded.policy_hash !== this.policyHash) {
      throw new EngineFailure("the policies cannot be compiled again", "reload");
    }
    this.#handle = loaded.handle;
    this.#generation = generation;
    return loaded.handle;
  }
}

/** The hash of an action, given as bytes. */
export function canonicalize(action: Uint8Array): string {
  const answer = call((engine) => engine.canonicalize(action));
  return (JSON.parse(answer) as { request_hash: string }).request_hash;
}

/** A record, given as the JSON of everything but its hash, with its hash. */
export function seal(record: string): { record: string; record_hash: string } {
  const answer = call((engine) => engine.seal(encode(record)));
  // Canonical JSON, so the record comes first and the hash, of a known length, last.
  const [head, tail] = ['{"record":', `,"record_hash":"${"0".repeat(64)}"}`];
  if (!answer.startsWith(head)) throw new EngineFailure("the engine's answer holds no record", "answer");
  const end = answer.length - tail.length;
  return { record: answer.slice(head.length, end), record_hash: answer.slice(end + 16, end + 80) };
}

/** The bytes of `text` as UTF-8. */
export function encode(text: string): Uint8Array {
  return encoder.encode(text);
}

const encoder = new TextEncoder();

/** Longer texts are encoded on their own, so that one large action does not keep its memory. */
const KEPT_LENGTH = 16 * 1024;
// A UTF-16 code unit takes at most three bytes.
const room = new Uint8Array(2 * 3 * KEPT_LENGTH);

/**
 * An action and a state as bytes, which are good until the next call. The glue would copy text letter by letter, which
 * takes six times as long.
 */
function packed(action: string, state: string): [Uint8Array, Uint8Array] {
  if (action.length > KEPT_LENGTH || state.length > KEPT_LENGTH) return [encode(action), encode(state)];
  const end = encoder.encodeInto(action, room).written;
  const rest = room.subarray(end);
  return [room.subarray(0, end), rest.subarray(0, encoder.encodeInto(state, rest).written)];
}

function loadInput(files: readonly File[]): Uint8Array {
  const parts = files.flatMap(([name, content]) => [encode(name), typeof content === "string" ? encode(content) : content]);
  const input = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(input.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    input.set(part, at + 4);
    at += 4 + part.length;
  }
  return input;
}
