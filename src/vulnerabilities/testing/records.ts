/** Advisories and packages for tests, in the forms in which they come. */
import type { Digest } from '../../domain/digest.ts';
import type { Inventory, Package } from '../../sbom/package.ts';

export const LAYER = `sha256:${'a'.repeat(64)}` as Digest;

export const packageOf = (type: Package['type'], name: string, version: string, change: Partial<Package> = {}): Package => ({
  type,
  name,
  version,
  license: null,
  source: null,
  architecture: null,
  purl: `pkg:${type}/${type === 'deb' ? 'debian/' : ''}${name}@${version}`,
  where: { path: type === 'deb' ? 'var/lib/dpkg/status' : `app/node_modules/${name}/package.json`, layer: LAYER },
  owner: null,
  ...change,
});

export const inventoryWith = (...packages: readonly Package[]): Inventory => ({
  distribution: { id: 'debian', version: '12', codename: 'bookworm', name: 'Debian GNU/Linux 12 (bookworm)' },
  packages,
  unread: [],
});

interface OsvChange {
  readonly [key: string]: unknown;
}

/** A record of OSV: the package is affected from its beginning to before `fixed`; null: to this day. */
export const osv = (id: string, ecosystem: string, name: string, fixed: string | null, change: OsvChange = {}) => ({
  schema_version: '1.6.0',
  id,
  modified: '2026-11-20T00:00:00Z',
  summary: `a mistake in ${name}`,
  affected: [
    {
      package: { ecosystem, name },
      ranges: [
        {
          type: ecosystem === 'npm' ? 'SEMVER' : 'ECOSYSTEM',
          events: [{ introduced: '0' }, ...(fixed === null ? [] : [{ fixed }])],
        },
      ],
    },
  ],
  ...change,
});

export const CRITICAL = [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H' }];
export const LOW = [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N' }];
