/** Python: what pip leaves of each package (core metadata, PyPA specifications; PEP 639 for License-Expression). */
import { licenseOf, linesOf, nameOf, versionOf } from '../text.ts';
import { NO_MORE, type Reader, reading } from './reader.ts';

const METADATA = /\.dist-info\/METADATA$|\.egg-info(?:\/PKG-INFO)?$/;
const NAME = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/i;
const TROVE = 'License :: ';

export const pip: Reader = {
  name: 'pip',
  maxBytes: 4 << 20,
  wants: (path) => METADATA.test(path),
  read(content) {
    const fields = new Map<string, string>();
    for (const line of linesOf(content.toString('utf8'))) {
      if (line === '') break; // The description follows.
      const colon = line.indexOf(': ');
      if (colon < 1 || colon > 64) continue;
      const [field, value] = [line.slice(0, colon).toLowerCase(), line.slice(colon + 2).trim()];
      const kept = field === 'classifier' && value.startsWith(TROVE) ? 'trove' : field;
      if (!fields.has(kept)) fields.set(kept, value);
    }
    const name = nameOf(fields.get('name'));
    const version = versionOf(fields.get('version'));
    if (name === null || version === null || !NAME.test(name)) return reading([], 1);
    return reading([{ ...NO_MORE, type: 'pypi', name, version, license: statedIn(fields) }]);
  },
};

function statedIn(fields: ReadonlyMap<string, string>): string | null {
  const stated = licenseOf(fields.get('license-expression')) ?? licenseOf(fields.get('license'));
  if (stated !== null && stated !== 'UNKNOWN') return stated;
  return licenseOf(fields.get('trove')?.split(' :: ').at(-1));
}

/** The one name of a project, whatever way it is written (PEP 503). */
export const normalName = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-');
