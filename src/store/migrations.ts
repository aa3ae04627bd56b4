/** The schema of the state database, as steps that are never edited: a change is a new step. `user_version` counts them. */
import type { DatabaseSync } from 'node:sqlite';

import { KilnError } from '../errors/error.ts';

const STEPS: readonly string[] = [
  // The triggers keep Kiln itself honest; who edits the file can drop them, and is found by the hash chain.
  `CREATE TABLE entries (
     seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, fleet TEXT, kind TEXT NOT NULL, data TEXT NOT NULL,
     prev TEXT NOT NULL, hash TEXT NOT NULL
   ) STRICT;
   CREATE INDEX entries_by_fleet ON entries (fleet, seq);
   CREATE TABLE head (seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
   INSERT INTO head VALUES (0, 'sha256:0000000000000000000000000000000000000000000000000000000000000000');
   CREATE TRIGGER entries_are_kept BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
   CREATE TRIGGER entries_are_fixed BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;`,
];

/** Brings the database to the newest schema, each step in a transaction of its own. Throws for one from a newer Kiln. */
export function migrate(db: DatabaseSync, file: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > STEPS.length) {
    throw new KilnError(
      'STORE_UNREADABLE',
      `${file} was written by a newer Kiln (schema ${version}, known up to ${STEPS.length})`,
      {
        hint: 'run the newer Kiln, or set KILN_HOME to another folder',
      },
    );
  }
  STEPS.slice(version).forEach((step, index) => {
    db.exec(`BEGIN IMMEDIATE; ${step} PRAGMA user_version = ${version + index + 1}; COMMIT;`);
  });
}
