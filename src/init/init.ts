/**
 * A first kiln.yaml for a folder. This folder owns finding out what a folder is; it runs nothing, reads small files of that
 * folder only, and says everything that it assumed. It overwrites nothing.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';

import { isName } from '../domain/ids.ts';
import { KilnError } from '../errors/error.ts';
import { parseSpec } from '../spec/parse.ts';
import { textOfSpec } from '../spec/text.ts';
import { dockerfileService } from './dockerfile.ts';
import { goService } from './go.ts';
import { nodeService } from './node.ts';
import { fromPackages } from './packages.ts';
import type { Detector, ProjectFolder, Proposal } from './proposal.ts';
import { pythonService } from './python.ts';
import { staticSite } from './site.ts';

/** In this order: a Dockerfile says the most, an index.html the least. */
const DETECTORS: Readonly<Record<string, Detector>> = {
  dockerfile: dockerfileService,
  node: nodeService,
  python: pythonService,
  go: goService,
  site: staticSite,
};
const KINDS = [...Object.keys(DETECTORS), 'packages'];

export interface Started {
  readonly kind: string;
  readonly service: string;
  /** Relative to the folder, kiln.yaml first. */
  readonly written: readonly string[];
  readonly assumed: readonly string[];
  readonly starts: boolean;
}

/** `from`: one of the kinds; null: whatever is found first. Throws FILE_EXISTS, USAGE, NOT_FOUND. */
export function startFolder(path: string, from: string | null, packages: readonly string[]): Started {
  const target = join(path, 'kiln.yaml');
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) {
    throw new KilnError('FILE_EXISTS', `${target} is there already`, {
      hint: 'change it as you like: docs/reference/kiln-yaml.md lists every key',
    });
  }
  const proposal = withIgnore(propose(path, from, packages), path);
  const service = serviceName(path);
  const text = specText(service, proposal);
  parseSpec(text, target);
  for (const name of Object.keys(proposal.files)) {
    if (lstatSync(join(path, name), { throwIfNoEntry: false }) === undefined) continue;
    throw new KilnError('FILE_EXISTS', `${join(path, name)} is there already, and would be written`, {
      hint: 'move it away, and run the command again',
    });
  }
  mkdirSync(path, { recursive: true });
  for (const [name, content] of Object.entries(proposal.files)) writeFileSync(join(path, name), content, { flag: 'wx' });
  writeFileSync(target, text, { flag: 'wx' });
  const { kind, assumed, run } = proposal;
  return { kind, service, written: ['kiln.yaml', ...Object.keys(proposal.files)], assumed, starts: run !== null };
}

/** What stands in a folder while people work in it and belongs into no image. A file that is there is left as it is. */
const IGNORED = ['.env', '.env.*', '.venv', 'venv', '__pycache__', 'node_modules', '.DS_Store', '*.log'];

function withIgnore(proposal: Proposal, path: string): Proposal {
  const takesAll = JSON.stringify(proposal.image).includes('"./"');
  if (!takesAll || lstatSync(join(path, '.kilnignore'), { throwIfNoEntry: false }) !== undefined) return proposal;
  const content = `# Left out of the image; the form is that of .gitignore.\n${IGNORED.join('\n')}\n`;
  const assumed = [...proposal.assumed, '.kilnignore names what stays out of the image, such as .env and node_modules'];
  return { ...proposal, files: { ...proposal.files, '.kilnignore': content }, assumed };
}

function propose(path: string, from: string | null, packages: readonly string[]): Proposal {
  if (from === 'packages' || (from === null && packages.length > 0)) return packaged(packages);
  if (packages.length > 0)
    throw new KilnError('USAGE', `--package does not go with --from ${from}`, { hint: 'leave one of them out' });
  const folder = projectFolder(path);
  if (from !== null) {
    const detector = Object.hasOwn(DETECTORS, from) ? DETECTORS[from] : undefined;
    if (detector === undefined)
      throw new KilnError('USAGE', `"${from}" is nothing to start from`, { hint: `there are ${KINDS.join(', ')}` });
    const found = detector(folder);
    if (found !== null) return found;
    throw new KilnError('NOT_FOUND', `nothing in ${path} is what --from ${from} looks for`, {
      hint: 'leave --from out, and Kiln says what it finds',
    });
  }
  for (const detector of Object.values(DETECTORS)) {
    const found = detector(folder);
    if (found !== null) return found;
  }
  throw new KilnError('NOT_FOUND', `nothing in ${path} says what it is`, {
    hint: 'Kiln knows Dockerfile, package.json, requirements.txt, pyproject.toml, go.mod and index.html; or name packages: kiln init --from packages --package redis-server',
  });
}

function packaged(packages: readonly string[]): Proposal {
  if (packages.length > 0) return fromPackages(packages);
  throw new KilnError('USAGE', 'no package was named', {
    hint: 'name each one: kiln init --from packages --package redis-server',
  });
}

const MOST_BYTES = 256 << 10;

function projectFolder(path: string): ProjectFolder {
  const names =
    statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(path, { withFileTypes: true }) : [];
  return {
    path,
    names: names.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).toSorted(),
    read: (name) => {
      const file = join(path, name);
      const stat = statSync(file, { throwIfNoEntry: false });
      if (stat?.isFile() !== true || stat.size > MOST_BYTES) return null;
      return relative(realpathSync(path), realpathSync(file)).startsWith('..') ? null : readFileSync(file, 'utf8');
    },
  };
}

/** The folder's own name, as far as a service can have it. */
function serviceName(path: string): string {
  const name = basename(resolve(path))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 31)
    .replace(/-$/, '');
  return isName(name) ? name : 'app';
}

function specText(service: string, { kind, image, run, assumed }: Proposal): string {
  const launch = run === null ? {} : { run, environments: { local: { listen: 8080 } } };
  const comment = [`Made by \`kiln init\` for ${kind}. It was assumed that`, ...assumed.map((each) => `- ${each}`)];
  return textOfSpec({ service, image, ...launch }, comment);
}
