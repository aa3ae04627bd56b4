/**
 * The templates of well-known texts about immutable infrastructure, as they stand there, imported and baked for real: on
 * Debian, with a package of its own from a repository in the base, and the files that they name.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { openTrial, type Trial } from '../bake/testing/trial.ts';
import type { Digest } from '../domain/digest.ts';
import { parseSpec } from '../spec/parse.ts';
import { recipeOf } from '../spec/recipe.ts';
import { importPacker } from './import.ts';
import { writeImport } from './write.ts';

const needs = requires('root', 'runc', 'mmdebstrap', 'dpkg-deb');

const JSON_TEMPLATE = `{
"builders": [{
"type": "amazon-ebs",
"region": "us-east-1",
"source_ami": "ami-12345678",
"instance_type": "t3.micro",
"ssh_username": "ubuntu",
"ami_name": "webapp-{{timestamp}}"
}],
"provisioners": [{
"type": "shell",
"script": "setup.sh"
}, {
"type": "file",
"source": "app.tar.gz",
"destination": "/tmp/app.tar.gz"
}]
}
`;

/** An excerpt, as texts have them: its variables are declared nowhere. */
const HCL_TEMPLATE = `# Packer template — the image IS the artifact
source "amazon-ebs" "app" {
ami_name = "app-\${var.app_version}-\${local.timestamp}"
instance_type = "t3.medium"
source_ami = var.base_ami
}
build {
sources = ["source.amazon-ebs.app"]
provisioner "shell" {
inline = [
"sudo apt-get update",
"sudo apt-get install -y app=\${var.app_version}",
]
}
# After this, the image never changes. To update, rebuild.
}
`;

/** Imports the template beside the files of the trial, writes what it needs, and bakes it. */
async function importAndBake(
  trial: Trial,
  file: string,
  base: string,
  values: Readonly<Record<string, string>>,
): Promise<Digest> {
  const imported = importPacker({
    path: join(trial.folder, file),
    bases: new Map([['amazon-ebs', base]]),
    values: new Map(Object.entries(values)),
    valueFiles: [],
    only: [],
    except: [],
    allowOutside: false,
    env: {},
    nowMs: Date.UTC(2026, 0, 1),
  });
  await rm(join(trial.folder, 'kiln.yaml'), { force: true });
  writeImport(imported, trial.folder);
  const recipe = recipeOf(parseSpec(imported.text, 'kiln.yaml'), trial.folder);
  const first = await trial.bake(recipe);
  assert.equal((await trial.bake(recipe)).changed, false, 'the same template makes the same image');
  return first.digest;
}

/** A Debian with a repository of one package, `app` 1.2.0, and no other. */
async function writeRepository(folder: string): Promise<void> {
  const tree = join(folder, 'deb');
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  await mkdir(join(tree, 'opt/app'), { recursive: true });
  await mkdir(join(folder, 'repository'));
  await writeFile(join(tree, 'opt/app/version'), '1.2.0\n');
  const control = [
    'Package: app',
    'Version: 1.2.0',
    'Architecture: all',
    'Maintainer: a <a@example.com>',
    'Description: app',
    '',
  ];
  await writeFile(join(tree, 'DEBIAN/control'), control.join('\n'));
  const deb = join(folder, 'repository/app_1.2.0_all.deb');
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', tree, deb], { stdio: 'ignore' });
  const sha256 = execFileSync('sha256sum', [deb], { encoding: 'utf8' }).slice(0, 64);
  const size = execFileSync('stat', ['-c', '%s', deb], { encoding: 'utf8' }).trim();
  const entry = [...control.slice(0, -1), 'Filename: ./app_1.2.0_all.deb', `Size: ${size}`, `SHA256: ${sha256}`, ''];
  await writeFile(join(folder, 'repository/Packages'), entry.join('\n'));
  await writeFile(join(folder, 'local.list'), 'deb [trusted=yes] file:/srv/repository ./\n');
  await rm(tree, { recursive: true });
}

test('a template in JSON and one in HCL2 bake on Debian, twice to the same image', needs, async () => {
  await using trial = await openTrial();
  await trial.write('template.json', JSON_TEMPLATE);
  await trial.write(
    'setup.sh',
    '#!/bin/bash\nset -e\nsudo mkdir -p /srv/webapp\nsudo -u root env | grep -q ^PATH= && echo ready | sudo tee /srv/webapp/state\n',
  );
  await chmod(join(trial.folder, 'setup.sh'), 0o644);
  await trial.write('app.tar.gz', 'an archive');
  const fromJson = (await trial.layers(await importAndBake(trial, 'template.json', 'debian:bookworm', {}))).join('');
  assert.match(fromJson, /-rw-r--r-- 0\/0 +6 1980-01-01 00:00 srv\/webapp\/state$/m);
  assert.match(fromJson, /-rw-r--r-- 0\/0 +10 1980-01-01 00:00 tmp\/app\.tar\.gz$/m);
  assert.doesNotMatch(fromJson, /setup\.sh|packer/, 'scripts and the stand-in for sudo are in no layer');

  // As it stands there, but for a package that Debian has: the image names no mirror, and the command finds this machine's.
  await trial.write('debian.pkr.hcl', HCL_TEMPLATE.replace('app=', 'hello='));
  const installed = await importAndBake(trial, 'debian.pkr.hcl', 'debian:bookworm', { app_version: '2.10-3' });
  const fromDebian = (await trial.layers(installed)).join('');
  assert.match(fromDebian, /usr\/bin\/hello$/m);
  assert.doesNotMatch(fromDebian, /run\/kiln|etc\/apt\/sources\.list$/m);

  await writeRepository(trial.folder);
  const base = parseSpec(
    `service: base
image:
  from: debian:bookworm
  files: { repository: /srv/repository, local.list: /etc/apt/sources.list.d/ }
  user: root
`,
    'kiln.yaml',
  );
  const { digest } = await trial.bake(recipeOf(base, trial.folder), { service: 'base' });
  await trial.write('app.pkr.hcl', HCL_TEMPLATE);
  const fromHcl = (
    await trial.layers(await importAndBake(trial, 'app.pkr.hcl', `image:${digest}`, { app_version: '1.2.0' }))
  ).join('');
  assert.match(fromHcl, /opt\/app\/version$/m);
  assert.deepEqual(await trial.leftMounts(), []);
});
