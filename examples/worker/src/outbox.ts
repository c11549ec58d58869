// Where records wait for the server: in the storage of a Durable Object, which writes before it lets anything out.

import { OutboxFullError } from "faramesh";
import type { Batch, Outbox, SealedRecord, StreamHead } from "faramesh";

/** When more wait than this, nothing runs any more. */
const MAX_RECORDS = 10_000;

/** An outbox in the storage of a Durable Object. */
export function storageOutbox(storage: DurableObjectStorage): Outbox {
  const { sql } = storage;
  sql.exec(`
    CREATE TABLE IF NOT EXISTS records (
      stream TEXT NOT NULL,
      seq INTEGER NOT NULL,
      record_hash TEXT NOT NULL,
      body TEXT NOT NULL,
      PRIMARY KEY (stream, seq)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS heads (
      stream TEXT PRIMARY KEY,
      size INTEGER NOT NULL,
      record_hash TEXT NOT NULL
    ) STRICT;
  `);
  const waiting = (): number => sql.exec("SELECT count(*) AS count FROM records").one()["count"] as number;
  return {
    open(name) {
      // Every isolate of this object continues its one stream.
      const [left] = sql.exec("SELECT stream, size, record_hash FROM heads").toArray();
      return (left as unknown as StreamHead | undefined) ?? { stream: name, size: 0, record_hash: "0".repeat(64) };
    },
    append({ stream, seq, record_hash, body }) {
      if (waiting() >= MAX_RECORDS) throw new OutboxFullError(`the outbox is full: ${MAX_RECORDS} records wait for the server`);
      storage.transactionSync(() => {
        sql.exec("INSERT INTO records (stream, seq, record_hash, body) VALUES (?, ?, ?, ?)", stream, seq, record_hash, body);
        sql.exec("INSERT OR REPLACE INTO heads (stream, size, record_hash) VALUES (?, ?, ?)", stream, seq + 1, record_hash);
      });
    },
    oldest(count, characters): Batch | null {
      const records: SealedRecord[] = [];
      let sum = 0;
      for (const row of sql.exec("SELECT * FROM records ORDER BY stream, seq LIMIT ?", count)) {
        const record = row as unknown as SealedRecord;
        sum += record.body.length;
        if (records.length > 0 && (sum > characters || record.stream !== records[0]?.stream)) break;
        records.push(record);
      }
      const [first] = records;
      return first === undefined ? null : { stream: first.stream, records };
    },
    acknowledge(stream, size) {
      sql.exec("DELETE FROM records WHERE stream = ? AND seq < ?", stream, size);
    },
    waiting,
    close() {
      // Waiting records stay in the storage.
    },
  };
}
