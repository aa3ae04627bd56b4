/** A bake in a process of its own, for tests that kill it or cut it off: `node bake-child.ts HOME RECIPE`, the recipe as JSON. */
import type { Recipe } from '../../domain/recipe.ts';
import { openLayerMounts } from '../../linux/layers.ts';
import { openImageStore } from '../../oci/layout.ts';
import { systemClock } from '../../platform/clock.ts';
import { kilnHome } from '../../platform/home.ts';
import { bake } from '../bake.ts';
import type { BakeEvent } from '../contract.ts';
import { noLineage } from './no-lineage.ts';

const [root = '', recipe = ''] = process.argv.slice(2);
const home = kilnHome({ KILN_HOME: root }, 0);
const store = await openImageStore(home.images);
const onEvent = (event: BakeEvent): void => {
  if (event.kind === 'step.output') process.stderr.write(event.text);
};
const deps = {
  store,
  home,
  layers: openLayerMounts(home, store),
  clock: systemClock,
  lineage: noLineage,
  signal: new AbortController().signal,
  onEvent,
};
const { digest } = await bake(JSON.parse(recipe) as Recipe, deps, { service: 'web', version: null, update: false });
process.stdout.write(digest);
