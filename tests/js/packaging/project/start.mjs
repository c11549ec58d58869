// A Worker whose governor is made at module scope: its first request is a decision and nothing else.
import { createGovernor } from "faramesh";

const rules = Array.from({ length: 19 }, (_, number) => {
  const match = `{ tool: process_refund, amount_gt: ${(number + 1) * 1000}, currency_eq: CUR${number} }`;
  return `  - { id: rule-${number}, match: ${match}, deny: true }`;
});
const last = "  - { id: last, match: { tool: process_refund, amount_lte: 1000 }, allow: true }";
const governor = createGovernor({ agentId: "agent-1", policy: ["rules:", ...rules, last, ""].join("\n") });

export default {
  fetch() {
    return Response.json(governor.decide({ tool: "process_refund", params: { amount: 45, currency: "EUR" } }));
  },
};
