/** Private keys. */
import type { SecretRule } from './rule.ts';

const B64 = /[A-Za-z0-9+/]{40}/;

/** "PRIVATE KEY" in base64 where 0, 1 or 2 bytes are left over before it, with the place of its first letter among four. */
const ENCODED = new Map([
  ['UFJJVkFURSBLRVk', 0],
  ['BSSVZBVEUgS0VZ', 2],
  ['QUklWQVRFIEtFW', 3],
]);

export const KEY_RULES: readonly SecretRule[] = [
  {
    id: 'private-key',
    severity: 'critical',
    name: 'a private key',
    anchors: ['PRIVATE KEY'],
    pattern: /-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY(?: BLOCK)?-----/g,
    isHeader: true,
    isReal: (_, after) => B64.test(after.replaceAll('\\n', '\n')),
  },
  {
    // As Kubernetes keeps them, and whoever puts a key into a variable.
    id: 'private-key-base64',
    severity: 'critical',
    name: 'a private key in base64',
    anchors: [...ENCODED.keys()],
    pattern: new RegExp([...ENCODED.keys()].join('|'), 'g'),
    isHeader: true,
    isReal: isEncodedKey,
  },
  {
    id: 'putty-key',
    severity: 'critical',
    name: 'a private key of PuTTY',
    anchors: ['PuTTY-User-Key-File'],
    pattern: /PuTTY-User-Key-File-\d: ssh-/g,
    isHeader: true,
    isReal: (_, after) => B64.test(after),
  },
  {
    id: 'age-key',
    severity: 'critical',
    name: 'a key of age',
    anchors: ['AGE-SECRET-KEY-1'],
    pattern: /AGE-SECRET-KEY-1[A-Z0-9]{58}/g,
  },
];

/** The letters before the match hold a part of the P, and are not known here. */
function isEncodedKey(start: string, after: string): boolean {
  const [rest = ''] = /^(?:[A-Za-z0-9+/\s]|\\[nr])*/.exec(after) ?? [];
  const text = 'A'.repeat(ENCODED.get(start) ?? 0) + start + rest.replaceAll(/\s|\\[nr]/g, '');
  const [, content = ''] = /RIVATE KEY(?: BLOCK)?-----\s(.*)/s.exec(Buffer.from(text, 'base64').toString('latin1')) ?? [];
  return B64.test(content);
}
