/** The verbs of images: bake, list, show, tag. */
import type { Handlers, ImageBody, StoredImageBody } from '../api/schema.ts';
import type { Digest } from '../domain/digest.ts';
import type { Image, StoredImage } from '../oci/store.ts';
import { channelsOf } from '../lineage/channels.ts';
import { loadSpec } from '../spec/load.ts';
import { bakeBody, bakeSpec } from './bake-pipeline.ts';
import { isDamaged, readImage, soundImage } from './damaged.ts';
import { shownEvidence } from './evidence-verbs.ts';
import { keptReports } from './keep-reports.ts';
import { resolveImage } from './names.ts';
import type { Parts } from './parts.ts';
import { requirePublishable } from './publishable.ts';
import { verifyBake } from './verify-bake.ts';

type ImageVerbs = Pick<Handlers, 'bake' | 'images' | 'image' | 'tagImage'>;

export function imageVerbs(parts: Parts): ImageVerbs {
  const { images, journal, gate } = parts;
  return {
    async bake({ folder, service, tag, update, cache, channel: name, by, verify }, { signal, emit }) {
      const spec = await loadSpec(folder, service);
      const channel = name === undefined ? null : { channel: name, how: 'bake' as const, by, why: '' };
      const request = {
        spec,
        folder,
        version: tag ?? null,
        update,
        channel,
        signal,
        emit,
        ...(cache === undefined ? {} : { cache }),
      };
      return gate.shared(async () => {
        const outcome = await bakeSpec(parts, request);
        return bakeBody(outcome, verify ? await verifyBake(parts, request, outcome.digest) : null);
      });
    },
    async images() {
      const stored = await images.list();
      return { images: await Promise.all(stored.map((each) => withSize(parts, each))) };
    },
    async image({ reference }) {
      const digest = await resolveImage(parts, reference);
      const image = await soundImage(images, digest);
      const gates = await keptReports(parts, digest);
      const evidence = await shownEvidence(parts, digest);
      return { ...imageBody(image, await storedImage(parts, digest)), gates, evidence };
    },
    async tagImage({ reference, tag }) {
      const digest = await resolveImage(parts, reference);
      await requirePublishable(parts, digest, 'gets no name');
      await images.tag(digest, tag);
      journal.append([{ fleet: null, kind: 'image.tagged', data: { digest, tag } }]);
      return storedImage(parts, digest);
    },
  };
}

async function storedImage(parts: Parts, digest: Digest): Promise<StoredImageBody> {
  const stored = (await parts.images.list()).find((each) => each.digest === digest);
  return withSize(parts, stored ?? { digest, tags: [], storedAt: 0 });
}

async function withSize({ images, lineage }: Parts, { digest, tags, storedAt }: StoredImage): Promise<StoredImageBody> {
  const read = await readImage(images, digest);
  const channels = channelsOf(lineage.state, digest);
  const revoked = lineage.state.revocations.get(digest) ?? null;
  const named = { digest, tags, storedAt, channels, revoked };
  return isDamaged(read) ? { ...named, size: 0, damage: read.message } : { ...named, size: read.size, damage: null };
}

function imageBody(
  { config: { config, history }, layers, annotations }: Image,
  stored: StoredImageBody,
): Omit<ImageBody, 'gates' | 'evidence'> {
  const made = (history ?? []).filter((step) => step.empty_layer !== true);
  return {
    ...stored,
    config: {
      user: config.User ?? null,
      entrypoint: config.Entrypoint ?? [],
      command: config.Cmd ?? [],
      workdir: config.WorkingDir ?? null,
      env: config.Env ?? [],
      ports: Object.keys(config.ExposedPorts ?? {}),
      labels: config.Labels ?? {},
    },
    layers: layers.map(({ descriptor: { digest, size } }, index) => ({
      digest,
      size,
      createdBy: made[index]?.created_by ?? null,
    })),
    annotations,
  };
}
