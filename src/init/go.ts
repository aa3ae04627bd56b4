/** A Go service: go.mod. */
import { serving, healthAssumption, type Proposal, type ProjectFolder } from './proposal.ts';

const PORT = 8080;
/** Debian's own Go, by suite. */
const DEBIAN_GO = [
  { suite: 'bookworm', minor: 19 },
  { suite: 'trixie', minor: 24 },
];

export function goService(folder: ProjectFolder): Proposal | null {
  const text = folder.read('go.mod');
  if (text === null) return null;
  const minor = Number(/^go\s+1\.(\d{1,3})/m.exec(text)?.[1] ?? 0);
  const debian = DEBIAN_GO.find((each) => each.minor >= minor);
  const from = debian === undefined ? `docker.io/library/golang:1.${minor}` : `debian:${debian.suite}`;
  const main = folder.names.includes('main.go') || !folder.names.includes('cmd/') ? '.' : './cmd/...';
  return {
    kind: 'a Go service',
    image: {
      from: 'debian:bookworm',
      packages: ['ca-certificates'],
      stages: {
        build: {
          from,
          ...(debian === undefined ? {} : { packages: ['golang-go', 'ca-certificates'] }),
          workdir: '/src',
          env: { CGO_ENABLED: '0', GOFLAGS: '-trimpath -buildvcs=false', GOCACHE: '/tmp/go-build', GOPATH: '/tmp/go' },
          files: { './': '/src' },
          run: [`mkdir -p /out && go build -ldflags='-s -w -buildid=' -o ${main === '.' ? '/out/service' : '/out/'} ${main}`],
        },
      },
      files: [{ from: 'stage:build', path: '/out', to: '/usr/local/bin' }],
      user: 'app',
      entrypoint: ['/usr/local/bin/service'],
      ports: [PORT],
    },
    run: serving(PORT, null, { env: { PORT: String(PORT) } }),
    files: {},
    assumed: [
      debian === undefined
        ? `Go 1.${minor} of ${from}, because go.mod asks for it`
        : `Go 1.${debian.minor} of Debian ${debian.suite} builds it`,
      main === '.'
        ? 'its main package is the folder itself'
        : 'its main packages are below cmd; name the one to start under entrypoint',
      `it listens on the port that the environment variable PORT names, ${PORT} here`,
      healthAssumption(null),
    ],
  };
}
