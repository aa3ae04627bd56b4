/** Waves as text: in which order the services of a file are deployed, what each waits for, and why the line stopped. */
import { environmentOf, serviceOf } from '../../domain/ids.ts';
import type { WavesBody } from '../../client/client.ts';
import { harmless, type Terminal } from '../terminal.ts';
import { age } from './amounts.ts';

type Service = WavesBody['services'][number];

export const waveCount = ({ services }: Pick<WavesBody, 'services'>): number => Math.max(...services.map(({ wave }) => wave));

export function wavesLines(waves: WavesBody, terminal: Terminal, now: number): readonly string[] {
  const { services, environment, by, startedAt, finishedAt } = waves;
  const left = services.filter(({ state }) => state === 'waiting' || state === 'rolling');
  const current = left.length === 0 ? waveCount(waves) : Math.min(...left.map(({ wave }) => wave));
  const where = finishedAt === null ? `wave ${current} of ${waveCount(waves)}` : `ended ${age(finishedAt, now)}`;
  return [
    `${terminal.paint('bold', 'waves')}   ${harmless(environment)}   ${where}   given by ${harmless(by)} ${age(startedAt, now)}`,
    ...services.map((service, index) => serviceLine(service, services[index - 1]?.wave, terminal)),
    ...stoppedLines(waves, terminal),
  ];
}

function serviceLine(service: Service, waveBefore: number | undefined, terminal: Terminal): string {
  const number = service.wave === waveBefore ? '' : String(service.wave);
  return `  ${number.padStart(2)}  ${markOf(service, terminal)} ${serviceOf(service.fleet)}   ${harmless(stateText(service))}`;
}

function markOf({ state }: Service, { paint }: Terminal): string {
  if (state === 'done' || state === 'unchanged') return paint('green', '✓');
  if (state === 'failed' || state === 'attention') return paint('red', '✗');
  return state === 'rolling' ? paint('yellow', '●') : paint('dim', '○');
}

function stateText({ state, release, why, waitsFor }: Service): string {
  switch (state) {
    case 'waiting':
      return waitsFor.length === 0 ? 'comes in its wave' : `waits for ${waitsFor.map(serviceOf).join(', ')}`;
    case 'rolling':
      return `on its way to r${release}`;
    case 'done':
      return `r${release} serves`;
    case 'unchanged':
      return `unchanged, r${release} serves`;
    case 'failed':
      return why;
    case 'attention':
      return `a person is needed: ${why}`;
    case 'untouched':
      return 'not touched';
  }
}

function stoppedLines({ stopped, finishedAt, services }: WavesBody, { paint }: Terminal): readonly string[] {
  if (stopped === null) return [];
  const going = services.filter(({ state }) => state === 'rolling').length;
  const rest = finishedAt === null && going > 0 ? '; what is under way goes on to its end' : '';
  return [`  ${paint('red', '✗')} the line has stopped: ${harmless(stopped)}${rest}`];
}

/** Before they begin: `wave 2   api, mailer`. */
export function planHead(services: readonly Pick<Service, 'fleet' | 'wave'>[]): readonly string[] {
  const waves = Map.groupBy(services, ({ wave }) => wave);
  const environment = services[0] === undefined ? '' : environmentOf(services[0].fleet);
  const lines = [...waves].map(([wave, own]) => `  wave ${wave}   ${own.map(({ fleet }) => serviceOf(fleet)).join(', ')}`);
  return [`${services.length} services to ${environment}, one wave after the other:`, ...lines];
}
