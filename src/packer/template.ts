/** What a Packer template says, whatever its form: sources, and for each of them what is done in which order. */
import type { Value } from './evaluate/values.ts';
import { Refusal, type Place } from './problems.ts';

export interface Setting {
  readonly at: Place;
  readonly value: Value;
  /** Names of the sensitive variables that went into it. */
  readonly secrets: readonly string[];
  /** It could not be computed, and the problem is noted. */
  readonly failed?: true;
}

/** A block with its settings: a source, a provisioner, a post-processor, or a block within one. */
export interface Section {
  readonly type: string;
  readonly at: Place;
  readonly settings: ReadonlyMap<string, Setting>;
  readonly blocks: readonly Section[];
}

/** A source within a build. */
export interface Target {
  /** `amazon-ebs.app`; of a builder in JSON its name, or its type where it has none. */
  readonly id: string;
  readonly type: string;
  /** The build's own name. */
  readonly build: string | null;
  readonly at: Place;
}

export const isWhole = (section: Section): boolean =>
  [...section.settings.values()].every(({ failed }) => failed !== true) && section.blocks.every(isWhole);

/** Of a machine in a cloud only the names of its settings matter: a base stands for it. */
export const isReplaced = (type: string): boolean => type !== 'docker';

/** Something worth telling that is no problem. */
export interface Notice {
  readonly at: Place;
  readonly text: string;
}

export interface Steps {
  readonly source: Section;
  readonly provisioners: readonly Section[];
  readonly postProcessors: readonly Section[];
}

export interface Template {
  readonly targets: readonly Target[];
  /** What is done for one of the targets. Problems are collected where the template was opened. */
  stepsOf(target: Target): Steps | null;
}

/** Reads settings by name, refuses those of the wrong kind and those that nobody asked for. */
export class Settings {
  readonly section: Section;
  readonly #asked = new Set<string>();

  constructor(section: Section) {
    this.section = section;
  }

  /** Refuses what is sensitive: what is imported is written down. */
  get(name: string): Setting | null {
    this.#asked.add(name);
    const found = this.section.settings.get(name);
    if (found === undefined || found.value === null) return null;
    if (found.secrets.length > 0) {
      const names = found.secrets.map((secret) => `"${secret}"`).join(', ');
      throw new Refusal(
        found.at,
        `${name} holds the sensitive variable ${names}, and would stand in kiln.yaml and in the image; ` +
          'take it out, and let the service read it when it starts',
      );
    }
    return found;
  }

  text(name: string): string | null {
    const found = this.get(name);
    if (found === null) return null;
    if (typeof found.value === 'string') return found.value;
    if (typeof found.value === 'number' || typeof found.value === 'boolean') return String(found.value);
    throw new Refusal(found.at, `${name} must be a text`);
  }

  flag(name: string): boolean {
    const found = this.get(name);
    if (found === null) return false;
    if (typeof found.value === 'boolean') return found.value;
    if (found.value === 'true' || found.value === 'false') return found.value === 'true';
    throw new Refusal(found.at, `${name} must be true or false`);
  }

  /** A text alone counts as a list of one. */
  texts(name: string): readonly string[] {
    const found = this.get(name);
    if (found === null) return [];
    const values = Array.isArray(found.value) ? (found.value as readonly Value[]) : [found.value];
    return values.map((value) => {
      if (typeof value === 'string') return value;
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      throw new Refusal(found.at, `${name} must be a list of texts`);
    });
  }

  map(name: string): Readonly<Record<string, Value>> {
    const found = this.get(name);
    if (found === null) return {};
    if (typeof found.value === 'object' && found.value !== null && !Array.isArray(found.value))
      return found.value as Record<string, Value>;
    throw new Refusal(found.at, `${name} must be a map`);
  }

  placeOf(name: string): Place {
    return this.section.settings.get(name)?.at ?? this.section.at;
  }

  /** Looked at elsewhere, or of no use here. */
  ignore(...names: readonly string[]): readonly string[] {
    for (const name of names) this.#asked.add(name);
    return names.filter((name) => this.section.settings.has(name));
  }

  /** Names with their places, in the order of the template. */
  strangers(): readonly { readonly name: string; readonly at: Place }[] {
    const settings = [...this.section.settings].map(([name, { at }]) => ({ name, at }));
    return [...settings, ...this.section.blocks.map(({ type, at }) => ({ name: type, at }))].filter(
      ({ name }) => !this.#asked.has(name),
    );
  }
}
