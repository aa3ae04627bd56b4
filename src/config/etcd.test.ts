/** References to a real etcd: versions, compaction, users, and what happens while it is down. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { test } from 'node:test';

import { requires } from '../../test/requires.ts';
import { KilnError } from '../errors/error.ts';
import { startEtcd } from './testing/etcd.ts';
import { CALL, configHome, openedFirst, pinned, resolve } from './testing/homes.ts';

const REFERENCE = 'etcd://prod/web/database-url';

test(
  'a value is pinned to its revision, and an old one comes back from etcd until it is compacted',
  requires('etcd'),
  async () => {
    await using etcd = await startEtcd();
    await using here = await configHome();
    await here.say(`etcd: { addresses: ["${etcd.address}"] }`);
    const config = here.open();
    await etcd.put('prod/web/database-url', 'postgres://one');
    const first = await pinned(config, REFERENCE);
    assert.match(first[0]?.pin.version ?? '', /^[1-9][0-9]*$/);
    assert.deepEqual(
      (await config.look(first, CALL.signal)).map(({ state }) => state),
      ['same'],
    );
    await etcd.put('prod/web/database-url', 'postgres://two');
    const [seen] = await config.look(first, CALL.signal);
    assert.equal(seen?.state, 'changed');
    assert.notEqual(seen?.now?.version, first[0]?.pin.version);
    const second = await pinned(config, REFERENCE);
    assert.equal(await openedFirst(config, second), 'postgres://two');
    await rm(here.home.sealed, { recursive: true });
    assert.equal(await openedFirst(config, first), 'postgres://one', 'from the source, by its revision');
    assert.equal((await readdir(here.home.sealed)).length, 1, 'and sealed again');
    await rm(here.home.sealed, { recursive: true });
    await etcd.compact();
    await assert.rejects(openedFirst(config, first), {
      code: 'VALUE_LOST',
      message: /in version \d+ can't be had: its sealed copy is gone, and etcd does not have that version any more/,
    });
    assert.equal(await openedFirst(config, second), 'postgres://two', 'the newest is never compacted');
  },
);

test('what is launched needs no etcd, and a deploy says that it does not answer', requires('etcd'), async () => {
  await using etcd = await startEtcd();
  await using here = await configHome();
  await here.say(`etcd: { addresses: ["${etcd.address}"] }`);
  await etcd.put('prod/web/database-url', 'postgres://one');
  const references = await pinned(here.open(), REFERENCE);
  await etcd.stop();
  const config = here.open();
  assert.equal(await openedFirst(config, references), 'postgres://one');
  await assert.rejects(resolve(config, REFERENCE), {
    code: 'SOURCE_UNREACHABLE',
    message: `${REFERENCE}: etcd does not answer as it should: ${etcd.address} can't be asked: ECONNREFUSED`,
  });
  const [seen] = await config.look(references, CALL.signal);
  assert.deepEqual([seen?.state, seen?.now], ['unknown', null]);
  assert.match(seen?.why ?? '', /ECONNREFUSED/);
  await etcd.start();
  assert.equal((await config.look(references, CALL.signal))[0]?.state, 'same');
});

test(
  'of several members one that answers is enough, and keys are what stands there, byte for byte',
  requires('etcd'),
  async () => {
    await using etcd = await startEtcd();
    await using here = await configHome();
    await here.say(`etcd: { addresses: ["http://127.0.0.1:1", "${etcd.address}"] }`);
    const config = here.open();
    await etcd.put('/slash/ü key', 'sl');
    await etcd.put('empty', '');
    await etcd.put('json', '{"user":"ada","port":5432,"deep":{}}');
    await etcd.put('bytes', Buffer.from([0xff, 0]));
    assert.equal(await openedFirst(config, await pinned(config, 'etcd:///slash/ü key')), 'sl');
    assert.equal(await openedFirst(config, await pinned(config, 'etcd://empty')), '');
    assert.equal(await openedFirst(config, await pinned(config, 'etcd://json#user')), 'ada');
    assert.equal(await openedFirst(config, await pinned(config, 'etcd://json#port')), '5432');
    await assert.rejects(resolve(config, 'etcd://json#deep'), { code: 'VALUE_REFUSED', message: /is no text/ });
    await assert.rejects(resolve(config, 'etcd://json#toString'), { code: 'VALUE_NOT_FOUND', message: /no member "toString"/ });
    await assert.rejects(resolve(config, 'etcd://empty#x'), { code: 'VALUE_REFUSED', message: /no JSON object/ });
    await assert.rejects(resolve(config, 'etcd://bytes'), { code: 'VALUE_REFUSED', message: /no text in UTF-8/ });
    await assert.rejects(resolve(config, 'etcd://nothing/here'), {
      code: 'VALUE_NOT_FOUND',
      message: /\(V0\): etcd has nothing/,
    });
    await etcd.put('large', 'x'.repeat((64 << 10) + 1));
    await assert.rejects(resolve(config, 'etcd://large'), { code: 'VALUE_REFUSED', message: /65537 bytes/ });
    const both = resolve(config, 'etcd://nothing', 'etcd://large');
    await assert.rejects(both, (error) => error instanceof KilnError && /nothing.*; .*large/s.test(error.message));
  },
);

test('with users, a key is had by who may read it, and refusals hold no password', requires('etcd'), async () => {
  await using etcd = await startEtcd();
  await using here = await configHome();
  await etcd.put('prod/web/database-url', 'postgres://one');
  await etcd.put('other', 'x');
  await etcd.protect([{ name: 'kiln', password: 'etcd-password', prefix: 'prod/' }]);
  const password = await here.file('password', 'etcd-password\n');
  const wrong = await here.file('wrong', 'not-the-password\n');
  const say = (login: string): Promise<void> => here.say(`etcd: { addresses: ["${etcd.address}"]${login} }`);
  const config = here.open();
  await say(`, user: kiln, password-file: ${password}`);
  assert.equal(await openedFirst(config, await pinned(config, REFERENCE)), 'postgres://one');
  const refused = async (from: string, message: RegExp): Promise<void> =>
    assert.rejects(resolve(config, from), (error) => {
      assert.ok(error instanceof KilnError && error.code === 'SOURCE_DENIED', String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(`${error.message} ${error.hint} ${String(error.cause)}`, /the-password|etcd-password/);
      return true;
    });
  await refused('etcd://other', /forbids its user/);
  await say(`, user: kiln, password-file: ${wrong}`);
  await refused(REFERENCE, /does not take the user/);
  await say('');
  await refused(REFERENCE, /does not take the user/);
  const env = { ETCDCTL_ENDPOINTS: etcd.address.slice('http://'.length), ETCDCTL_USER: 'kiln:etcd-password' };
  await here.say('');
  const byEnvironment = here.open(env);
  assert.equal(await openedFirst(byEnvironment, await pinned(byEnvironment, REFERENCE)), 'postgres://one');
});

test('a cluster that was made anew has other values under old revisions: they are not taken', requires('etcd'), async () => {
  await using here = await configHome();
  const config = here.open();
  const references = await (async () => {
    await using etcd = await startEtcd();
    await here.say(`etcd: { addresses: ["${etcd.address}"] }`);
    await etcd.put('a', 'old');
    return await pinned(config, 'etcd://a');
  })();
  await using etcd = await startEtcd();
  await here.say(`etcd: { addresses: ["${etcd.address}"] }`);
  await etcd.put('a', 'new');
  assert.equal((await resolve(config, 'etcd://a')).pinOf('etcd://a').version, references[0]?.pin.version, 'the same revision');
  assert.equal(await openedFirst(config, references), 'old');
  await rm(here.home.sealed, { recursive: true });
  await assert.rejects(openedFirst(config, references), { code: 'VALUE_LOST', message: /etcd has another value now/ });
});
