/** Several services in one file: which one is meant, and in which waves they are deployed. Pure. */
import { KilnError } from '../errors/error.ts';
import { nearest } from './nearest.ts';
import type { Breach } from './rules.ts';
import type { Spec } from './schema/spec.ts';
import type { Path } from './source.ts';
import type { Listen } from './units.ts';

/** A service of the file, and the way to an error that points at one of its values. */
export interface ParsedService {
  readonly spec: Spec;
  /** Names of services of the same file. */
  readonly dependsOn: readonly string[];
  invalid(path: Path, text: string): KilnError;
}

interface Dependent {
  readonly name: string;
  readonly dependsOn: readonly string[];
}

/**
 * Each wave has the services whose dependencies are all in the waves before it, in the order of the file. Those that are in
 * a cycle, or wait for one, are in none.
 */
export function wavesOf(services: readonly Dependent[]): readonly (readonly string[])[] {
  const done = new Set<string>();
  const waves: (readonly string[])[] = [];
  for (;;) {
    const wave = services.filter(({ name, dependsOn }) => !done.has(name) && dependsOn.every((other) => done.has(other)));
    if (wave.length === 0) return waves;
    waves.push(wave.map(({ name }) => name));
    for (const { name } of wave) done.add(name);
  }
}

export function dependencyBreaches(services: readonly Dependent[]): readonly Breach[] {
  const names = services.map(({ name }) => name);
  const strange = services.flatMap(({ name, dependsOn }) =>
    dependsOn.flatMap((other, index) => breach(['services', name, 'depends-on', index], wrongWith(other, name, names))),
  );
  return strange.length > 0 ? strange : cycleBreaches(services);
}

const breach = (path: Path, text: string | null): readonly Breach[] => (text === null ? [] : [{ path, text }]);

function wrongWith(other: string, name: string, names: readonly string[]): string | null {
  if (other === name) return 'a service cannot wait for itself';
  if (names.includes(other)) return null;
  const meant = nearest(other, names);
  return `this file has no service "${other}"${meant === null ? `; it has ${names.join(', ')}` : `; did you mean "${meant}"?`}`;
}

/** One for each cycle, where its first service of the file says what it waits for. */
function cycleBreaches(services: readonly Dependent[]): readonly Breach[] {
  const inOrder = new Set(wavesOf(services).flat());
  const left = new Map(services.filter(({ name }) => !inOrder.has(name)).map((each) => [each.name, each]));
  const told = new Set<string>();
  return [...left.keys()].flatMap((name) => {
    const cycle = told.has(name) ? null : cycleFrom(name, left);
    for (const each of cycle ?? []) told.add(each);
    const text = `these wait for each other: ${[...(cycle ?? []), name].join(' → ')}`;
    return cycle === null ? [] : [{ path: ['services', name, 'depends-on'], text }];
  });
}

/** The shortest way back to where it starts; null: it only waits for a cycle. */
function cycleFrom(start: string, left: ReadonlyMap<string, Dependent>): readonly string[] | null {
  const ways = new Map<string, readonly string[]>([[start, [start]]]);
  for (const [name, way] of ways) {
    for (const other of left.get(name)?.dependsOn ?? []) {
      if (other === start) return way;
      if (!ways.has(other)) ways.set(other, [...way, other]);
    }
  }
  return null;
}

/** Two services of an environment that listen at one address: the second could never serve. */
export function listenBreaches(specs: readonly Spec[]): readonly Breach[] {
  const all = specs.flatMap(({ service, environments }) =>
    Object.entries(environments).flatMap(([environment, { listen }]) =>
      listen === undefined ? [] : [{ service, environment, listen }],
    ),
  );
  return all.flatMap(({ service, environment, listen }, index) => {
    const first = all.slice(0, index).find((other) => other.environment === environment && overlap(other.listen, listen));
    return first === undefined || first.service === service
      ? []
      : [{ path: ['services', service, 'environments', environment, 'listen'], text: `"${first.service}" listens there too` }];
  });
}

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

const overlap = (a: Listen, b: Listen): boolean =>
  a.port === b.port && (a.host === b.host || EVERYWHERE.has(a.host) || EVERYWHERE.has(b.host));

/** Throws USAGE where the file has several. */
export function onlyOf(services: readonly ParsedService[], file: string): ParsedService {
  const [only] = services;
  if (only !== undefined && services.length === 1) return only;
  throw new KilnError('USAGE', `${file} has the services ${namesOf(services).join(', ')}, and none was named`, {
    hint: `name one: --only ${namesOf(services)[0]}`,
  });
}

/** Throws NOT_FOUND. */
export function namedIn(services: readonly ParsedService[], name: string, file: string): ParsedService {
  const found = services.find(({ spec }) => spec.service === name);
  if (found !== undefined) return found;
  const names = namesOf(services);
  const meant = nearest(name, names);
  throw new KilnError(
    'NOT_FOUND',
    `${file} is of ${names.length === 1 ? 'the service' : 'the services'} ${names.join(', ')}, not of ${name}`,
    {
      hint: meant === null ? 'name one that it has' : `did you mean ${meant}?`,
    },
  );
}

const namesOf = (services: readonly ParsedService[]): readonly string[] => services.map(({ spec }) => spec.service);
