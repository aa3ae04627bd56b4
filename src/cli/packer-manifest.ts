/**
 * packer-manifest.json as Packer's post-processor `manifest` writes it (its documentation, "Manifest Post-Processor"): each
 * run adds a build, and last_run_uuid names the newest. Tools that read it find the image under artifact_id.
 */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';

import type { Digest } from '../domain/digest.ts';
import { KilnError } from '../errors/error.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';

const Manifest = z.looseObject({
  builds: z.array(z.looseObject({ artifact_id: z.string(), packer_run_uuid: z.string() })),
  last_run_uuid: z.string(),
});

export interface ManifestBuild {
  readonly service: string;
  readonly digest: Digest;
  readonly tags: readonly string[];
  readonly nowMs: number;
}

/** The same image as last time adds nothing. Throws USAGE where the file holds something else. */
export async function addToManifest(path: string, { service, digest, tags, nowMs }: ManifestBuild): Promise<void> {
  const before = parse(path, await readIfThere(path));
  const last = before.builds.find(({ packer_run_uuid: run }) => run === before.last_run_uuid);
  if (last?.artifact_id === digest) return;
  const run = randomUUID();
  const build = {
    name: service,
    builder_type: 'kiln',
    build_time: Math.floor(nowMs / 1000),
    files: null,
    artifact_id: digest,
    packer_run_uuid: run,
    custom_data: { tags: tags.join(',') },
  };
  const manifest = { ...before, builds: [...before.builds, build], last_run_uuid: run };
  await writeFileAtomic(path, `${JSON.stringify(manifest, null, 2)}\n`, 0o644);
}

function parse(path: string, text: string | null): z.output<typeof Manifest> {
  if (text === null) return { builds: [], last_run_uuid: '' };
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (error) {
    throw new KilnError('USAGE', `${path} is there, and is no manifest of Packer`, {
      hint: 'move it away, or name another file with --packer-manifest',
      cause: error,
    });
  }
}
