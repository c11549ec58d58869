// The tools of the agent, as they would be without a gate. Nothing here knows of policies.

/** The bindings that the tools use. */
export interface World {
  /** Replaces the payment system: a namespace of key and value. */
  LEDGER: KVNamespace;
}

export interface Customer {
  customer_id: string;
}

export interface Refund extends Customer {
  amount: number;
}

/** Pays money back. */
export async function processRefund(world: World, { customer_id, amount }: Refund): Promise<{ refund_id: string; amount: number }> {
  const refund_id = crypto.randomUUID();
  await world.LEDGER.put(`refund/${customer_id}/${refund_id}`, JSON.stringify({ amount }));
  return { refund_id, amount };
}

/** How much a customer got back so far. */
export async function readRefunds(world: World, { customer_id }: Customer): Promise<{ refunds: number }> {
  const { keys } = await world.LEDGER.list({ prefix: `refund/${customer_id}/` });
  return { refunds: keys.length };
}
