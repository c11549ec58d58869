// A program that is killed while its tool runs; a test forks it.

import { createGovernor } from "faramesh";
import { fileOutbox } from "faramesh/outbox/file";

import { AGENT, REFUNDS } from "./policies.js";

const [, , path = "", url = ""] = process.argv;
const governor = createGovernor({ agentId: AGENT, policies: { "support-agent.yaml": REFUNDS }, server: url, outbox: fileOutbox(path) });
const refund = governor.govern(
  (_: { amount: number }) => {
    process.send?.("running");
    // The sender never gets its turn.
    for (;;);
  },
  { tool: "process_refund" },
);
void refund({ amount: 45 });
