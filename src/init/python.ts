/** A Python service: requirements.txt or pyproject.toml. */
import { healthAssumption, healthPathIn, serving, type Proposal, type ProjectFolder } from './proposal.ts';

const PORT = 8000;
const CANDIDATES = ['app.py', 'main.py', 'server.py', 'wsgi.py', 'asgi.py', 'run.py'];

interface Server {
  readonly module: string;
  readonly args: (target: string) => readonly string[];
}

/** Servers for the production, by the name of their distribution. */
const SERVERS: readonly Server[] = [
  { module: 'gunicorn', args: (target) => ['-b', `0.0.0.0:${PORT}`, '--worker-tmp-dir', '/tmp', target] },
  { module: 'uvicorn', args: (target) => ['--host', '0.0.0.0', '--port', String(PORT), target] },
  { module: 'hypercorn', args: (target) => ['-b', `0.0.0.0:${PORT}`, target] },
];

export function pythonService(folder: ProjectFolder): Proposal | null {
  const requirements = folder.read('requirements.txt');
  const project = folder.read('pyproject.toml');
  if (requirements === null && project === null) return null;
  const file = CANDIDATES.find((name) => folder.names.includes(name)) ?? null;
  const source = file === null ? '' : (folder.read(file) ?? '');
  const program = programOf(file, source, `${requirements ?? ''}\n${project ?? ''}`, project);
  const health = healthPathIn(source);
  const needs = requirements === null || requirements.split('\n').some((line) => /^\s*[^#\s]/.test(line));
  const install = requirements === null ? '.' : '-r requirements.txt';
  const inputs = requirements === null ? { './': '/src' } : { 'requirements.txt': '/src/' };
  return {
    kind: 'a Python service',
    image: {
      from: 'debian:bookworm',
      packages: ['python3', 'ca-certificates'],
      ...(needs
        ? {
            stages: {
              dependencies: {
                packages: ['python3', 'python3-pip'],
                workdir: '/src',
                files: inputs,
                run: [`python3 -m pip install --no-cache-dir --no-compile --target /packages ${install}`],
              },
            },
          }
        : {}),
      files: [...(needs ? [{ from: 'stage:dependencies', path: '/packages', to: '/packages' }] : []), { path: './', to: '/app' }],
      workdir: '/app',
      user: 'app',
      env: { PYTHONPATH: needs ? '/packages:/app' : '/app', PYTHONUNBUFFERED: '1', PYTHONDONTWRITEBYTECODE: '1' },
      entrypoint: [...program.entrypoint],
      ports: [PORT],
    },
    run: serving(PORT, health, { env: { PORT: String(PORT) } }),
    files: {},
    assumed: [
      'Python 3.11 of Debian bookworm',
      ...(needs
        ? [`its dependencies come by pip install ${install}; versions that are pinned there make each bake the same`]
        : []),
      program.assumed,
      healthAssumption(health),
    ],
  };
}

interface Program {
  readonly entrypoint: readonly string[];
  readonly assumed: string;
}

function programOf(file: string | null, source: string, wants: string, project: string | null): Program {
  const server = SERVERS.find(({ module }) => new RegExp(`(?:^|["'\\s])${module}(?:[\\s=<>~!\\["',;]|$)`, 'im').test(wants));
  const object = /^(app|application|api)\s*=/m.exec(source)?.[1] ?? null;
  if (server !== undefined && file !== null && object !== null) {
    const target = `${file.replace(/\.py$/, '')}:${object}`;
    return {
      entrypoint: ['python3', '-m', server.module, ...server.args(target)],
      assumed: `it is served by ${server.module}, as ${target}, on port ${PORT}`,
    };
  }
  if (file !== null) {
    const assumed = `it is started by python3 ${file}, and listens on the port that the environment variable PORT names, ${PORT} here`;
    return { entrypoint: ['python3', `/app/${file}`], assumed };
  }
  const name = /^\s*name\s*=\s*["']([\w.-]+)["']/m.exec(project ?? '')?.[1]?.replaceAll(/[-.]/g, '_') ?? 'app';
  return { entrypoint: ['python3', '-m', name], assumed: `it is started by python3 -m ${name}, and listens on port ${PORT}` };
}
