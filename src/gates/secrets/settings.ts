/** Secrets in what an image says of itself: environment, labels, annotations, what it starts, how it was made. Pure. */
import type { Image } from '../../oci/store.ts';
import { ASSIGNED, assignedSecrets, isSecretAssignment } from './assignments.ts';
import { secretsIn, sightingOf, type Sighting } from './text.ts';

export interface SettingSecret extends Sighting {
  /** `the variable NAME`: where it is, and what makes it this one over bakes. */
  readonly place: string;
}

/** One that is in a variable and, as images' histories tell it, in the line that set it is told once. */
export function settingSecrets({ config: { config, history }, annotations }: Image): readonly SettingSecret[] {
  const named = [
    ...(config.Env ?? []).map((text): Named => ({ place: 'the variable', ...splitName(text) })),
    ...Object.entries(config.Labels ?? {}).map(([name, value]): Named => ({ place: 'the label', name, value })),
    ...Object.entries(annotations).map(([name, value]): Named => ({ place: 'the annotation', name, value })),
  ];
  const texts = [
    { place: 'what the image starts', text: [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])].join(' ') },
    ...(history ?? []).map(({ created_by = '', comment = '' }, index) => ({
      place: `line ${index + 1} of its history`,
      text: `${created_by} ${comment}`,
    })),
  ];
  const all = [...named.flatMap(inNamed), ...texts.flatMap(({ place, text }) => inText(place, text.slice(0, LONGEST)))];
  const seen = new Set<string>();
  return all.filter(({ hint, masked }) => {
    const key = `${hint} ${masked}`;
    return !seen.has(key) && seen.add(key);
  });
}

const LONGEST = 1 << 20;

interface Named {
  readonly place: string;
  readonly name: string;
  readonly value: string;
}

function splitName(text: string): Pick<Named, 'name' | 'value'> {
  const at = text.indexOf('=');
  return at === -1 ? { name: text, value: '' } : { name: text.slice(0, at), value: text.slice(at + 1) };
}

function inNamed({ place, name, value }: Named): readonly SettingSecret[] {
  const where = `${place} ${name}`;
  const found = inText(where, value.slice(0, LONGEST));
  if (found.length > 0 || !isSecretAssignment(name, value)) return found;
  return [{ ...sightingOf(ASSIGNED.id, value, 0), place: where }];
}

function inText(place: string, text: string): readonly SettingSecret[] {
  const found = secretsIn(text, null);
  const known = new Set(found.map(({ at }) => at));
  const assigned = assignedSecrets(text).filter(({ at }) => !known.has(at));
  return [...found, ...assigned.map(({ secret, at }) => sightingOf(ASSIGNED.id, secret, at))].map((each) => ({ ...each, place }));
}
