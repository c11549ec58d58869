// Every project makes three calls with the installed package: one runs, one is held, one is denied.
//
// `faramesh` is the package as that project found it. Nothing here knows which host it is on.

const policy = `
rules:
  - id: small
    match: { tool: process_refund, amount_gte: 0, amount_lte: 150 }
    allow: true
  - id: medium
    match: { tool: process_refund, amount_gt: 150, amount_lte: 1000 }
    require_approval: true
  - id: large
    match: { tool: process_refund, amount_gt: 1000 }
    deny: true
`;

/** The outcomes, what really ran, that nothing opens the gate, and the hash of the engine that decided. */
export async function three(faramesh) {
  const governor = faramesh.createGovernor({ agentId: "agent-1", policy });
  const ran = [];
  const refund = governor.govern(
    ({ amount }) => {
      ran.push(amount);
      return `refunded ${amount}`;
    },
    { tool: "process_refund" },
  );
  const outcomes = [];
  const answers = [];
  for (const amount of [45, 340, 5000]) {
    const decision = await governor.decide({ tool: "process_refund", params: { amount } });
    outcomes.push(decision.outcome);
    try {
      answers.push(await refund({ amount }));
    } catch (error) {
      answers.push(error.name);
    }
  }
  let open = "an option that is not there was taken";
  try {
    faramesh.createGovernor({ agentId: "agent-1", policy, failOpen: true });
  } catch (error) {
    open = error.name;
  }
  return { outcomes, ran, answers, open, engine_hash: faramesh.version().engine_hash };
}
