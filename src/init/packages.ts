/** Nothing but Debian packages. */
import { serving, type Proposal } from './proposal.ts';

/** Packages that are services, and how they are started in the foreground. */
const SERVICES: Readonly<
  Record<string, { readonly entrypoint: readonly string[]; readonly port: number; readonly user: string }>
> = {
  haproxy: { entrypoint: ['haproxy', '-W', '-db', '-f', '/etc/haproxy/haproxy.cfg'], port: 8080, user: 'haproxy' },
  memcached: { entrypoint: ['memcached', '-l', '0.0.0.0'], port: 11_211, user: 'memcache' },
  'redis-server': { entrypoint: ['redis-server', '--bind', '0.0.0.0', '--save', ''], port: 6379, user: 'redis' },
};

export function fromPackages(packages: readonly string[]): Proposal {
  const known = packages.flatMap((name) => (Object.hasOwn(SERVICES, name) ? [SERVICES[name]] : []))[0];
  const listed = packages.join(', ');
  if (known === undefined) {
    return {
      kind: `an image of ${listed}`,
      image: { from: 'debian:bookworm', packages: [...packages], user: 'app' },
      run: null,
      files: {},
      assumed: ['Debian bookworm', 'what is started is not known: name it under image.entrypoint before you deploy'],
    };
  }
  return {
    kind: `a service of ${listed}`,
    image: {
      from: 'debian:bookworm',
      packages: [...packages],
      user: known.user,
      entrypoint: [...known.entrypoint],
      ports: [known.port],
    },
    run: serving(known.port, null),
    files: {},
    assumed: ['Debian bookworm', `it is started by ${known.entrypoint.join(' ')}, and listens on port ${known.port}`],
  };
}
