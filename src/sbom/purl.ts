/** Package URLs (the purl specification): one name of a package for all tools. */
import { PackageURL } from 'packageurl-js';

import type { Distribution, PackageFacts } from './package.ts';
import { normalName } from './readers/pip.ts';

/** The same facts always give the same text. */
export function purlOf(facts: PackageFacts, distribution: Distribution | null): string {
  const { type, version } = facts;
  const { namespace, name } = nameParts(facts, distribution);
  try {
    return new PackageURL(type, namespace, name, version, qualifiersOf(facts, distribution), null).toString();
  } catch {
    // A name that its type forbids: it is told all the same, under the plainest form there is.
    return `pkg:${type}/${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
  }
}

function nameParts({ type, name }: PackageFacts, distribution: Distribution | null): { namespace: string | null; name: string } {
  switch (type) {
    case 'deb':
    case 'apk':
      return { namespace: distribution?.id ?? (type === 'deb' ? 'debian' : 'alpine'), name };
    case 'pypi':
      return { namespace: null, name: normalName(name) };
    case 'npm':
    case 'golang': {
      const slash = name.lastIndexOf('/');
      return slash === -1 ? { namespace: null, name } : { namespace: name.slice(0, slash), name: name.slice(slash + 1) };
    }
    case 'cargo':
      return { namespace: null, name };
  }
}

function qualifiersOf({ type, architecture }: PackageFacts, distribution: Distribution | null): Record<string, string> | null {
  if (type !== 'deb' && type !== 'apk') return null;
  const release = distribution?.version ?? distribution?.codename;
  return {
    ...(architecture === null ? {} : { arch: architecture }),
    ...(distribution === null || release == null ? {} : { distro: `${distribution.id}-${release}` }),
  };
}
/** What a package URL from elsewhere names; qualifiers only those that are given. Null for what is none. */
export interface PurlParts {
  readonly type: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly version: string | null;
  readonly qualifiers: ReadonlyMap<string, string>;
}

export function parsePurl(text: string): PurlParts | null {
  if (text.length > 2048) return null;
  try {
    const { type, namespace, name, version, qualifiers } = PackageURL.fromString(text);
    if (typeof type !== 'string' || typeof name !== 'string') return null;
    return {
      type,
      namespace: namespace ?? null,
      name,
      version: version ?? null,
      qualifiers: new Map(Object.entries(qualifiers ?? {})),
    };
  } catch {
    return null;
  }
}
