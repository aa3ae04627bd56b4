import { mkdir, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { KilnError, messageOf } from '../../errors/error.ts';
import { createKeyPair, type KeyKind } from '../../keys/key-pair.ts';
import { passwordOf, PRIVATE_KEY_FILE, PUBLIC_KEY_FILE, takeSigningSettings } from '../../keys/signer.ts';
import type { Arguments } from '../arguments.ts';
import type { Run } from '../command.ts';

const KINDS = ['p256', 'ed25519'] as const;

export const run: Run = async (args, context) => {
  const out = args.text('out');
  const folder = out === undefined ? context.home.keys : resolve(context.cwd, out);
  const password = await passwordOf(takeSigningSettings(context.env, folder));
  const { public: key, privatePem } = createKeyPair(kindIn(args), password);
  const paths = { private: join(folder, PRIVATE_KEY_FILE), public: join(folder, PUBLIC_KEY_FILE) };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeNew(paths.private, privatePem, 0o600);
  await writeNew(paths.public, key.pem, 0o644);
  const locked = password === null ? 'not encrypted: whoever reads the file can sign' : 'encrypted with the password';
  const use =
    out === undefined ? 'the daemon signs with it from now on' : `to sign with it: KILN_SIGNING_KEY=${paths.private} kiln up`;
  return {
    document: { id: key.id, kind: key.kind, privateKey: paths.private, publicKey: paths.public, encrypted: password !== null },
    lines: [
      `key ${key.id.slice(0, 8)} (${key.kind})`,
      `  private   ${paths.private}   ${locked}`,
      `  public    ${paths.public}`,
      `  ${use}`,
      '  next: give the public key to whoever verifies; name it under demand: signed-by: in kiln.yaml',
    ],
  };
};

function kindIn(args: Arguments): KeyKind {
  const word = args.text('kind') ?? 'p256';
  const kind = KINDS.find((known) => known === word);
  if (kind !== undefined) return kind;
  throw new KilnError('USAGE', `"${word}" is no kind of key`, { hint: `give one of ${KINDS.join(', ')}` });
}

/** Never over a key that is there: what was signed with it could not be told from then on. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new KilnError('KEY_INVALID', there ? `${path} is there already` : `${path} can't be written: ${messageOf(cause)}`, {
      hint: there
        ? 'keep it, or move it away first; a key that others trust is not replaced'
        : 'name a folder that you may write with --out',
      cause,
    });
  }
}
