import assert from 'node:assert/strict';
import { test } from 'node:test';

import { systemPath } from './programs.ts';

test('the folders of system programs come after those of the PATH, each once', () => {
  const system = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  assert.equal(systemPath('/opt/bin:/usr/bin:/bin'), '/opt/bin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin');
  assert.equal(systemPath(''), system);
  assert.equal(systemPath(undefined), system);
});
