/** What HAProxy 2.6 prints, read. The texts are its own. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { connectionsFor } from './machine.ts';
import { parseWorkers } from './master.ts';
import { ownAnswers, parseTable } from './metrics.ts';
import { parseServers, parseStat } from './stat.ts';

describe('answers of the runtime API', () => {
  test('show proc: the newest worker, those that leave, and reloads that failed', () => {
    const text = [
      '#<PID>          <type>          <reloads>       <uptime>        <version>      ',
      '15822           master          1 [failed: 2]   0d00h14m38s     2.6.12-1+deb12u4',
      '# workers',
      '17961           worker          0               0d00h00m01s     2.6.12-1+deb12u4',
      '# old workers',
      '15825           worker          1               0d00h14m38s     2.6.12-1+deb12u4',
      '# programs',
      '',
    ].join('\n');
    assert.deepEqual(parseWorkers(text), { master: 15_822, current: 17_961, old: [15_825], failed: 2 });
    assert.equal(parseWorkers('#<PID>\n7 master 1 [failed: 1] x\n# workers\n# old workers\n8 worker 1 x\n').current, null);
  });

  test('show servers state: ready, drain and maintenance', () => {
    const text = [
      '1',
      '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_fqdn srv_port',
      '4 web.local:s0 1 web.local.r1.aaaaaa 127.0.0.1 2 0 1 1 - 19001',
      '4 web.local:s0 2 web.local.r1.bbbbbb 127.0.0.1 2 8 1 1 - 19002',
      '4 web.local:s0 3 web.local.r1.cccccc 127.0.0.1 0 1 1 1 - 19003',
      '4 web.local:s0 4 web.local.r1.dddddd 127.0.0.1 0 5 1 1 - 19004',
      '',
    ].join('\n');
    assert.deepEqual(
      parseServers(text).map(({ state }) => state),
      ['ready', 'drain', 'maint', 'maint'],
    );
    assert.deepEqual(parseServers(text)[0], {
      backend: 'web.local:s0',
      name: 'web.local.r1.aaaaaa',
      host: '127.0.0.1',
      port: 19_001,
      state: 'ready',
    });
  });

  test('failures are the answers of class 5xx that no instance gave', () => {
    const stat = parseStat(
      [
        '# pxname,svname,qcur,scur,status,hrsp_5xx,',
        'web.local:s0,BACKEND,0,0,UP,5,',
        'web.local:s0:w,BACKEND,0,0,UP,2,',
        'web.local:s0,web.local.r1.aaaaaa,0,3,UP,4,',
        'web.local:relay,BACKEND,0,0,UP,9,',
        'web.local,FRONTEND,0,0,UP,7,',
        'web.local:preview,FRONTEND,0,0,UP,2,',
        'web.local:mirror,FRONTEND,0,0,UP,4,',
        '',
      ].join('\n'),
    );
    const counters = parseTable(
      [
        '# table: kiln.metrics, type: string, size:102400, used:2',
        '0x7faa240484c8: key=web.local:s0|web.local.r1|5|1 use=0 exp=0 gpc0=3',
        '0x7faa24048b38: key=web.local:s0|web.local.r1|2|inf use=0 exp=0 gpc0=15',
        '0x7faa24048c38: key=web.local:s0|web.local.r1|preview|5|1 use=0 exp=0 gpc0=1',
        '0x7faa24048d38: key=web.local:s0|web.local.r1|w|5|1 use=0 exp=0 gpc0=1',
        '',
      ].join('\n'),
    );
    assert.equal(counters['web.local:s0|web.local.r1|2|inf'], 15);
    assert.deepEqual(ownAnswers(stat, counters), {
      'failed|web.local|0|reads': 1,
      'failed|web.local|0|writes': 1,
      'failed|web.local|preview': 1,
      'failed|web.local|mirror': 4,
    });
    assert.equal(stat.find((row) => row.name === 'web.local.r1.aaaaaa')?.sessions, 3);
  });

  test('connections fit the open files that the machine allows', () => {
    assert.equal(connectionsFor(20_000), 8_818);
    assert.equal(connectionsFor(1_024), 192);
    assert.equal(connectionsFor(Number.MAX_SAFE_INTEGER), 20_000);
  });
});
