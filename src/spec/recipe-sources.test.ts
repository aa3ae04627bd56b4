import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { requireSources } from './recipe-sources.ts';

const START = 'service: web\nimage:\n  from: scratch\n  entrypoint: [/app]\n';

test('what a recipe takes from its folder and is not there is told with its place, before any work', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kiln-sources-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src/a.js'), '');
  symlinkSync('/etc', join(folder, 'out'));
  const at = (line: number, column: number): object => ({ file: join(folder, 'kiln.yaml'), line, column });
  const cases: readonly (readonly [string, object | null])[] = [
    ['  files: { src: /app/, src/*.js: /b/, "src/**": /c/ }\n', null],
    [
      '  files:\n    src: /app/\n    gone.js: /b/\n',
      { code: 'FILE_UNREADABLE', at: at(7, 14), message: /"gone.js" is not there/ },
    ],
    ['  files:\n    - { from: src, to: /a/ }\n    - { from: none/*.js, to: /b/ }\n', { code: 'FILE_UNREADABLE', at: at(7, 15) }],
    ['  files: [{ from: out/passwd, to: /b }]\n', { code: 'PATH_ESCAPES', at: at(5, 19), message: /leads out of the folder/ }],
    ['  files: { /etc/passwd: /x }\n', { code: 'PATH_ESCAPES', at: at(5, 25) }],
    ['  stages:\n    build:\n      files: { gone: /x }\n', { code: 'FILE_UNREADABLE', at: at(7, 22) }],
    ['  run:\n    - { run: x, with: { gone.sh: /tmp/x } }\n', { code: 'FILE_UNREADABLE', at: at(6, 34) }],
    ['  run: [{ ansible: gone.yml }]\n', { code: 'FILE_UNREADABLE', at: at(5, 20) }],
    ['  stages: { a: {} }\n  files: [{ from: "stage:a", path: /gone, to: /x }]\n', null],
  ];
  for (const [text, wanted] of cases) {
    writeFileSync(join(folder, 'kiln.yaml'), START + text);
    if (wanted === null) await requireSources(folder);
    else await assert.rejects(requireSources(folder), wanted, text);
  }
});
