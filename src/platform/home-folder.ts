/** The folder of a home: made where it is not there, refused where no daemon could work in it. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

import { KilnError } from '../errors/error.ts';
import type { Home } from './home.ts';

/** Of sun_path, its closing zero excluded (unix(7)). */
const SOCKET_PATH_BYTES = 107;

/** Throws USAGE, with nothing made, for a path too long for the socket; what the file system says otherwise. */
export function makeHome(home: Home): void {
  if (Buffer.byteLength(home.socket) > SOCKET_PATH_BYTES) {
    throw new KilnError('USAGE', `the path of the socket is too long for a Unix socket: ${home.socket}`, {
      hint: 'set KILN_HOME to a shorter path',
    });
  }
  makeFolder(home.root);
}

/** Level by level: Node's own `recursive` never returns where mkdir(2) denies that the parent is there, as /proc does. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeFolder(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}
