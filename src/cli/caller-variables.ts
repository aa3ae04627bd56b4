/** What references of a kiln.yaml ask of the environment of whoever deploys (`env://NAME`). */
import { referenceParts } from '../domain/reference.ts';

/** Those that are set. None where kiln.yaml can't be read: the daemon says why, when it is asked to deploy. */
export async function callerVariables(
  folder: string,
  environment: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Readonly<Record<string, string>>> {
  const names = await namesIn(folder, environment).catch(() => []);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

async function namesIn(folder: string, environment: string | undefined): Promise<readonly string[]> {
  const [{ loadSpec }, { environmentOf }, { referencesOf }] = await Promise.all([
    import('../spec/load.ts'),
    import('../spec/environment.ts'),
    import('../spec/references.ts'),
  ]);
  const { run } = environmentOf(await loadSpec(folder), environment ?? null);
  return referencesOf(run).flatMap(({ from }) => {
    const parts = referenceParts(from);
    return parts?.kind === 'env' ? [parts.path] : [];
  });
}

/** What Kiln itself, and the programs that it runs, go by. */
const KILNS_OWN = /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|(https?|no)_proxy|(KILN|AWS|VAULT|CONSUL|ETCDCTL|DOCKER|XDG|SSL)_.*)$/i;

/** An environment for a daemon that is started: values of references are none of its business beyond the deploy. */
export const withoutVariables = (env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name) || KILNS_OWN.test(name)));
