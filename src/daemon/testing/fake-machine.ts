/** A machine for tests of the daemon: real images on disk, instances and routing in memory that do as they are told at once. */
import type { BakeLineage } from '../../bake/contract.ts';
import type { NewerPackage } from '../../lineage/events.ts';
import { hexOf, type Digest } from '../../domain/digest.ts';
import { fleetOf, groupOf, type ContainerId, type FleetId, type GroupId, type InstanceId, type JobId } from '../../domain/ids.ts';
import type {
  Balancer,
  InstanceObservation,
  JobObservation,
  Problem,
  RoutingTable,
  Runtime,
  Weights,
} from '../../engines/engine.ts';
import type { DockerfileRecipe, Recipe } from '../../domain/recipe.ts';
import type { LayerMounts } from '../../linux/layers.ts';
import { KilnError } from '../../errors/error.ts';
import { writeLayer } from '../../oci/layer-writer.ts';
import { openImageStore } from '../../oci/layout.ts';
import type { ImageStore } from '../../oci/store.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Home } from '../../platform/home.ts';
import type { Machine } from '../parts.ts';

/** What outlives the daemon: handed to the next one, it finds its instances again. */
export interface FakeWorld {
  readonly instances: Map<InstanceId, InstanceObservation>;
  readonly jobs: Map<JobId, JobObservation>;
  readonly tables: Map<string, RoutingTable>;
  /** What the next bake makes. */
  content: string;
  /** The version of lodash that bakes put into an image; null: none. */
  lodash: string | null;
  /** Fails each launch while it is set. */
  broken: string | null;
  /** Fails those of this fleet only. */
  brokenFleet: string | null;
  /** What there is in newer versions than any image has; null: no image is of Debian. */
  newer: readonly NewerPackage[] | null;
  /** What evidence is signed with. */
  signer: Machine['signer'];
  /** A port that somebody else listens on. */
  takenPort: number | null;
  problems: readonly Problem[];
  machineProblems: readonly Problem[];
}

export const fakeWorld = (): FakeWorld => ({
  instances: new Map(),
  jobs: new Map(),
  tables: new Map(),
  content: 'one',
  lodash: null,
  broken: null,
  brokenFleet: null,
  newer: null,
  signer: async () => null,
  takenPort: null,
  problems: [],
  machineProblems: [],
});

export const fakeMachine =
  (world: FakeWorld) =>
  async (home: Home, clock: Clock): Promise<Machine> => {
    const images = await openImageStore(home.images);
    return {
      images,
      layers: noLayers,
      runtime: runtimeOf(world, clock),
      trials: { boot: () => Promise.reject(new Error('this machine boots no instance for tests')) },
      balancer: balancerOf(world),
      logs: {
        instances: async () => [...world.instances.keys()],
        async *read(instance) {
          yield { at: 1, stream: 'stdout', text: `hello from ${instance}` };
        },
      },
      bake: async (recipe, { onEvent, store, lineage }, { service }) => {
        const base = await baseOf(recipe, store, lineage);
        onEvent({ kind: 'step.started', step: 'files' });
        // What it is built on is in it, as in a real image.
        const content = Buffer.from(`${world.content} on ${base['org.opencontainers.image.base.digest'] ?? 'nothing'}`);
        const layer = await writeLayer(store, [fileOf('app', content), ...lodashOf(world)], { epochSeconds: 0 });
        const config = {
          architecture: 'amd64',
          os: 'linux',
          config: {},
          rootfs: { type: 'layers' as const, diff_ids: [layer.diffId] },
        };
        const known = new Set((await store.list()).map(({ digest }) => digest));
        const digest = await store.putImage(config, [layer], { 'org.opencontainers.image.title': service, ...base });
        const tag = `${service}:${hexOf(layer.diffId).slice(0, 12)}`;
        onEvent({ kind: 'step.done', step: 'files', cached: false, ms: 1 });
        return {
          digest,
          tags: [tag],
          changed: !known.has(digest),
          steps: [{ name: 'files', cached: false, ms: 1 }],
          moved: [],
          ms: 1,
        };
      },
      newerPackages: () => async () => world.newer,
      checkMachine: async () => world.machineProblems,
      signer: () => world.signer(),
      close: async () => {},
      clear: async () => {},
    };
  };

const fileOf = (path: string, content: Buffer) => ({ kind: 'file', path, mode: 0o755, uid: 0, gid: 0, content }) as const;

function lodashOf({ lodash }: FakeWorld): readonly ReturnType<typeof fileOf>[] {
  if (lodash === null) return [];
  const manifest = Buffer.from(JSON.stringify({ name: 'lodash', version: lodash }));
  return [fileOf('srv/node_modules/lodash/package.json', manifest)];
}

/** What Debian is made into, which is no image of this store. */
const DEBIAN = `sha256:${'deb'.repeat(21)}d` as Digest;

/** As the real one: told of before anything is built on it, and named in the image. */
async function baseOf(
  recipe: Recipe | DockerfileRecipe,
  store: ImageStore,
  lineage: BakeLineage,
): Promise<Record<string, string>> {
  const from = 'final' in recipe ? recipe.final.from : null;
  if (from?.kind === 'debian') lineage.onBase({ name: `debian:${from.suite}`, digest: DEBIAN });
  if (from?.kind !== 'kiln' && from?.kind !== 'channel') return {};
  const isChannel = from.kind === 'channel';
  const name = isChannel ? `channel:${from.service}.${from.channel}` : `image:${from.reference}`;
  const digest = isChannel ? lineage.heldBy(from.service, from.channel) : await store.resolve(from.reference);
  lineage.onBase({ name, digest });
  return { 'org.opencontainers.image.base.name': name, 'org.opencontainers.image.base.digest': digest };
}

const noLayers: LayerMounts = {
  base: '/nonexistent',
  ensure: async () => '/nonexistent/layer',
  impliedFolders: async () => [],
  release: async () => {},
  unmountAll: async () => {},
};

function runtimeOf(world: FakeWorld, clock: Clock): Runtime {
  const listeners = new Set<(fleet: FleetId) => void>();
  const changed = (id: ContainerId): void => {
    for (const listener of listeners) listener(fleetOf(groupOf(id)));
  };
  return {
    name: 'host',
    capabilities: { zones: [], healing: Number.POSITIVE_INFINITY },
    check: async () => world.problems,
    ensureImage: async (_image: Digest) => {},
    async launch(id, release) {
      if (world.broken !== null) throw new Error(world.broken);
      if (world.brokenFleet === fleetOf(groupOf(id))) throw new Error('it does not start');
      const now = clock.now();
      const address = { host: '127.0.0.1', port: 1 };
      const health = { status: 'healthy', since: now } as const;
      world.instances.set(id, { id, group: groupOf(id), release: release.hash, launchedAt: now, zone: null, address, health });
      changed(id);
    },
    async kill(id) {
      const seen = world.instances.get(id);
      if (seen === undefined) return;
      world.instances.set(id, { ...seen, health: { status: 'exited', at: clock.now(), detail: 'killed by signal 9' } });
      changed(id);
    },
    async remove(id) {
      world.instances.delete(id);
      changed(id);
    },
    observe: async (_ctx, fleet) =>
      [...world.instances.values()].filter(({ group }) => fleet === undefined || fleetOf(group) === fleet),
    usage: async (fleet) =>
      [...world.instances.values()]
        .filter(({ group }) => fleetOf(group) === fleet)
        .map(({ id, launchedAt }) => ({ instance: id, cpuMs: (clock.now() - launchedAt) / 2, memoryBytes: 1 << 24 })),
    async startJob({ id, release }) {
      world.jobs.set(id, { id, release: release.hash, status: 'passed', detail: 'exited with code 0' });
      changed(id);
    },
    jobs: async () => [...world.jobs.values()],
    async removeJob(id) {
      world.jobs.delete(id);
      changed(id);
    },
    test: async () => null,
    output: async () => '0',
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {},
  };
}

function balancerOf(world: FakeWorld): Balancer {
  const { tables } = world;
  return {
    check: async () => [],
    async requireListen(_fleet, addresses) {
      const taken = addresses.find(({ port }) => port === world.takenPort);
      if (taken !== undefined) throw new KilnError('PORT_IN_USE', `port ${taken.port} is taken`, { hint: 'choose another' });
    },
    async apply(table) {
      tables.set(table.fleet, table);
    },
    async remove(fleet) {
      tables.delete(fleet);
    },
    async observe(fleet) {
      const table = tables.get(fleet);
      if (table === undefined) return null;
      const weights = Object.fromEntries(table.groups.map(({ group, weight }): [GroupId, number] => [group, weight])) as Weights;
      const endpoints = table.groups.flatMap((group) => group.endpoints);
      return {
        weights,
        preview: table.preview?.group ?? null,
        canary: table.canary,
        endpoints: endpoints.map(({ instance, state }) => ({ instance, state, up: true, sessions: 0, streams: 0 })),
      };
    },
    evict: async () => {},
    metrics: async () => [],
    tables: async () => [...tables.values()],
    close: async () => {},
  };
}
