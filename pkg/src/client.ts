// The server's HTTP API, as far as a governor needs it: it sends, tries again where that cannot do anything twice, and
// throws. Whether a tool may run is decided elsewhere: by the server, and by the road in road.ts.

import { sleep, uuid } from "./clock.js";
import { isOutcome } from "./decision.js";
import type { Receipt } from "./decision.js";
import { InvalidActionError, PolicyUnavailableError } from "./errors.js";
import type { FarameshErrorOptions } from "./errors.js";
import type { Decision } from "./generated/wire.js";

/** Where the server is, and how to talk to it. */
export interface ServerOptions {
  /** Its address, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** The key to show, `fmk_…`. */
  readonly apiKey?: string;
  /** How long one request may take, in milliseconds; 10,000 by default. */
  readonly timeoutMs?: number;
  /** The `fetch` to use; the global one by default. */
  readonly fetch?: typeof fetch;
}

/** An action as stored by the server: its decision and its status. */
export type ServerAction = Decision & {
  readonly id: string;
  readonly status: string;
  readonly receipt?: Receipt;
  /** When a held action expires, and when it was made, by the server's clock. */
  readonly expires_at?: string | null;
  readonly created_at?: string;
  /** Until when it may be started, and when it came to be so, by the server's clock. */
  readonly start_by?: string | null;
  readonly updated_at?: string;
};

/** The server's answer to records. */
export interface Taken {
  readonly stream: string;
  readonly size: number;
  readonly record_hash: string;
}

/** Before each further try: long enough for a server to restart, short enough for a person to wait. */
const RETRY_DELAYS_MS = [100, 500, 2000];
const DEFAULT_TIMEOUT_MS = 10_000;

interface Request {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  /** Milliseconds beyond the usual timeout that the server may take; only a long poll asks for some. */
  readonly patienceMs?: number;
  /** Whether a 5xx is worth another try too, and not a lost connection alone. */
  readonly persistent?: boolean;
  /** Whether anything is tried again here; who has a backoff of its own says no. */
  readonly once?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A problem document of the server (RFC 9457), as far as it can be read. */
export class ServerProblem extends PolicyUnavailableError {
  override name = "PolicyUnavailableError";
  /** The fields of the document. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(message: string, options: FarameshErrorOptions & { status: number }, problem: Record<string, unknown>) {
    super(message, options);
    this.problem = problem;
  }
}

/** The server. */
export class Client {
  readonly url: string;
  readonly #apiKey: string | undefined;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch | undefined;

  constructor(options: ServerOptions | string) {
    const given = typeof options === "string" ? { url: options } : options;
    if (typeof given.url !== "string" || !/^https?:\/\//.test(given.url) || !URL.canParse(given.url)) {
      throw new TypeError(`\`server\` must have a \`url\` such as \`http://127.0.0.1:8000\`, not \`${String(given.url)}\``);
    }
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = given;
    if (!(timeoutMs > 0)) throw new TypeError(`\`timeoutMs\` is ${timeoutMs}, and it must be positive`);
    this.url = given.url.replace(/\/+$/, "");
    this.#apiKey = given.apiKey;
    this.#timeoutMs = timeoutMs;
    this.#fetch = given.fetch;
  }

  /**
   * Submits an action: it is decided and recorded, and nothing runs by it. The same under the same `key` is one action.
   */
  async submit(body: string, options: { readonly key?: string | undefined; readonly signal?: AbortSignal | undefined } = {}): Promise<ServerAction> {
    return this.#ask(post("/v1/actions", body, { signal: options.signal }, options.key), action);
  }

  /** The action as it is now. */
  async get(id: string, signal?: AbortSignal): Promise<ServerAction> {
    return this.#ask({ method: "GET", path: actionPath(id), persistent: true, signal }, action);
  }

  /** Takes back an action that is not started: it will not be, and people see that nothing waits for them. */
  async withdraw(id: string, why: string): Promise<ServerAction> {
    return this.#ask(post(`${actionPath(id)}/withdraw`, JSON.stringify({ reason: why }), { persistent: true }), action);
  }

  /** Decides an action without submitting it. */
  async dryRun(body: string, signal?: AbortSignal): Promise<Decision> {
    return this.#ask(post("/v1/gate/decide", body, { signal }), decision);
  }

  /** The action as soon as it leaves `pending_approval`, or as it is after `ms`. It is asked once: who waits has a backoff. */
  async wait(id: string, ms: number, signal?: AbortSignal): Promise<ServerAction> {
    const seconds = Math.max(1, Math.ceil(ms / 1000));
    const path = `${actionPath(id)}/wait?timeout=${seconds}s`;
    return this.#ask({ method: "GET", path, patienceMs: seconds * 1000, once: true, signal }, action);
  }

  /** Redeems the permit of an action, once; the same under the same `key` is one start. */
  async start(id: string, key: string): Promise<ServerAction> {
    return this.#ask(post(`${actionPath(id)}/start`, "{}", {}, key), action);
  }

  /** Says how a started action ended. `result` is JSON text. */
  async result(id: string, report: { success: boolean; error: string | null; result: string | null }): Promise<void> {
    const error = report.error === null ? "" : `,"error":${JSON.stringify(report.error)}`;
    const result = report.result === null ? "" : `,"result":${report.result}`;
    const body = `{"success":${report.success}${error}${result}}`;
    await this.#ask(post(`${actionPath(id)}/result`, body, { persistent: true }), action);
  }

  /** Hands in records of a stream, each as JSON text. It is tried once: who calls has a backoff of its own. */
  async records(stream: string, records: readonly string[], signal?: AbortSignal): Promise<Taken> {
    const body = `{"stream":${JSON.stringify(stream)},"records":[${records.join(",")}]}`;
    return this.#ask(post("/v1/records", body, { once: true, signal }), (answer) => {
      const taken = object(answer, "the answer");
      const { size } = taken;
      if (typeof size !== "number" || !Number.isSafeInteger(size)) throw new SyntaxError("`size` is missing or no integer");
      return { stream: string(taken, "stream"), size, record_hash: string(taken, "record_hash") };
    });
  }

  /** Sends a request and reads its answer; `read` throws a SyntaxError where it makes no sense. */
  async #ask<T>(request: Request, read: (answer: unknown) => T): Promise<T> {
    const { status, text } = await this.#send(request);
    const what = `\`${request.method} ${request.path.replace(/\?.*/, "")}\``;
    if (status !== 200) throw problem(what, status, text);
    try {
      return read(JSON.parse(text));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new PolicyUnavailableError(`the answer to ${what} makes no sense: ${error.message}`, { code: "invalid_answer", cause: error });
    }
  }

  async #send(request: Request): Promise<{ status: number; text: string }> {
    // Without delays there is one try.
    const delays = request.once ? [] : RETRY_DELAYS_MS;
    for (let attempt = 0; ; attempt += 1) {
      const delay = delays[attempt];
      try {
        const answer = await this.#try(request);
        if (delay === undefined || !request.persistent || answer.status < 500) return answer;
      } catch (error) {
        if (request.signal?.aborted) throw request.signal.reason;
        const slow = error instanceof DOMException && error.name === "TimeoutError";
        if (slow || delay === undefined) {
          const how = slow ? "did not answer in time" : "cannot be reached";
          const code = slow ? "server_timeout" : "server_unreachable";
          throw new PolicyUnavailableError(`the faramesh server at \`${this.url}\` ${how}: ${reason(error)}`, { code, cause: error });
        }
      }
      await sleep(delay, request.signal);
    }
  }

  async #try(request: Request): Promise<{ status: number; text: string }> {
    const timeout = AbortSignal.timeout(this.#timeoutMs + (request.patienceMs ?? 0));
    const init: RequestInit = {
      method: request.method,
      headers: {
        accept: "application/json",
        ...(this.#apiKey === undefined ? {} : { authorization: `Bearer ${this.#apiKey}` }),
        ...request.headers,
      },
      redirect: "manual",
      signal: request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]),
      ...(request.body === undefined ? {} : { body: request.body }),
    };
    // Looked up for each call, so that a `fetch` that is put in its place later is used.
    const send = this.#fetch ?? globalThis.fetch;
    const response = await send(this.url + request.path, init);
    return { status: response.status, text: await response.text() };
  }
}

function problem(what: string, status: number, text: string): Error {
  let told: Record<string, unknown> = {};
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === "object" && document !== null) told = document as Record<string, unknown>;
  } catch {
    // A proxy's page says nothing that could be used.
  }
  const word = told["reason_code"] ?? told["code"];
  const detail = told["detail"] ?? told["title"] ?? "no reason was given";
  const message = `${what} was answered with ${status}: ${String(detail)}`;
  const otherwise = status === 401 || status === 403 ? "access_refused" : status < 500 ? "request_refused" : "server_unavailable";
  const code = typeof word === "string" ? word : otherwise;
  if (status === 422 && code === "invalid_action") return new InvalidActionError(message, { code });
  return new ServerProblem(message, { code, status }, told);
}

function post(path: string, body: string, more: Partial<Request>, key?: string): Request {
  const headers = { "content-type": "application/json", "idempotency-key": key ?? uuid() };
  return { method: "POST", path, body, headers, ...more };
}

function actionPath(id: string): string {
  return `/v1/actions/${encodeURIComponent(id)}`;
}

/** Reads an action from the server. @throws SyntaxError for anything else. */
function action(value: unknown): ServerAction {
  const body = object(value, "the answer");
  string(body, "id");
  string(body, "status");
  return decision(body) as ServerAction;
}

function decision(value: unknown): Decision {
  const body = object(value, "the answer");
  const outcome = string(body, "outcome");
  if (!isOutcome(outcome)) {
    const message = `this version of faramesh does not know the outcome \`${outcome}\``;
    throw new PolicyUnavailableError(message, { code: "unknown_outcome" });
  }
  string(body, "reason_code");
  string(body, "policy_hash");
  if (body["request_hash"] !== null) string(body, "request_hash");
  return body as unknown as Decision;
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SyntaxError(`${what} is no JSON object`);
  return value as Record<string, unknown>;
}

function string(body: Record<string, unknown>, key: string): string {
  const value = body[key];
  if (typeof value !== "string" || value === "") throw new SyntaxError(`\`${key}\` is missing or no text`);
  return value;
}

/** The message of an error with its cause, because `fetch failed` alone is not helpful. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && error.cause.message !== "" ? ` (${error.cause.message})` : "";
  return `${error.message || error.name}${cause}`;
}
