import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { parseSpec, type Spec } from '../spec/parse.ts';
import { startFolder, type Started } from './init.ts';

interface Made {
  readonly started: Started;
  readonly spec: Spec;
  readonly text: string;
}

const inFolder = <T>(files: Readonly<Record<string, string>>, use: (path: string) => T): T => {
  const root = mkdtempSync(join(tmpdir(), 'kiln-init-'));
  try {
    const path = join(root, 'My_App.2');
    mkdirSync(path);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), content);
    }
    return use(path);
  } finally {
    rmSync(root, { recursive: true });
  }
};

const make = (files: Readonly<Record<string, string>>, from: string | null = null, packages: readonly string[] = []): Made =>
  inFolder(files, (path) => {
    const started = startFolder(path, from, packages);
    const text = readFileSync(join(path, 'kiln.yaml'), 'utf8');
    assert.deepEqual(
      readdirSync(path).filter(
        (name) =>
          !(name in files) && !started.written.includes(name) && !Object.keys(files).some((file) => file.startsWith(`${name}/`)),
      ),
      [],
    );
    return { started, text, spec: parseSpec(text, 'kiln.yaml') };
  });

const recipeOf = ({ spec }: Made) => {
  assert.ok('from' in spec.image);
  return spec.image;
};

test('a Node service: start script, lock, port, health path, and what was assumed', () => {
  const made = make({
    'package.json': '{"name": "x", "scripts": {"start": "node src/server.js"}, "dependencies": {"express": "5"}}',
    'package-lock.json': '{}',
    'src/server.js': "app.get('/healthz', ok)",
  });
  const image = recipeOf(made);
  assert.equal(made.spec.service, 'my-app-2');
  assert.deepEqual(image.entrypoint, ['node', '/app/src/server.js']);
  assert.deepEqual(image.stages['dependencies']?.run, ['npm ci --ignore-scripts --omit=dev']);
  assert.equal(made.spec.run.port, 3000);
  assert.equal(made.spec.run.health?.http, '/healthz');
  assert.match(made.text, /^# Made by `kiln init` for a Node service\. It was assumed that\n# - Node 18 of Debian bookworm\n/);
  assert.equal(made.started.starts, true);
});

test('Node: without dependencies no stage; without a lock npm install, and it says so; a build; a newer Node', () => {
  assert.deepEqual(recipeOf(make({ 'package.json': '{}', 'index.js': '' })).stages, {});
  const loose = make({ 'package.json': '{"dependencies": {"a": "1"}}' });
  assert.match(loose.started.assumed.join('\n'), /npm install, because there is no package-lock\.json/);
  const built = recipeOf(
    make({ 'package.json': '{"scripts": {"build": "x", "start": "next start"}}', 'package-lock.json': '{}' }),
  );
  assert.deepEqual(built.stages['build']?.run, [
    'npm ci --ignore-scripts',
    'npm run build',
    'npm prune --omit=dev --ignore-scripts',
  ]);
  assert.deepEqual(built.entrypoint, ['/bin/sh', '-c', 'exec next start']);
  const from = (engines: string): unknown =>
    recipeOf(make({ 'package.json': JSON.stringify({ engines: { node: engines } }) })).from;
  assert.deepEqual(from('>=20'), { kind: 'debian', suite: 'trixie', snapshot: null });
  assert.deepEqual(from('^24.1'), { kind: 'registry', reference: 'docker.io/library/node:24-bookworm-slim' });
});

test('Python: requirements or a project, with a server where one is asked for', () => {
  const flask = recipeOf(make({ 'requirements.txt': 'flask==3.0\ngunicorn==22.0\n', 'app.py': 'app = Flask(__name__)\n' }));
  assert.deepEqual(flask.entrypoint, ['python3', '-m', 'gunicorn', '-b', '0.0.0.0:8000', '--worker-tmp-dir', '/tmp', 'app:app']);
  assert.deepEqual(flask.stages['dependencies']?.run, [
    'python3 -m pip install --no-cache-dir --no-compile --target /packages -r requirements.txt',
  ]);
  const plain = recipeOf(make({ 'requirements.txt': '# none\n', 'main.py': '' }));
  assert.deepEqual([plain.stages, plain.entrypoint], [{}, ['python3', '/app/main.py']]);
  const project = recipeOf(make({ 'pyproject.toml': '[project]\nname = "my-tool"\ndependencies = ["uvicorn"]\n' }));
  assert.deepEqual(project.entrypoint, ['python3', '-m', 'my_tool']);
});

test('Go by the version in go.mod', () => {
  const from = (version: string): unknown =>
    recipeOf(make({ 'go.mod': `module x\n\ngo ${version}\n`, 'main.go': '' })).stages['build']?.from;
  assert.deepEqual(from('1.18'), { kind: 'debian', suite: 'bookworm', snapshot: null });
  assert.deepEqual(from('1.22.3'), { kind: 'debian', suite: 'trixie', snapshot: null });
  assert.deepEqual(from('1.25'), { kind: 'registry', reference: 'docker.io/library/golang:1.25' });
});

test('a static site, in the folder or in the one that it is built into', () => {
  const site = make({ 'dist/index.html': '' });
  assert.deepEqual(site.started.written, ['kiln.yaml', 'kiln-nginx.conf']);
  assert.match(JSON.stringify(recipeOf(site).files), /"path":"dist\/","to":"\/srv\/site"|"from":\{"path":"dist\/"\}/);
  assert.equal(site.spec.run.health?.http, '/healthz');
});

test('a Dockerfile is baked as it is, on the port that it exposes', () => {
  const made = make({ Dockerfile: 'FROM node:latest AS build\nFROM build\nEXPOSE 9000/tcp\n', 'package.json': '{}' });
  assert.equal('dockerfile' in made.spec.image && made.spec.image.dockerfile, 'Dockerfile');
  assert.equal(made.spec.run.port, 9000);
  assert.match(made.started.assumed.join('\n'), /node:latest names no version/);
});

test('packages alone', () => {
  const redis = make({}, 'packages', ['redis-server']);
  assert.equal(redis.spec.run.port, 6379);
  const tools = make({}, null, ['curl', 'jq']);
  assert.deepEqual([tools.started.starts, recipeOf(tools).packages], [false, ['curl', 'jq']]);
});

test('nothing is overwritten, and what cannot be is told', () => {
  inFolder({ 'index.html': '', 'kiln.yaml': 'mine' }, (path) => {
    assert.throws(() => startFolder(path, null, []), { code: 'FILE_EXISTS' });
    assert.equal(readFileSync(join(path, 'kiln.yaml'), 'utf8'), 'mine');
  });
  inFolder({ 'index.html': '', 'kiln-nginx.conf': 'mine' }, (path) => {
    assert.throws(() => startFolder(path, null, []), { code: 'FILE_EXISTS' });
    assert.deepEqual(readdirSync(path).toSorted(), ['index.html', 'kiln-nginx.conf']);
  });
  inFolder({ 'README.md': '' }, (path) => {
    assert.throws(() => startFolder(path, null, []), { code: 'NOT_FOUND', message: /says what it is/ });
    assert.throws(() => startFolder(path, 'node', []), { code: 'NOT_FOUND' });
    assert.throws(() => startFolder(path, 'constructor', []), { code: 'USAGE' });
    assert.throws(() => startFolder(path, 'packages', []), { code: 'USAGE' });
    assert.throws(() => startFolder(path, 'packages', ['--force']), { code: 'CONFIG_INVALID' });
    symlinkSync('/etc/hostname', join(path, 'index.html'));
    assert.throws(() => startFolder(path, null, []), { code: 'NOT_FOUND' }, 'a link out of the folder is not read');
    assert.deepEqual(readdirSync(path).toSorted(), ['README.md', 'index.html']);
  });
  inFolder({ 'package.json': 'not json', 'index.html': '' }, (path) =>
    assert.equal(startFolder(path, null, []).kind, 'a static site'),
  );
});
