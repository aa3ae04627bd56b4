/** Playbooks in a small root of this machine's own Python and busybox: no mirror is asked for anything. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import type { AnsibleStep, Recipe } from '../domain/recipe.ts';
import { exec } from '../platform/exec.ts';
import { aFile, aRecipe, aRun, aStage } from './testing/recipes.ts';
import { openTrial, type Trial } from './testing/trial.ts';

const needs = requires('root', 'runc', 'ansible-playbook', 'busybox');

const anAnsible = (playbook: string, parts: Partial<AnsibleStep> = {}): AnsibleStep => {
  const { network, env } = aRun('');
  return { playbook, variables: {}, groups: [], network, env, with: [], ...parts };
};

const recipeOf = ({ folder }: Trial, step: AnsibleStep): Recipe =>
  aRecipe(folder, { final: aStage('image', { files: [aFile('root/', '/')], run: [step] }) });

/** The standard library as one archive, where Python looks for it first: copying its files takes a minute. */
const ZIP_LIBRARY = `
import os, sys, sysconfig, zipfile
root, library = sys.argv[1], sysconfig.get_path("stdlib")
archive = zipfile.PyZipFile(root + "/usr/lib/python%d%d.zip" % sys.version_info[:2], "w")
archive.writepy(library)
for name in sorted(os.listdir(library)):
    package = os.path.join(library, name)
    if os.path.exists(package + "/__init__.py") and name not in ("test", "idlelib", "lib2to3", "ensurepip"):
        archive.writepy(package)
print(os.path.realpath("/usr/bin/python3"))
print(library)
`;

/** This machine's Python, and everything that it and its modules are linked with. */
async function writePythonRoot(root: string): Promise<void> {
  await mkdir(join(root, 'usr/lib'), { recursive: true });
  const told = execFileSync('/usr/bin/python3', ['-c', ZIP_LIBRARY, root], { encoding: 'utf8' });
  const [python = '', library = ''] = told.trim().split('\n');
  const modules = (await readdir(join(library, 'lib-dynload'))).map((name) => join(library, 'lib-dynload', name));
  const { stdout } = await exec('ldd', [python, ...modules]);
  const linked = [...new Set([...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path))];
  for (const path of [...linked, ...modules]) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await cp(path, join(root, path), { dereference: true });
  }
  // Ansible insists on a locale with UTF-8; every Debian has this one.
  await cp('/usr/lib/locale/C.utf8', join(root, 'usr/lib/locale/C.utf8'), { recursive: true });
  await mkdir(join(root, 'usr/bin'));
  await cp(python, join(root, 'usr/bin/python3'));
}

async function openAnsibleTrial(): Promise<Trial> {
  const trial = await openTrial();
  const root = join(trial.folder, 'root');
  await mkdir(join(root, 'bin'), { recursive: true });
  await cp(execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(), join(root, 'bin/busybox'));
  const names = execFileSync('busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of names.filter((each) => each !== 'busybox')) await symlink('busybox', join(root, 'bin', name));
  await trial.write('root/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  await trial.write('root/etc/group', 'root:x:0:\n');
  await trial.write(
    'ansible/site.yml',
    `- hosts: web
  gather_facts: false
  roles: [greeter]
  tasks:
    - copy: { dest: /etc/numbers, content: "{{ count + 1 }}" }
`,
  );
  await trial.write('ansible/roles/greeter/tasks/main.yml', '- template: { src: hello.j2, dest: /etc/hello, mode: "0640" }\n');
  await trial.write('ansible/roles/greeter/templates/hello.j2', 'hello {{ name | upper }}\n');
  await trial.write('ansible/README', 'not read by Ansible');
  return trial;
}

const STEP = anAnsible('ansible/site.yml', { groups: ['web'], variables: { name: 'kiln', count: 41 } });

test(
  'a playbook with a role makes its files, leaves nothing of Ansible, and is cached by what it is made of',
  needs,
  async () => {
    await using trial = await openAnsibleTrial();
    await writePythonRoot(join(trial.folder, 'root'));
    const recipe = recipeOf(trial, STEP);
    const baked = await trial.bake(recipe);
    const layer = (await trial.layers(baked.digest)).at(-1) ?? '';
    const lines = layer
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' '));
    assert.deepEqual(lines, [
      'drwxr-xr-x 0/0 0 1980-01-01 00:00 etc/',
      '-rw-r----- 0/0 11 1980-01-01 00:00 etc/hello',
      '-rw-r--r-- 0/0 2 1980-01-01 00:00 etc/numbers',
    ]);
    await trial.write('ansible/README', 'still not read');
    assert.equal((await trial.bake(recipe)).changed, false);
    await trial.write('ansible/roles/greeter/templates/hello.j2', 'good bye\n');
    const changed = await trial.bake(recipe);
    assert.deepEqual(
      changed.steps.filter((step) => !step.cached).map((step) => step.name),
      changed.steps.slice(-1).map((step) => step.name),
    );

    await trial.write('ansible/site.yml', '- hosts: web\n  gather_facts: false\n  tasks: [{ command: "false" }]\n');
    await assert.rejects(trial.bake(recipe), { code: 'BAKE_STEP_FAILED', message: /non-zero return code/ });
    await assert.rejects(trial.bake(recipeOf(trial, { ...STEP, groups: [] })), { code: 'BAKE_STEP_FAILED', message: /web/ });
    assert.deepEqual(await trial.leftMounts(), []);
  },
);

test('an image without Python is told what is missing', needs, async () => {
  await using trial = await openAnsibleTrial();
  await assert.rejects(trial.bake(recipeOf(trial, STEP)), { code: 'BAKE_TOOL_MISSING', hint: /add python3 to packages/ });
});

test('a playbook that is not there', needs, async () => {
  await using trial = await openAnsibleTrial();
  await rm(join(trial.folder, 'ansible/site.yml'));
  await assert.rejects(trial.bake(recipeOf(trial, STEP)), { code: 'FILE_UNREADABLE' });
});
