import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';

import { shortDigest } from '../../domain/digest.ts';
import { KilnError, messageOf } from '../../errors/error.ts';
import { readPublicKey } from '../../keys/key-pair.ts';
import type { Context, Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { evidenceLines } from '../render/evidence.ts';

/** As every refusal for what the user gave. */
const UNTRUSTED = 2;
const LAYOUT = 'oci:';

export const run: Run = async (args, context) => {
  const given = args.required('IMAGE');
  const reference = given.startsWith(LAYOUT) ? `${LAYOUT}${resolve(context.cwd, given.slice(LAYOUT.length))}` : given;
  const key = await readKey(args.required('key'), context);
  const client = await context.connect();
  const answer = await client.verifyEvidence({ reference, keys: [key] });
  const signed = answer.evidence.filter(({ signedBy, trouble }) => signedBy.length > 0 && trouble === null).length;
  const verdict = answer.trusted
    ? `${context.terminal.paint('green', '✓')} ${signed} of ${counted(answer.evidence.length, 'piece')} of evidence of image ${shortDigest(answer.digest)} signed by ${key.name}`
    : `${context.terminal.paint('red', '✗')} nothing of image ${shortDigest(answer.digest)} is signed by ${key.name}`;
  const lines = answer.evidence.length === 0 ? [] : evidenceLines(answer.evidence, context.now(), context.terminal);
  return { document: answer, lines: [...lines, verdict], ...(answer.trusted ? {} : { exitCode: UNTRUSTED }) };
};

async function readKey(file: string, { cwd }: Context): Promise<{ readonly name: string; readonly pem: string }> {
  const text = await readFile(resolve(cwd, file), 'utf8').catch((cause: unknown) => {
    throw new KilnError('FILE_UNREADABLE', `the key ${file} can't be read: ${messageOf(cause)}`, {
      hint: 'name a file with a public key in PEM form, as `kiln key` prints it',
      cause,
    });
  });
  const name = basename(file);
  return { name, pem: readPublicKey(text, name).pem }; // A private key that was named by mistake goes nowhere.
}
