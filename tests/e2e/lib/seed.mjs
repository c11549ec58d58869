// Recorded actions for a test to look at: the same ones each time, as the agents of the sample policies make them.
//
// They come over HTTP like any others, several at once. Their relative order is not guaranteed.

/** How many are on their way at once. */
const AT_ONCE = 16;

/** Numbers from 0 to 1 that are the same in each run. */
export function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const AMOUNTS = [5, 20, 45, 80, 120, 150, 200, 340, 600, 900, 1500, 5000];
const COMMANDS = ["ls -la", "rm -rf /", "cat README.md", "git status"];

/** The action with this number. */
function action(number, random) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const kind = random();
  if (kind < 0.65) {
    const params = { customer_id: `c-${Math.floor(random() * 90)}`, amount: pick(AMOUNTS) };
    return { agent_id: pick(["support-agent-prod", "support-agent-dev"]), tool: "process_refund", params };
  }
  if (kind < 0.85) {
    const params = { to: `c${number}@example.com`, subject: `Your refund ${number}`, body: "It is on its way" };
    return { agent_id: "support-agent-prod", tool: "send_email", params };
  }
  if (kind < 0.95) {
    return { agent_id: "shell-agent-1", tool: "shell", operation: "exec", params: { command: pick(COMMANDS) } };
  }
  return { agent_id: "unknown-agent", tool: "nothing_known", params: { number } };
}

/** Makes so many actions, and carries out some of those that may run. Gives what became of each. */
export async function seed(server, count, { carriedOut = 0.1 } = {}) {
  const random = numbers(count);
  const wanted = Array.from({ length: count }, (_, number) => ({ ...action(number, random), number, luck: random() }));
  const made = new Array(count);
  const worker = async () => {
    for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
      const { number, luck, ...proposed } = next;
      made[number] = await server.done("POST", "/v1/actions", proposed);
      if (made[number].outcome === "EXECUTE" && luck < carriedOut) {
        const ended = luck < carriedOut * 0.8 ? undefined : { success: false, error: "the bank did not answer" };
        made[number] = await server.carryOut(made[number], ended);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return made;
}
