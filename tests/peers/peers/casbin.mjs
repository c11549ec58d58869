// node-casbin: a row for each rule with a condition that the matcher evaluates; the first row that matches is read.
// `enforceExSync` is the faster of its two ways to ask and gives the row back.

import { newEnforcer, newModelFromString } from "casbin";
import { otherTools } from "../lib/policy.mjs";
import { versionOf } from "../lib/version.mjs";

export const name = "casbin";
export const version = () => versionOf("casbin");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "no", explanation: "the row that matched", risk: "no", approval: "a word in the row" };

const MODEL = `
[request_definition]
r = tool, params
[policy_definition]
p = tool, cond, decision
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.tool == p.tool && eval(p.cond)
`;

const refund = "stripe.refund";
const WORDED = {
  bounded: [
    [refund, "r.params.amount <= 150", "allow"],
    [refund, "r.params.amount > 150 && r.params.amount <= 1000", "approval"],
    [refund, "r.params.amount > 1000", "deny"],
  ],
  "deny first": [
    [refund, "r.params.amount > 1000", "deny"],
    [refund, "r.params.amount > 150", "approval"],
    [refund, "true", "allow"],
  ],
};

export async function prepare({ rules, wording }) {
  const enforcer = await newEnforcer(newModelFromString(MODEL));
  await enforcer.addPolicies([
    ...otherTools(rules).map(({ tool, upTo }) => [tool, `r.params.amount <= ${upTo}`, "allow"]),
    ...WORDED[wording],
    ["email.send", "true", "allow"],
  ]);
  return ({ tool, params }) => {
    const [matched, row] = enforcer.enforceExSync(tool, params);
    return matched ? row[2] : "deny";
  };
}
