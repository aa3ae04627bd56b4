/** docs/notifications.md: its settings are read, and its table names every kind of notice. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { NOTICE_KINDS } from '../src/notify/notice.ts';
import { notificationsPath, readNotifications, wayOf } from '../src/notify/settings.ts';

const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'notifications.md'), 'utf8');

test('the settings that the page shows are read', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'kiln-notifications-'));
  t.after(() => rmSync(home, { recursive: true }));
  writeFileSync(notificationsPath(home), /```yaml\n([^]*?)```/.exec(page)?.[1] ?? '');
  const receivers = await readNotifications(home);
  assert.deepEqual(Object.values(receivers).map(wayOf), ['webhook', 'slack', 'email']);
});

test('every kind of notice is explained', () => {
  const told = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind);
  assert.deepEqual(
    told.filter((kind) => kind !== 'on'),
    [...NOTICE_KINDS],
  );
});
