// Faramesh in local mode, as an agent uses it: a governor with the refund policy in YAML, deciding in this process.
// It keeps no records, since it has no server and no outbox; the others keep none either.

import { readFileSync } from "node:fs";
import { createGovernor } from "../../../pkg/dist/entry/node.js";
import { otherTools } from "../lib/policy.mjs";

export const name = "faramesh";
const manifest = new URL("../../../pkg/package.json", import.meta.url);
export const version = () => JSON.parse(readFileSync(manifest, "utf8")).version;
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "RFC 8785 + SHA-256", explanation: "rule, line, reason code, sentence", risk: "yes", approval: "its own outcome" };

const refund = "tool: stripe.refund";
const WORDED = {
  bounded: [
    `  - { id: small, match: { ${refund}, amount_lte: 150 }, allow: true }`,
    `  - { id: mid, match: { ${refund}, amount_gt: 150, amount_lte: 1000 }, require_approval: true }`,
    `  - { id: large, match: { ${refund}, amount_gt: 1000 }, deny: true }`,
  ],
  "deny first": [
    `  - { id: large, match: { ${refund}, amount_gt: 1000 }, deny: true }`,
    `  - { id: mid, match: { ${refund}, amount_gt: 150 }, require_approval: true }`,
    `  - { id: small, match: { ${refund} }, allow: true }`,
  ],
};

export function yaml({ rules, wording }) {
  return [
    "rules:",
    ...otherTools(rules).map(
      ({ tool, upTo }) => `  - { id: other-${tool}, match: { tool: ${tool}, amount_lte: ${upTo} }, allow: true }`,
    ),
    ...WORDED[wording],
    "  - { id: mail, match: { tool: email.send }, allow: true }",
    "risk:",
    "  rules:",
    `    - { name: big, when: { ${refund}, amount_gt: 500 }, risk_level: high }`,
    "",
  ].join("\n");
}

const OUTCOMES = { EXECUTE: "allow", ABSTAIN: "approval", HALT: "deny" };

export function prepare(variant) {
  const governor = createGovernor({ agentId: "support-agent-prod", policy: yaml(variant) });
  const decide = (call) => OUTCOMES[governor.decide(call).outcome];
  // A governor takes the text of a call as well, so that nothing of it is lost on the way.
  decide.text = decide;
  return decide;
}
