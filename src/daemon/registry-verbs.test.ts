/** Push and pull as the API has them, between two stores and Debian's docker-registry. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { EventOf } from '../api/schema.ts';
import type { Digest } from '../domain/digest.ts';
import { openImageStore } from '../oci/layout.ts';
import { parseReference } from '../oci/references.ts';
import { putManifest } from '../oci/push.ts';
import { Registry } from '../oci/registry.ts';
import { startRegistry } from '../oci/testing/docker-registry.ts';
import { configOf, fileEntry, putTestImage, testFolder } from '../oci/testing/images.ts';
import { systemClock } from '../platform/clock.ts';
import { kilnHome } from '../platform/home.ts';
import { openRegistries } from '../registry/registries.ts';
import { lineageEntry } from '../lineage/events.ts';
import type { Journal } from '../store/journal.ts';
import { MemoryJournal } from '../store/memory.ts';
import { createGate } from './gate.ts';
import { openImageGraph } from './image-graph.ts';
import { openLineage } from './lineage.ts';
import type { Parts } from './parts.ts';
import { registryVerbs } from './registry-verbs.ts';

interface Side {
  readonly images: Parts['images'];
  readonly root: string;
  readonly kinds: string[];
  readonly journal: Journal;
  readonly lineage: Parts['lineage'];
  readonly events: EventOf<'push'>[];
  readonly verbs: ReturnType<typeof registryVerbs>;
  /** To be listed later. */
  readonly listed: Digest[];
  readonly context: { readonly signal: AbortSignal; readonly emit: (event: EventOf<'push'>) => Promise<void> };
}

async function side(root: string): Promise<Side> {
  const home = kilnHome({ KILN_HOME: root }, 0);
  await mkdir(home.run, { recursive: true });
  const images = await openImageStore(home.images);
  const kinds: string[] = [];
  const journal = new MemoryJournal({ now: () => systemClock.now() });
  journal.follow((entries) => kinds.push(...entries.map(({ kind }) => kind)));
  const lineage = openLineage(journal, systemClock);
  const graph = openImageGraph(images, lineage);
  const registries = openRegistries(home);
  const parts = { home, images, clock: systemClock, gate: createGate(systemClock), registries, journal, lineage, graph };
  const events: EventOf<'push'>[] = [];
  const listed: Digest[] = [];
  const context = { signal: new AbortController().signal, emit: async (event: EventOf<'push'>) => void events.push(event) };
  return {
    images,
    root,
    kinds,
    events,
    journal,
    lineage,
    verbs: registryVerbs(parts as unknown as Parts, (image) => void listed.push(image)),
    context,
    listed,
  };
}

test(
  'an image goes to the place that is meant, comes back under its name, and neither tag moves',
  requires('docker-registry'),
  async () => {
    await using registry = await startRegistry();
    await using folder = await testFolder();
    const [here, there] = [await side(join(folder.path, 'a')), await side(join(folder.path, 'b'))];
    const [digest, other] = [
      await putTestImage(here.images, [[fileEntry('a', randomBytes(10_000))]]),
      await putTestImage(here.images, [[fileEntry('a', '2')]]),
    ];
    await here.images.tag(digest, 'web:1.2.0');
    const by = 'ada';

    await assert.rejects(here.verbs.push({ image: 'web:1.2.0', by }, here.context), {
      code: 'USAGE',
      message: /not clear where/,
    });
    await assert.rejects(here.verbs.push({ image: other, reference: `${registry.host}/web`, by }, here.context), {
      code: 'USAGE',
      hint: /@sha256:/,
    });
    await writeFile(join(here.root, 'registries.yaml'), `push: ${registry.host}/team\n`);
    const pushed = await here.verbs.push({ image: 'web:1.2.0', by }, here.context);
    assert.equal(pushed.reference, `${registry.host}/team/web:1.2.0`);
    assert.deepEqual(pushed.blobs, { there: 0, mounted: 0, sent: 2 });
    assert.equal(here.events.at(-1)?.doneBytes, here.events.at(-1)?.totalBytes);
    assert.ok(pushed.movedBytes >= 10_000);
    assert.deepEqual(here.kinds, ['push.started', 'push.done']);
    await assert.rejects(here.verbs.push({ image: other, reference: pushed.reference, by }, here.context), {
      code: 'TAG_IMMUTABLE',
    });
    assert.equal(here.kinds.at(-1), 'push.failed');

    const pulled = await there.verbs.pull({ reference: pushed.reference, by }, there.context);
    assert.deepEqual([pulled.digest, pulled.tags, pulled.changed], [digest, [pushed.reference], true]);
    const again = await there.verbs.pull({ reference: pushed.reference, tag: 'web:1', by }, there.context);
    assert.deepEqual([again.tags, again.changed, again.movedBytes], [['web:1'], false, 0]);
    assert.deepEqual(there.listed, [digest]);
    assert.equal((await there.verbs.push({ image: pushed.reference, by }, there.context)).reference, pushed.reference);

    const options = { credentials: () => Promise.resolve(null) };
    const remote = new Registry(parseReference(pushed.reference), options);
    await here.verbs.push({ image: other, reference: `${registry.host}/team/web@${other}`, by }, here.context);
    await putManifest(remote, Buffer.from(await here.images.readBlob(other, 1 << 20)), '1.2.0');
    await assert.rejects(there.verbs.pull({ reference: pushed.reference, by }, there.context), {
      code: 'TAG_IMMUTABLE',
      message: /was moved there/,
    });
    await assert.rejects(there.verbs.pull({ reference: `${registry.host}/team/web:latest`, by }, there.context), {
      code: 'TAG_REFUSED',
    });
  },
);

test(
  'law 1: a descendant of what was revoked with its descendants is revoked when it is pulled, and goes nowhere from there',
  requires('docker-registry'),
  async () => {
    await using registry = await startRegistry();
    await using folder = await testFolder();
    const [here, there] = [await side(join(folder.path, 'a')), await side(join(folder.path, 'b'))];
    const base = await putTestImage(here.images, [[fileEntry('a', '1')]]);
    const { layers } = await here.images.image(base);
    const child = await here.images.putImage(configOf(layers), layers, { 'org.opencontainers.image.base.digest': base });
    const reference = `${registry.host}/team/web:1`;
    await here.verbs.push({ image: child, reference, by: 'ada' }, here.context);
    const revocation = { image: base, since: 0, by: 'ada', why: 'leaks', cascade: true, through: null };
    there.journal.append([lineageEntry({ kind: 'image.revoked', ...revocation })]);
    await there.verbs.pull({ reference, by: 'ada' }, there.context);
    assert.equal(there.lineage.revoked(child)?.through, base);
    await assert.rejects(there.verbs.push({ image: child, reference, by: 'ada' }, there.context), { code: 'IMAGE_REVOKED' });
  },
);

test('what a gate refused is not pushed', async () => {
  await using folder = await testFolder();
  const here = await side(join(folder.path, 'a'));
  const digest = await putTestImage(here.images, [[fileEntry('a', '1')]]);
  const reports = join(here.root, 'bake', 'gates', 'reports');
  await mkdir(reports, { recursive: true });
  const failed = [{ gate: 'secrets', verdict: 'fail', why: 'a private key' }];
  await writeFile(join(reports, `${digest.slice('sha256:'.length)}.json`), JSON.stringify(failed));
  await assert.rejects(here.verbs.push({ image: digest, reference: '127.0.0.1:1/web:1', by: 'ada' }, here.context), {
    code: 'GATE_FAILED',
    message: /secrets: a private key/,
  });
  assert.deepEqual(here.kinds, []);
});

test('a push whose caller goes away is interrupted, and journaled as failed', requires('docker-registry'), async () => {
  await using registry = await startRegistry();
  await using folder = await testFolder();
  const here = await side(join(folder.path, 'a'));
  const digest = await putTestImage(here.images, [[fileEntry('a', '1')]]);
  const context = { ...here.context, signal: AbortSignal.abort(new Error('the caller went away')) };
  await assert.rejects(here.verbs.push({ image: digest, reference: `${registry.host}/web:1`, by: 'ada' }, context), {
    code: 'INTERRUPTED',
    hint: /goes on where it stopped/,
  });
  assert.deepEqual(here.kinds, ['push.started', 'push.failed']);
});
