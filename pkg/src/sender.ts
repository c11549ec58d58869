// Sends the records that wait, in order, in batches, until the server has them. A failure is tried again later, more
// and more slowly; a contradiction between a stream and the server stops it, loudly, and every record stays. Other
// streams in the same outbox, such as those of other pages, go on.

import type { Client, Taken } from "./client.js";
import { reason, ServerProblem } from "./client.js";
import { later } from "./clock.js";
import { FarameshError, PolicyUnavailableError } from "./errors.js";
import { host } from "./host.js";
import type { Batch, Outbox } from "./outbox.js";

/** The most records of one request; the server's limit. */
const MAX_RECORDS = 500;
/** The most characters of one request: below the server's 8 MiB, whatever they are. */
const MAX_CHARACTERS = 2 * 1024 * 1024;
/** Records that come within this time travel together. */
const GATHER_MS = 100;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 60_000;
/** Answers after which sending the same again cannot succeed: a contradiction, and a key that may never do this. */
const FINAL_STATUS = new Set([400, 409, 413, 422]);
const FINAL_CODE = new Set(["agent_not_allowed", "foreign_stream"]);

/** Sends what waits in an outbox. */
export class Sender {
  readonly #outbox: Outbox;
  readonly #client: Client;
  readonly #failed: (error: FarameshError) => void;
  readonly #drained: () => void;
  #cancel: (() => void) | undefined;
  #sending: Promise<void> | undefined;
  #failures = 0;
  /** The streams that the server refused, and its answer to the first. */
  readonly #refused = new Set<string>();
  #stopped: FarameshError | undefined;
  #closed = false;

  /** `failed` is told what goes wrong, and `drained` that nothing waits any more. */
  constructor(outbox: Outbox, client: Client, failed: (error: FarameshError) => void, drained: () => void) {
    this.#outbox = outbox;
    this.#client = client;
    this.#failed = failed;
    this.#drained = drained;
  }

  /** Why a stream is not sent any more; null while all are. */
  get stopped(): FarameshError | null {
    return this.#stopped ?? null;
  }

  /** There is something to send. */
  wake(): void {
    if (this.#cancel === undefined && this.#sending === undefined) this.#schedule(GATHER_MS);
  }

  /**
   * Sends all that waits, now, once. A stream that was stopped is tried again.
   *
   * @throws the error on which it ended, or the first for which a stream was stopped.
   */
  async flush(signal?: AbortSignal): Promise<void> {
    this.#refused.clear();
    this.#stopped = undefined;
    if (!host().background) {
      // In workerd a promise belongs to the request that made it, so every flush does its own sending; the server
      // takes a record that comes twice once.
      await this.#send(signal);
      return;
    }
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#sending?.catch(() => undefined);
    await this.#run(signal);
  }

  /** No more of it. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(ms: number): void {
    if (this.#closed || !host().background) return;
    this.#cancel = later(ms, () => {
      this.#cancel = undefined;
      this.#run(undefined).catch(() => undefined);
    });
  }

  #run(signal: AbortSignal | undefined): Promise<void> {
    this.#sending ??= this.#send(signal).finally(() => {
      this.#sending = undefined;
      if (this.#next(1) === null) return;
      // Full jitter, so that many programs do not come back at the same moment.
      const backoff = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(this.#failures, 16));
      this.#schedule(this.#failures === 0 ? GATHER_MS : backoff * (0.5 + Math.random() / 2));
    });
    return this.#sending;
  }

  async #send(signal: AbortSignal | undefined): Promise<void> {
    let most = MAX_RECORDS;
    let refusal: FarameshError | undefined;
    for (;;) {
      const batch = this.#next(most);
      if (batch === null) break;
      try {
        const taken = await this.#client.records(batch.stream, batch.records.map((record) => record.body), signal);
        this.#outbox.acknowledge(batch.stream, held(batch, taken));
        this.#failures = 0;
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error instanceof ServerProblem && error.status === 413 && batch.records.length > 1) {
          most = Math.ceil(batch.records.length / 2);
          continue;
        }
        const noted = this.#note(error, batch);
        if (!this.#refused.has(batch.stream)) throw noted;
        refusal ??= noted;
        most = MAX_RECORDS;
      }
    }
    if (this.#outbox.waiting() === 0) this.#drained();
    if (refusal !== undefined) throw refusal;
  }

  /** The next batch to send, without the streams that the server refused. */
  #next(most: number): Batch | null {
    const batch = this.#outbox.oldest(most, MAX_CHARACTERS, this.#refused);
    return batch === null || this.#refused.has(batch.stream) ? null : batch;
  }

  #note(error: unknown, batch: Batch): FarameshError {
    const known = error instanceof FarameshError ? error : undefined;
    const code = known?.code ?? "records_unsent";
    const message = `${batch.records.length} records of \`${batch.stream}\` could not be sent and are kept: ${reason(error)}`;
    const noted = new PolicyUnavailableError(message, { code, cause: error });
    if (FINAL_CODE.has(code) || (error instanceof ServerProblem && FINAL_STATUS.has(error.status ?? 0))) {
      this.#refused.add(batch.stream);
      this.#stopped ??= noted;
    } else {
      this.#failures += 1;
    }
    this.#failed(noted);
    return noted;
  }
}

/** How far the server holds the stream. @throws if its answer does not match the request. */
function held(batch: Batch, taken: Taken): number {
  const last = batch.records.at(-1);
  const fits =
    last !== undefined &&
    taken.stream === batch.stream &&
    (taken.size > last.seq + 1 || (taken.size === last.seq + 1 && taken.record_hash === last.record_hash));
  if (!fits) {
    throw new PolicyUnavailableError("the server does not hold the records that it says it took", { code: "invalid_answer" });
  }
  return last.seq + 1;
}
