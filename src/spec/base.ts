/** Base references: what stands after `from:` in a recipe. Only the form is judged here; whether it exists, the bake finds out. */
import { isDigest } from '../domain/digest.ts';
import { isName, isServiceName } from '../domain/ids.ts';
import type { Base } from '../domain/recipe.ts';
import { nearest } from './nearest.ts';
import type { Reading } from './units.ts';

const refuse = (expected: string): Reading<never> => ({ ok: false, expected });

const SUITE = /^[a-z][a-z0-9-]{1,30}$/;
const SNAPSHOT = /^\d{8}T\d{6}Z$/;
/** The distribution specification's grammar: a host only where it has a dot, a port, or is localhost; names in lower case. */
const REGISTRY =
  /^(?:(?:[a-zA-Z0-9.-]+\.[a-zA-Z0-9.-]+|localhost|[a-zA-Z0-9-]+(?=:\d+\/))(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>.+))?$/;
const KILN_TAG = /^[a-z][a-z0-9-]{0,30}:\w[\w.-]{0,127}$/;

const READERS: Readonly<Record<string, (rest: string) => Reading<Base>>> = {
  debian: readDebian,
  image: readKiln,
  channel: readChannel,
  oci: readLayout,
  stage: readStage,
};

/** What `from:` may say, for errors and the reference. */
export const BASE_FORMS =
  'a base: debian:SUITE, debian:SUITE@SNAPSHOT, image:TAG, image:sha256:…, channel:SERVICE.CHANNEL, oci:PATH, stage:NAME, scratch, or a registry reference with a tag or digest';

/** Registry references are longer than this nowhere; the pattern above need not be tried on more. */
const LONGEST = 512;

export function readBase(text: string): Reading<Base> {
  if (text === 'scratch') return { ok: true, value: { kind: 'scratch' } };
  if (text === '' || text.length > LONGEST) return refuse(BASE_FORMS);
  const colon = text.indexOf(':');
  const scheme = colon === -1 ? '' : text.slice(0, colon);
  const reader = Object.hasOwn(READERS, scheme) ? READERS[scheme] : undefined;
  if (reader !== undefined) return reader(text.slice(colon + 1));
  const meant = scheme.includes('/') ? null : nearest(scheme, Object.keys(READERS));
  if (meant !== null) return refuse(`${BASE_FORMS}; did you mean "${meant}:${text.slice(colon + 1)}"?`);
  return readRegistry(text);
}

function readDebian(rest: string): Reading<Base> {
  const [suite = '', snapshot = null, ...more] = rest.split('@');
  if (/^\d/.test(suite))
    return refuse("a Debian suite's name, such as debian:bookworm (the image on Docker Hub is docker.io/library/debian:NUMBER)");
  if (suite === 'latest') return refuse('a Debian suite by name, such as debian:bookworm: "latest" names nothing for long');
  const known = SUITE.test(suite) && more.length === 0 && (snapshot === null || SNAPSHOT.test(snapshot));
  if (!known) return refuse('debian:SUITE or debian:SUITE@SNAPSHOT, such as debian:bookworm@20260101T000000Z');
  return { ok: true, value: { kind: 'debian', suite, snapshot } };
}

function readKiln(reference: string): Reading<Base> {
  if (reference.endsWith(':latest')) return refuse("an image's version or digest: Kiln has no tag latest, because it moves");
  const known = reference.startsWith('sha256:') ? isDigest(reference) : KILN_TAG.test(reference);
  return known
    ? { ok: true, value: { kind: 'kiln', reference } }
    : refuse('image:NAME:VERSION or image:sha256:… with 64 hexadecimal digits');
}

function readChannel(rest: string): Reading<Base> {
  const [service = '', channel = '', ...more] = rest.split('.');
  if (!isServiceName(service) || !isName(channel) || more.length > 0)
    return refuse('channel:SERVICE.CHANNEL, such as channel:base.stable: what the channel holds is locked in kiln.lock');
  return { ok: true, value: { kind: 'channel', service, channel } };
}

function readLayout(rest: string): Reading<Base> {
  const [path = '', digest = null, ...more] = rest.split('@');
  const known = path !== '' && more.length === 0 && (digest === null || isDigest(digest));
  if (!known) return refuse('oci:PATH or oci:PATH@sha256:… with 64 hexadecimal digits');
  return { ok: true, value: { kind: 'layout', path, digest } };
}

function readStage(stage: string): Reading<Base> {
  return isName(stage) ? { ok: true, value: { kind: 'stage', stage } } : refuse('stage:NAME, the name of one of the stages');
}

function readRegistry(reference: string): Reading<Base> {
  const parts = REGISTRY.exec(reference)?.groups;
  if (parts === undefined) return refuse(BASE_FORMS);
  const { tag, digest } = parts;
  if (digest !== undefined && !isDigest(digest))
    return refuse('a digest of the form sha256: and 64 lower-case hexadecimal digits');
  if (tag === undefined && digest === undefined)
    return refuse(`a tag or a digest after the name: "${reference}" alone would be whatever is newest`);
  if (tag === 'latest' && digest === undefined) return refuse('a version or a digest: latest is whatever was pushed last');
  return { ok: true, value: { kind: 'registry', reference } };
}
