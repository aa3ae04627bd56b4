/** What a template must not be able to do: tell secrets, read elsewhere, overwrite; and what is none at all. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { aFolder, imageOf, problemsOf } from './testing/imports.ts';
import { writeImport } from './write.ts';

const DEBIAN = { 'amazon-ebs.app': 'debian:bookworm' };

test('a secret never gets into kiln.yaml, however it is wrapped', () => {
  const hcl = (inline: string, more = ''): Readonly<Record<string, string>> => ({
    'app.pkr.hcl': `variable "token" {
  default   = "hunter2"
  sensitive = true
}
locals { header = "Bearer \${var.token}" }
source "amazon-ebs" "app" { access_key = var.token }
build {
  sources = ["amazon-ebs.app"]
  provisioner "shell" { inline = [${inline}] }
${more}
}
`,
  });
  for (const inline of [
    'var.token',
    '"x ${base64encode(local.header)}"',
    '[for x in [var.token] : upper(x)][0]',
    'templatefile("t", { a = var.token })',
  ]) {
    const refused = problemsOf({ ...hcl(inline), t: '${a}' }, { bases: DEBIAN }).join('\n');
    assert.match(refused, /^app\.pkr\.hcl:9:25: inline holds the sensitive variable "token"/, inline);
    assert.doesNotMatch(refused, /hunter2/);
  }
  const dynamic = `  dynamic "provisioner" {
    for_each = [var.token]
    labels   = ["shell"]
    content { inline = ["echo \${provisioner.value}"] }
  }`;
  assert.match(problemsOf(hcl('"x"', dynamic), { bases: DEBIAN }).join(), /sensitive variable "token"/);
  assert.deepEqual(problemsOf(hcl('"x"'), { bases: DEBIAN }), [], 'what only the cloud would see is no secret of the image');
  const json = `{ "variables": { "p": "hunter2" }, "sensitive-variables": ["p"], "builders": [{ "type": "docker", "image": "debian:12" }],
    "provisioners": [{ "type": "shell", "inline": ["echo {{user \`p\`}}"] }] }`;
  assert.match(problemsOf({ 'template.json': json }).join(), /^template\.json:2:41: inline holds the sensitive variable "p"/);
});

test('no environment variable is read but by env() in the default of a variable', () => {
  const files = {
    'app.pkr.hcl': `variable "home" { default = env("APP_HOME") }
variable "version" { default = "1" }
source "amazon-ebs" "app" {}
build {
  sources = ["amazon-ebs.app"]
  provisioner "shell" { inline = ["echo \${var.home} \${var.version}"] }
}
`,
  };
  const asked: string[] = [];
  const env = new Proxy<Record<string, string>>({}, { get: (_, name) => (asked.push(String(name)), 'seen') });
  assert.deepEqual(imageOf(files, { bases: DEBIAN, env }), { from: 'debian:bookworm', run: ['echo seen 1'] });
  assert.deepEqual(asked, ['APP_HOME']);
});

test('nothing is overwritten, nothing outside is read, links included, unless it is allowed', () => {
  using outside = aFolder({ 'secret.txt': 'outside' });
  const template = (path: string): string => `source "amazon-ebs" "app" {}
build {
  sources = ["amazon-ebs.app"]
  provisioner "file" {
    source      = "${path}"
    destination = "/etc/"
  }
}
`;
  using folder = aFolder({ 'app.pkr.hcl': template(`${outside.path}/secret.txt`), 'linked.pkr.hcl': template('link.txt') });
  execFileSync('ln', ['-s', join(outside.path, 'secret.txt'), join(folder.path, 'link.txt')]);
  assert.throws(() => folder.import({ path: 'app.pkr.hcl', bases: DEBIAN }), /outside the template's folder/);
  assert.throws(() => folder.import({ path: 'linked.pkr.hcl', bases: DEBIAN }), /outside the template's folder/);
  const allowed = folder.import({ path: 'app.pkr.hcl', bases: DEBIAN, allowOutside: true });
  assert.match(allowed.text, /packer-import\/secret\.txt: \/etc\//);
  assert.deepEqual(writeImport(allowed, folder.path), ['kiln.yaml', 'packer-import/secret.txt']);
  assert.equal(readFileSync(join(folder.path, 'packer-import/secret.txt'), 'utf8'), 'outside');
  assert.throws(() => writeImport(allowed, folder.path), { code: 'FILE_EXISTS' });
  const other = join(folder.path, 'elsewhere');
  writeImport(allowed, other);
  assert.deepEqual(readdirSync(other).toSorted(), ['kiln.yaml', 'packer-import']);
  writeFileSync(join(folder.path, 'packer-import/secret.txt'), 'mine');
  execFileSync('rm', [join(folder.path, 'kiln.yaml')]);
  assert.throws(() => writeImport(allowed, folder.path), { code: 'FILE_EXISTS' });
  assert.equal(existsSync(join(folder.path, 'kiln.yaml')), false);
});

test('what is no template', () => {
  assert.match(problemsOf({ 'template.json': '{' }).join(), /^template\.json:1:2: /);
  assert.match(problemsOf({ 'template.json': '[]' }).join(), /expected a template: a map/);
  assert.match(problemsOf({ 'template.json': '{}' }).join(), /has no builders; is it one of Packer\?/);
  assert.match(
    problemsOf({ 'app.pkr.hcl': 'source "a" "b" {' }).join(),
    /^app\.pkr\.hcl:1:17: expected a block or an attribute, found the end of the file/,
  );
  assert.match(problemsOf({ 'app.pkr.hcl': 'a = 1\na = 2\n' }).join(), /"a" is set twice; it was on line 1/);
  assert.match(problemsOf({ 'app.pkr.hcl': '' }).join(), /has no build/);
  assert.match(problemsOf({ 'x.pkr.json': '{}' }, { path: 'x.pkr.json' }).join(), /HCL2 written as JSON/);
  assert.match(problemsOf({ 'README.md': '' }).join(), /has no \*\.pkr\.hcl in it/);
});
