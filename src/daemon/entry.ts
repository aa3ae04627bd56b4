/**
 * The daemon as a process: starts it, says on the descriptor KILN_READY_FD that it is ready (or why not), stops it on a
 * signal. What it consists of is daemon.ts's affair.
 */
import { closeSync, writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';

import pino from 'pino';

import { asKilnError, bodyOf } from '../api/failure.ts';
import { Configuration } from '../config/configuration.ts';
import { takeSourceVariables } from '../config/settings.ts';
import { takeSigningSettings } from '../keys/signer.ts';
import { systemPath } from '../linux/programs.ts';
import { systemClock } from '../platform/clock.ts';
import type { Home } from '../platform/home.ts';
import { startDaemon } from './daemon.ts';
import { injectionsIn } from './inject.ts';
import { openMachine } from './machine.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Runs until it is told to stop. The exit code. */
export async function runDaemon(home: Home, env: NodeJS.ProcessEnv, args: readonly string[]): Promise<number> {
  // Always the same, whatever shell it was started from: bakes and instances' files inherit it. The home itself is 0700.
  process.umask(0o022);
  // cron and su give one without the folders of ip, nft and runc.
  env['PATH'] = systemPath(env['PATH']);
  const signing = takeSigningSettings(env, home.keys);
  const configuration = new Configuration(home, takeSourceVariables(env));
  const log = pino({ base: { pid: process.pid }, level: env['KILN_LOG'] ?? 'info' }, pino.destination({ fd: 1, sync: true }));
  const stop = stopSignal();
  process.on('unhandledRejection', (error) => log.fatal({ err: error }, 'a promise nobody waited for failed'));
  try {
    const daemon = await startDaemon({
      injections: injectionsIn(args),
      home,
      clock: systemClock,
      log,
      configuration,
      openMachine: (...parts) => openMachine(...parts, { signing, configuration }),
      onStopAsked: stop.ask,
    });
    report(env, 'ready');
    flushCompileCache(); // Not only at the end: a daemon may never have one.
    await stop.asked;
    log.info('stopping');
    await daemon.stop();
    return 0;
  } catch (thrown) {
    const error = asKilnError(thrown);
    log.fatal({ err: thrown, code: error.code }, error.message);
    report(env, JSON.stringify(bodyOf(error)));
    return error.exitCode;
  }
}

function stopSignal(): { readonly asked: Promise<void>; readonly ask: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of SIGNALS) process.on(signal, () => resolve());
  return { asked: promise, ask: resolve };
}

/** Told once; whoever started the daemon reads to the end. */
function report(env: NodeJS.ProcessEnv, text: string): void {
  const descriptor = Number(env['KILN_READY_FD'] ?? Number.NaN);
  if (!Number.isInteger(descriptor)) return;
  delete env['KILN_READY_FD'];
  try {
    writeSync(descriptor, text);
    closeSync(descriptor);
  } catch {
    // The starter has gone: nobody is left to tell.
  }
}
