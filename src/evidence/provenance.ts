/** SLSA provenance v1 of a bake: from what, by whom and when an image was made. Pure. */
import { hexOf, type Digest } from '../domain/digest.ts';
import type { Json } from '../domain/json.ts';
import { BUILD_TYPE, PROVENANCE_TYPE } from './kinds.ts';
import type { Predicate } from './statement.ts';

export interface BakeFacts {
  /** Who bakes: a URI by which an organisation knows this machine. */
  readonly builder: string;
  /** Kiln's own version. */
  readonly version: string;
  readonly service: string;
  /** The recipe as it was validated, defaults filled in, without paths of this machine. */
  readonly recipe: Json;
  /** Git's commit of the recipe's folder; null: it is in no work tree. */
  readonly source: { readonly remote: string | null; readonly commit: string; readonly clean: boolean } | null;
  readonly bases: readonly { readonly name: string; readonly digest: Digest }[];
  readonly packages: readonly LockedSet[];
  /** Of this bake, in the history. */
  readonly invocation: string;
  /** Ms since the epoch. */
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** The packages that were locked for one set, `debian:bookworm amd64 + nodejs`. */
export interface LockedSet {
  readonly set: string;
  readonly packages: readonly { readonly name: string; readonly version: string; readonly sha256: string }[];
}

export function provenanceOf(facts: BakeFacts): Predicate {
  const { builder, version, service, recipe, source, bases, packages, invocation, startedAt, finishedAt } = facts;
  return {
    type: PROVENANCE_TYPE,
    content: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: { service, recipe },
        internalParameters: {},
        resolvedDependencies: [
          ...(source === null ? [] : [sourceOf(source)]),
          ...bases.map(({ name, digest }) => ({ name: 'base', uri: name, digest: { sha256: hexOf(digest) } })),
          ...uniquePackages(packages),
        ],
      },
      runDetails: {
        builder: { id: builder, version: { kiln: version } },
        metadata: { invocationId: invocation, startedOn: iso(startedAt), finishedOn: iso(finishedAt) },
      },
    },
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

function sourceOf({ remote, commit, clean }: NonNullable<BakeFacts['source']>): Json {
  const where = remote === null ? {} : { uri: `git+${withoutSecrets(remote)}@${commit}` };
  return { name: 'source', ...where, digest: { gitCommit: commit }, annotations: { tree: clean ? 'clean' : 'dirty' } };
}

/** A remote's address may hold a password. `git@host:path` is no URL and holds none. */
function withoutSecrets(remote: string): string {
  try {
    const url = new URL(remote);
    url.username = '';
    url.password = '';
    url.search = '';
    return url.href;
  } catch {
    return remote;
  }
}

function uniquePackages(sets: readonly LockedSet[]): readonly Json[] {
  const found = new Map<string, Json>();
  for (const { set, packages } of sets) {
    const [distro = '', architecture = ''] = set.split(' ');
    for (const { name, version, sha256 } of packages) {
      found.set(`${architecture} ${sha256}`, { name, uri: packageUrl(name, version, architecture, distro), digest: { sha256 } });
    }
  }
  return [...found.values()];
}

/** purl-spec, type deb: the set's first word is `debian:bookworm` or `debian:bookworm@SNAPSHOT`. */
function packageUrl(name: string, version: string, architecture: string, distro: string): string {
  const suite = distro.replace('debian:', '').split('@')[0] ?? '';
  const qualifiers = new URLSearchParams({
    ...(architecture === '' ? {} : { arch: architecture }),
    ...(suite === '' ? {} : { distro: suite }),
  });
  return `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers.toString()}`;
}
