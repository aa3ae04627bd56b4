/** A program that launches one instance, for tests that kill it on the way: `node launch-one.ts HOME ID RELEASE-FILE`. */
import { readFileSync } from 'node:fs';

import type { InstanceId } from '../../../domain/ids.ts';
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
await runtime.launch(id as InstanceId, release, { signal: new AbortController().signal });
process.kill(process.pid, 'SIGKILL');
