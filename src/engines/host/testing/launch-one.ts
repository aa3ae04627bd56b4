/** A program that launches one instance, or starts a job, for tests that kill it on the way: `node launch-one.ts HOME ID RELEASE-FILE`. */
import { readFileSync } from 'node:fs';

import { isJobId, type InstanceId } from '../../../domain/ids.ts';
import type { Release } from '../../../domain/release.ts';
import { openLayerMounts } from '../../../linux/layers.ts';
import { openImageStore } from '../../../oci/layout.ts';
import { systemClock } from '../../../platform/clock.ts';
import { kilnHome } from '../../../platform/home.ts';
import { createHostRuntime } from '../runtime.ts';

const [root = '', id = '', file = ''] = process.argv.slice(2);
const home = kilnHome({ KILN_HOME: root }, 0);
const store = await openImageStore(home.images);
const layers = openLayerMounts(home, store);
const runtime = await createHostRuntime({
  home,
  store,
  layers,
  clock: systemClock,
  values: async () => ({ env: {}, files: [] }),
  report: (message) => process.stderr.write(`${message}\n`),
});
const release = JSON.parse(readFileSync(file, 'utf8')) as Release;
const ctx = { signal: new AbortController().signal };
if (isJobId(id)) await runtime.startJob({ id, release, command: release.content.launch.command ?? [] }, ctx);
else await runtime.launch(id as InstanceId, release, ctx);
process.kill(process.pid, 'SIGKILL');
