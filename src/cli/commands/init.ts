import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import { startFolder, type Started } from '../../init/init.ts';
import { importPacker } from '../../packer/import.ts';
import { writeImport } from '../../packer/write.ts';
import type { Arguments } from '../arguments.ts';
import type { Context, Run } from '../command.ts';
import { harmless } from '../terminal.ts';

/** What stands for a machine in a cloud until somebody says otherwise. */
const BASE = 'debian:bookworm';

export const run: Run = async (args, context) => {
  const path = resolve(context.cwd, args.text('DIR') ?? '.');
  const from = args.text('from') ?? null;
  const started = from === 'packer' ? startFromPacker(path, context) : startFolder(path, from, packagesOf(args));
  const folder = relative(context.cwd, path) || '.';
  const next = started.starts ? `kiln deploy ${folder}` : `kiln bake ${folder}`;
  return {
    document: { ...started, folder: path },
    lines: [
      `${folder} is ${started.kind}: service ${started.service}`,
      ...started.written.map((each) => `wrote ${join(folder, each)}`),
      'assumed that',
      ...started.assumed.map((each) => `  - ${harmless(each)}`),
      `  next: look at kiln.yaml, then ${next}`,
    ],
  };
};

const packagesOf = (args: Arguments): readonly string[] => args.texts('package').flatMap((text) => text.split(','));

function startFromPacker(path: string, context: Context): Started {
  const recipe = importPacker({
    path: templateIn(path),
    bases: new Map(),
    defaultBase: BASE,
    values: new Map(),
    valueFiles: [],
    only: [],
    except: [],
    allowOutside: false,
    env: context.env,
    nowMs: context.now(),
  });
  const assumed = [
    `${BASE} stands for every machine in a cloud`,
    ...recipe.notices.map(({ at, text }) => `${at.file}:${at.line}: ${text}`),
  ];
  return {
    kind: 'a Packer template',
    service: recipe.service,
    written: writeImport(recipe, path),
    assumed,
    starts: recipe.starts,
  };
}

/** All HCL2 of the folder, or its one template in JSON. */
function templateIn(path: string): string {
  const names = readdirSync(path);
  if (names.some((name) => name.endsWith('.pkr.hcl'))) return path;
  const json = names.filter((name) => /^(?:template|packer)\.json$|\.packer\.json$/.test(name));
  const [only] = json;
  if (only !== undefined && json.length === 1) return join(path, only);
  throw new KilnError('NOT_FOUND', `${path} has no *.pkr.hcl, and no template.json or packer.json`, {
    hint: 'name the template: kiln import packer FILE --base SOURCE=BASE',
  });
}
