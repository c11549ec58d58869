// Microsoft's Agent Governance Toolkit, the `PolicyEngine` of its TypeScript SDK, with the refund policy in its YAML.
// It says `ruleAction`: version 4.0.0 does not read `action` and takes a rule without `ruleAction` for a deny.

import { PolicyEngine } from "@microsoft/agent-governance-sdk";
import { otherTools } from "../lib/policy.mjs";
import { versionOf } from "../lib/version.mjs";

export const name = "agent-governance-sdk";
export const version = () => versionOf("@microsoft/agent-governance-sdk");
/** The further contents of an answer, and its way to say "ask a human". */
export const gives = { hash: "no", explanation: "rule, sentence", risk: "no", approval: "its own action" };

const refund = "tool == 'stripe.refund'";
const WORDED = {
  bounded: [
    ["small", `${refund} and params.amount <= 150`, "allow"],
    ["mid", `${refund} and params.amount > 150 and params.amount <= 1000`, "require_approval"],
    ["large", `${refund} and params.amount > 1000`, "deny"],
  ],
  "deny first": [
    ["large", `${refund} and params.amount > 1000`, "deny"],
    ["mid", `${refund} and params.amount > 150`, "require_approval"],
    ["small", refund, "allow"],
  ],
};

function yaml({ rules, wording }) {
  const all = [
    ...otherTools(rules).map(({ tool, upTo }) => [
      `other-${tool}`,
      `tool == '${tool}' and params.amount <= ${upTo}`,
      "allow",
    ]),
    ...WORDED[wording],
    ["mail", "tool == 'email.send'", "allow"],
  ];
  const rule = ([id, condition, action], number) =>
    `  - name: ${id}\n    condition: "${condition}"\n    ruleAction: ${action}\n    priority: ${all.length - number}\n`;
  return `apiVersion: governance.toolkit/v1\nname: refunds\nagents: ["*"]\ndefault_action: deny\nrules:\n${all.map(rule).join("")}`;
}

export function prepare(variant) {
  const engine = new PolicyEngine();
  engine.loadYaml(yaml(variant));
  return (call) => {
    const { action } = engine.evaluatePolicy(call.agent_id, call);
    return action === "require_approval" ? "approval" : action;
  };
}
