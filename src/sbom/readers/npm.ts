/** npm: the package.json of each package that lies in a node_modules folder. */
import type { PackageFacts } from '../package.ts';
import { licenseOf, nameOf, versionOf } from '../text.ts';
import { NO_MORE, type Reader, reading } from './reader.ts';

/** The package's own, not those in folders within it. */
const OF_PACKAGE = /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^@/][^/]*\/package\.json$/;
const NAME = /^(?:@[a-z0-9~!'()*._-]+\/)?[a-z0-9~!'()*._-]+$/i;

export const npm: Reader = {
  name: 'npm',
  maxBytes: 4 << 20,
  wants: (path) => path.endsWith('/package.json') && OF_PACKAGE.test(path),
  read(content) {
    const manifest: unknown = JSON.parse(content.toString('utf8').replace(/^\uFEFF/, ''));
    if (typeof manifest !== 'object' || manifest === null) throw new SyntaxError('it is not a JSON object');
    const own = new Map<string, unknown>(Object.entries(manifest));
    // Packages mark folders as ES modules with a manifest that has neither.
    if (own.get('name') === undefined || own.get('version') === undefined) return reading([]);
    const name = nameOf(own.get('name'));
    const version = versionOf(own.get('version'));
    if (name === null || version === null || !NAME.test(name)) return reading([], 1);
    return reading([{ ...NO_MORE, type: 'npm', name, version, license: statedIn(own) } satisfies PackageFacts]);
  },
};

/** `license: "MIT"`, and the older `license: { type }` and `licenses: [{ type }]`. */
function statedIn(manifest: ReadonlyMap<string, unknown>): string | null {
  const license = manifest.get('license') ?? manifest.get('licenses');
  const all = Array.isArray(license) ? license.slice(0, 8) : [license];
  const stated = all.map((each: unknown) => licenseOf(typeName(each))).filter((each) => each !== null);
  return stated.length === 0 ? null : stated.join(' OR ');
}

const typeName = (license: unknown): unknown =>
  typeof license === 'object' && license !== null && 'type' in license ? license.type : license;
