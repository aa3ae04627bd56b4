/** For tests: a home with a key of secrets that is not in it, and what is said of sources there. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Reference } from '../../domain/release.ts';
import { kilnHome, type Home } from '../../platform/home.ts';
import { Configuration, type Resolution, type Wanted } from '../configuration.ts';
import { sourcesPath } from '../settings.ts';
import type { Caller } from '../sources/local.ts';

export interface ConfigHome extends AsyncDisposable {
  readonly root: string;
  readonly home: Home;
  readonly env: NodeJS.ProcessEnv;
  /** A new daemon's. */
  readonly open: (env?: NodeJS.ProcessEnv, timeoutMs?: number) => Configuration;
  /** Writes sources.yaml. */
  readonly say: (yaml: string) => Promise<void>;
  /** A file that is not in the home. */
  readonly file: (name: string, content: string) => Promise<string>;
}

export const NOBODY: Caller = { variables: {}, folder: '/nonexistent' };
export const CALL = { signal: new AbortController().signal };

export async function configHome(): Promise<ConfigHome> {
  const root = await mkdtemp(join(tmpdir(), 'kiln-config-'));
  const home = kilnHome({ KILN_HOME: join(root, 'home') }, 0);
  await mkdir(home.root, { mode: 0o700 });
  const env = { HOME: root, XDG_CONFIG_HOME: join(root, 'settings'), AWS_EC2_METADATA_DISABLED: 'true' };
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(root, name), content, { mode: 0o600 });
    return join(root, name);
  };
  const key = await file('secrets.key', `${Buffer.alloc(32, 7).toString('base64')}\n`);
  return {
    root,
    home,
    env: { ...env, KILN_SECRETS_KEY_FILE: key },
    open: (more = {}, timeoutMs) => new Configuration(home, { ...env, KILN_SECRETS_KEY_FILE: key, ...more }, timeoutMs),
    say: (yaml) => writeFile(sourcesPath(home.root), yaml),
    file,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true }),
  };
}

/** A variable V for each reference. */
export const variables = (...from: readonly string[]): readonly Wanted[] =>
  from.map((each, index) => ({ from: each, to: { kind: 'env', name: `V${index}` } }));

export const resolve = (config: Configuration, ...from: readonly string[]): Promise<Resolution> =>
  config.resolve(variables(...from), { caller: NOBODY, current: [], ...CALL });

/** Resolved and sealed, as a deploy does. */
export async function pinned(config: Configuration, ...from: readonly string[]): Promise<readonly Reference[]> {
  const resolution = await resolve(config, ...from);
  await config.seal(resolution);
  return variables(...from).map((wanted) => ({ ...wanted, pin: resolution.pinOf(wanted.from) }));
}

/** What V0 is. */
export const openedFirst = async (config: Configuration, references: readonly Reference[]): Promise<string | undefined> =>
  (await config.open(references, CALL.signal)).env['V0'];
