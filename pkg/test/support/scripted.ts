// A server on the loopback that a test scripts, so that every way of failing can be had at will. By default it decides
// with the policies that it is given, as the real one does, and takes every record.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { Policies } from "faramesh";

export interface Reply {
  readonly status?: number;
  /** JSON, or text that is sent as it is. */
  readonly body?: unknown;
  /** Closes the connection without an answer. */
  readonly drop?: boolean;
  readonly afterMs?: number;
  readonly headers?: Record<string, string>;
}

export interface Seen {
  readonly verb: string;
  readonly path: string;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

export type Action = Record<string, unknown> & { id: string; status: string; outcome: string };
type Script = Reply | ((action: Action, seen: Seen) => Reply | Promise<Reply>);

export class ScriptedServer {
  readonly seen: Seen[] = [];
  readonly actions = new Map<string, Action>();
  readonly #scripts = new Map<string, Script[]>();
  readonly #policies: Policies;
  readonly #server: Server;
  /** Records by stream, in the order in which they were taken; each once. */
  readonly taken = new Map<string, { seq: number; record_hash: string; prev_hash: string; kind: string; [field: string]: unknown }[]>();
  readonly #keys = new Map<string, string>();
  /** How long an approval lasts. */
  approvalMs = 3_600_000;
  url = "";

  private constructor(policy: string) {
    this.#policies = new Policies({ "support-agent.yaml": policy });
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(policy: string, port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer(policy);
    await server.listen(port);
    return server;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    // After it has closed its door: a client may come back at once.
    this.#server.closeAllConnections();
    await closed;
  }

  /** Answers `verb` with these, in order, repeating the last one. Without any, it answers as the server does. */
  script(verb: string, ...replies: Script[]): void {
    if (replies.length === 0) this.#scripts.delete(verb);
    else this.#scripts.set(verb, replies);
  }

  verbs(): string[] {
    return this.seen.map((one) => one.verb);
  }

  bodies(verb: string): Record<string, unknown>[] {
    return this.seen.filter((one) => one.verb === verb).map((one) => JSON.parse(one.text) as Record<string, unknown>);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const path = request.url ?? "";
    const seen: Seen = { verb: verbOf(request.method ?? "", path), path, text, headers: request.headers };
    this.seen.push(seen);
    const reply = await this.#reply(seen);
    if (reply.drop) {
      request.socket.destroy();
      return;
    }
    if (reply.afterMs !== undefined) await new Promise((resolve) => setTimeout(resolve, reply.afterMs));
    const body = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body ?? {});
    response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers });
    response.end(body);
  }

  async #reply(seen: Seen): Promise<Reply> {
    let id = seen.path.split("/")[3]?.split("?")[0] ?? "";
    if (seen.verb === "submit") {
      id = `action-${this.actions.size}`;
      const decision = this.#policies.decide(seen.text);
      const status = { EXECUTE: "allowed", ABSTAIN: "pending_approval", HALT: "denied" }[decision.outcome];
      const created = Date.now();
      const times = { created_at: new Date(created).toISOString(), expires_at: status === "pending_approval" ? new Date(created + this.approvalMs).toISOString() : null };
      const known = this.#keys.get(String(seen.headers["idempotency-key"]));
      id = known ?? id;
      this.#keys.set(String(seen.headers["idempotency-key"]), id);
      if (known === undefined) this.actions.set(id, { id, ...(JSON.parse(seen.text) as object), ...decision, status, ...times });
    }
    const action = this.actions.get(id) ?? ({} as Action);
    const scripts = this.#scripts.get(seen.verb);
    if (scripts !== undefined) {
      const script = (scripts.length > 1 ? scripts.shift() : scripts[0]) as Script;
      return typeof script === "function" ? script(action, seen) : script;
    }
    switch (seen.verb) {
      case "start":
        action.status = "executing";
        break;
      case "result":
        action.status = (JSON.parse(seen.text) as { success: boolean }).success ? "succeeded" : "failed";
        break;
      case "withdraw":
        if (!["pending_approval", "allowed", "approved"].includes(action.status)) {
          return { status: 409, body: { code: "wrong_status", action_status: action.status } };
        }
        action.status = "withdrawn";
        break;
      case "decide":
        return { body: this.#policies.decide(seen.text) };
      case "records":
        return this.take(seen);
    }
    return { body: { ...action } };
  }

  /** Takes records as the real server does: in order, each once, and linked. */
  take(seen: Seen): Reply {
    const { stream, records } = JSON.parse(seen.text) as { stream: string; records: { seq: number; record_hash: string; prev_hash: string; kind: string }[] };
    const held = this.taken.get(stream) ?? [];
    let accepted = 0;
    for (const record of records) {
      const there = held[record.seq];
      if (there !== undefined && there.record_hash === record.record_hash) continue;
      const head = { stream, size: held.length, record_hash: held.at(-1)?.record_hash ?? "0".repeat(64) };
      if (there !== undefined) return { status: 409, body: { code: "chain_conflict", ...head } };
      if (record.seq !== held.length) return { status: 409, body: { code: "chain_gap", ...head } };
      if (record.prev_hash !== head.record_hash) return { status: 422, body: { code: "chain_broken", seq: record.seq } };
      held.push(record);
      accepted += 1;
    }
    this.taken.set(stream, held);
    return { body: { stream, size: held.length, record_hash: held.at(-1)?.record_hash, accepted } };
  }
}

/** A reply that turns the action of the request into this, and gives it. */
export function turned(fields: Record<string, unknown>): (action: Action) => Reply {
  return (action) => ({ body: { ...Object.assign(action, fields) } });
}

export const approved = { outcome: "EXECUTE", decision: "allow", status: "approved", reason_code: "approval_granted" };
export const rejected = { outcome: "HALT", decision: "deny", status: "denied", reason_code: "approval_rejected", reason: "rejected by alice" };
export const expired = { outcome: "HALT", decision: "deny", status: "denied", reason_code: "approval_expired", reason: "nobody approved it in time" };

function verbOf(method: string, path: string): string {
  const parts = path.split("?")[0]?.split("/").filter(Boolean) ?? [];
  if (parts[1] === "actions") return parts.length === 2 ? (method === "POST" ? "submit" : "list") : (parts[3] ?? "get");
  if (parts[1] === "gate") return "decide";
  return parts[1] ?? "";
}
