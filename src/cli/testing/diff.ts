/** A difference of two images that want to be more than data, for the tests of how it is shown. */
import type { DiffBody } from '../../client/client.ts';
import type { Digest } from '../../domain/digest.ts';

type ImageDifference = NonNullable<DiffBody['image']>;
type Difference = ImageDifference['files']['listed'][number];

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
/** Clears the screen, goes up a line, turns the text around, ends code and table cells, and is a page of its own. */
export const EVIL = '\u001b[2J\u202e\r\n`` | <script>alert(1)</script> [a](http://x) @team';

const facts = (change: Partial<NonNullable<Difference['first']>> = {}): NonNullable<Difference['first']> => ({
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 1200,
  content: digest('c'),
  target: null,
  xattrs: {},
  ...change,
});

const changed = (path: string, change: Partial<Difference> = {}): Difference => ({
  path,
  what: ['content'],
  first: facts(),
  second: facts({ size: 1300 }),
  below: null,
  package: null,
  gained: [],
  text: null,
  ...change,
});

const listed: readonly Difference[] = [
  changed('/usr/bin/su', { what: ['mode'], second: facts({ mode: 0o4755 }), gained: ['setuid'] }),
  changed('/app/server.js', { text: { lines: ['@@ -1,1 +1,1 @@', '-old', `+${EVIL}`, '+```'], more: 2, hidden: null } }),
  changed('/app/new', {
    what: ['only second'],
    first: null,
    second: facts({ kind: 'folder' }),
    below: { entries: 9, bytes: 9000 },
  }),
  changed('/app/link', {
    what: ['link'],
    first: facts({ kind: 'symlink', target: 'a' }),
    second: facts({ kind: 'symlink', target: EVIL }),
  }),
  changed(`/app/${EVIL}`, { what: ['only first'], second: null }),
  changed(`/app/${'deep/'.repeat(40)}end.js`, { text: { lines: [], more: 0, hidden: 'it may hold a secret' } }),
  changed('/app/x', { what: ['owner', 'attributes'], second: facts({ uid: 33, xattrs: { [EVIL]: 'YQ==' } }) }),
  ...Array.from({ length: 30 }, (_, index) => changed(`/srv/${index}`)),
];

type Change = ImageDifference['configuration'][number];

const change = (where: readonly string[], first: Change['first'], second: Change['second'], hidden = false): Change => ({
  where,
  what: hidden || second === null ? 'removed' : first === null ? 'added' : 'changed',
  first,
  second,
  hidden,
});

const IMAGE: ImageDifference = {
  files: { added: 10, removed: 1, changed: 35, onlyTimes: 4, grownBytes: 1_200_000, ofPackages: 12, listed, more: 5 },
  packages: {
    differences: [
      { type: 'deb', name: 'libssl3', first: ['3.0.15'], second: ['3.0.16'], direction: 'newer' },
      { type: 'deb', name: 'jq', first: ['1.7'], second: ['1.6'], direction: 'older' },
      { type: 'npm', name: EVIL, first: [], second: ['1.0.0', '2.0.0'], direction: null },
      { type: 'npm', name: 'left-pad', first: ['1.0.0'], second: [], direction: null },
    ],
    unread: [{ side: 'second', path: 'var/lib/dpkg/status', why: 'it is damaged' }],
  },
  configuration: [
    change(['env', 'MODE'], 'a', EVIL),
    change(['env', 'TOKEN'], null, null, true),
    change(['entrypoint'], ['node', 'a.js'], ['node', 'b.js']),
    change(['annotation', 'org.opencontainers.image.revision'], null, '9e2d7c1'),
  ],
  layers: {
    shared: { count: 3, bytes: 60_000_000 },
    restored: 1,
    first: [{ digest: digest('d'), diffId: digest('d'), size: 10, createdBy: EVIL }],
    second: [{ digest: digest('e'), diffId: digest('e'), size: 2_000_000, createdBy: null }],
  },
  vulnerabilities: {
    new: [{ id: 'CVE-2026-1', severity: 'high', score: 7.5, name: 'openssl', installed: '3.0.16', fixed: '3.0.17' }],
    gone: [{ id: 'CVE-2025-2', severity: 'low', score: null, name: 'openssl', installed: '3.0.15', fixed: null }],
    doubts: ['the data is 30 days old'],
  },
};

const side = (name: string, letter: string, tags: readonly string[] = []): DiffBody['first'] => ({
  name,
  digest: digest(letter),
  tags,
  release: null,
});

export const DIFF: DiffBody = {
  first: side('web:1.0.0', 'a', ['web:1.0.0']),
  second: side('bbbbbbbb', 'b', ['web:1.1.0']),
  same: false,
  image: IMAGE,
  unread: null,
  launch: [
    change(['env', 'LOG_LEVEL'], 'info', 'debug'),
    change(['limits', 'memoryBytes'], 512_000_000, 1_000_000_000),
    change(['health', 'everyMs'], 1000, 2000),
    change(['files', '/etc/app.conf', 'mode'], 0o444, 0o400),
    change(['volumes', 'cache'], null, { name: 'cache', path: '/cache', singleWriter: true }),
    change(['replace', 'strategy', 'kind'], 'rolling', 'canary'),
  ],
};
