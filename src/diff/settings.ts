/** What images say of themselves: what they start, as whom, with which environment. Pure. */
import type { Json } from '../domain/json.ts';
import type { Image } from '../oci/store.ts';
import { changesBetween } from './changes.ts';
import type { Change } from './contract.ts';
import { hiding } from './secrets.ts';

export const compareSettings = (first: Image, second: Image): readonly Change[] =>
  changesBetween(settingsOf(first), settingsOf(second)).map(hiding);

/** In the order in which they are told. What is not set and what is empty are the same to whoever starts the image. */
function settingsOf({ config: { architecture, os, config }, annotations }: Image): Json {
  return {
    platform: `${os}/${architecture}`,
    user: orNone(config.User),
    entrypoint: listOrNone(config.Entrypoint),
    command: listOrNone(config.Cmd),
    workdir: orNone(config.WorkingDir),
    ports: listOrNone(Object.keys(config.ExposedPorts ?? {}).toSorted()),
    'stop signal': orNone(config.StopSignal),
    env: Object.fromEntries((config.Env ?? []).map(assignment)),
    label: config.Labels ?? {},
    annotation: annotations,
  };
}

const orNone = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);
const listOrNone = (list: readonly string[] | undefined): readonly string[] | null =>
  list === undefined || list.length === 0 ? null : list;

function assignment(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
