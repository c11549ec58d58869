// Waits for a condition; a test never waits for a time.
const PATIENCE_MS = 20_000;

/** Waits until `holds` gives true; `what` names it when it never does. */
export async function until(what, holds) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS / 1000} seconds`);
    await new Promise((soon) => setTimeout(soon, 20));
  }
}
