/**
 * References: how people name images in registries, `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`. The grammar and the docker.io
 * defaults are those of distribution's `reference` package; what is refused there is refused here.
 */
import { type Digest, isDigest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';

export interface Reference {
  /** Host and, where one is given, port: `docker.io`, `127.0.0.1:5000`, `[::1]:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
}

const DOCKER_HUB = 'docker.io';
const REGISTRY = /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const REPOSITORY_LENGTH = 255;

/** Throws REFERENCE_INVALID with what is wrong. A reference with neither tag nor digest has both null: nothing is guessed. */
export function parseReference(text: string): Reference {
  const [named, digest] = cutDigest(text);
  const [path, tag] = cutTag(named, text);
  const [registry, repository] = cutRegistry(path);
  if (!REGISTRY.test(registry) || !URL.canParse(`http://${registry}`))
    throw malformed(text, `"${registry}" is not a registry's host and port`);
  if (repository.length > REPOSITORY_LENGTH)
    throw malformed(text, `the repository is longer than ${REPOSITORY_LENGTH} characters`);
  const wrong = repository.split('/').find((component) => !COMPONENT.test(component));
  if (wrong !== undefined) throw malformed(text, `"${wrong}" is not a repository's name (lower-case letters, digits, . _ -)`);
  return { registry, repository, tag, digest };
}

/** The full form, docker.io and library/ spelled out. `parseReference` reads it back to the same. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === null ? '' : `:${reference.tag}`;
  const digest = reference.digest === null ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

function cutDigest(text: string): [string, Digest | null] {
  const at = text.indexOf('@');
  if (at === -1) return [text, null];
  const digest = text.slice(at + 1);
  if (!isDigest(digest)) throw malformed(text, `"${digest}" is not a digest (sha256: and 64 lower-case hexadecimal digits)`);
  return [text.slice(0, at), digest];
}

/** A colon after the last slash starts a tag; one before it belongs to a port. */
function cutTag(named: string, text: string): [string, string | null] {
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  if (colon === -1) return [named, null];
  const tag = named.slice(colon + 1);
  if (!TAG.test(tag)) throw malformed(text, `"${tag}" is not a tag (at most 128 letters, digits, . _ -)`);
  return [named.slice(0, colon), tag];
}

function cutRegistry(path: string): [registry: string, repository: string] {
  const slash = path.indexOf('/');
  const first = path.slice(0, Math.max(slash, 0));
  const isHost = /[.:\]A-Z]/.test(first) || first === 'localhost';
  const registry = isHost ? first : DOCKER_HUB;
  const repository = isHost ? path.slice(slash + 1) : path;
  if (registry !== DOCKER_HUB && registry !== `index.${DOCKER_HUB}`) return [registry, repository];
  return [DOCKER_HUB, repository.includes('/') ? repository : `library/${repository}`];
}

function malformed(text: string, why: string): KilnError {
  return new KilnError('REFERENCE_INVALID', `"${text}" is not an image reference: ${why}`, {
    hint: 'write it as [REGISTRY[:PORT]/]REPOSITORY:TAG or …@sha256:DIGEST',
  });
}
