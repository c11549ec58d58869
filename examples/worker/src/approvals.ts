// Every proposed call and what became of it, in a Durable Object: one at a time, and still there tomorrow.
//
// A call has an id that the agent chose. It goes from `proposed` to `done`, `failed` or `denied`; or to `held`, and
// from there to `rejected`, to `expired` by the alarm, or to `granted` and then once to `running`. Nothing here
// decides whether a call may run: the policy does, again, after a person said yes.

import { DurableObject } from "cloudflare:workers";
import type { Env } from "./settings.js";

export type Status = "proposed" | "held" | "granted" | "running" | "done" | "failed" | "denied" | "rejected" | "expired";

/** A call as it is kept. */
export interface KeptCall {
  call_id: string;
  tool: string;
  /** The arguments as JSON, exactly as they were proposed. */
  params: string;
  /** What a person grants: these arguments and no others. */
  request_hash: string;
  status: Status;
  /** Why it is held, or why it ended as it did. */
  reason: string | null;
  /** When a held call expires, in Unix milliseconds. */
  expires_at: number | null;
  /** Who answered. */
  approver: string | null;
  /** What the tool gave back, as JSON. */
  result: string | null;
}

/** What an answer came to: the call as it is now, and whether it was this answer that counted. */
export interface Answered {
  call: KeptCall | null;
  counted: boolean;
}

/** The one object that all calls of this Worker go through. */
export function approvals(env: Env): DurableObjectStub<Approvals> {
  return env.APPROVALS.get(env.APPROVALS.idFromName("approvals"));
}

export class Approvals extends DurableObject<Env> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS calls (
        call_id TEXT PRIMARY KEY,
        tool TEXT NOT NULL,
        params TEXT NOT NULL,
        request_hash TEXT NOT NULL,
        status TEXT NOT NULL,
        reason TEXT,
        expires_at INTEGER,
        approver TEXT,
        result TEXT
      ) STRICT;
      CREATE INDEX IF NOT EXISTS held ON calls (expires_at) WHERE status = 'held';
    `);
  }

  /** Takes a call that is new; one with a known id is only shown, so that a repeated request runs nothing twice. */
  propose(call: Pick<KeptCall, "call_id" | "tool" | "params" | "request_hash">): { fresh: boolean; call: KeptCall } {
    const { rowsWritten } = this.#sql.exec(
      "INSERT INTO calls (call_id, tool, params, request_hash, status) VALUES (?, ?, ?, ?, 'proposed') ON CONFLICT DO NOTHING",
      call.call_id,
      call.tool,
      call.params,
      call.request_hash,
    );
    return { fresh: rowsWritten > 0, call: this.find(call.call_id) as KeptCall };
  }

  find(callId: string): KeptCall | null {
    const [row] = this.#sql.exec("SELECT * FROM calls WHERE call_id = ?", callId).toArray();
    return (row as unknown as KeptCall | undefined) ?? null;
  }

  /** The calls that wait for a person, the oldest first. */
  held(): KeptCall[] {
    const rows = this.#sql.exec("SELECT * FROM calls WHERE status = 'held' ORDER BY expires_at, call_id").toArray();
    return rows as unknown as KeptCall[];
  }

  /** Waits for a person until `expiresAt`. */
  async hold(callId: string, reason: string, expiresAt: number): Promise<KeptCall | null> {
    this.#sql.exec(
      "UPDATE calls SET status = 'held', reason = ?, expires_at = ? WHERE call_id = ? AND status IN ('proposed', 'running')",
      reason,
      expiresAt,
      callId,
    );
    await this.#wake();
    return this.find(callId);
  }

  /** What a person says about a held call, in time and about the arguments that they saw. */
  answer(callId: string, requestHash: string, granted: boolean, approver: string, reason: string | null): Answered {
    const { rowsWritten } = this.#sql.exec(
      `UPDATE calls SET status = ?, approver = ?, reason = ?
       WHERE call_id = ? AND request_hash = ? AND status = 'held' AND expires_at > ?`,
      granted ? "granted" : "rejected",
      approver,
      reason,
      callId,
      requestHash,
      Date.now(),
    );
    return { call: this.find(callId), counted: rowsWritten > 0 };
  }

  /** Gives a granted call away, once: whoever gets it runs it. */
  take(callId: string, requestHash: string): KeptCall | null {
    const { rowsWritten } = this.#sql.exec(
      "UPDATE calls SET status = 'running' WHERE call_id = ? AND request_hash = ? AND status = 'granted'",
      callId,
      requestHash,
    );
    return rowsWritten > 0 ? this.find(callId) : null;
  }

  /** How a call ended. */
  finish(callId: string, status: "done" | "failed" | "denied", reason: string | null, result: string | null): KeptCall | null {
    this.#sql.exec(
      `UPDATE calls SET status = ?, reason = coalesce(?, reason), result = ?
       WHERE call_id = ? AND status IN ('proposed', 'granted', 'running')`,
      status,
      reason,
      result,
      callId,
    );
    return this.find(callId);
  }

  /** Nobody answered in time. */
  override async alarm(): Promise<void> {
    this.#sql.exec("UPDATE calls SET status = 'expired' WHERE status = 'held' AND expires_at <= ?", Date.now());
    await this.#wake();
  }

  /** Sets the alarm for the next call that expires. */
  async #wake(): Promise<void> {
    const [next] = this.#sql.exec("SELECT min(expires_at) AS at FROM calls WHERE status = 'held'").toArray();
    if (typeof next?.at === "number") await this.ctx.storage.setAlarm(next.at);
  }
}
