/** AWS KMS as far as Kiln speaks to it, for tests: one key, and answers as its API reference has them. Signs with openssl. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run } from '../../platform/exec.ts';
import { createKeyPair, type KeyPair } from '../key-pair.ts';

export interface FakeKms extends AsyncDisposable {
  readonly url: string;
  readonly asked: { readonly authorization: string; readonly operation: string; readonly type: string | undefined }[];
  /** What is answered instead: a lie, a refusal. */
  instead: { readonly operation: string; readonly status: number; readonly body: string } | null;
}

interface SignRequest {
  readonly Message?: string;
  readonly MessageType?: 'RAW' | 'DIGEST';
}

export async function startFakeKms(): Promise<FakeKms> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-kms-'));
  const pair = createKeyPair('p256', null);
  await writeFile(join(folder, 'key'), pair.privatePem, { mode: 0o600 });
  const server = createServer((request, response) => {
    void answer(kms, { pair, folder }, request).then(({ status, body }) => response.writeHead(status).end(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const kms: FakeKms = {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    asked: [],
    instead: null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(folder, { recursive: true });
    },
  };
  return kms;
}

interface Held {
  readonly pair: KeyPair;
  readonly folder: string;
}

async function answer(kms: FakeKms, held: Held, request: IncomingMessage): Promise<{ status: number; body: string }> {
  const operation = String(request.headers['x-amz-target']).replace('TrentService.', '');
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as SignRequest;
  kms.asked.push({ authorization: String(request.headers.authorization), operation, type: asked.MessageType });
  if (kms.instead?.operation === operation) return kms.instead;
  const said =
    operation === 'Sign'
      ? { Signature: await signature(held, asked) }
      : { PublicKey: held.pair.public.pem.replaceAll(/-----[^-]+-----|\n/g, ''), KeySpec: 'ECC_NIST_P256' };
  return { status: 200, body: JSON.stringify(said) };
}

async function signature({ folder }: Held, { Message = '', MessageType }: SignRequest): Promise<string> {
  const [input, output] = [join(folder, randomUUID()), join(folder, randomUUID())];
  await writeFile(input, Buffer.from(Message, 'base64'));
  const hashing = MessageType === 'RAW' ? ['-rawin', '-digest', 'sha256'] : [];
  await run('openssl', ['pkeyutl', '-sign', '-inkey', join(folder, 'key'), '-in', input, '-out', output, ...hashing]);
  return (await readFile(output)).toString('base64');
}
