/** What an environment's instances are launched with that is kept elsewhere, and what stands in for it when an image is tested. */
import { placeOf, SECRETS_FOLDER, referenceParts } from '../domain/reference.ts';
import type { Delivery } from '../domain/release.ts';
import type { LaunchEnvSpec, SecretsSpec } from './schema/references.ts';
import { TEST_VALUE } from './schema/references.ts';
import type { RunSpec } from './schema/run.ts';

/** A reference that is not pinned yet. */
export interface Wanted {
  readonly from: string;
  readonly to: Delivery;
}

type Launched = Pick<RunSpec, 'env' | 'secrets' | 'files'>;
type FileSpec = RunSpec['files'][string];
type Elsewhere = Exclude<SecretsSpec[string], string>;

const SECRET_MODE = 0o400;

const whole = (secret: SecretsSpec[string]): Elsewhere => (typeof secret === 'string' ? { from: secret, as: 'env' } : secret);

/** Whether a secret is a variable of the instance, and not a file. */
export const isVariable = (secret: SecretsSpec[string]): boolean => whole(secret).as === 'env';

export const secretPath = (name: string): string => `${SECRETS_FOLDER}/${name}`;

/** What a launch file's `from` names is kept elsewhere, and not in the folder of kiln.yaml. */
export const isReferencedFile = (file: FileSpec): file is Exclude<FileSpec, string> & { readonly from: string } =>
  typeof file !== 'string' && file.from !== undefined && referenceParts(file.from) !== null;

/** All of them; by what they reach an instance as, because the order of maps in the file means nothing. */
export function referencesOf({ env, secrets, files }: Launched): readonly Wanted[] {
  const variables = Object.entries(env).flatMap(([name, value]): readonly Wanted[] =>
    typeof value === 'string' ? [] : [{ from: value.from, to: { kind: 'env', name } }],
  );
  const named = Object.entries(secrets).map(([name, secret]): Wanted => {
    const { from, as } = whole(secret);
    return { from, to: as === 'env' ? { kind: 'env', name } : { kind: 'file', path: secretPath(name), mode: SECRET_MODE } };
  });
  const laid = Object.entries(files).flatMap(([path, file]): readonly Wanted[] =>
    isReferencedFile(file) ? [{ from: file.from, to: { kind: 'file', path, mode: file.mode ?? SECRET_MODE } }] : [],
  );
  return [...variables, ...named, ...laid].toSorted((a, b) => inOrder(placeOf(a.to), placeOf(b.to)));
}

/** The variables that are plain text. */
export const plainEnv = (env: LaunchEnvSpec): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

/** The same launch with the text of `test:` in place of every reference: for instances that test an image. */
export function withTestValues<R extends Launched>(run: R): R {
  const env = Object.entries(run.env).map(([name, value]): readonly [string, string] => [
    name,
    typeof value === 'string' ? value : (value.test ?? TEST_VALUE),
  ]);
  const secrets = Object.entries(run.secrets).map(([name, secret]) => [name, whole(secret)] as const);
  const variables = secrets.filter(([, { as }]) => as === 'env').map(([name, { test }]) => [name, test ?? TEST_VALUE] as const);
  const named = secrets
    .filter(([, { as }]) => as === 'file')
    .map(([name, { test }]) => [secretPath(name), { content: test ?? TEST_VALUE, mode: SECRET_MODE }] as const);
  const files = Object.entries(run.files).map(([path, file]): readonly [string, FileSpec] =>
    isReferencedFile(file) ? [path, { content: file.test ?? TEST_VALUE, mode: file.mode ?? SECRET_MODE }] : [path, file],
  );
  return {
    ...run,
    env: Object.fromEntries([...env, ...variables]),
    secrets: {},
    files: Object.fromEntries([...files, ...named]),
  };
}

/** What an environment says goes over what the file says, by the name in the instance: text over a reference and the other way round. */
export function overlaid(
  run: Launched,
  said: { readonly env?: LaunchEnvSpec | undefined; readonly secrets?: SecretsSpec | undefined },
): Pick<Launched, 'env' | 'secrets'> {
  const { env = {}, secrets = {} } = said;
  const isSaidAsSecret = (name: string): boolean => {
    const secret = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    return secret !== undefined && isVariable(secret);
  };
  const kept = Object.entries(run.env).filter(([name]) => !isSaidAsSecret(name));
  const keptSecrets = Object.entries(run.secrets).filter(([name, secret]) => !(isVariable(secret) && Object.hasOwn(env, name)));
  return {
    env: { ...Object.fromEntries(kept), ...env },
    secrets: { ...Object.fromEntries(keptSecrets), ...secrets },
  };
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
