/** The machine's own ansible-core (Debian's package): which version, and the Python modules that it is made of. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../../errors/error.ts';
import { isThere } from '../../platform/files.ts';
import { sha256 } from '../../platform/hash.ts';

export interface Ansible {
  /** What the key of a step says of it. */
  readonly version: string;
  /** Folders of this machine, to be lent to a sandbox. */
  readonly modules: readonly string[];
}

const PLACES = ['/usr/lib/python3/dist-packages', '/usr/local/lib/python3/dist-packages'];
/** ansible-core's own requirements that are Python through and through, so that they run with any image's Python. */
const MODULES = ['ansible', 'jinja2', 'markupsafe', 'yaml', 'packaging', 'resolvelib'];
/** What says which versions they are; Ansible asks for it. */
const METADATA = /^(?:ansible_core|jinja2|markupsafe|pyyaml|packaging|resolvelib)-[\w.]+-info$/i;

/** Throws BAKE_TOOL_MISSING. */
export async function ansibleOnThisMachine(): Promise<Ansible> {
  for (const place of PLACES) {
    const modules = MODULES.map((name) => join(place, name));
    const there = await Promise.all(modules.map(isThere));
    if (!there.every(Boolean)) continue;
    for (const name of await readdir(place)) if (METADATA.test(name)) modules.push(join(place, name));
    const release = await readFile(join(place, 'ansible', 'release.py'), 'utf8');
    return { version: /__version__\s*=\s*'([\w.]+)'/.exec(release)?.[1] ?? sha256(release), modules };
  }
  throw new KilnError('BAKE_TOOL_MISSING', 'the recipe has an Ansible playbook, and ansible-core is not installed', {
    hint: 'apt-get install ansible-core',
  });
}
