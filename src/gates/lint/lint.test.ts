import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import type { RawEntry } from '../../oci/testing/trees.ts';
import type { GateSubject } from '../contract.ts';
import { layered, type LayeredImage } from '../testing/layered.ts';
import { recipeOf } from '../testing/subject.ts';
import { lintGate, RULES } from './gate.ts';
import { dockerfileView } from './recipe-view.ts';

interface Case extends LayeredImage {
  readonly recipe?: Parameters<typeof recipeOf>;
  readonly dockerfile?: string;
  readonly probe?: GateSubject['probe'];
  readonly runUser?: string;
}

async function broken({ recipe = [], dockerfile, probe = 'http', runUser, ...image }: Case): Promise<readonly string[]> {
  await using made = await layered(image, { recipe: recipeOf(...recipe), probe, runUser: runUser ?? null });
  if (dockerfile !== undefined) writeFileSync(join(made.folder, 'Dockerfile'), dockerfile);
  const docker = { folder: made.folder, dockerfile: 'Dockerfile', args: {}, target: null, bases: {} };
  const subject = dockerfile === undefined ? made.subject : { ...made.subject, recipe: docker };
  const { findings } = await lintGate.run(subject, []);
  return [...new Set(findings.map(({ rule }) => rule))];
}

const files = (...paths: readonly string[]): Pick<Case, 'layers'> => ({
  layers: [paths.map((path): RawEntry => ({ path, content: 'content' }))],
});
const registry = (reference: string): Case => ({ recipe: [{ from: { kind: 'registry', reference } }] });
const command = (text: string): Case => ({ recipe: [{ run: [{ command: text, network: true, env: {}, with: [] }] }] });
const start = (...Entrypoint: readonly string[]): Case => ({ config: { User: 'app', Entrypoint } });

/** For each rule what breaks it, and what is near to that and right. */
const CASES: Readonly<Record<string, { readonly bad: readonly Case[]; readonly good: readonly Case[] }>> = {
  'base-latest': {
    bad: [
      registry('node'),
      registry('registry.example:5000/node'),
      registry('node:latest'),
      { dockerfile: 'FROM node:latest AS x' },
    ],
    good: [
      registry('node:20.1'),
      registry(`node@sha256:${'a'.repeat(64)}`),
      { dockerfile: 'FROM node:20 AS x\nFROM x\nFROM scratch' },
    ],
  },
  'secret-in-env': {
    bad: [
      { recipe: [{ env: { DB_PASSWORD: 'swordfish' } }] },
      { recipe: [{ run: [{ command: 'x', network: true, env: { NPM_TOKEN: 'abcdefgh' }, with: [] }] }] },
      { dockerfile: 'FROM a:1\nENV API_KEY=abcdefgh' },
      { dockerfile: 'FROM a:1\nARG GITHUB_TOKEN=abcdefgh' },
    ],
    good: [
      { recipe: [{ env: { DB_PASSWORD: '', DB_PASSWORD_FILE: '/run/db', TOKEN_URL: 'https://x', TOKENIZER: 'fast' } }] },
      { dockerfile: 'FROM a:1\nARG GITHUB_TOKEN\nENV SECRET_FILE=/run/secret' },
    ],
  },
  'config-in-env': {
    bad: [{ config: { User: 'app', Env: ['DATABASE_URL=postgres://db.prod/web'] } }],
    good: [{ config: { User: 'app', Env: ['DATABASE_URL=postgres://localhost/web', 'NODE_ENV=production', 'REDIS_HOST='] } }],
  },
  'pipe-to-shell': {
    bad: [command('curl -fsSL https://example.org/install | sh'), { dockerfile: 'FROM a:1\nRUN wget -qO- x \\\n | sudo bash' }],
    good: [command('curl -o x https://example.org/x && sha256sum -c x.sum && sh x'), command('curl x | tar x')],
  },
  'upgrade-in-run': {
    bad: [command('apt-get update && apt-get -y dist-upgrade'), { dockerfile: 'FROM a:1\nRUN <<EOF\napk upgrade\nEOF' }],
    good: [command('apt-get update'), command('echo upgrade')],
  },
  'unlocked-packages': {
    bad: [command('apt-get install -y nginx'), command('npm install'), command('pip install flask')],
    good: [command('npm ci'), command('pip install -r requirements.txt'), command('pip install flask==3.0.0')],
  },
  'unchecked-download': {
    bad: [{ dockerfile: 'FROM a:1\nADD https://example.org/x.tar.gz /opt/' }],
    good: [{ dockerfile: `FROM a:1\nADD --checksum=sha256:${'a'.repeat(64)} https://example.org/x /opt/\nADD x.tar /opt/` }],
  },
  'volume-in-image': {
    bad: [{ dockerfile: 'FROM a:1\nVOLUME /data' }],
    good: [{ dockerfile: 'FROM a:1\nRUN mkdir /VOLUME' }],
  },
  'shell-start': {
    bad: [{ dockerfile: 'FROM a:1\nCMD node server.js' }],
    good: [{ dockerfile: 'FROM a:1\nENTRYPOINT ["node", "server.js"]\nRUN <<EOF\nCMD x\nEOF' }],
  },
  'converges-at-runtime': {
    bad: [{ recipe: [{ packages: ['puppet-agent=7'] }] }, start('chef-client', '--daemonize')],
    good: [{ recipe: [{ packages: ['nginx'] }] }, start('/chef-client-exporter')],
  },
  'runtime-install': {
    bad: [
      start('sh', '-c', 'apt-get update && apt-get install -y curl && node x'),
      start('sh', '-c', 'npm install && npm start'),
      start('sh', '-c', 'git pull; exec app'),
      { ...start('/start.sh'), layers: [[{ path: 'start.sh', content: '#!/bin/sh\nset -e\npip install -r x.txt\nexec app\n' }]] },
      {
        config: { User: 'app', Entrypoint: ['npm', 'start'], WorkingDir: '/app' },
        layers: [[{ path: 'app/package.json', content: '{"scripts":{\n"start": "npm ci && node ."\n}}' }]],
      },
    ],
    good: [
      start('sh', '-c', 'exec node server.js --install'),
      { ...start('/start.sh'), layers: [[{ path: 'start.sh', content: '#!/bin/sh\n# pip install x\nexec app\n' }]] },
      { ...start('/app'), layers: [[{ path: 'setup.sh', content: '#!/bin/sh\nnpm install\n' }]] },
      {
        ...start('/start.sh'),
        layers: [
          [{ path: 'start.sh', content: '#!/bin/sh\nnpm install\n' }],
          [{ path: 'start.sh', content: '#!/bin/sh\nexec app\n' }],
        ],
      },
    ],
  },
  'root-user': {
    bad: [
      ...['', 'root', '0:0', 'root:root', '0:10001', '00'].map((User) => ({ config: { User } })),
      ...['0:0', 'root', '0', '000'].map((runUser) => ({ config: { User: 'app' }, runUser })),
    ],
    good: [
      ...['app', '10001', '10001:0'].map((User) => ({ config: { User } })),
      { config: { User: 'app' }, runUser: '1000:1000' },
    ],
  },
  'ssh-server': {
    bad: [files('usr/sbin/sshd'), { config: { User: 'app', ExposedPorts: { '22/tcp': {} } } }],
    good: [
      files('usr/bin/ssh', 'etc/sshd'),
      { layers: [[{ path: 'usr/sbin/sshd', content: 'x' }], [{ path: 'usr/sbin/.wh.sshd' }]] },
    ],
  },
  'self-update': { bad: [files('usr/bin/unattended-upgrade')], good: [files('etc/unattended-upgrade')] },
  'secret-file': {
    bad: [files('app/.env'), files('root/.ssh/id_ed25519'), files('home/app/.aws/credentials'), files('app/terraform.tfstate')],
    good: [
      files('app/.env.example', 'root/.ssh/id_ed25519.pub', 'app/node_modules/x/.env'),
      { layers: [[{ path: 'app/.env' }]] },
    ],
  },
  'vcs-in-image': { bad: [files('app/.git/HEAD')], good: [files('app/.gitignore')] },
  'state-in-image': {
    bad: [files('var/lib/mysql/ibdata1'), files('app/data.sqlite')],
    good: [files('usr/share/x/icons.db', 'var/lib/dpkg/x.db', 'app/node_modules/x/test.sqlite')],
  },
  'logs-in-image': { bad: [files('var/log/dpkg.log')], good: [files('var/log/README')] },
  'setuid-file': {
    bad: [{ layers: [[{ path: 'opt/x', mode: 0o4755, content: 'x' }]] }],
    good: [{ layers: [[{ path: 'usr/bin/passwd', mode: 0o4755, content: 'x' }]] }],
  },
  'world-writable': {
    bad: [{ layers: [[{ path: 'opt/x', mode: 0o666, content: 'x' }]] }],
    good: [
      {
        layers: [
          [
            { path: 'tmp/', kind: 'folder', mode: 0o1777 },
            { path: 'x', kind: 'symlink', target: 'y', mode: 0o777 },
          ],
        ],
      },
    ],
  },
  'remote-shell-tools': { bad: [files('usr/bin/sudo')], good: [files('usr/bin/sudoku')] },
  'no-health-check': { bad: [{ probe: 'none' }], good: [{ probe: 'tcp' }, { probe: null }] },
};

test('every rule has its cases', () => {
  assert.deepEqual(Object.keys(CASES).toSorted(), RULES.map(({ id }) => id).toSorted());
});

for (const [rule, { bad, good }] of Object.entries(CASES)) {
  test(`${rule}: found where it is, and not beside it`, async () => {
    for (const each of bad) assert.ok((await broken(each)).includes(rule), `not found: ${JSON.stringify(each)}`);
    for (const each of good) assert.ok(!(await broken(each)).includes(rule), `false alarm: ${JSON.stringify(each)}`);
  });
}

test('a FROM in a here-document is no base, and lines are those of the file', () => {
  const view = dockerfileView(
    'FROM a:1 AS x\nRUN <<EOF\nFROM b\nEOF\n\nFROM c\nENV OLD some value\nENV A=1 B="2 3"\n',
    'Dockerfile',
  );
  assert.deepEqual(
    view.bases.map(({ text, line }) => [text, line]),
    [
      ['a:1', 1],
      ['c', 6],
    ],
  );
  assert.deepEqual(
    view.variables.map(({ name, value }) => [name, value]),
    [
      ['OLD', 'some value'],
      ['A', '1'],
      ['B', '2 3'],
    ],
  );
});

test('a finding says where it is, keeps its name over bakes, and a thousand files are not a thousand findings', async () => {
  const run = async (...names: readonly string[]) => {
    await using made = await layered(files(...names));
    return (await lintGate.run(made.subject, [])).findings;
  };
  const [first] = await run('app/.env');
  assert.deepEqual([first?.where.path, first?.blocks], ['/app/.env', true]);
  assert.equal((await run('app/.env', 'x'))[0]?.fingerprint, first?.fingerprint);
  assert.equal((await run(...Array.from({ length: 1000 }, (_, index) => `app/${index}/.env`))).length, 6);
});

test('a layer is read once for each version of the rules', async () => {
  await using made = await layered(files('app/.env'));
  const first = await lintGate.run(made.subject, []);
  const openLayer = () => Promise.reject(new Error('read again'));
  const again = await lintGate.run({ ...made.subject, store: { ...made.subject.store, openLayer } }, []);
  assert.deepEqual(again, first);
});
