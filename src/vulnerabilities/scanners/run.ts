/** Runs Trivy or Grype over one image of the store. They bring and update their own databases. */
import { mkdtemp, readFile, rm, stat, symlink, mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hexOf } from '../../domain/digest.ts';
import { KilnError, messageOf } from '../../errors/error.ts';
import type { Image, ImageStore } from '../../oci/store.ts';
import { run } from '../../platform/exec.ts';
import type { Inventory } from '../../sbom/package.ts';
import type { Vulnerability } from '../match.ts';
import { readGrype } from './grype.ts';
import { type ReportEntry, vulnerabilitiesIn } from './report.ts';
import { readTrivy } from './trivy.ts';

export type Scanner = 'trivy' | 'grype';
export const SCANNERS: readonly Scanner[] = ['trivy', 'grype'];

interface Program {
  readonly arguments: (layout: string, report: string) => readonly string[];
  readonly read: (document: unknown) => readonly ReportEntry[] | null;
}

const PROGRAMS: Readonly<Record<Scanner, Program>> = {
  trivy: {
    arguments: (layout, report) => [
      'image',
      '--input',
      layout,
      '--scanners',
      'vuln',
      '--format',
      'json',
      '--quiet',
      '--output',
      report,
    ],
    read: readTrivy,
  },
  grype: {
    arguments: (layout, report) => [`oci-dir:${layout}`, '--quiet', '--output', 'json', '--file', report],
    read: readGrype,
  },
};
const REPORT_BYTES = 256 << 20;

export interface ScannerSubject {
  readonly store: Pick<ImageStore, 'blobPath'>;
  readonly image: Image;
  readonly inventory: Inventory;
  readonly signal: AbortSignal;
}

/** Throws REQUIREMENT_MISSING where it is not installed, VULNERABILITY_DATA where it fails or reports in another form. */
export async function scanWith(scanner: Scanner, subject: ScannerSubject): Promise<readonly Vulnerability[]> {
  const { arguments: argumentsOf, read } = PROGRAMS[scanner];
  const folder = await mkdtemp(join(tmpdir(), 'kiln-scan-'));
  try {
    const [layout, report] = [join(folder, 'layout'), join(folder, 'report.json')];
    await layoutOf(subject, layout);
    await run(scanner, argumentsOf(layout, report), { signal: subject.signal });
    if ((await stat(report)).size > REPORT_BYTES) throw new Error(`its report is larger than ${REPORT_BYTES >> 20} MiB`);
    const entries = read(JSON.parse(await readFile(report, 'utf8')));
    if (entries === null) throw new Error('its report is of a form that Kiln does not know');
    return vulnerabilitiesIn(entries, subject.inventory);
  } catch (cause) {
    subject.signal.throwIfAborted();
    if (cause instanceof KilnError) throw cause;
    throw new KilnError('VULNERABILITY_DATA', `${scanner} could not scan the image: ${messageOf(cause)}`, {
      hint: `run ${scanner} by hand to see what it lacks, or take it out of image.gates.vulnerabilities.sources`,
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** An OCI layout of this image alone, made of links: a scanner must not choose another. */
async function layoutOf({ store, image }: ScannerSubject, layout: string): Promise<void> {
  const blobs = join(layout, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const manifest = await store.blobPath(image.digest);
  const { mediaType, config } = JSON.parse(await readFile(manifest, 'utf8')) as {
    mediaType?: string;
    config: { digest: Image['digest'] };
  };
  for (const digest of [image.digest, config.digest, ...image.layers.map(({ descriptor }) => descriptor.digest)]) {
    await symlink(await store.blobPath(digest), join(blobs, hexOf(digest))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error; // Two layers may be the same.
    });
  }
  const entry = {
    mediaType: mediaType ?? 'application/vnd.oci.image.manifest.v1+json',
    digest: image.digest,
    size: (await stat(manifest)).size,
  };
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}
