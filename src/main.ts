/** The composition root: the only place that knows argv, the environment and the way out of the process. */
import { kilnHome } from './platform/home.ts';

const { argv, env } = process;

async function main(): Promise<number> {
  if (argv[2] === 'daemon') {
    const { runDaemon } = await import('./daemon/entry.ts');
    return runDaemon(kilnHome(env, process.getuid?.() ?? -1), env, argv.slice(3));
  }
  if (argv[2] === 'bake-elsewhere') {
    const { runChild } = await import('./reproduce/child.ts');
    return runChild();
  }
  const { runCli } = await import('./cli/program.ts');
  return runCli(argv.slice(2), env);
}

const code = await main();
// Leaving takes along what a pipe had no room for yet. A reader that is gone needs nothing more.
await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
process.exit(code);
