/** What was imported as the text of a kiln.yaml. */
import type { Json } from '../domain/json.ts';
import { textOfSpec } from '../spec/text.ts';
import type { Draft, Layer } from './draft.ts';
import type { SourceImage } from './sources.ts';

export interface Imported {
  readonly service: string;
  readonly source: SourceImage;
  readonly draft: Draft;
  /** Debian packages that the steps need. */
  readonly packages: readonly string[];
  /** What the file says above itself. */
  readonly comment: string;
}

type Part = { readonly [key: string]: Json };

/** Keys that say nothing are left out. */
const present = (part: Readonly<Record<string, Json | null>>): Part =>
  Object.fromEntries(Object.entries(part).filter(([, value]) => value !== null && !isEmpty(value)));

const isEmpty = (value: Json | null): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** The same text for the same template, whatever the day. */
export const recipeText = (imported: Imported): string =>
  textOfSpec({ service: imported.service, image: imagePart(imported) }, [imported.comment]);

const stageName = (index: number): string => `provisioned-${index + 1}`;

/** A recipe on such a base runs as app by itself; one on a stage has to say so. */
const bringsNoUser = (from: string): boolean => from === 'scratch' || from.startsWith('debian:');

/** Each layer but the last is a stage, and the next one starts from it. */
function imagePart({ source, draft, packages }: Imported): Part {
  const layers = draft.layers.map(layerPart);
  const last = layers.length - 1;
  const base = (index: number): string => (index === 0 ? source.from : `stage:${stageName(index - 1)}`);
  const own = (index: number): Part => present({ packages: index === 0 ? packages : null, env: index === 0 ? source.env : null });
  const stages = layers
    .slice(0, -1)
    .map((layer, index) => [stageName(index), { from: base(index), ...own(index), ...layer }] as const);
  return present({
    from: base(last),
    ...own(last),
    stages: Object.fromEntries(stages),
    ...layers[last],
    user: source.user ?? (last > 0 && bringsNoUser(source.from) ? 'app' : null),
    workdir: source.workdir === '/' ? null : source.workdir,
    entrypoint: source.entrypoint,
    command: source.command,
    ports: source.ports,
    labels: source.labels,
  });
}

/** `{ from: to }` where no file goes to two places. */
function layerPart({ files, run }: Layer): Part {
  const distinct = new Set(files.map(({ from }) => from)).size === files.length;
  const list = files.map(({ from, to }) => ({ path: from, to }));
  return present({ files: distinct ? Object.fromEntries(files.map(({ from, to }) => [from, to])) : list, run });
}
