// The differences between the hosts of this package: how the module is loaded, the name of the host in records, and
// whether work may continue after a call has been answered. Each entry states them once. Nothing here decides.

import { isReady, sha256By, useModule } from "./engine.js";
import { FarameshError } from "./errors.js";
import { ENGINE_HASH } from "./glue/facts.js";
import type { Outbox } from "./outbox.js";

/** A host. */
export interface Host {
  /** The name in records: `node`, `workerd`, `browser` and so on. */
  readonly name: string;
  /** Whether timers may run between calls; in workerd they belong to a request. */
  readonly background: boolean;
  /** The default outbox for records. */
  readonly outbox?: () => Outbox;
  /**
   * Calls `send` when the program has nothing left to do and `lost` when it ends, until the function that it gives back
   * is called. Absent where a program has no end of its own.
   */
  readonly ending?: (send: () => void, lost: () => void) => () => void;
  /** Finds the module when `init()` is called without one. */
  readonly load?: () => Promise<WebAssembly.Module | BufferSource>;
}

let current: Host = { name: "slim", background: true };
let loading: Promise<void> | undefined;

/** The host that this program runs on. */
export function host(): Host {
  return current;
}

/** Says which host this is. */
export function useHost(host: Host): void {
  current = host;
}

/** The engine, as a compiled module or as bytes. */
export type EngineSource = WebAssembly.Module | BufferSource | Response;

/**
 * Loads the engine: from `source`, or from where this package's entry finds it.
 *
 * Entries that load the engine by themselves (Node, Workers, `faramesh/inline`) need no call, and one does nothing. In
 * a browser, `await init()` comes first.
 */
export async function init(source?: EngineSource | Promise<EngineSource>): Promise<void> {
  if (isReady()) return;
  // Callers that come at the same time load one engine.
  loading ??= load(source).finally(() => {
    loading = undefined;
  });
  await loading;
}

/** `init` for a module or bytes that are there already. */
export function initSync(module: WebAssembly.Module | BufferSource): void {
  if (isModule(module)) return useModule(module);
  let compiled: WebAssembly.Module;
  try {
    compiled = new WebAssembly.Module(module);
  } catch (error) {
    throw notWebAssembly(error);
  }
  useModule(verified(compiled, module));
}

/**
 * Whether this is a compiled module, also one that another realm has compiled, as the sandbox of Next's edge runtime
 * hands over. The generated glue asks with `instanceof`, so such a module gets the prototype of this realm.
 */
function isModule(source: unknown): source is WebAssembly.Module {
  if (source instanceof WebAssembly.Module) return true;
  if (Object.prototype.toString.call(source) !== "[object WebAssembly.Module]") return false;
  // Throws a TypeError for an object that only calls itself so.
  WebAssembly.Module.exports(source as WebAssembly.Module);
  Object.setPrototypeOf(source, WebAssembly.Module.prototype);
  return true;
}

async function load(source: EngineSource | Promise<EngineSource> | undefined): Promise<void> {
  if (source === undefined && current.load === undefined) {
    throw new FarameshError("`faramesh/slim` brings no engine; hand one to `init` or `initSync`", { code: "engine_not_ready" });
  }
  const found = source === undefined ? await current.load?.() : await source;
  const bytes = typeof Response === "function" && found instanceof Response ? await body(found) : found;
  const module = bytes as WebAssembly.Module | BufferSource;
  if (isModule(module)) return useModule(module);
  const compiled = await WebAssembly.compile(module).catch((error: unknown) => {
    throw notWebAssembly(error);
  });
  useModule(verified(compiled, module));
}

async function body(response: Response): Promise<ArrayBuffer> {
  if (!response.ok) {
    throw new FarameshError(`the engine cannot be loaded: \`${response.url}\` was answered with ${response.status}`, {
      code: "engine_not_ready",
    });
  }
  return response.arrayBuffer();
}

/** The module, if it is the engine of this version. Other bytes, such as a stale copy in a cache, decide nothing. */
function verified(module: WebAssembly.Module, source: BufferSource): WebAssembly.Module {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  let hash: string;
  try {
    hash = sha256By(module, bytes);
  } catch (error) {
    throw wrongEngine("they lack the engine's functions", error);
  }
  if (hash === ENGINE_HASH) return module;
  throw wrongEngine(`their SHA-256 is ${hash.slice(0, 12)}, not ${ENGINE_HASH.slice(0, 12)}`);
}

function notWebAssembly(cause: unknown): FarameshError {
  return wrongEngine("they are not a WebAssembly module", cause);
}

function wrongEngine(why: string, cause?: unknown): FarameshError {
  return new FarameshError(`these bytes are not the engine of this version: ${why}`, { code: "wrong_engine", cause });
}
