/** A daemon that dies by SIGKILL in the middle of launching something, before or after a program that it runs for that. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { ContainerId } from '../../../domain/ids.ts';
import type { Release } from '../../../domain/release.ts';
import { findProgram } from '../../../linux/programs.ts';
import type { HostFixture } from './host-fixture.ts';

export type Stage = readonly [program: string, word: string, when: 'before' | 'after'];

export const STAGES: readonly Stage[] = [
  ['mount', 'overlay', 'before'],
  ['mount', 'overlay', 'after'],
  ['conmon', '', 'before'],
  ['conmon', '', 'after'],
  ['ip', 'batch', 'before'],
  ['nsenter', '', 'before'],
  ['nsenter', '', 'after'],
  ['runc', ' start ', 'before'],
  ['runc', ' start ', 'after'],
];

export const whereOf = ([program, word, when]: Stage): string => [when, program, word.trim()].join(' ').trim();

/** Launches the instance, or starts the job, in a process of its own. */
export async function crashAt({ home }: HostFixture, stage: Stage, id: ContainerId, release: Release): Promise<void> {
  const file = join(home.root, 'release.json');
  writeFileSync(file, JSON.stringify(release));
  const folder = await killingAt(home.root, stage);
  const path = `${folder}:${process.env['PATH'] ?? ''}`;
  const script = join(import.meta.dirname, 'launch-one.ts');
  const ended = spawnSync(process.execPath, [script, home.root, id, file], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  });
  assert.equal(ended.signal, 'SIGKILL', ended.stderr);
  // The next daemon may have the program's whole path from this one.
  const [program] = stage;
  writeFileSync(join(folder, program), `#!/bin/sh\nexec ${await findProgram(program)} "$@"\n`);
}

/** A folder for the front of PATH, in which the program kills its parent before or after it does its work with that word. */
async function killingAt(root: string, [program, word, when]: Stage): Promise<string> {
  const folder = join(root, 'bin');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const real = await findProgram(program);
  const script = when === 'before' ? 'kill -9 $PPID' : `${real} "$@"; kill -9 $PPID`;
  writeFileSync(join(folder, program), `#!/bin/sh\ncase "$*" in *'${word}'*) ${script};; *) exec ${real} "$@";; esac\n`, {
    mode: 0o755,
  });
  return folder;
}
