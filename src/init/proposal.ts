/** What a folder was found to be: a recipe for it, how to run it, and everything that was assumed on the way. */
import type { Json } from '../domain/json.ts';

export interface Proposal {
  /** What the folder is, for people: "a Node service". */
  readonly kind: string;
  /** `image:` of kiln.yaml. */
  readonly image: Json;
  /** `run:` of kiln.yaml; null: it serves nothing that is known. */
  readonly run: Json | null;
  /** Files that the recipe needs beside kiln.yaml, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Each a sentence without its full stop. */
  readonly assumed: readonly string[];
}

/** Answers null where the folder is nothing of its kind. */
export type Detector = (folder: ProjectFolder) => Proposal | null;

/** The folder as detectors see it. */
export interface ProjectFolder {
  /** Absolute. */
  readonly path: string;
  /** What is in it, by name; folders end with a slash. */
  readonly names: readonly string[];
  /** The text of a file of bounded size; null where there is none, or it is no file within the folder. */
  read(name: string): string | null;
}

const DEADLINE = '30s';

/** A service on one port, healthy as soon as it answers there. */
export const serving = (port: number, health: string | null, more: Readonly<Record<string, Json>> = {}): Json => ({
  port,
  health: { ...(health === null ? { tcp: true } : { http: health }), deadline: DEADLINE },
  ...more,
  scratch: ['/tmp'],
});

/** The path that the text of a program seems to answer health checks on. */
export function healthPathIn(text: string): string | null {
  return /["'`](\/(?:healthz?|health-check|livez|readyz|ping|status))["'`]/.exec(text)?.[1] ?? null;
}

export const healthAssumption = (path: string | null): string =>
  path === null
    ? 'it is healthy when it takes connections; a path that says more belongs under run.health.http'
    : `GET ${path} says whether it is healthy`;
