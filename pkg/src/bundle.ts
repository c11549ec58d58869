// Signed policies from a server or another source. A bundle is accepted only if its signature, its hashes and its
// policies are valid and it is not older than the last one; it decides only while it is younger than its
// `max_age_seconds` by the wall clock and by a monotonic clock. A refused bundle changes nothing.

import type { Clock } from "./clock.js";
import { later, systemClock } from "./clock.js";
import type { LoadedPolicies } from "./engine.js";
import { encode } from "./engine.js";
import { FarameshError, PolicyInvalidError, PolicyUnavailableError } from "./errors.js";
import { host } from "./host.js";
import { loadFiles } from "./policies.js";
import { reason } from "./client.js";
import { sha256 } from "./sha256.js";

/** The type of what a bundle's envelope holds. */
export const BUNDLE_TYPE = "application/vnd.faramesh.bundle+json";
/** How far the wall clock may be behind the moment at which a bundle was issued. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;
const DEFAULT_POLL_MS = 60_000;
const LONGEST_POLL_MS = 15 * 60_000;
const DEFAULT_TIMEOUT_MS = 10_000;

/** A DSSE envelope (https://github.com/secure-systems-lab/dsse). */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[];
}

/** A public key as JWK: `{"kty":"OKP","crv":"Ed25519","x":"…"}`. */
export interface PublicKey {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
}

/** Where bundles come from, and whose they must be. */
export interface BundleOptions {
  /** The keys that may sign, as JWKs or as a JWK set. Get them by a way that you trust, not from the bundle's server. */
  readonly keys: readonly PublicKey[] | { readonly keys: readonly PublicKey[] };
  /** Where to ask for new ones, such as `https://faramesh.example/v1/bundle`; without it they are handed to `update`. */
  readonly url?: string;
  /** The key to show there. */
  readonly apiKey?: string;
  /** How often to ask, in milliseconds; 60,000 by default, a fifth more or less. */
  readonly pollMs?: number;
  /** Refuses bundles that were issued before, as RFC 3339; keep `issuedAt` here to refuse a rollback over restarts. */
  readonly minIssuedAt?: string;
  /** Hears of bundles that were refused and of servers that did not answer. */
  readonly onError?: (error: FarameshError) => void;
  /** The `fetch` to use; the global one by default. */
  readonly fetch?: typeof fetch;
  /** The clocks; those of the host by default. */
  readonly clock?: Clock;
}

interface Taken {
  readonly policies: LoadedPolicies;
  readonly issuedAtMs: number;
  readonly maxAgeMs: number;
  readonly policyVersion: string | null;
  /** The SHA-256 of the signed bytes. */
  readonly digest: string;
  /** The age of the bundle when it arrived, and the monotonic time of its arrival. */
  readonly ageMs: number;
  readonly receivedAt: number;
}

interface Payload {
  /** The SHA-256 of its bytes. */
  readonly digest: string;
  readonly policyHash: string;
  readonly policyVersion: string | null;
  readonly issuedAtMs: number;
  readonly maxAgeMs: number;
  readonly files: readonly (readonly [string, Uint8Array])[];
}

/** The policies of the last good bundle. */
export class Bundle {
  readonly #options: BundleOptions;
  readonly #clock: Clock;
  readonly #keys: readonly PublicKey[];
  readonly #minIssuedAtMs: number;
  #taken: Taken | undefined;
  #etag: string | undefined;
  #cancel: (() => void) | undefined;
  #failures = 0;
  #polling = false;

  constructor(options: BundleOptions) {
    const { keys } = options;
    this.#keys = "keys" in keys && !Array.isArray(keys) ? (keys as { keys: readonly PublicKey[] }).keys : (keys as readonly PublicKey[]);
    if (this.#keys.length === 0) throw new TypeError("`keys` must name at least one public key");
    for (const key of this.#keys) {
      if (key.kty !== "OKP" || key.crv !== "Ed25519" || typeof key.x !== "string") {
        throw new TypeError("each of `keys` must be an Ed25519 JWK: `kty` `OKP`, `crv` `Ed25519`, and `x`");
      }
    }
    if (options.url !== undefined && !URL.canParse(options.url)) throw new TypeError(`\`url\` is no URL: \`${options.url}\``);
    this.#minIssuedAtMs = options.minIssuedAt === undefined ? -Infinity : Date.parse(options.minIssuedAt);
    if (Number.isNaN(this.#minIssuedAtMs)) throw new TypeError(`\`minIssuedAt\` is no time: \`${options.minIssuedAt}\``);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** When the last good bundle was issued; null before the first. */
  get issuedAt(): string | null {
    return this.#taken === undefined ? null : new Date(this.#taken.issuedAtMs).toISOString();
  }

  /** The version of its policies, as the server shows it. */
  get policyVersion(): string | null {
    return this.#taken?.policyVersion ?? null;
  }

  /** Its policies, or why they must not be used now. */
  current(): LoadedPolicies | { readonly unavailable: string; readonly policies: LoadedPolicies | null } {
    const taken = this.#taken;
    if (taken === undefined) return { unavailable: "there is no bundle of policies yet", policies: null };
    const wall = this.#clock.now() - taken.issuedAtMs;
    if (wall < -CLOCK_TOLERANCE_MS) {
      return { unavailable: "the clock stands before the bundle of policies was issued, so it cannot be trusted", policies: taken.policies };
    }
    // A wall clock that was set back does not make a bundle younger, nor does a machine that slept.
    const monotonic = taken.ageMs + (this.#clock.monotonic() - taken.receivedAt);
    if (!(Math.max(wall, monotonic) < taken.maxAgeMs)) {
      return { unavailable: `the bundle of policies is older than its ${taken.maxAgeMs / 1000} s`, policies: taken.policies };
    }
    return taken.policies;
  }

  /**
   * Takes a bundle: an envelope, as JSON or read.
   *
   * @throws {@link PolicyUnavailableError} for one that is not to be trusted, {@link PolicyInvalidError} for one with
   * broken policies. The one before stays.
   */
  async update(envelope: Envelope | string): Promise<void> {
    const payload = await this.#verified(envelope);
    const now = this.#clock.now();
    const age = now - payload.issuedAtMs;
    if (age < -CLOCK_TOLERANCE_MS) throw refused("bundle_from_the_future", "it was issued after what the clock shows");
    if (age >= payload.maxAgeMs) throw refused("bundle_expired", "it is older than its max age");
    const policies = loadFiles(payload.files);
    if (policies.policyHash !== payload.policyHash) {
      policies.unload();
      throw refused("bundle_wrong_hash", "its policies have another hash than it says");
    }
    const last = this.#taken;
    // Receiving the same bundle again does not renew it.
    if (payload.digest === last?.digest) return policies.unload();
    // Of two that were issued at the same moment none is the newer one, so the one in use stays.
    if (payload.issuedAtMs === last?.issuedAtMs) {
      policies.unload();
      throw refused("bundle_conflict", "it was issued at the same moment as the one that is in use, and is another");
    }
    if (payload.issuedAtMs < Math.max(last?.issuedAtMs ?? -Infinity, this.#minIssuedAtMs)) {
      policies.unload();
      throw refused("bundle_rollback", "it was issued before the one that is in use");
    }
    if (last?.policies.policyHash === policies.policyHash) policies.unload();
    else last?.policies.unload();
    this.#taken = {
      policies: last?.policies.policyHash === policies.policyHash ? last.policies : policies,
      issuedAtMs: payload.issuedAtMs,
      maxAgeMs: payload.maxAgeMs,
      policyVersion: payload.policyVersion,
      digest: payload.digest,
      ageMs: Math.max(0, age),
      receivedAt: this.#clock.monotonic(),
    };
  }

  /** Asks for a new bundle now, and takes it. @throws as `update` does, and when the server does not answer. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const { url, apiKey } = this.#options;
    if (url === undefined) throw new TypeError("this bundle has no `url` to ask; hand envelopes to `update`");
    const timeout = AbortSignal.timeout(DEFAULT_TIMEOUT_MS);
    let response: Response;
    let text: string;
    try {
      response = await (this.#options.fetch ?? globalThis.fetch)(url, {
        headers: {
          accept: "application/json",
          ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
          ...(this.#etag === undefined ? {} : { "if-none-match": this.#etag }),
        },
        redirect: "manual",
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw new PolicyUnavailableError(`no bundle came from \`${url}\`: ${reason(error)}`, { code: "bundle_unreachable", cause: error });
    }
    if (response.status === 304) return;
    if (response.status !== 200) {
      const message = `\`${url}\` was asked for a bundle and answered with ${response.status}`;
      throw new PolicyUnavailableError(message, { code: "bundle_unreachable", status: response.status });
    }
    await this.update(text);
    // Only an accepted bundle is not requested again.
    this.#etag = response.headers.get("etag") ?? undefined;
  }

  /** Starts periodic requests, if there is a `url` and the host permits background work. */
  poll(): void {
    if (this.#polling || this.#options.url === undefined || !host().background) return;
    this.#polling = true;
    this.#turn();
  }

  /** Ends the requests. The current bundle stays in use until it expires. */
  close(): void {
    this.#polling = false;
    this.#cancel?.();
  }

  #turn(): void {
    void this.refresh()
      .then(() => {
        this.#failures = 0;
      })
      .catch((error: unknown) => {
        this.#failures += 1;
        const known = error instanceof FarameshError ? error : refused("bundle_refused", reason(error));
        this.#tell(known);
      })
      .finally(() => {
        if (!this.#polling) return;
        const every = this.#options.pollMs ?? DEFAULT_POLL_MS;
        const wait = Math.min(Math.max(every, LONGEST_POLL_MS), every * 2 ** Math.min(this.#failures, 8));
        this.#cancel = later(wait * (0.8 + Math.random() * 0.4), () => this.#turn());
      });
  }

  #tell(error: FarameshError): void {
    const { onError } = this.#options;
    if (onError === undefined) {
      if (this.#failures === 1) console.warn(`faramesh: ${error.message} (${error.code}; \`onError\` hears of every failure)`);
      return;
    }
    try {
      onError(error);
    } catch {
      // A throwing listener must not stop the requests.
    }
  }

  async #verified(given: Envelope | string): Promise<Payload> {
    const envelope = shaped("the envelope", () => (typeof given === "string" ? (JSON.parse(given) as Envelope) : given));
    const type = shaped("the envelope", () => envelope.payloadType);
    if (type !== BUNDLE_TYPE) throw refused("bundle_invalid", `its type is \`${String(type)}\``);
    const [payload, signatures] = shaped("the envelope", () => [
      fromBase64(envelope.payload),
      envelope.signatures.map((one) => fromBase64(one.sig)),
    ]);
    const head = encode(`DSSEv1 ${BUNDLE_TYPE.length} ${BUNDLE_TYPE} ${payload.length} `);
    const signed = new Uint8Array(head.length + payload.length);
    signed.set(head);
    signed.set(payload, head.length);
    if (!(await this.#isSigned(signed, signatures))) {
      throw refused("bundle_wrong_signature", "none of the pinned keys has signed it");
    }
    const digest = sha256(payload);
    return shaped("the payload", () => parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload), digest));
  }

  async #isSigned(bytes: Uint8Array<ArrayBuffer>, signatures: readonly Uint8Array<ArrayBuffer>[]): Promise<boolean> {
    for (const { x = "" } of this.#keys) {
      const jwk = { kty: "OKP", crv: "Ed25519", x };
      const key = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
      for (const signature of signatures) {
        if (await crypto.subtle.verify({ name: "Ed25519" }, key, signature, bytes)) return true;
      }
    }
    return false;
  }
}

/** A place for signed policies; see {@link BundleOptions}. */
export function createBundle(options: BundleOptions): Bundle {
  return new Bundle(options);
}

function parse(text: string, digest: string): Payload {
  const payload = JSON.parse(text) as {
    bundle_version: unknown;
    policy_hash: string;
    policy_version?: unknown;
    issued_at: string;
    expires_at: string;
    max_age_seconds: number;
    files: { name: string; hash: string; content: string }[];
  };
  if (payload.bundle_version !== 1) throw new SyntaxError("its version is not 1");
  const issuedAtMs = Date.parse(payload.issued_at);
  const maxAgeMs = payload.max_age_seconds * 1000;
  if (!Number.isSafeInteger(maxAgeMs) || maxAgeMs <= 0) throw new SyntaxError("`max_age_seconds` is no positive integer");
  if (Date.parse(payload.expires_at) !== issuedAtMs + maxAgeMs) throw new SyntaxError("`expires_at` is not `issued_at` and `max_age_seconds`");
  const files = payload.files.map(({ name, hash, content }) => {
    if (typeof name !== "string") throw new SyntaxError("a file has no name");
    const bytes = fromBase64(content);
    if (sha256(bytes) !== hash) throw new SyntaxError(`\`${name}\` has another hash than it says`);
    return [name, bytes] as const;
  });
  const { policy_version: version } = payload;
  return { digest, policyHash: payload.policy_hash, policyVersion: typeof version === "string" ? version : null, issuedAtMs, maxAgeMs, files };
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index += 1) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

function shaped<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw refused("bundle_invalid", `${what} makes no sense: ${reason(error)}`, error);
  }
}

function refused(code: string, why: string, cause?: unknown): PolicyUnavailableError {
  return new PolicyUnavailableError(`the bundle of policies is refused: ${why}`, cause === undefined ? { code } : { code, cause });
}
