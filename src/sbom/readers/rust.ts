/** Rust binaries built with cargo-auditable: the section .dep-v0, JSON compressed with zlib. */
import { inflateSync } from 'node:zlib';

import * as z from 'zod';

import { elfOf } from '../elf.ts';
import type { PackageFacts } from '../package.ts';
import { nameOf, versionOf } from '../text.ts';
import { NO_MORE } from './reader.ts';

const LONGEST = 8 << 20;
const schema = z.object({
  packages: z
    .array(z.object({ name: z.string(), version: z.string(), source: z.string(), kind: z.string().default('runtime') }))
    .max(20_000),
});

/** Null where the file has no such section. Throws SyntaxError where that is damaged. */
export function rustPackages(content: Buffer): readonly PackageFacts[] | null {
  const section = elfOf(content)?.section('.dep-v0') ?? null;
  if (section === null) return null;
  return parsed(section).packages.flatMap(({ name, version, source, kind }) => {
    const [known, its] = [nameOf(name), versionOf(version)];
    // Of a local or git package another one on crates.io may have the name.
    if (kind === 'build' || source !== 'crates.io' || known === null || its === null) return [];
    return [{ ...NO_MORE, type: 'cargo' as const, name: known, version: its }];
  });
}

function parsed(section: Buffer): z.output<typeof schema> {
  try {
    const json = inflateSync(section, { maxOutputLength: LONGEST }).toString('utf8');
    return schema.parse(JSON.parse(json));
  } catch {
    throw new SyntaxError('its list of Rust packages (.dep-v0) is damaged');
  }
}
