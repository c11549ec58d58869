// Steps that all run, each with its time, and one table at the end: one run tells everything.
export class Steps {
  #rows = [];

  /** Runs a step; a throw is its failure and is printed at once. */
  async run(name, step) {
    const start = performance.now();
    let failure;
    try {
      await step();
    } catch (error) {
      failure = error;
      console.error(`==> ${name} failed: ${error?.stack ?? error}`);
    }
    this.#rows.push({ name, ok: failure === undefined, seconds: (performance.now() - start) / 1000 });
    return failure === undefined;
  }

  /** Prints the table and sets the exit code. */
  finish() {
    const width = Math.max(...this.#rows.map(({ name }) => name.length));
    for (const { name, ok, seconds } of this.#rows) {
      console.log(`${name.padEnd(width)}  ${ok ? "ok    " : "FAILED"}  ${seconds.toFixed(1).padStart(6)} s`);
    }
    if (this.#rows.some(({ ok }) => !ok)) {
      process.exitCode = 1;
    }
  }
}
