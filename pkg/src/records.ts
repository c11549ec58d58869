// The stream of records of a governor that decides locally: each record is sealed by the engine, linked to the previous
// one, and in the outbox before it is reported. A record that cannot be stored is an error, and then nothing runs.

import type { Clock } from "./clock.js";
import { uuid } from "./clock.js";
import type { Receipt, Ruling } from "./decision.js";
import { engineHash, seal } from "./engine.js";
import type { LoadedPolicies } from "./engine.js";
import type { Approval } from "./generated/wire.js";
import { RUNTIME_VERSION } from "./glue/facts.js";
import { host } from "./host.js";
import { canonical } from "./json.js";
import type { Outbox, StreamHead } from "./outbox.js";
import { sha256 } from "./sha256.js";

/** The most characters of a tool's error that are kept. */
export const MAX_ERROR_TEXT = 2000;

/** How a tool ended. */
export interface Report {
  readonly success: boolean;
  readonly error: string | null;
  /** The tool's result in canonical form; null if results are not kept. */
  readonly result: string | null;
}

/** The stream of one governor. */
export class Records {
  readonly #outbox: Outbox;
  readonly #agentId: string;
  readonly #clock: Clock;
  readonly #appended: () => void;
  #head: StreamHead | undefined;
  #inForce: string | undefined;
  #closed = false;

  constructor(outbox: Outbox, agentId: string, clock: Clock, appended: () => void) {
    this.#outbox = outbox;
    this.#agentId = agentId;
    this.#clock = clock;
    this.#appended = appended;
  }

  /** The stream's name and length; null before the first record. */
  get head(): StreamHead | null {
    return this.#head ?? null;
  }

  /** Takes no more: what cannot be recorded does not run. */
  close(): void {
    this.#closed = true;
  }

  /** That these policies decide from here on; written once for each set. */
  policies(policies: LoadedPolicies): void {
    if (this.#inForce === policies.policyHash) return;
    const files = policies.files.map((file) => ({ name: file.file, hash: file.hash }));
    this.#write("policy", null, {
      agent_id: quoted(this.#agentId),
      engine_hash: quoted(engineHash()),
      files: canonical(files),
      host: quoted(host().name),
      policy_hash: quoted(policies.policyHash),
      runtime_version: quoted(RUNTIME_VERSION),
    });
    this.#inForce = policies.policyHash;
  }

  /** A decision. */
  decision(actionId: string, ruling: Ruling, durationUs: number): Receipt {
    return this.#write("decision", actionId, {
      action: ruling.action ?? "null",
      decision: ruling.text,
      duration_us: String(durationUs),
      engine_hash: quoted(engineHash()),
      policy_version: "null",
      principal: quoted(this.#agentId),
      state: ruling.state,
    });
  }

  /** The answers to a held action, one record for each person; or one that says there was none. */
  approval(actionId: string, requestHash: string | null, approval: Approval): void {
    const fields = { principal: quoted(this.#agentId), request_hash: quoted(requestHash) };
    if (approval.verdict === "expired") {
      this.#write("expiry", actionId, { approval: "null", ...fields });
      return;
    }
    const approve = approval.verdict === "granted";
    const people = approval.approvers.length > 0 ? approval.approvers : [{ principal: "approvals", roles: [] }];
    for (const { principal, roles } of people) {
      const said = canonical({ approve, principal, reason: approval.reason, roles });
      this.#write("approval", actionId, { approval: said, ...fields, principal: quoted(principal) });
    }
  }

  /** A tool starts. */
  start(actionId: string, requestHash: string | null): void {
    this.#write("start", actionId, { principal: quoted(this.#agentId), request_hash: quoted(requestHash) });
  }

  /** A tool has ended. */
  result(actionId: string, requestHash: string | null, report: Report): void {
    this.#write("result", actionId, {
      error: quoted(report.error),
      principal: quoted(this.#agentId),
      request_hash: quoted(requestHash),
      result: report.result ?? "null",
      result_hash: quoted(report.result === null ? null : sha256(report.result)),
      status: quoted(report.success ? "succeeded" : "failed"),
      success: String(report.success),
    });
  }

  #write(kind: string, actionId: string | null, fields: Record<string, string>): Receipt {
    if (this.#closed) throw new Error("the governor was closed");
    const head = (this.#head ??= this.#outbox.open(`local-${uuid()}`));
    const members: Record<string, string> = {
      ...fields,
      action_id: quoted(actionId),
      at: quoted(new Date(this.#clock.now()).toISOString()),
      kind: quoted(kind),
      prev_hash: quoted(head.record_hash),
      seq: String(head.size),
      stream: quoted(head.stream),
    };
    const keys = Object.keys(members).sort();
    const sealed = seal(`{${keys.map((key) => `"${key}":${members[key]}`).join(",")}}`);
    const receipt: Receipt = { stream: head.stream, seq: head.size, record_hash: sealed.record_hash };
    // INVARIANT: the head moves on only to a record that is kept.
    this.#outbox.append({ ...receipt, body: sealed.record });
    this.#head = { stream: head.stream, size: head.size + 1, record_hash: sealed.record_hash };
    this.#appended();
    return receipt;
  }
}

function quoted(text: string | null): string {
  return text === null ? "null" : JSON.stringify(text);
}
