/** A registry in this process whose every answer a test can replace, to lie, stall, cut off or send elsewhere. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { readFile } from 'node:fs/promises';

import { type Digest, isDigest } from '../../domain/digest.ts';
import { parseManifest } from '../schema.ts';
import type { ImageStore } from '../store.ts';

/** True: it has answered; false: the honest answer is wanted. */
export type Twist = (request: IncomingMessage, response: ServerResponse, honest: Buffer | null) => boolean;

export interface HostileRegistry extends AsyncDisposable {
  readonly host: string;
  /** `GET /v2/web/manifests/1`, in order. */
  readonly requests: string[];
}

/** Serves one image as `web:1`, but for what the twist answers by itself. Understands ranges. */
export async function hostileRegistry(store: ImageStore, image: Digest, twist: Twist): Promise<HostileRegistry> {
  const contents = await contentsOf(store, image);
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const honest = contents.get(request.url?.split('/').at(-1) ?? '') ?? null;
    if (!twist(request, response, honest)) answer(request, response, honest, image);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    host: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function contentsOf(store: ImageStore, image: Digest): Promise<ReadonlyMap<string, Buffer>> {
  const manifest = await readFile(await store.blobPath(image));
  const { config, layers } = parseManifest(manifest, image);
  const contents = new Map<string, Buffer>([
    ['1', manifest],
    [image, manifest],
  ]);
  for (const { digest } of [config, ...layers]) contents.set(digest, await readFile(await store.blobPath(digest)));
  return contents;
}

function answer(request: IncomingMessage, response: ServerResponse, honest: Buffer | null, image: Digest): void {
  if (honest === null) return void response.writeHead(404).end();
  if (request.url?.includes('/manifests/') === true) {
    response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json');
    response.setHeader('docker-content-digest', image);
  }
  const start = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start > 0) response.writeHead(206, { 'content-range': `bytes ${start}-${honest.length - 1}/${honest.length}` });
  response.end(request.method === 'HEAD' ? undefined : honest.subarray(start));
}

export const isBlob = (request: IncomingMessage): boolean =>
  request.url?.includes('/blobs/') === true && isDigest(request.url.split('/').at(-1) ?? '');
