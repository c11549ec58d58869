// GoRules ZEN, the native addon for Node, with the refund policy as one decision table that takes the first row.

import { ZenEngine } from "@gorules/zen-engine";
import { otherTools } from "../lib/policy.mjs";
import { versionOf } from "../lib/version.mjs";

export const name = "zen-engine";
export const version = () => versionOf("@gorules/zen-engine");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "no", explanation: "none (a trace on request, off here)", risk: "no", approval: "a word in the table" };

const refund = "'stripe.refund'";
const WORDED = {
  bounded: [
    [refund, "<= 150", "allow"],
    [refund, "(150..1000]", "approval"],
    [refund, "> 1000", "deny"],
  ],
  "deny first": [
    [refund, "> 1000", "deny"],
    [refund, "> 150", "approval"],
    [refund, "", "allow"],
  ],
};

function graph({ rules, wording }) {
  const rows = [
    ...otherTools(rules).map(({ tool, upTo }) => [`'${tool}'`, `<= ${upTo}`, "allow"]),
    ...WORDED[wording],
    ["'email.send'", "", "allow"],
    ["", "", "deny"],
  ];
  return {
    nodes: [
      { id: "in", name: "in", type: "inputNode", position: { x: 0, y: 0 } },
      {
        id: "table",
        name: "table",
        type: "decisionTableNode",
        position: { x: 0, y: 0 },
        content: {
          hitPolicy: "first",
          inputs: [
            { id: "tool", name: "tool", field: "tool" },
            { id: "amount", name: "amount", field: "params.amount" },
          ],
          outputs: [{ id: "decision", name: "decision", field: "decision" }],
          rules: rows.map(([tool, amount, decision], number) => ({
            _id: `row${number}`,
            tool,
            amount,
            decision: `'${decision}'`,
          })),
        },
      },
      { id: "out", name: "out", type: "outputNode", position: { x: 0, y: 0 } },
    ],
    edges: [
      { id: "e1", sourceId: "in", targetId: "table", type: "edge" },
      { id: "e2", sourceId: "table", targetId: "out", type: "edge" },
    ],
  };
}

export function prepare(variant) {
  const decision = new ZenEngine().createDecision(graph(variant));
  return async (call) => (await decision.evaluate(call)).result.decision;
}
