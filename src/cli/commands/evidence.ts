import { resolve } from 'node:path';

import type { AnswerOf } from '../../client/client.ts';
import { hexOf, shortDigest } from '../../domain/digest.ts';
import { KilnError } from '../../errors/error.ts';
import { writeFileAtomic } from '../../platform/files.ts';
import type { Result, Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { evidenceLines } from '../render/evidence.ts';

type Documents = AnswerOf<'evidenceDocuments'>;

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const reference = args.required('IMAGE');
  const [type, out] = [args.text('type'), args.text('out')];
  if (type === undefined && out === undefined) {
    const answer = await client.evidence({ reference });
    const none = ['Nothing is attached to the image. Evidence comes with `kiln bake`, or with `kiln pull`.'];
    const lines = answer.evidence.length === 0 ? none : evidenceLines(answer.evidence, context.now(), context.terminal);
    return { document: answer, lines };
  }
  const found = await client.evidenceDocuments({ reference, ...(type === undefined ? {} : { type }) });
  if (type !== undefined && found.documents.length === 0) throw noneOf(type, reference);
  return out === undefined ? print(found) : exported(found, resolve(context.cwd, out));
};

const noneOf = (type: string, reference: string): KilnError =>
  new KilnError('NOT_FOUND', `no evidence of the type "${type}" is attached to ${reference}`, {
    hint: `\`kiln evidence ${reference}\` lists what is`,
  });

/** The predicates alone, so that the output of `--type sbom` is an SBOM; a list where there are several. */
function print({ documents }: Documents): Result {
  const [first, ...more] = documents.map(({ predicate }) => predicate);
  const document = more.length === 0 ? first : [first, ...more];
  return { document, lines: [JSON.stringify(document, null, 2)] };
}

/** Names are made of the kind and the digest: nothing of a stranger's is in them. */
async function exported({ digest, documents }: Documents, folder: string): Promise<Result> {
  const files: string[] = [];
  for (const { kind, artifact, document, mediaType } of documents) {
    if (document === null) continue;
    const path = resolve(folder, `${kind}-${hexOf(artifact).slice(0, 12)}${mediaType.includes('dsse') ? '.dsse' : ''}.json`);
    await writeFileAtomic(path, document, 0o644);
    files.push(path);
  }
  const lines = [
    `${counted(files.length, 'document')} of image ${shortDigest(digest)} in ${folder}`,
    ...files.map((path) => `  ${path}`),
  ];
  return { document: { digest, files }, lines };
}
