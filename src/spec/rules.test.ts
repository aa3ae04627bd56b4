/** What spans keys and sections: each rule, by the file that breaks it and the words that say so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KilnError } from '../errors/error.ts';
import { parseSpec } from './parse.ts';

/** The problems, without file and column. */
function problemsOf(text: string): readonly string[] {
  try {
    parseSpec(text, 'f');
    return [];
  } catch (error) {
    assert.ok(error instanceof KilnError, String(error));
    return [...error.message.matchAll(/f:(\d+):\d+: (.*)/g)].map(([, line, words]) => `${line}: ${words}`);
  }
}

const RECIPE = 'service: web\nimage: { from: debian:bookworm }\n';

const BREACHES: Readonly<Record<string, { readonly file: string; readonly said: readonly string[] }>> = {
  'stages are taken from stages before them': {
    file: `service: web
image:
  from: stage:b
  stages:
    a:
      from: debian:bookworm
      files: [{ from: stage:b, path: /x, to: /x }]
    b: { from: stage:c }
    image: { from: scratch, packages: [nginx] }
    d: {}
  files: [{ from: stage:bb, path: /x, to: /x }]
`,
    said: [
      '7: image.stages.a.files[0].from: the stage b comes later; a stage can use only those before it',
      '8: image.stages.b.from: there is no stage c; there are a',
      '9: image.stages.image: "image" is the name of the last stage; choose another',
      '9: image.stages.image.packages: scratch has no package manager; use from: debian:bookworm, or leave packages out',
      "10: image.stages.d: needs a from of its own: the image's is a stage",
      '11: image.files[0].from: there is no stage bb; did you mean "stage:b"?',
    ],
  },
  'a path is mounted once, and never over the kernel': {
    file: `${RECIPE}run:
  files: { /etc/app.json: x }
  scratch: [/tmp, /etc/app.json, /dev/shm]
  volumes:
    data: { path: /tmp }
    other: /proc/sys
`,
    said: [
      '5: run.scratch[1]: /etc/app.json is mounted twice: a path takes one of files, secrets, scratch and volumes',
      '7: run.volumes.data: /tmp is mounted twice: a path takes one of files, secrets, scratch and volumes',
      "8: run.volumes.other: /proc/sys belongs to the kernel's file systems; mount it elsewhere",
    ],
  },
  'a single writer forces recreate': {
    file: `${RECIPE}run: { volumes: { data: { path: /data, single-writer: true } } }
replace: { strategy: rolling }
environments:
  local: {}
  other: { replace: { strategy: blue-green } }
`,
    said: [
      '4: replace.strategy: rolling runs old and new instances side by side, but the volume data has a single writer; use recreate, or leave strategy out',
      '7: environments.other.replace.strategy: blue-green runs old and new instances side by side, but the volume data has a single writer; use recreate, or leave strategy out',
    ],
  },
  'keys of the rolling strategy are not ignored by another': {
    file: `${RECIPE}replace: { strategy: blue-green, max-surge: 25% }
environments: { local: { replace: { strategy: recreate, min-healthy: 50% } } }
`,
    said: [
      '3: replace.max-surge: only the rolling strategy reads it, and the strategy here is blue-green',
      '4: environments.local.replace.min-healthy: only the rolling strategy reads it, and the strategy here is recreate',
    ],
  },
  'checkpoints come one after the other, and say until when': {
    file: `${RECIPE}replace: { checkpoints: [50%, 25%] }
environments: { local: { replace: { checkpoints: [{ at: 0%, hold: 1m }, { at: 50%, hold: forever }, 101%] } } }
`,
    said: [
      '3: replace.checkpoints: expected checkpoints in ascending order',
      '4: environments.local.replace.checkpoints[0].at: expected a share of the instances above 0% and up to 100%, found "0%"',
      '4: environments.local.replace.checkpoints[1].hold: expected a duration such as 10m, or "until promoted", found "forever"',
      '4: environments.local.replace.checkpoints[2]: expected a share of the instances above 0% and up to 100%, or a map, found "101%"',
    ],
  },
  'a rolling strategy has room for a step': {
    file: `${RECIPE}run: { instances: 2 }
replace: { max-surge: 0, min-healthy: 51% }
environments:
  local: { instances: 3 }
  other: { instances: 1 }
`,
    said: [
      '4: replace: max-surge 0 and min-healthy 51% leave no room: of 2 instances none may be added and none taken away',
      '7: environments.other.replace: max-surge 0 and min-healthy 51% leave no room: of 1 instances none may be added and none taken away',
    ],
  },
  'tasks have names of their own, and no job is a second writer': {
    file: `${RECIPE}run: { port: 80, volumes: { data: { path: /data, single-writer: true } } }
replace:
  before: [{ job: [a], name: test-1 }, { job: [b], point-of-no-return: 7 }]
  tests: [{ http: / }, { job: [c], point-of-no-return: true }]
  approve: [traffic, { at: traffic, deadline: 1h }]
`,
    said: [
      '5: replace.before[1].point-of-no-return: expected true, or why in at most 200 characters, found 7',
      '6: replace.tests[1].point-of-no-return: unknown key; the keys here are http, port, status, body, header, within, command, exit, stdout, job, name, deadline',
    ],
  },
  'tasks that are each well, and not together': {
    file: `${RECIPE}run: { port: 80, volumes: { data: { path: /data, single-writer: true } } }
replace:
  before: [{ job: [a], name: test-1 }]
  tests: [{ http: / }, { job: [c] }]
environments: { local: { replace: { approve: [before, { at: before, deadline: 1h }] } } }
`,
    said: [
      '4: replace: two tasks have the name test-1',
      '6: replace.tests: a job beside the new instance would be a second writer of the volume data; put it under before, or test by http or command',
      '7: environments.local.replace.approve: the same point is named twice',
    ],
  },
  'a webhook says where it goes, and where its secret is': {
    file: `${RECIPE}replace: { webhooks: [{ url: ops.example }, { url: https://ops.example/, at: [switch], secret: s3cret }] }
`,
    said: [
      '3: replace.webhooks[0].url: expected an http:// or https:// address without a user and password in it, found "ops.example"',
      '3: replace.webhooks[1].at[0]: expected one of before, traffic, after, found "switch"',
      '3: replace.webhooks[1].secret: expected env:NAME, a variable of the daemon, or file:PATH, an absolute path, found "s3cret"',
    ],
  },
  'bounds of one place agree': {
    file: `${RECIPE}run: { instances: { min: 3, desired: 2 } }
environments: { local: { instances: { desired: 5, max: 4 } } }
`,
    said: ['3: run.instances: min (3) is above desired (2)', '4: environments.local.instances: desired (5) is above max (4)'],
  },
  'the preview is not where the fleet is': {
    file: `${RECIPE}environments: { local: { listen: 8080, preview: 8080 }, other: { listen: 8080, preview: 8081 } }\n`,
    said: ['3: environments.local.preview: the preview needs a port of its own: listen has the same'],
  },
  'health is checked in one way': {
    file: `${RECIPE}run: { health: { http: /, tcp: true } }\n`,
    said: ['3: run.health: expected one probe, found http and tcp'],
  },
  'what only an http probe reads needs one': {
    file: `${RECIPE}run: { health: { status: 204 } }\n`,
    said: ['3: run.health.status: only an http probe looks at it: add http, or leave it out'],
  },
  'a launch file has one source': {
    file: `${RECIPE}run: { files: { /a: { content: x, from: y }, /b: { mode: 0400 } } }\n`,
    said: [
      '3: run.files["/a"]: expected exactly one of content, from',
      '3: run.files["/b"]: expected exactly one of content, from',
    ],
  },
};

for (const [rule, { file, said }] of Object.entries(BREACHES)) {
  test(rule, () => assert.deepEqual(problemsOf(file), said));
}

test('recreate with a single writer, and rolling keys under an environment of another strategy, are well', () => {
  assert.deepEqual(
    problemsOf(`${RECIPE}run: { volumes: { data: { path: /data, single-writer: true } } }
replace: { strategy: recreate }
`),
    [],
  );
  assert.deepEqual(
    problemsOf(`${RECIPE}replace: { max-surge: 2 }\nenvironments: { a: { replace: { strategy: blue-green } } }\n`),
    [],
  );
});
