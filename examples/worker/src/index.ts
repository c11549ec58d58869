// A Worker that stands between an agent and its tools: every call is decided here, before it runs.
//
// | route | who | what |
// | --- | --- | --- |
// | POST /calls | agent | proposes a call: `{call_id?, tool, params}` |
// | GET /calls/ID | agent or approver | what became of it |
// | GET /approvals | approver | the calls that wait for a person |
// | POST /approvals/ID | approver | `{verdict: "granted" or "rejected", request_hash, reason?}` |
//
// The agent's key proposes and never approves; an approver's key approves and never proposes.

import { ApprovalRequiredError, FarameshError, requestHash } from "faramesh";
import { Approvals, approvals } from "./approvals.js";
import type { KeptCall } from "./approvals.js";
import { gateOf, isTool } from "./gate.js";
import type { Params, Tools } from "./gate.js";
import { configured } from "./settings.js";
import type { Env, Settings } from "./settings.js";

export { Approvals };

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const settings = configured(env);
    if (typeof settings === "string") return problem(500, "misconfigured", settings);
    const { pathname } = new URL(request.url);
    const [, resource, id, ...more] = pathname.split("/");
    const caller = await settings.who(request);
    if (caller === null) return problem(401, "unauthenticated", "the key is missing or unknown");
    const store = approvals(env);
    const gate = gateOf(env, settings);
    const route = `${request.method} /${resource}${id === undefined ? "" : "/ID"}`;
    if (more.length > 0) return problem(404, "not_found", `there is no ${pathname}`);
    switch (route) {
      case "POST /calls":
        if (caller.approver !== null) return problem(403, "forbidden", "approvers do not propose calls");
        return propose(request, ctx, settings, store, gate.agent);
      case "GET /calls/ID": {
        const call = await store.find(id ?? "");
        return call === null ? problem(404, "not_found", "there is no such call") : shown(call);
      }
      case "GET /approvals":
        if (caller.approver === null) return problem(403, "forbidden", "an agent sees no approvals");
        return Response.json({ held: (await store.held()).map(readable) });
      case "POST /approvals/ID":
        if (caller.approver === null) return problem(403, "forbidden", "who proposes a call never approves it");
        return answer(request, store, gate.granted, id ?? "", caller.approver);
      default:
        return problem(404, "not_found", `there is no ${request.method} ${pathname}`);
    }
  },
} satisfies ExportedHandler<Env>;

type Store = DurableObjectStub<Approvals>;

/** Decides a call, and runs it, holds it or denies it. The same id again only tells what became of it. */
async function propose(request: Request, ctx: ExecutionContext, settings: Settings, store: Store, tools: Tools): Promise<Response> {
  const body = await read(request);
  const { call_id = crypto.randomUUID(), tool, params } = body ?? {};
  if (typeof call_id !== "string" || !/^[\w.-]{1,64}$/.test(call_id)) {
    return problem(422, "invalid_call", "`call_id` is 1 to 64 letters, digits, `.`, `_` and `-`");
  }
  if (!isTool(tool)) return problem(422, "invalid_call", "`tool` is no tool of this Worker");
  if (!isObject(params)) return problem(422, "invalid_call", "`params` is an object");

  let request_hash: string;
  try {
    request_hash = requestHash({ agent_id: settings.agentId, tool, params, context: { call_id } });
  } catch (error) {
    if (!(error instanceof FarameshError)) throw error;
    return problem(422, error.code, error.message);
  }
  const kept = await store.propose({ call_id, tool, params: JSON.stringify(params), request_hash });
  if (kept.call.request_hash !== request_hash) {
    return problem(409, "arguments_changed", "this `call_id` was used with other arguments");
  }
  if (!kept.fresh) return shown(kept.call);

  const ended = await run(store, kept.call, tools);
  if (settings.server !== null) ctx.waitUntil(tools.flush());
  if (!(ended instanceof ApprovalRequiredError)) return shown(ended);
  if (settings.server !== null) {
    const reason = "nobody has answered on the server in time";
    return shown((await store.finish(call_id, "denied", reason, null)) ?? kept.call);
  }
  const expires = Date.now() + Math.min(settings.approvalMs, ended.decision?.approval?.expires_ms ?? Infinity);
  return shown((await store.hold(call_id, ended.decision?.reason ?? "", expires)) ?? kept.call);
}

/** Takes what a person says about a held call; one that is granted runs now, once. */
async function answer(request: Request, store: Store, tools: Tools, id: string, approver: string): Promise<Response> {
  const { verdict, request_hash, reason = null } = (await read(request)) ?? {};
  if (verdict !== "granted" && verdict !== "rejected") return problem(422, "invalid_answer", "`verdict` is `granted` or `rejected`");
  if (typeof request_hash !== "string") return problem(422, "invalid_answer", "`request_hash` says which arguments were looked at");
  if (reason !== null && typeof reason !== "string") return problem(422, "invalid_answer", "`reason` is a text");

  const { call, counted } = await store.answer(id, request_hash, verdict === "granted", approver, reason);
  if (call === null) return problem(404, "not_found", "there is no such call");
  if (call.request_hash !== request_hash) return problem(409, "arguments_changed", "these are not the arguments of this call");
  if (!counted) return problem(409, "not_held", `this call is \`${call.status}\` and waits for nobody`);
  if (verdict === "rejected") return shown(call);

  // The policy decides again, with the approval; its broker takes the grant away, so that nothing runs on it twice.
  const ended = await run(store, call, tools);
  if (!(ended instanceof ApprovalRequiredError)) return shown(ended);
  return shown((await store.finish(id, "denied", ended.message, null)) ?? call);
}

/** Runs a governed tool and keeps how it ended; gives the error back when a person has to look first. */
async function run(store: Store, call: KeptCall, tools: Tools): Promise<KeptCall | ApprovalRequiredError> {
  try {
    const result = await tools.call(call.tool, JSON.parse(call.params) as Params, call.call_id);
    return (await store.finish(call.call_id, "done", null, JSON.stringify(result))) ?? call;
  } catch (error) {
    if (error instanceof ApprovalRequiredError) return error;
    // Whatever the package throws, the tool has not run; anything else comes from the tool itself.
    const status = error instanceof FarameshError ? "denied" : "failed";
    const reason = error instanceof FarameshError ? (error.decision?.reason ?? error.message) : "the tool failed";
    return (await store.finish(call.call_id, status, reason, null)) ?? call;
  }
}

const HTTP_STATUS: Record<KeptCall["status"], number> = {
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

function shown(call: KeptCall): Response {
  return Response.json(readable(call), { status: HTTP_STATUS[call.status] });
}

function readable(call: KeptCall): object {
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
