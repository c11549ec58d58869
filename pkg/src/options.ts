// The options of a governor, checked before anything is built from them, so that every mistake is found here and not at
// the first call.

import { Bundle } from "./bundle.js";
import { reason } from "./client.js";
import { encode } from "./engine.js";
import { hasLoneSurrogate, isPlain, NotJson, stringify } from "./json.js";
import type { GovernorOptions, Mode } from "./types.js";

const OPTIONS = new Set<string>([
  "agentId",
  "approvalTimeoutMs",
  "approvals",
  "bundle",
  "clock",
  "context",
  "mode",
  "onDecision",
  "onDeny",
  "onError",
  "outbox",
  "policies",
  "policy",
  "reportResult",
  "server",
] satisfies (keyof GovernorOptions)[]);

/** Where to decide, and the context in a copy of its own. @throws TypeError for options that make no sense. */
export function checkedOptions(options: GovernorOptions): { mode: Mode; context: Record<string, unknown> } {
  if (typeof options !== "object" || options === null) throw new TypeError("a governor takes an object of options");
  const unknown = Object.keys(options).find((name) => !OPTIONS.has(name));
  if (unknown !== undefined) throw new TypeError(`there is no option \`${unknown}\``);
  const { agentId, policy, policies, bundle, server, approvals, outbox, approvalTimeoutMs = 0 } = options;
  if (!isName(agentId)) throw new TypeError("`agentId` must name the agent, in 1 to 256 bytes");

  const sources = [policy, policies, bundle].filter((source) => source !== undefined).length;
  const { mode = sources > 0 ? "local" : "remote" } = options;
  if (sources > 1) throw new TypeError("give one of `policy`, `policies` and `bundle`");
  if (mode === "local") {
    if (sources === 0) throw new TypeError("to decide here takes one of `policy`, `policies` and `bundle`");
  } else if (mode === "remote") {
    const idle = Object.entries({ policy, policies, bundle, approvals, outbox }).find(([, value]) => value !== undefined);
    if (idle !== undefined) throw new TypeError(`in \`remote\` mode the server does it all; leave \`${idle[0]}\` out`);
    if (server === undefined) {
      throw new TypeError("give `policy`, `policies` or `bundle` to decide here, or `server` to let it decide");
    }
  } else {
    throw new TypeError(`\`mode\` is \`${String(mode)}\`, and it must be \`local\` or \`remote\``);
  }

  if (policy !== undefined) checkPolicy(policy, server !== undefined);
  if (bundle !== undefined && !(bundle instanceof Bundle)) throw new TypeError("`bundle` must come from `createBundle`");
  if (approvals !== undefined && typeof approvals?.hold !== "function") throw new TypeError("`approvals` must have a method `hold`");
  if (typeof approvalTimeoutMs !== "number" || !(approvalTimeoutMs >= 0)) {
    throw new TypeError(`\`approvalTimeoutMs\` is ${String(approvalTimeoutMs)}, and it must not be negative`);
  }
  checkOnDeny(options.onDeny);
  for (const name of ["onError", "onDecision"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") throw new TypeError(`\`${name}\` must be a function`);
  }
  return { mode, context: plainCopy(options.context ?? {}, "context") };
}

/** The most bytes of a name. */
const MAX_NAME_BYTES = 256;

/** Whether `value` can name an agent or a tool. */
export function isName(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || hasLoneSurrogate(value)) return false;
  return value.length <= MAX_NAME_BYTES && encode(value).length <= MAX_NAME_BYTES;
}

function checkPolicy(policy: unknown, withServer: boolean): void {
  if (typeof policy !== "string") throw new TypeError("`policy` must be the text of a policy");
  const line = policy.trim();
  if (!line.includes("\n") && (/^[^:{}]*\.ya?ml$/i.test(line) || /^(?:\.{0,2}\/|[a-z]:\\)[^{}]*$/i.test(line))) {
    throw new TypeError(`\`policy\` must be the text of a policy, and \`${line}\` looks like the path of one; read the file`);
  }
  if (withServer) {
    throw new TypeError(
      "the server knows its policies by their file names, so with a `server` a policy needs one: give `policies` as " +
        '`{ "support-agent.yaml": text }`, with every file that the server has',
    );
  }
}

/** The recorded context. A name that both give is refused: neither may override the other. */
export function mergedContext(fixed: Record<string, unknown>, given: unknown): unknown {
  if (given === undefined) return fixed;
  if (typeof given !== "object" || given === null || !isPlain(given)) return given;
  const twice = Object.keys(given).find((key) => Object.hasOwn(fixed, key));
  if (twice !== undefined) throw new NotJson(`\`context.${twice}\` is given twice`);
  return { ...fixed, ...given };
}

/** Refuses a value that is not a valid `onDeny`. */
export function checkOnDeny(onDeny: unknown): void {
  if (onDeny !== undefined && onDeny !== "throw" && onDeny !== "return" && typeof onDeny !== "function") {
    throw new TypeError(`\`onDeny\` is \`${String(onDeny)}\`, and it must be \`throw\`, \`return\` or a function`);
  }
}

/** A copy that later changes of the original do not reach. */
function plainCopy(value: object, name: string): Record<string, unknown> {
  try {
    const text = stringify(value, `\`${name}\``);
    if (!text.startsWith("{")) throw new NotJson("it is no object");
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new TypeError(`\`${name}\` must be plain JSON: ${reason(error)}`, { cause: error });
  }
}
