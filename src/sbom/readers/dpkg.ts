/** dpkg's status (deb-control(5), dpkg(1) "Package states"), and the one file a package of images without dpkg's programs. */
import type { PackageFacts } from '../package.ts';
import { nameOf, stanzasOf, versionOf } from '../text.ts';
import type { Reader } from './reader.ts';

const FIELDS = new Set(['package', 'status', 'version', 'architecture', 'source']);
/** States in which a package's files are not there. */
const ABSENT = new Set(['not-installed', 'config-files']);
/** Debian policy 5.6.7: lower-case letters, digits, plus, minus and full stops. */
const NAME = /^[a-z0-9][a-z0-9+.-]*$/i;

export const dpkg: Reader = {
  name: 'dpkg',
  maxBytes: 64 << 20,
  wants: (path) => path === 'var/lib/dpkg/status' || (path.startsWith('var/lib/dpkg/status.d/') && !path.endsWith('.md5sums')),
  read(content) {
    const packages: PackageFacts[] = [];
    let malformed = 0;
    for (const fields of stanzasOf(content.toString('utf8'), FIELDS)) {
      // "want flag status"; images without dpkg's programs leave it out.
      const state = fields.get('status')?.split(' ').at(-1);
      if (state !== undefined && ABSENT.has(state)) continue;
      const facts = factsOf(fields);
      if (facts === null) malformed += 1;
      else packages.push(facts);
    }
    return { packages, owned: null, malformed };
  },
};

function factsOf(fields: ReadonlyMap<string, string>): PackageFacts | null {
  const name = nameOf(fields.get('package'));
  const version = versionOf(fields.get('version'));
  if (name === null || version === null || !NAME.test(name)) return null;
  const source = sourceOf(fields.get('source'), name, version);
  return { type: 'deb', name, version, license: null, source, architecture: nameOf(fields.get('architecture')) };
}

/** `Source: glibc (2.36-9)`; the version is left out where it is the package's own, the field where both are. */
function sourceOf(field: string | undefined, name: string, version: string): PackageFacts['source'] {
  const text = nameOf(field);
  if (text === null) return null;
  const open = text.indexOf(' (');
  const source = open === -1 ? text : text.slice(0, open);
  const own = open === -1 || !text.endsWith(')') ? version : text.slice(open + 2, -1);
  return NAME.test(source) && (source !== name || own !== version) ? { name: source, version: own } : null;
}
