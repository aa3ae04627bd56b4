/** The image of a baked stage: its configuration and annotations, from the recipe, the base and git. Pure. */
import { shortDigest, type Digest } from '../domain/digest.ts';
import type { Recipe, Stage } from '../domain/recipe.ts';
import type { Image, ImageConfig } from '../oci/store.ts';
import { EPOCH_TEXT, type BaseIdentity, type Chain } from './contract.ts';
import type { Revision } from './git.ts';

export type Settings = ImageConfig['config'];

export interface Naming {
  readonly service: string;
  readonly version: string | null;
  readonly revision: Revision | null;
}

/** The settings that a stage passes on: its base's, with its own environment, workdir and user. `user` is `uid:gid`. */
export function stageSettings(inherited: Settings, stage: Stage, user: string | null): Settings {
  const env = { ...environmentOf(inherited), ...stage.env };
  return {
    ...inherited,
    ...(Object.keys(env).length === 0 ? {} : { Env: Object.entries(env).map(([name, value]) => `${name}=${value}`) }),
    ...(stage.workdir === null ? {} : { WorkingDir: stage.workdir }),
    ...(user === null ? {} : { User: user }),
  };
}

export function environmentOf(settings: Settings): Readonly<Record<string, string>> {
  return Object.fromEntries((settings.Env ?? []).map((line) => splitAt(line, line.indexOf('='))));
}

const splitAt = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at + 1)];

/** A new entrypoint drops the base's command, as its arguments were meant for another program. */
export function finalSettings(settings: Settings, recipe: Recipe): Settings {
  const { Entrypoint, Cmd, ...others } = settings;
  const start =
    recipe.entrypoint.length > 0
      ? { Entrypoint: recipe.entrypoint }
      : { ...(Entrypoint === undefined ? {} : { Entrypoint }), ...(Cmd === undefined ? {} : { Cmd }) };
  const ports = Object.fromEntries(recipe.ports.map((port) => [`${port}/tcp`, {}]));
  const exposed = { ...others.ExposedPorts, ...ports };
  const labels = { ...others.Labels, ...recipe.labels };
  return {
    ...others,
    ...start,
    ...(recipe.command.length > 0 ? { Cmd: recipe.command } : {}),
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    ...(Object.keys(labels).length > 0 ? { Labels: labels } : {}),
    ...(recipe.stopSignal === null ? {} : { StopSignal: recipe.stopSignal }),
  };
}

/** `created` is the epoch of the layers: the same recipe gives the same image on any day. */
export function imageConfig(
  settings: Settings,
  { layers, history }: Pick<Chain, 'layers' | 'history'>,
  architecture: string,
): ImageConfig {
  return {
    created: EPOCH_TEXT,
    architecture,
    os: 'linux',
    config: settings,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history,
  };
}

/**
 * OCI image-spec 1.1, annotations.md. `created` is left out: no time that it could name says anything true. So is `version`: it
 * is a name that a person gives an image, a tag, and another name must not make another image.
 */
export function annotationsOf(naming: Naming, base: BaseIdentity | null): Readonly<Record<string, string>> {
  const { service, revision } = naming;
  const found = {
    title: service,
    revision: revision === null ? null : `${revision.commit}${revision.dirty ? '-dirty' : ''}`,
    'base.name': base?.name ?? null,
    'base.digest': base?.digest ?? null,
  };
  const given = Object.entries(found).flatMap(([name, value]) =>
    value === null ? [] : [[`org.opencontainers.image.${name}`, value]],
  );
  return Object.fromEntries(given) as Readonly<Record<string, string>>;
}

/** The tags of an image, the person's own first. A tree with changes isn't the commit's, so its tag names the image too. */
export function tagsOf({ service, version, revision }: Naming, digest: Digest): readonly string[] {
  const own = version === null ? [] : [`${service}:${version}`];
  if (revision === null) return own;
  const commit = revision.commit.slice(0, 12);
  return [...own, revision.dirty ? `${service}:${commit}-dirty.${shortDigest(digest)}` : `${service}:${commit}`];
}

/** An image's layers and history. One that tells no history, or not all of it, gets a line for each layer. */
export function chainOfImage({ layers, config }: Pick<Image, 'layers' | 'config'>, madeBy: string): Chain {
  const history = config.history ?? [];
  const told = history.filter((line) => line.empty_layer !== true).length === layers.length;
  return {
    layers,
    etc: layers,
    history: told ? history : layers.map(() => ({ created: EPOCH_TEXT, created_by: `kiln: ${madeBy}` })),
  };
}
