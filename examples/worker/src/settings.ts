// The settings of this Worker: bindings, variables and secrets, checked before anything is decided.

import type { Approvals } from "./approvals.js";
import type { World } from "./tools.js";

export interface Env extends World {
  APPROVALS: DurableObjectNamespace<Approvals>;
  /** Whom the policy sees. */
  AGENT_ID: string;
  /** Secret: the key with which the agent proposes. */
  AGENT_KEY: string;
  /** Secret: the approvers and their keys as JSON, `{"dana": "…"}`. */
  APPROVERS: string;
  /** How long a call waits for a person. */
  APPROVAL_SECONDS: string;
  /** A Faramesh server that asks people instead, and takes the records. */
  FARAMESH_SERVER?: string;
  /** Secret: this agent's key on that server. */
  FARAMESH_API_KEY?: string;
}

export interface Caller {
  /** The name of the approver; null for the agent. */
  readonly approver: string | null;
}

export interface Settings {
  readonly agentId: string;
  readonly approvalMs: number;
  readonly server: { readonly url: string; readonly apiKey: string } | null;
  /** The caller of a request; null for an unknown one. */
  who(request: Request): Promise<Caller | null>;
}

/** The settings, or the fault in them. */
export function configured(env: Env): Settings | string {
  const seconds = Number(env.APPROVAL_SECONDS);
  if (!(seconds > 0)) return "`APPROVAL_SECONDS` is no time";
  if (!env.AGENT_ID || !env.AGENT_KEY) return "`AGENT_ID` and `AGENT_KEY` must be set";
  let approvers: [string, string][];
  try {
    approvers = Object.entries(JSON.parse(env.APPROVERS) as Record<string, string>);
  } catch {
    return "`APPROVERS` is no JSON";
  }
  const keys = new Map<string, Caller>([[env.AGENT_KEY, { approver: null }]]);
  for (const [approver, key] of approvers) {
    if (typeof key !== "string" || key === "") return "an approver has no key";
    // An agent cannot approve its own call, and two people must be distinguishable.
    if (approver === env.AGENT_ID || keys.has(key)) return "the agent and the approvers need names and keys of their own";
    keys.set(key, { approver });
  }
  const { FARAMESH_SERVER: url, FARAMESH_API_KEY: apiKey } = env;
  if (url && !apiKey) return "`FARAMESH_SERVER` needs `FARAMESH_API_KEY`";
  return {
    agentId: env.AGENT_ID,
    approvalMs: seconds * 1000,
    server: url && apiKey ? { url, apiKey } : null,
    who: (request) => who(request, keys),
  };
}

async function who(request: Request, keys: ReadonlyMap<string, Caller>): Promise<Caller | null> {
  const given = await digest(request.headers.get("authorization")?.replace(/^Bearer /, "") ?? "");
  let found: Caller | null = null;
  // Every key is compared, each in a time that does not depend on where it differs.
  for (const [key, caller] of keys) {
    if (crypto.subtle.timingSafeEqual(given, await digest(key))) found = caller;
  }
  return found;
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
