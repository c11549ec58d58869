// The example in real workerd, with a client for its routes: started by each test with settings of its own.
import { Miniflare } from "miniflare";

export const AGENT = "key-of-the-agent";
export const DANA = "key-of-dana";
export const LEE = "key-of-lee";

/** How long a condition may take to become true. */
const PATIENCE_MS = 20_000;

export class Worker {
  #miniflare;
  #stopped;

  /** Storage is in memory, or in the folder `persist`. */
  constructor(modules, settings = {}, persist = undefined) {
    this.#miniflare = new Miniflare({
      cf: false,
      host: "127.0.0.1",
      compatibilityDate: "2025-06-01",
      modules,
      durableObjects: { APPROVALS: { className: "Approvals", useSQLite: true } },
      kvNamespaces: ["LEDGER"],
      ...(persist === undefined ? {} : { durableObjectsPersist: persist }),
      bindings: {
        AGENT_ID: "refund-agent",
        AGENT_KEY: AGENT,
        APPROVERS: JSON.stringify({ dana: DANA, lee: LEE }),
        APPROVAL_SECONDS: "900",
        ...settings,
      },
    });
  }

  /** Asks a route; gives the body with the HTTP status as `http`. */
  async ask(key, method, path, body) {
    const answer = await this.#miniflare.dispatchFetch(`http://localhost${path}`, {
      method,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { http: answer.status, ...(await answer.json()) };
  }

  /** Proposes a refund. */
  refund(call_id, amount, customer_id = "c-1") {
    return this.ask(AGENT, "POST", "/calls", { call_id, tool: "process_refund", params: { customer_id, amount } });
  }

  answer(key, call, verdict, more = {}) {
    const { call_id, request_hash } = call;
    return this.ask(key, "POST", `/approvals/${call_id}`, { verdict, request_hash, ...more });
  }

  call(call_id) {
    return this.ask(AGENT, "GET", `/calls/${call_id}`);
  }

  /** Asks for a call until it has this status. */
  async until(call_id, status) {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const call = await this.call(call_id);
      if (call.status === status) return call;
      if (performance.now() > deadline) {
        throw new Error(`${call_id} is still \`${call.status}\` and not \`${status}\``);
      }
    }
  }

  /** The Durable Object itself, past all routes and keys. */
  async store() {
    const approvals = await this.#miniflare.getDurableObjectNamespace("APPROVALS");
    return approvals.get(approvals.idFromName("approvals"));
  }

  /** The refunds that were really made. */
  async refunds() {
    const ledger = await this.#miniflare.getKVNamespace("LEDGER");
    const { keys } = await ledger.list();
    return Promise.all(keys.map(async ({ name }) => (await ledger.get(name, "json")).amount));
  }

  /** Ends workerd; a second time does nothing. */
  stop() {
    this.#stopped ??= this.#miniflare.dispose();
    return this.#stopped;
  }
}
