/** Whatever the text: an answer or a refusal in people's words, soon. A seed is printed with what fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';

import { KilnError } from '../errors/error.ts';
import { readJson } from './json/read.ts';
import { parseHcl } from './hcl/parse.ts';
import { Problems, Refusal } from './problems.ts';
import { aFolder } from './testing/imports.ts';

const WHOLE = `variable "v" {
  type    = list(string)
  default = ["a", "b"]
}
locals { t = { for k, x in var.v : x => "\${k}%{ if k > 0 }!%{ endif }" } }
source "docker" "d" {
  image   = "debian:12"
  changes = ["ENV A=1", "EXPOSE 80"]
}
build {
  sources = ["docker.d"]
  provisioner "shell" {
    inline          = [for x in var.v : "echo \${upper(x)} \${lookup(local.t, x, "none")} {{timestamp}}"]
    execute_command = "sudo {{ .Vars }} {{ .Path }}"
  }
  provisioner "file" {
    content     = <<-EOT
      one
        \${try(var.v[9], "two")}
    EOT
    destination = "/etc/x"
  }
  post-processor "manifest" {}
}
`;

const OLD = JSON.stringify({
  variables: { a: 'x', b: '{{user `a`}}' },
  builders: [{ type: 'docker', image: 'debian:12' }],
  provisioners: [{ type: 'shell', inline: ['echo {{user `b` | upper}} {{ "{{" }}'] }],
});

/** Pieces that a grammar is sensitive to. */
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  '"',
  '${',
  '%{',
  '~}',
  '<<EOT\n',
  '\nEOT\n',
  '{{',
  '}}',
  '`',
  '\\',
  '...',
  '?',
  ':',
  '=>',
  ' for ',
  ' in ',
  ' if ',
  '%{ endif }',
  '\n',
  '#',
  '/*',
  '*/',
  '.*',
  '[*]',
  '.',
  ',',
  '=',
  '-',
  '!',
  '\0',
  '\uFEFF',
  '\u{1F600}',
  '1e999',
  '0x',
  'null',
];

interface Change {
  readonly at: number;
  readonly drop: number;
  readonly piece: string;
}

const changes = fc.array(
  fc.record({ at: fc.nat(1000), drop: fc.nat(6), piece: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 })) }),
  { minLength: 1, maxLength: 4 },
);

const changed = (text: string, all: readonly Change[]): string =>
  all.reduce(
    (made, { at, drop, piece }) => made.slice(0, at % made.length) + piece + made.slice((at % made.length) + drop),
    text,
  );

function holds(name: string, text: string): void {
  using folder = aFolder({ [name]: text });
  try {
    folder.import();
  } catch (error) {
    if (!(error instanceof KilnError)) throw error;
    assert.ok(['TEMPLATE_INVALID', 'USAGE', 'CONFIG_INVALID'].includes(error.code), `${error.code}: ${error.message}`);
    assert.doesNotMatch(error.message, /undefined|\[object|NaN/);
  }
}

test('the templates that are changed below are good ones', () => {
  for (const [name, text] of [
    ['app.pkr.hcl', WHOLE],
    ['template.json', OLD],
  ] as const) {
    using folder = aFolder({ [name]: text });
    folder.import();
  }
});

test('a changed HCL2 template is imported or refused', () => {
  fc.assert(
    fc.property(changes, (all) => holds('app.pkr.hcl', changed(WHOLE, all))),
    { numRuns: 400 },
  );
});

test('a changed JSON template is imported or refused', () => {
  fc.assert(
    fc.property(changes, (all) => holds('template.json', changed(OLD, all))),
    { numRuns: 300 },
  );
});

const soup = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.constantFrom('a', 'x1', '"b"', '1', 'true', ' ')), { maxLength: 60 })
  .map((all) => all.join(''));

test('any text is parsed or refused with a place that is in it', () => {
  fc.assert(
    fc.property(soup, (text) => {
      const problems = new Problems();
      parseHcl(text, 'x', problems);
      parseHcl(`a = ${text}`, 'x', problems);
      try {
        readJson(text, 'x');
      } catch (error) {
        assert.ok(error instanceof Refusal);
        assert.ok(error.at.line >= 1 && error.at.line <= text.split('\n').length);
      }
    }),
    { numRuns: 3000 },
  );
});

test('JSON that JSON.parse takes, a byte order mark before it or not, is read as the same, and no other', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), soup), (text) => {
      fc.pre(!text.includes('1e999')); // Infinity: templates have none.
      const good = ((): boolean => {
        try {
          JSON.parse(text.replace(/^\uFEFF/, ''));
          return true;
        } catch {
          return false;
        }
      })();
      if (good) readJson(text, 'x');
      else assert.throws(() => readJson(text, 'x'), Refusal);
    }),
    { numRuns: 2000 },
  );
});

test('long texts take time in proportion', () => {
  const size = 200_000;
  const texts = [
    'a'.repeat(size),
    ' '.repeat(size),
    '"'.repeat(size),
    `"${'${'.repeat(size / 2)}`,
    `"${'{{'.repeat(size / 2)}"`,
    '\n'.repeat(size),
    '/*'.repeat(size / 2),
    `<<A\n${' \n'.repeat(size / 2)}`,
    `"${' '.repeat(size)}x"`,
    '1'.repeat(size),
    '[1],'.repeat(size / 4),
  ];
  for (const text of texts) {
    holds('app.pkr.hcl', `x = ${text}`);
    holds('template.json', `{"variables": ${text}`);
    holds('app.pkr.hcl', WHOLE.replace('sudo {{ .Vars }} {{ .Path }}', text.replaceAll(/["\n\\]/g, '')));
    holds('app.pkr.hcl', WHOLE.replace('EXPOSE 80', text.replaceAll(/["\n\\]/g, '')));
  }
});
