/** The composition root: the only place that knows argv, the environment and the way out of the process. */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

import { kilnHome } from './platform/home.ts';

const { argv, env } = process;
const home = kilnHome(env, process.getuid?.() ?? -1);
enableCompileCache(join(env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? home.root, '.cache'), 'kiln', 'compile'));

async function main(): Promise<number> {
  if (argv[2] === 'daemon') {
    const { runDaemon } = await import('./daemon/entry.ts');
    return runDaemon(home, env);
  }
  const { runCli } = await import('./cli/program.ts');
  return runCli(argv.slice(2), env);
}

process.exit(await main());
