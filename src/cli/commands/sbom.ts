import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { KilnError, messageOf } from '../../errors/error.ts';
import type { Run } from '../command.ts';
import { counted } from '../render/amounts.ts';
import { inventoryLines } from '../render/packages.ts';

const FORMATS = ['cyclonedx', 'spdx'] as const;
type Format = (typeof FORMATS)[number];

export const run: Run = async (args, context) => {
  const client = await context.connect();
  const reference = args.required('IMAGE');
  const out = args.text('out');
  const format = formatOf(args.text('format') ?? (out === undefined ? undefined : 'cyclonedx'));
  if (format === null) {
    const inventory = await client.packages({ reference });
    return { document: inventory, lines: inventoryLines(inventory, context.terminal) };
  }
  const sbom = await client.sbom({ reference, format });
  const text = JSON.stringify(sbom, null, 2);
  if (out === undefined) return { document: sbom, lines: text.split('\n') };
  const file = resolve(context.cwd, out);
  await write(file, `${text}\n`);
  const bytes = Buffer.byteLength(text) + 1;
  return { document: { file, format, bytes }, lines: [`wrote ${file}   ${counted(bytes, 'byte')}`] };
};

function formatOf(word: string | undefined): Format | null {
  if (word === undefined) return null;
  const format = FORMATS.find((each) => each === word);
  if (format !== undefined) return format;
  throw new KilnError('USAGE', `--format is "${word}", which is no format of Kiln's`, { hint: `use ${FORMATS.join(' or ')}` });
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    throw new KilnError('FILE_UNREADABLE', `${file} could not be written: ${messageOf(cause)}`, {
      hint: 'give a file in a folder that exists and that you may write to',
      cause,
    });
  }
}
