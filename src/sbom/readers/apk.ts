/** apk's database (apk-package(5), "installed db"): one letter, a colon, a value; F: names a folder, R: a file within it. */
import type { PackageFacts } from '../package.ts';
import { licenseOf, linesOf, nameOf, versionOf } from '../text.ts';
import type { Reader } from './reader.ts';

const PATHS = new Set(['lib/apk/db/installed', 'usr/lib/apk/db/installed']);

export const apk: Reader = {
  name: 'apk',
  maxBytes: 64 << 20,
  wants: (path) => PATHS.has(path),
  read(content) {
    const packages: PackageFacts[] = [];
    const owned = new Map<string, string>();
    let malformed = 0;
    let fields = new Map<string, string>();
    const finish = (): void => {
      if (!fields.has('P')) return;
      const facts = factsOf(fields);
      if (facts === null) malformed += 1;
      else packages.push(facts);
    };
    for (const line of linesOf(content.toString('latin1'))) {
      if (line === '') {
        finish();
        fields = new Map();
      }
      if (line[1] !== ':') continue;
      const [letter = '', value] = [line[0], line.slice(2)];
      if (letter === 'R') owned.set(join(fields.get('F') ?? '', value), fields.get('P') ?? '');
      else fields.set(letter, value);
    }
    finish();
    return { packages, owned, malformed };
  },
};

const join = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);

function factsOf(fields: ReadonlyMap<string, string>): PackageFacts | null {
  const name = nameOf(fields.get('P'));
  const version = versionOf(fields.get('V'));
  if (name === null || version === null) return null;
  const origin = nameOf(fields.get('o'));
  return {
    type: 'apk',
    name,
    version,
    license: licenseOf(fields.get('L')),
    source: origin === null || origin === name ? null : { name: origin, version },
    architecture: nameOf(fields.get('A')),
  };
}
