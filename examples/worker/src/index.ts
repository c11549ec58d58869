// A Worker between an agent and its tools: every call is decided before it runs.
//
// | route | who | what |
// | --- | --- | --- |
// | POST /calls | agent | proposes a call: `{call_id?, tool, params}` |
// | GET /calls/ID | agent or approver | what became of it |
// | GET /approvals | approver | the calls that wait for a person |
// | POST /approvals/ID | approver | `{verdict: "granted" or "rejected", request_hash, reason?}` |
//
// The agent's key proposes and never approves; an approver's key approves and never proposes.

import { FarameshError, requestHash } from "faramesh";
import { Approvals } from "./approvals.js";
import type { Call } from "./calls.js";
import { isTool } from "./gate.js";
import { configured } from "./settings.js";
import type { Env, Settings } from "./settings.js";

export { Approvals };

type Store = DurableObjectStub<Approvals>;

export default {
  async fetch(request, env): Promise<Response> {
    const settings = configured(env);
    if (typeof settings === "string") return problem(500, "misconfigured", settings);
    const { pathname } = new URL(request.url);
    const [, resource, id, ...more] = pathname.split("/");
    const caller = await settings.who(request);
    if (caller === null) return problem(401, "unauthenticated", "the key is missing or unknown");
    if (more.length > 0) return problem(404, "not_found", `there is no ${pathname}`);
    const store = env.APPROVALS.get(env.APPROVALS.idFromName("approvals"));
    switch (`${request.method} /${resource}${id === undefined ? "" : "/ID"}`) {
      case "POST /calls":
        if (caller.approver !== null) return problem(403, "forbidden", "approvers do not propose calls");
        return propose(request, settings, store);
      case "GET /calls/ID": {
        const call = await store.find(id ?? "");
        return call === null ? problem(404, "not_found", "there is no such call") : shown(call);
      }
      case "GET /approvals":
        if (caller.approver === null) return problem(403, "forbidden", "an agent sees no approvals");
        return Response.json({ held: (await store.held()).map(readable) });
      case "POST /approvals/ID":
        if (caller.approver === null) return problem(403, "forbidden", "who proposes a call never approves it");
        return answer(request, store, id ?? "", caller.approver);
      default:
        return problem(404, "not_found", `there is no ${request.method} ${pathname}`);
    }
  },
} satisfies ExportedHandler<Env>;

async function propose(request: Request, { agentId }: Settings, store: Store): Promise<Response> {
  const body = await read(request);
  if (body === null) return problem(422, "invalid_call", "the body is no JSON object");
  const { call_id = crypto.randomUUID(), tool, params } = body;
  if (typeof call_id !== "string" || !/^[\w.-]{1,64}$/.test(call_id)) {
    return problem(422, "invalid_call", "`call_id` is 1 to 64 letters, digits, `.`, `_` and `-`");
  }
  if (!isTool(tool)) return problem(422, "invalid_call", "`tool` is no tool of this Worker");
  if (!isObject(params)) return problem(422, "invalid_call", "`params` is an object");
  let request_hash: string;
  try {
    request_hash = requestHash({ agent_id: agentId, tool, params, context: { call_id } });
  } catch (error) {
    if (!(error instanceof FarameshError)) throw error;
    return problem(422, error.code, error.message);
  }
  const call = await store.propose({ call_id, tool, params: JSON.stringify(params), request_hash });
  if (call.request_hash !== request_hash) {
    return problem(409, "arguments_changed", "this `call_id` was used with other arguments");
  }
  return shown(call);
}

async function answer(request: Request, store: Store, id: string, approver: string): Promise<Response> {
  const body = await read(request);
  if (body === null) return problem(422, "invalid_answer", "the body is no JSON object");
  const { verdict, request_hash, reason = null } = body;
  if (verdict !== "granted" && verdict !== "rejected") return problem(422, "invalid_answer", "`verdict` is `granted` or `rejected`");
  if (typeof request_hash !== "string") return problem(422, "invalid_answer", "`request_hash` says which arguments were looked at");
  if (reason !== null && typeof reason !== "string") return problem(422, "invalid_answer", "`reason` is a text");
  const { call, counted } = await store.answer(id, request_hash, verdict === "granted", approver, reason);
  if (call === null) return problem(404, "not_found", "there is no such call");
  if (call.request_hash !== request_hash) return problem(409, "arguments_changed", "these are not the arguments of this call");
  if (!counted) return problem(409, "not_held", `this call is \`${call.status}\` and waits for nobody`);
  return shown(call);
}

const HTTP_STATUS: Record<Call["status"], number> = {
  proposed: 202,
  held: 202,
  granted: 202,
  running: 202,
  done: 200,
  failed: 502,
  denied: 403,
  rejected: 403,
  expired: 403,
};

function shown(call: Call): Response {
  return Response.json(readable(call), { status: HTTP_STATUS[call.status] });
}

function readable(call: Call): object {
  return { ...call, params: JSON.parse(call.params), result: call.result === null ? null : JSON.parse(call.result) };
}

async function read(request: Request): Promise<Record<string, unknown> | null> {
  const body: unknown = await request.json().catch(() => null);
  return isObject(body) ? body : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function problem(status: number, code: string, detail: string): Response {
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify({ status, code, detail }), { status, headers });
}
