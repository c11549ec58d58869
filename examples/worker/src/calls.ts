// Every proposed call and what became of it, in the storage of a Durable Object.
//
// A call has an id that the agent chose. It goes from `proposed` to `done`, `failed` or `denied`; or to `held`, and
// from there to `rejected`, to `expired`, or to `granted` and then once to `running`. Each change is one statement, so
// of two that come at the same time one counts. Nothing here decides whether a call may run.

export type Status = "proposed" | "held" | "granted" | "running" | "done" | "failed" | "denied" | "rejected" | "expired";

/** A call as it is kept. */
export interface Call {
  call_id: string;
  tool: string;
  /** The arguments as JSON, exactly as they were proposed. */
  params: string;
  /** The hash that a person grants: these arguments and no others. */
  request_hash: string;
  status: Status;
  /** Why it is held, or why it ended as it did. */
  reason: string | null;
  /** When a held call expires, in Unix milliseconds. */
  expires_at: number | null;
  /** The person who answered. */
  approver: string | null;
  /** The tool's result, as JSON. */
  result: string | null;
}

export type Proposal = Pick<Call, "call_id" | "tool" | "params" | "request_hash">;

export class Calls {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`
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

  /** Takes a call whose id is new; whether it was. */
  propose({ call_id, tool, params, request_hash }: Proposal): boolean {
    return this.#change(
      "INSERT INTO calls (call_id, tool, params, request_hash, status) VALUES (?, ?, ?, ?, 'proposed') ON CONFLICT DO NOTHING",
      call_id,
      tool,
      params,
      request_hash,
    );
  }

  find(callId: string): Call | null {
    const [row] = this.#sql.exec("SELECT * FROM calls WHERE call_id = ?", callId).toArray();
    return (row as unknown as Call | undefined) ?? null;
  }

  /** The calls that wait for a person, the next to expire first. */
  held(): Call[] {
    const rows = this.#sql.exec("SELECT * FROM calls WHERE status = 'held' ORDER BY expires_at, call_id").toArray();
    return rows as unknown as Call[];
  }

  /** Lets a call wait for a person until `expiresAt`. */
  hold(callId: string, reason: string, expiresAt: number): void {
    this.#change(
      "UPDATE calls SET status = 'held', reason = ?, expires_at = ? WHERE call_id = ? AND status = 'proposed'",
      reason,
      expiresAt,
      callId,
    );
  }

  /** A person's answer to a held call; whether it is in time and for the right arguments. */
  answer(callId: string, requestHash: string, granted: boolean, approver: string, reason: string | null, now: number): boolean {
    return this.#change(
      `UPDATE calls SET status = ?, approver = ?, reason = ?
       WHERE call_id = ? AND request_hash = ? AND status = 'held' AND expires_at > ?`,
      granted ? "granted" : "rejected",
      approver,
      reason,
      callId,
      requestHash,
      now,
    );
  }

  /** Hands a grant out, once: its receiver runs the call. */
  take(callId: string, requestHash: string): Call | null {
    const taken = this.#change(
      "UPDATE calls SET status = 'running' WHERE call_id = ? AND request_hash = ? AND status = 'granted'",
      callId,
      requestHash,
    );
    return taken ? this.find(callId) : null;
  }

  /** How a call ended. */
  finish(callId: string, status: "done" | "failed" | "denied", reason: string | null, result: string | null): void {
    this.#change(
      `UPDATE calls SET status = ?, reason = coalesce(?, reason), result = ?
       WHERE call_id = ? AND status IN ('proposed', 'granted', 'running')`,
      status,
      reason,
      result,
      callId,
    );
  }

  /** Ends the waiting of all whose time is over. */
  expire(now: number): void {
    this.#change("UPDATE calls SET status = 'expired' WHERE status = 'held' AND expires_at <= ?", now);
  }

  /** When the next call expires; null when none waits. */
  nextExpiry(): number | null {
    const { at } = this.#sql.exec("SELECT min(expires_at) AS at FROM calls WHERE status = 'held'").one();
    return at as number | null;
  }

  #change(statement: string, ...values: SqlStorageValue[]): boolean {
    return this.#sql.exec(statement, ...values).rowsWritten > 0;
  }
}
