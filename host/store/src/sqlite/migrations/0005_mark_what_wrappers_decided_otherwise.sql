-- Whether the stream that brought the action decided otherwise than this server's engine does from the same policies,
-- action and state. Then the row has the decision of this server, and the stream's stays in its record alone.
ALTER TABLE actions ADD COLUMN contradicted INTEGER NOT NULL DEFAULT 0;
