/** Writes docs/reference from the source. `test/generated-docs.test.ts` fails when it was not run after a change. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { openApiDocument } from '../src/api/openapi.ts';
import { cliReference } from '../src/cli/reference.ts';
import { CATALOGUE } from '../src/errors/catalogue.ts';
import { version } from '../src/platform/version.ts';
import { WAITING } from '../src/plan/waiting.ts';
import { CAUSES } from '../src/reproduce/causes.ts';
import { editorSchema } from '../src/spec/json-schema.ts';
import { referenceMarkdown } from '../src/spec/reference.ts';

/** By path, relative to the project. */
export const generatedDocs = (): Readonly<Record<string, string>> => ({
  'docs/reference/kiln.schema.json': `${JSON.stringify(editorSchema(), null, 2)}\n`,
  'docs/reference/kiln-yaml.md': referenceMarkdown(),
  'docs/reference/errors.md': errorsMarkdown(),
  'docs/reference/cli.md': cliReference(),
  'docs/reference/causes.md': causesMarkdown(),
  'docs/reference/states.md': statesMarkdown(),
  'docs/reference/openapi.json': `${JSON.stringify(openApiDocument(version()), null, 2)}\n`,
});

const FAULTS = {
  user: 'the command or the file',
  machine: 'this machine',
  remote: 'something remote',
  kiln: 'Kiln',
} as const satisfies Record<(typeof CATALOGUE)[keyof typeof CATALOGUE]['fault'], string>;

function errorsMarkdown(): string {
  const rows = Object.entries(CATALOGUE).map(
    ([code, { fault, exit, http, doc }]) => `| \`${code}\` | ${doc} | ${FAULTS[fault]} | ${exit} | ${http} |`,
  );
  return `# Errors

Generated from the catalogue by \`scripts/generate-docs.ts\`. Every error has one of these codes, says what failed, why, and
what to do. A code never changes its meaning.

| code | what it means | where to look | exit code | HTTP status |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

Exit codes: 0 done · 1 a bug in Kiln · 2 usage or configuration · 3 changes or drift found · 4 failed and rolled back ·
5 failed and not rolled back: a person is needed · 6 engine or daemon unreachable · 130 interrupted.
`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

function causesMarkdown(): string {
  const rows = CAUSES.map(({ id, why, fix }) => `| \`${id}\` | ${cell(why)} | ${cell(fix)} |`);
  return `# Causes of differences between bakes

Generated from the table by \`scripts/generate-docs.ts\`. \`kiln bake --verify\` explains each difference by the first row
that fits it; see [reproducible bakes](../reproducible.md).

| cause | why the bakes differ | what to do |
| --- | --- | --- |
${rows.join('\n')}
`;
}

function statesMarkdown(): string {
  const rows = Object.entries(WAITING).map(
    ([state, { waitsFor, deadline, otherwise }]) =>
      `| \`${state}\` | ${cell(waitsFor)} | ${cell(deadline)} | ${cell(otherwise)} |`,
  );
  return `# States, their deadlines and their ways out

Generated from the planner's table by \`scripts/generate-docs.ts\`. Whatever a fleet waits for is one of these; \`kiln status\` shows which,
until when, and what happens then (in the API: \`waits\`). Defaults are in brackets. \`kiln abort\` works in every one of them that belongs
to a rollout, but past a point of no return only with \`--past-no-return\`.

Time in which no daemon ran counts against none of these deadlines: they are as much later, and the history says so.

| state | waits for | deadline | at the deadline |
| --- | --- | --- | --- |
${rows.join('\n')}

A fleet that shows none of them is at rest: steady, empty, stopped or removed. That there is no other state, and that time alone
leads out of each, is checked by a model of the planner (\`test/simulation/transitions.test.ts\`).
`;
}

if (import.meta.main) {
  for (const [path, content] of Object.entries(generatedDocs())) {
    const target = resolve(import.meta.dirname, '..', path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
}
