import assert from 'node:assert/strict';
import { test } from 'node:test';

import { withoutValues } from './unsaid.ts';

const file = (text: string) => ({ path: '/run/secrets/KEY', content: Buffer.from(text), mode: 0o400 });

test('what an instance was launched with is taken out of what it says, line by line', () => {
  const values = {
    env: { URL: 'postgres://u:hunter2@db', PART: 'hunter2', SHORT: 'abc' },
    files: [file('-----BEGIN-----\nc2VjcmV0\n')],
  };
  const said = (text: string) => withoutValues(text, values);
  assert.equal(said('cannot reach postgres://u:hunter2@db'), 'cannot reach [hidden]');
  assert.equal(said('the password hunter2 is wrong, abc'), 'the password [hidden] is wrong, abc');
  assert.equal(said('bad line: c2VjcmV0'), 'bad line: [hidden]');
  assert.equal(said('exited with code 1'), 'exited with code 1');
});
