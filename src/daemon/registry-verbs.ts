/** The verbs between the store and registries: push and pull, evidence included; logins. */
import type { AnswerOf, Handlers, ParsedOf } from '../api/schema.ts';
import type { Digest } from '../domain/digest.ts';
import type { Json } from '../domain/json.ts';
import { KilnError, messageOf } from '../errors/error.ts';
import { parsePlatform } from '../oci/platform.ts';
import { nameIn, type Progress, pullImage } from '../oci/pull.ts';
import { pushImage } from '../oci/push.ts';
import { pullReferrers, pushReferrers } from '../oci/registry-referrers.ts';
import { formatReference, parseReference, type Reference } from '../oci/references.ts';
import { Registry } from '../oci/registry.ts';
import { Sources } from '../oci/sources.ts';
import { checkTag } from '../oci/tags.ts';
import { inheritRevocation } from './bake-lineage.ts';
import { type ListLater, listsLater } from './listing.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';
import { pushForCosign } from './push-cosign.ts';
import { pullFromCosign } from './pull-cosign.ts';
import { requirePublishable } from './publishable.ts';
import { serve } from './serve.ts';

type RegistryVerbs = Pick<Handlers, 'push' | 'pull' | 'login' | 'logout' | 'serve'>;
type Context = Parameters<Handlers['push']>[1];
type Emit = Context['emit'];

/** A person reads no faster. */
const PROGRESS_EVERY_MS = 100;

/** `later`: lists what a pulled image holds. */
export function registryVerbs(parts: Parts, later: ListLater = listsLater(parts)): RegistryVerbs {
  return {
    push: (input, context) => parts.gate.shared(() => push(parts, input, context)),
    async pull(input, context) {
      const pulled = await parts.gate.shared(() => pull(parts, input, context));
      if (pulled.changed) later(pulled.digest);
      return pulled;
    },
    /** Of a login the history holds who and where, nothing else (law 10). */
    async login({ registry, username, password, by }, { signal }) {
      parts.journal.append([{ fleet: null, kind: 'registry.login', data: { registry, username, by } }]);
      return { registry, username, kept: await parts.registries.login({ registry, username, password }, signal) };
    },
    serve: (input, context) => serve(parts, input, context),
    async logout({ registry, by }) {
      parts.journal.append([{ fleet: null, kind: 'registry.logout', data: { registry, by } }]);
      return { registry, known: await parts.registries.logout(registry) };
    },
  };
}

async function push(parts: Parts, input: ParsedOf<'push'>, { signal, emit }: Context): Promise<AnswerOf<'push'>> {
  const { images, registries, clock } = parts;
  const startedAt = clock.now();
  const digest = await resolveImage(parts, input.image);
  const reference = await targetOf(parts, input, digest);
  await requirePublishable(parts, digest, 'is not pushed');
  const to = formatReference(reference);
  const meter = meterOf(parts, emit);
  return journaled(parts, 'push', { digest, reference: to, by: input.by }, signal, async () => {
    const options = { ...(await registries.options(signal)), onProgress: meter.report };
    const blobs = await pushImage(digest, reference, images, options);
    const registry = new Registry(reference, options);
    const evidence = await pushReferrers(registry, digest, images, options);
    await pushForCosign(registry, digest, images, options);
    return { digest, reference: to, blobs, evidence, movedBytes: meter.movedBytes(), ms: clock.now() - startedAt };
  });
}

/**
 * What is pushed where no reference, or one without a version, is given: an image's tag says its version, and the tag of one
 * that was pulled where it came from.
 */
async function targetOf(parts: Parts, { image, reference }: ParsedOf<'push'>, digest: Digest): Promise<Reference> {
  const given = reference === undefined ? await defaultTarget(parts, image) : parseReference(reference);
  if (given.tag !== null || given.digest !== null) return given;
  const tag = await versionOf(parts, image);
  if (tag !== null) return { ...given, tag };
  throw new KilnError('USAGE', `${image} has no version to push it under`, {
    hint: `name it: \`kiln push ${image} ${formatReference(given)}:VERSION\`, or push it by digest: ${formatReference({ ...given, digest })}`,
  });
}

async function defaultTarget(parts: Parts, image: string): Promise<Reference> {
  const { push: prefix } = await parts.registries.file();
  // A tag with a registry in it came from there.
  if (/^[^/]*[.:][^/]*\//.test(image)) return parseReference(image);
  const [name] = image.split(':');
  if (prefix !== null && (await versionOf(parts, image)) !== null) return parseReference(`${prefix}/${name}`);
  throw new KilnError('USAGE', `it is not clear where to push ${image}`, {
    hint: `name it: \`kiln push ${image} REGISTRY/PATH:VERSION\`, or set \`push: REGISTRY/PATH\` in ${parts.home.root}/registries.yaml`,
  });
}

/** Null where the image was not named by a tag. */
async function versionOf({ images }: Parts, image: string): Promise<string | null> {
  const isTag = (await images.list()).some(({ tags }) => tags.includes(image));
  return isTag ? image.slice(image.lastIndexOf(':') + 1) : null;
}

async function pull(parts: Parts, input: ParsedOf<'pull'>, { signal, emit }: Context): Promise<AnswerOf<'pull'>> {
  const { images, registries, clock } = parts;
  const startedAt = clock.now();
  const reference = parseReference(input.reference);
  nameIn(reference);
  const from = formatReference(reference);
  const tag = input.tag ?? (reference.tag === null ? null : formatReference({ ...reference, digest: null }));
  if (tag !== null) checkTag(tag);
  const meter = meterOf(parts, emit);
  return journaled(parts, 'pull', { reference: from, tag, by: input.by }, signal, async () => {
    const options = { ...(await registries.options(signal)), onProgress: meter.report };
    const known = new Set((await images.list()).map((each) => each.digest));
    const platform = input.platform === undefined ? {} : { platform: parsePlatform(input.platform) };
    // Before gigabytes come: may it have the tag?
    const onChosen = (digest: Digest): Promise<void> => requireFree(parts, tag, digest);
    const digest = await pullImage(reference, images, { ...options, ...platform, onChosen });
    await inheritRevocation(parts, digest, []);
    const sources = new Sources(reference, options);
    const referrers = await pullReferrers(sources, digest, images, options);
    const evidence = referrers + (await pullFromCosign(sources, digest, images));
    if (tag !== null) await images.tag(digest, tag);
    const tags = tag === null ? [] : [tag];
    const changed = !known.has(digest);
    return { digest, reference: from, tags, changed, evidence, movedBytes: meter.movedBytes(), ms: clock.now() - startedAt };
  });
}

async function requireFree({ images }: Parts, tag: string | null, digest: Digest): Promise<void> {
  const holder = (await images.list()).find(({ tags }) => tag !== null && tags.includes(tag));
  if (holder === undefined || holder.digest === digest) return;
  throw new KilnError('TAG_IMMUTABLE', `${tag} names ${holder.digest} here, and ${digest} in the registry: it was moved there`, {
    hint: 'pull it by digest, or give it another name here with --tag NAME:VERSION',
  });
}

/** Journaled before it is done (law 9), and how it ended. */
async function journaled<T extends { readonly digest: Digest }>(
  { journal }: Parts,
  verb: 'push' | 'pull',
  said: { readonly [key: string]: Json },
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const [started] = journal.append([{ fleet: null, kind: `${verb}.started`, data: said }]);
  const ref = { ...said, started: started?.seq ?? 0 };
  try {
    const done = await work();
    journal.append([{ fleet: null, kind: `${verb}.done`, data: { ...ref, digest: done.digest } }]);
    return done;
  } catch (error) {
    const failure = signal.aborted ? interrupted(verb, error) : error;
    journal.append([{ fleet: null, kind: `${verb}.failed`, data: { ...ref, why: messageOf(failure) } }]);
    throw failure;
  }
}

const interrupted = (verb: string, cause: unknown): KilnError =>
  new KilnError('INTERRUPTED', `the ${verb} was cancelled: its caller went away`, {
    hint: `${verb} again: it goes on where it stopped`,
    cause,
  });

function meterOf({ clock }: Parts, emit: Emit): { report: (progress: Progress) => void; movedBytes: () => number } {
  let [movedBytes, last] = [0, 0];
  return {
    movedBytes: () => movedBytes,
    report(progress) {
      movedBytes = progress.movedBytes;
      if (progress.doneBlobs < progress.totalBlobs && clock.now() - last < PROGRESS_EVERY_MS) return;
      last = clock.now();
      void emit(progress);
    },
  };
}
