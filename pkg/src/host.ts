// The differences between the hosts of this package: how the module is loaded, the name of the host in records, and
// whether work may continue after a call has been answered. Each entry states them once. Nothing here decides.

import { isReady, useModule } from "./engine.js";
import { FarameshError } from "./errors.js";
import { ENGINE_HASH } from "./glue/facts.js";
import type { Outbox } from "./outbox.js";
import { sha256 } from "./sha256.js";

/** A host. */
export interface Host {
  /** The name in records: `node`, `workerd`, `browser` and so on. */
  readonly name: string;
  /** Whether timers may run between calls; in workerd they belong to a request. */
  readonly background: boolean;
  /** A faster SHA-256 than the package's own, where the host brings one. */
  readonly sha256?: (bytes: Uint8Array) => string;
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
  if (!isModule(module)) verifyBytes(module);
  useModule(module);
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
  verifyBytes(module);
  useModule(await WebAssembly.compile(module));
}

async function body(response: Response): Promise<ArrayBuffer> {
  if (!response.ok) {
    throw new FarameshError(`the engine cannot be loaded: \`${response.url}\` was answered with ${response.status}`, {
      code: "engine_not_ready",
    });
  }
  return response.arrayBuffer();
}

/** Bytes that are not the engine of this very version, such as a stale copy in a cache, decide nothing. */
function verifyBytes(source: BufferSource): void {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  const hash = (current.sha256 ?? sha256)(bytes);
  if (hash !== ENGINE_HASH) {
    throw new FarameshError(`these bytes are not the engine of this version: their SHA-256 is ${hash.slice(0, 12)}, not ${ENGINE_HASH.slice(0, 12)}`, {
      code: "wrong_engine",
    });
  }
}
