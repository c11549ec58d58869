// The policy and the tool that most tests use: the refund of the tutorial.

export const REFUNDS = `
rules:
  - id: large
    match: { tool: process_refund, amount_gt: 1000 }
    deny: true
    reason: Refunds above $1000 require the finance team
  - id: middle
    match: { tool: process_refund, amount_gt: 150 }
    require_approval: true
    description: Mid-range refunds require manager review
  - id: small
    match: { tool: process_refund, amount_gte: 0 }
    allow: true
`;

export interface Refund {
  customer_id: string;
  amount: number;
}

/** A tool that tells how often it has run, and with what. */
export function refundTool() {
  const ran: Refund[] = [];
  const tool = (refund: Refund): string => {
    ran.push(refund);
    return `refunded ${refund.amount}`;
  };
  return { ran, tool };
}

export const AGENT = "support-agent-prod";
