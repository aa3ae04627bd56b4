/**
 * Builds a Dockerfile with buildah, in a storage of Kiln's own. The bases are brought in from the image store; buildah is
 * told to pull nothing. Everything it mounts is in namespaces that end with it.
 */
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { hexOf, type Digest } from '../../domain/digest.ts';
import { exec, type ExecResult } from '../../platform/exec.ts';
import type { Home } from '../../platform/home.ts';
import type { Image, ImageStore } from '../../oci/store.ts';
import { OCI_MANIFEST } from '../../oci/media-types.ts';
import { requireTool } from '../check.ts';
import { EPOCH_SECONDS } from '../contract.ts';
import { MORTAL } from '../sandbox.ts';
import { stepFailed } from '../steps/failure.ts';

export interface Buildah {
  /** The image is in buildah's storage under the name that is answered. */
  ensureBase(image: Image, store: ImageStore): Promise<string>;
  /** Answers the folder of an OCI layout that holds the built image. */
  build(request: BuildRequest): Promise<string>;
}

export interface BuildRequest {
  readonly name: string;
  readonly folder: string;
  readonly dockerfile: string;
  readonly ignore: string;
  readonly target: string | null;
  readonly args: Readonly<Record<string, string>>;
  /** Bound to /run/kiln while commands run. */
  readonly shared: string;
  readonly onText: (text: string) => void;
}

export async function openBuildah(home: Home, work: string, signal: AbortSignal): Promise<Buildah> {
  await requireTool('buildah');
  const root = join(home.bake, 'buildah');
  const config = join(work, 'storage.conf');
  const quoted = (name: string): string => JSON.stringify(join(root, name));
  await writeFile(config, `[storage]\ndriver = "overlay"\ngraphroot = ${quoted('root')}\nrunroot = ${quoted('run')}\n`);
  const env = { ...process.env, CONTAINERS_STORAGE_CONF: config, TMPDIR: work };
  const buildah = async (args: readonly string[], onText: (text: string) => void = () => {}): Promise<ExecResult> => {
    try {
      const onOutput = (chunk: Buffer): void => onText(chunk.toString('utf8'));
      return await exec('setpriv', [...MORTAL, 'buildah', ...args], { signal, env, cwd: work, onOutput });
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  };
  const checked = async (name: string, args: readonly string[]): Promise<string> => {
    const result = await buildah(args);
    if (result.code !== 0) throw stepFailed(name, result, 'does `buildah` work on this machine? `kiln doctor` looks');
    return result.stdout.trim();
  };
  return {
    ensureBase: async (image, store) => {
      const name = `localhost/kiln-base:${hexOf(image.digest)}`;
      if ((await buildah(['inspect', '--type', 'image', name])).code === 0) return name;
      // Relative to the work folder: in buildah's `oci:PATH:NAME` a path must hold no colon and no capital letter.
      await writeLayout(image.digest, name, store, join(work, 'base'));
      const id = await checked('base', ['pull', '--quiet', `oci:base:${name}`]);
      await checked('base', ['tag', id, name]);
      await rm(join(work, 'base'), { recursive: true });
      return name;
    },
    build: async (request) => {
      const id = join(work, 'image-id');
      const result = await buildah(['bud', ...buildArguments(request, id, await written(work, request))], request.onText);
      if (result.code !== 0)
        throw stepFailed(request.name, result, 'mend the Dockerfile and bake again; the steps before it are kept');
      await checked('export', ['push', '--quiet', (await readFile(id, 'utf8')).trim(), 'oci:out']);
      return join(work, 'out');
    },
  };
}

interface Written {
  readonly dockerfile: string;
  readonly ignore: string;
}

async function written(work: string, request: BuildRequest): Promise<Written> {
  const files = { dockerfile: join(work, 'Dockerfile'), ignore: join(work, 'ignore') };
  await writeFile(files.dockerfile, request.dockerfile);
  await writeFile(files.ignore, request.ignore);
  return files;
}

function buildArguments(request: BuildRequest, id: string, { dockerfile, ignore }: Written): readonly string[] {
  return [
    '--isolation=chroot',
    '--network=host',
    '--pull=never',
    '--layers',
    `--timestamp=${EPOCH_SECONDS}`,
    '--identity-label=false',
    '--omit-history',
    `--iidfile=${id}`,
    `--file=${dockerfile}`,
    `--ignorefile=${ignore}`,
    `--volume=${request.shared}:/run/kiln:rw`,
    ...(request.target === null ? [] : [`--target=${request.target}`]),
    ...Object.entries(request.args).map(([name, value]) => `--build-arg=${name}=${value}`),
    request.folder,
  ];
}

/** A layout with nothing but one image of the store, under the name; its blobs are linked. */
async function writeLayout(digest: Digest, name: string, store: ImageStore, folder: string): Promise<void> {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  const manifest = await readFile(await store.blobPath(digest));
  const { config, layers } = JSON.parse(manifest.toString('utf8')) as {
    config: { digest: Digest };
    layers: { digest: Digest }[];
  };
  for (const blob of new Set([digest, config.digest, ...layers.map((layer) => layer.digest)])) {
    await symlink(await store.blobPath(blob), join(folder, 'blobs', 'sha256', hexOf(blob)));
  }
  const annotations = { 'org.opencontainers.image.ref.name': name };
  const entry = { mediaType: OCI_MANIFEST, digest, size: manifest.length, annotations };
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}
