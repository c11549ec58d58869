// CEL in plain JavaScript: an expression for each rule, parsed once and tried in order; the first that is true decides.
// It evaluates expressions and nothing more: order, default and outcome are the host's.

import { Environment } from "@marcbachmann/cel-js";
import { otherTools } from "../lib/policy.mjs";
import { versionOf } from "../lib/version.mjs";

export const name = "cel-js";
export const version = () => versionOf("@marcbachmann/cel-js");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "no", explanation: "none", risk: "no", approval: "a word beside the expression" };

const refund = 'tool == "stripe.refund"';
const WORDED = {
  bounded: [
    [`${refund} && params.amount <= 150`, "allow"],
    [`${refund} && params.amount > 150 && params.amount <= 1000`, "approval"],
    [`${refund} && params.amount > 1000`, "deny"],
  ],
  "deny first": [
    [`${refund} && params.amount > 1000`, "deny"],
    [`${refund} && params.amount > 150`, "approval"],
    [refund, "allow"],
  ],
};

export function prepare({ rules, wording }) {
  const environment = new Environment({ unlistedVariablesAreDyn: true });
  const compiled = [
    ...otherTools(rules).map(({ tool, upTo }) => [`tool == "${tool}" && params.amount <= ${upTo}`, "allow"]),
    ...WORDED[wording],
    ['tool == "email.send"', "allow"],
  ].map(([text, decision]) => [environment.parse(text), decision]);
  return (call) => {
    for (const [holds, decision] of compiled) {
      if (holds(call) === true) return decision;
    }
    return "deny";
  };
}
