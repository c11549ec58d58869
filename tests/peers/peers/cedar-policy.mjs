// The refund policy in Cedar, for both ways of calling cedar-wasm.
//
// Cedar knows permit and forbid only. Approval is an annotation: the host looks at the policies that decided and takes
// the strictest annotation among them.

import { otherTools } from "../lib/policy.mjs";

/**
 * Without this Node 20 aborts after some ten thousand calls: V8 cannot leave optimised code in the middle of an inlined
 * call that returns a reference, which is what cedar-wasm's functions return.
 */
export const nodeFlags = ["--no-turbo-inline-js-wasm-calls"];

const action = (tool) => `principal, action == Action::"${tool}", resource`;
const permit = (decision, tool, when) =>
  `@decision("${decision}") permit(${action(tool)})${when ? ` when { ${when} }` : ""};`;
const forbid = (tool, when) => `forbid(${action(tool)}) when { ${when} };`;

const refund = "stripe.refund";
const WORDED = {
  bounded: [
    permit("allow", refund, "context.amount <= 150"),
    permit("approval", refund, "context.amount > 150 && context.amount <= 1000"),
    forbid(refund, "context.amount > 1000"),
  ],
  "deny first": [
    forbid(refund, "context.amount > 1000"),
    permit("approval", refund, "context.amount > 150"),
    permit("allow", refund),
  ],
};

/** The policies by id, and the decision of each id. */
export function policies({ rules, wording }) {
  const texts = [
    ...otherTools(rules).map(({ tool, upTo }) => permit("allow", tool, `context.amount <= ${upTo}`)),
    ...WORDED[wording],
    permit("allow", "email.send"),
  ];
  const byId = Object.fromEntries(texts.map((text, number) => [`policy${number}`, text]));
  const asks = new Set(Object.keys(byId).filter((id) => byId[id].includes('@decision("approval")')));
  return { byId, asks };
}

/** The request that Cedar takes, from the tool call. */
export function request({ agent_id, tool, params }) {
  return {
    principal: { type: "Agent", id: agent_id },
    action: { type: "Action", id: tool },
    resource: { type: "Tool", id: tool },
    context: params,
    entities: [],
  };
}

/** What Cedar's answer means; a request that it could not read is thrown. */
export function outcome(answer, asks) {
  if (answer.type !== "success") throw new Error(answer.errors[0].message);
  const { decision, diagnostics } = answer.response;
  if (decision !== "allow") return "deny";
  return diagnostics.reason.some((id) => asks.has(id)) ? "approval" : "allow";
}
