/**
 * The tables of the SQLite file. Row ids stand for CIDs, blocks and peers everywhere else, so that a reference costs a
 * few bytes; the bytes of a value are only in its block, `pins` has what the lists need.
 *
 * Each step of the list brings a store from the version before to its own; a step is never changed once released.
 */
import type { Database } from 'bun:sqlite'

export interface SchemaStep {
  /** 1 for the first, each one more than the one before. */
  version: number
  apply(db: Database): void
}

export const schemaSteps: readonly SchemaStep[] = [
  { version: 1, apply: (db) => db.run(version1) },
  { version: 2, apply: (db) => db.run(version2) },
]

/** Codes of `local.status`; stored. */
export const statusCodes = {
  pinned: 0,
  pin_queued: 1,
  pinning: 2,
  pin_error: 3,
  unexpectedly_unpinned: 4,
  unpin_queued: 5,
  unpinning: 6,
  unpin_error: 7,
} as const

/** Codes of `local.want`; stored. */
export const wantCodes = { none: 0, recursive: 1, direct: 2 } as const

/** Codes of `pins.type`; stored. `unreadable`: the value of the key is no pin. */
export const typeCodes = { data: 0, meta: 1, 'cluster-dag': 2, shard: 3, bad: 4, unreadable: 5 } as const

/** Codes of `changes.kind`; stored. */
export const changeCodes = { pinset: 0, local: 1 } as const

/** The condition of the indexes that find work, word for word as queries must repeat it. */
export const waitingConditions = {
  pin: 'status IN (1, 3, 4)',
  unpin: 'status IN (5, 7)',
} as const

/** The rows that `pin_metadata` has: keys and values of metadata, cut to 100 characters. */
export const metadataRows = `SELECT substr(j.key, 1, 100) AS field, substr(j.value, 1, 100) AS value, p.id AS pin
  FROM pins p, json_each(p.metadata) j WHERE p.metadata IS NOT NULL`

const version1 = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE peers (id INTEGER PRIMARY KEY, peer TEXT NOT NULL UNIQUE);

-- One row per key that was ever in the pinset. block IS NULL: it is not there now, and all that follow are NULL too.
CREATE TABLE pins (
  id INTEGER PRIMARY KEY,
  cid BLOB NOT NULL UNIQUE,
  block INTEGER,
  type INTEGER,
  name TEXT,
  expire INTEGER,
  created INTEGER,
  rmin INTEGER,
  rmax INTEGER,
  depth INTEGER,
  peers BLOB,
  metadata TEXT,
  rest BLOB
);
CREATE INDEX pins_by_name ON pins (name) WHERE name IS NOT NULL;
CREATE INDEX pins_by_expiry ON pins (expire) WHERE expire IS NOT NULL;
CREATE INDEX pins_by_type ON pins (type, cid) WHERE type > 0;
CREATE TABLE pin_metadata (
  field TEXT NOT NULL,
  value TEXT NOT NULL,
  pin INTEGER NOT NULL,
  PRIMARY KEY (field, value, pin)
) WITHOUT ROWID;
CREATE TRIGGER index_metadata AFTER UPDATE OF metadata ON pins WHEN OLD.metadata IS NOT NEW.metadata BEGIN
  DELETE FROM pin_metadata WHERE pin = OLD.id AND (field, value) IN (
    SELECT substr(key, 1, 100), substr(value, 1, 100) FROM json_each(OLD.metadata)
  );
  INSERT OR IGNORE INTO pin_metadata
    SELECT substr(key, 1, 100), substr(value, 1, 100), NEW.id FROM json_each(NEW.metadata);
END;

-- cid is set while the status is not pinned, for the index that lists by status.
CREATE TABLE local (
  id INTEGER PRIMARY KEY,
  want INTEGER NOT NULL,
  status INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  error TEXT,
  since INTEGER NOT NULL,
  next_try INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  owned INTEGER NOT NULL,
  bytes INTEGER,
  cid BLOB
);
CREATE INDEX local_by_status ON local (status, cid) WHERE cid IS NOT NULL;
CREATE INDEX local_to_pin ON local (priority, next_try) WHERE ${waitingConditions.pin};
CREATE INDEX local_to_unpin ON local (priority, next_try) WHERE ${waitingConditions.unpin};

-- A row without bytes is a name that tombstones mention.
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY,
  name BLOB NOT NULL UNIQUE,
  priority INTEGER,
  bytes BLOB
);
CREATE INDEX blocks_by_priority ON blocks (priority) WHERE priority IS NOT NULL;
CREATE TABLE heads (block INTEGER PRIMARY KEY);

-- Elements without those that a tombstone names.
CREATE TABLE elements (pin INTEGER, block INTEGER, PRIMARY KEY (pin, block)) WITHOUT ROWID;
CREATE TABLE tombstones (pin INTEGER, block INTEGER, PRIMARY KEY (pin, block)) WITHOUT ROWID;

CREATE TABLE changes (sequence INTEGER PRIMARY KEY, pin INTEGER NOT NULL, kind INTEGER NOT NULL);
`

const version2 = `
-- Live elements that background work of this peer wrote, each with the block whose element it copied; orphaned: that
-- element is dead. No block says so: what is lost here is not found again.
CREATE TABLE background (
  pin INTEGER NOT NULL,
  block INTEGER NOT NULL,
  source INTEGER NOT NULL,
  orphaned INTEGER NOT NULL,
  PRIMARY KEY (pin, block)
) WITHOUT ROWID;
CREATE INDEX background_orphaned ON background (orphaned, pin) WHERE orphaned = 1;
`
