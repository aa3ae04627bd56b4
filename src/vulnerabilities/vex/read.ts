/** VEX documents beside kiln.yaml: `*.vex.json`, and every .json in `vex/`. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError, messageOf } from '../../errors/error.ts';
import { readCyclonedxVex } from './cyclonedx.ts';
import { readOpenVex } from './openvex.ts';
import type { VexStatement } from './statement.ts';

const BYTES = 16 << 20;
const DOCUMENTS = 1000;

/** Throws VULNERABILITY_DATA for a document that is none: what was meant to count must not be lost in silence. */
export async function readVex(folder: string): Promise<readonly VexStatement[]> {
  const beside = (await names(folder)).filter((name) => name.endsWith('.vex.json'));
  const within = (await names(join(folder, 'vex'))).filter((name) => name.endsWith('.json')).map((name) => join('vex', name));
  const documents = [...beside, ...within].toSorted();
  if (documents.length > DOCUMENTS) throw unusable('vex/', `there are more than ${DOCUMENTS} documents`);
  return (await Promise.all(documents.map((name) => readDocument(folder, name)))).flat();
}

async function names(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

async function readDocument(folder: string, name: string): Promise<readonly VexStatement[]> {
  const path = join(folder, name);
  if ((await stat(path)).size > BYTES) throw unusable(name, `it is larger than ${BYTES >> 20} MiB`);
  const document = parsed(await readFile(path, 'utf8'), name);
  const statements = readOpenVex(document, name) ?? readCyclonedxVex(document, name);
  if (statements === null) throw unusable(name, 'it is neither OpenVEX nor CycloneDX with vulnerabilities');
  return statements;
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unusable(name, messageOf(cause));
  }
}

const unusable = (name: string, why: string): KilnError =>
  new KilnError('VULNERABILITY_DATA', `the VEX document ${name} can't be used: ${why}`, {
    hint: 'write it as OpenVEX 0.2 or CycloneDX 1.6, or move it away',
  });
