/** The recipe: the validated `image:` part of kiln.yaml, defaults filled in. What the bake works from. */
import type { Digest } from './digest.ts';
import type { ServiceName } from './ids.ts';
import type { Json } from './json.ts';

/** How the layers that a bake writes are compressed. */
export type LayerCompression = 'gzip' | 'zstd';

export type Base =
  /** `scratch`: nothing. */
  | { readonly kind: 'scratch' }
  /** `debian:bookworm`, `debian:bookworm@20260101T000000Z`: mmdebstrap, minbase. */
  | { readonly kind: 'debian'; readonly suite: string; readonly snapshot: string | null }
  /** `image:web:1.2.0` or `image:sha256:…`: an image in Kiln's own store. */
  | { readonly kind: 'kiln'; readonly reference: string }
  /** `channel:base.stable`: what a channel of a service here holds; kiln.lock pins it to a digest at the first bake. */
  | { readonly kind: 'channel'; readonly service: ServiceName; readonly channel: string }
  /** `oci:PATH`, a layout on disk; `digest` picks the image where it holds several. */
  | { readonly kind: 'layout'; readonly path: string; readonly digest: Digest | null }
  /** `registry.example/app@sha256:…`, or a tag that kiln.lock pins to a digest at the first bake. */
  | { readonly kind: 'registry'; readonly reference: string }
  /** `stage:NAME`: another stage of the same recipe. */
  | { readonly kind: 'stage'; readonly stage: string };

export interface FileStep {
  /** A path, folder or glob within the recipe's folder, or within the stage's root. */
  readonly from: string;
  /** Null: the recipe's folder. */
  readonly stage: string | null;
  /** Absolute. With a trailing slash, or when `from` matches several: the folder that they go in. */
  readonly to: string;
  /** Numeric or by the image's passwd; default 0:0. */
  readonly owner: string | null;
  /** Octal mode of files (folders get x where r); null: 0644, or 0755 for what is executable. */
  readonly mode: number | null;
}

/** A file or folder of the recipe's folder that a step finds below /tmp while it runs; it stays out of the image. */
export interface LentFile {
  /** A path, folder or glob within the recipe's folder. */
  readonly from: string;
  /** Absolute, below /tmp. With a trailing slash, or when `from` matches several: the folder that they go in. */
  readonly to: string;
}

export interface RunStep {
  readonly command: string;
  /** false: no network at all. */
  readonly network: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly with: readonly LentFile[];
}

/** An Ansible playbook, applied to the root while it is baked. Nothing of Ansible stays in the image. */
export interface AnsibleStep {
  /** Within the recipe's folder. What Ansible looks for beside it (roles, files, templates, variables) is taken along. */
  readonly playbook: string;
  readonly variables: Readonly<Record<string, Json>>;
  /** Inventory groups that the image counts as a member of. */
  readonly groups: readonly string[];
  readonly network: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly with: readonly LentFile[];
}

export interface Stage {
  readonly name: string;
  readonly from: Base;
  /** In this order: packages, user, files, run. */
  readonly packages: readonly string[];
  readonly user: UserStep | null;
  readonly files: readonly FileStep[];
  readonly run: readonly (RunStep | AnsibleStep)[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string | null;
}

/** A user made in the image's passwd where it is not there yet; ids fixed so that bakes agree. */
export interface UserStep {
  readonly name: string;
  readonly uid: number;
}

export interface Recipe {
  /** Where relative paths start. Absolute. */
  readonly folder: string;
  /** Earlier stages, in order, then the one that becomes the image. */
  readonly stages: readonly Stage[];
  readonly final: Stage;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly ports: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string | null;
  /** Absent: gzip, which every tool reads. */
  readonly compression?: LayerCompression;
  /** The file in the folder that pins its bases and packages. Absent: kiln.lock. */
  readonly lock?: string;
}

/** `dockerfile:` recipes: baked by buildah, imported by digest. */
export interface DockerfileRecipe {
  readonly folder: string;
  /** Relative to the folder. */
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
  readonly target: string | null;
  /** What a FROM reference is replaced by: `node:20-alpine` → `127.0.0.1:5000/node@sha256:…`. */
  readonly bases: Readonly<Record<string, string>>;
  /** As in `Recipe`. */
  readonly compression?: LayerCompression;
  readonly lock?: string;
}
