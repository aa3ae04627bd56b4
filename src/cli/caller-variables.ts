/** What references of a kiln.yaml ask of the environment of whoever deploys (`env://NAME`). */
import { referenceParts } from '../domain/reference.ts';

export interface Named {
  /** Of several in the file; undefined: all of them. */
  readonly only: string | undefined;
  readonly environment: string | undefined;
}

/** Those that are set. None where kiln.yaml can't be read: the daemon says why, when it is asked to deploy. */
export async function callerVariables(
  folder: string,
  named: Named,
  env: NodeJS.ProcessEnv,
): Promise<Readonly<Record<string, string>>> {
  const names = await namesIn(folder, named).catch(() => []);
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

async function namesIn(folder: string, { only, environment }: Named): Promise<readonly string[]> {
  const [{ loadServices }, { environmentOf }, { referencesOf }] = await Promise.all([
    import('../spec/load.ts'),
    import('../spec/environment.ts'),
    import('../spec/references.ts'),
  ]);
  const services = (await loadServices(folder)).filter(({ spec }) => only === undefined || spec.service === only);
  const runs = services.map(({ spec }) => environmentOf(spec, environment ?? null).run);
  return runs.flatMap(referencesOf).flatMap(({ from }) => {
    const parts = referenceParts(from);
    return parts?.kind === 'env' ? [parts.path] : [];
  });
}

/** What Kiln itself, and the programs that it runs, go by. */
const KILNS_OWN = /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|(https?|no)_proxy|(KILN|AWS|VAULT|CONSUL|ETCDCTL|DOCKER|XDG|SSL)_.*)$/i;

/** An environment for a daemon that is started: values of references are none of its business beyond the deploy. */
export const withoutVariables = (env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name) || KILNS_OWN.test(name)));
