/** References: what stands in kiln.yaml in place of a value that is kept elsewhere, as in `etcd://prod/web/database-url`. */
import type { Delivery } from './release.ts';

export const SOURCE_KINDS = ['env', 'file', 'etcd', 'consul', 'vault', 'ssm', 'secretsmanager'] as const;
export type SourceKind = (typeof SOURCE_KINDS)[number];

export interface ReferenceParts {
  readonly kind: SourceKind;
  /** What the value is called at its source: all that follows `kind://`. */
  readonly path: string;
  /** The member of a JSON object (in Vault: the field of a secret) that is meant; null: the whole value. */
  readonly field: string | null;
}

const FORM = /^([a-z]+):\/\/([^#\p{Cc}]{1,1000})(?:#([^\p{Cc}]{1,200}))?$/u;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Null for what is no reference. */
export function referenceParts(text: string): ReferenceParts | null {
  const [, scheme, path = '', field = null] = FORM.exec(text) ?? [];
  const kind = SOURCE_KINDS.find((known) => known === scheme);
  return kind === undefined || !MAY_BE_CALLED[kind](path) ? null : { kind, path, field };
}

/** `vault://MOUNT/PATH`; a slash in the mount is written as %2F. */
export const vaultPlace = (path: string): { readonly mount: string; readonly path: string } => {
  const at = path.indexOf('/');
  return { mount: path.slice(0, at).replaceAll(/%2f/gi, '/'), path: path.slice(at + 1) };
};

const anything = (): boolean => true;
/** Of what becomes a path: a segment "." or ".." would lead elsewhere. */
const hasNoDots = (path: string): boolean => !path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
const MAY_BE_CALLED: Readonly<Record<SourceKind, (path: string) => boolean>> = {
  env: (path) => VARIABLE.test(path),
  file: (path) => !path.endsWith('/') && hasNoDots(path),
  etcd: anything,
  consul: hasNoDots,
  vault: (path) => /^[^/]+\/[^/]/.test(path) && hasNoDots(path),
  ssm: anything,
  secretsmanager: anything,
};

/** Known only to whoever deploys: its environment, and files by a path within the folder of kiln.yaml. */
export const isOfCaller = ({ kind, path }: ReferenceParts): boolean =>
  kind === 'env' || (kind === 'file' && !path.startsWith('/'));

/** What a value is called in an instance: a variable's name, or a file's path. */
export const placeOf = (to: Delivery): string => (to.kind === 'env' ? to.name : to.path);

/** Where files of secrets are in an instance. */
export const SECRETS_FOLDER = '/run/secrets';

/** What the references of a release come to, for one launch. Whoever has it keeps it in memory. */
export interface LaunchValues {
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly { readonly path: string; readonly content: Uint8Array; readonly mode: number }[];
}
