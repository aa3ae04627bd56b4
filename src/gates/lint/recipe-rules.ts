/** Rules over what the recipe says. */
import { CONVERGES, installsSomething, PIPE_TO_SHELL } from './installs.ts';
import type { Said, Variable } from './recipe-view.ts';
import type { Breach, Rule } from './rule.ts';

/** The command or name itself is the key: moving it to another line makes no other finding of it. */
const at = ({ text, path, line }: Said, what: string): Breach => ({
  key: text,
  what,
  path,
  ...(line === undefined ? {} : { line }),
});
const quoted = (text: string): string => {
  const line = text.split('\n')[0] ?? '';
  return line.length <= 60 ? `\`${line}\`` : `\`${line.slice(0, 57)}…\``;
};

const isLatest = ({ text }: Said): boolean => {
  if (text.includes('@')) return false;
  const name = text.slice(text.lastIndexOf('/') + 1);
  return !name.includes(':') || name.endsWith(':latest');
};

const SECRET_NAME = /(?:^|_)(?:password|passwd|passphrase|secret|token|api_?key|private_?key|access_?key|credentials?)(?:_|$)/i;
/** What tells where a secret is, and is none. */
const POINTER = /(?:_FILE|_PATH|_URL|_NAME|_ID|_ARN|_HEADER|_TTL|_EXPIRY|_LENGTH)$/i;
const isSecret = ({ name, value }: Variable): boolean =>
  SECRET_NAME.test(name) && !POINTER.test(name) && !/^(?:|\$.*|\/.*|true|false|none|null|\d{1,4})$/i.test(value.trim());

/** Another in each environment: of the image it would make one for each. */
const CONFIGURATION =
  /(?:^|_)(?:DATABASE|DB|REDIS|MONGO|KAFKA|AMQP|RABBITMQ|POSTGRES|MYSQL|API|BACKEND|SERVICE)_(?:URL|URI|HOST|ENDPOINT)$/;
const isLocal = (value: string): boolean => value === '' || /(?:^|\/|@)(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[?::1)/.test(value);

const isLoose = (command: string): boolean =>
  /\b(?:apt|apt-get)\s[^;&|]*\binstall\b|\bnpm\s+(?:install|i)\b(?!\s+(?:-g|--global))|\bpip3?\s+install\s+(?!-r|--require-hashes|\.)[\w-]+(?!==)(?:\s|$)/.test(
    command,
  );

export const RECIPE_RULES: readonly Rule[] = [
  {
    id: 'base-latest',
    severity: 'high',
    why: '`latest` is another image tomorrow',
    fix: 'name a version or, better, a digest: `node:20.20.2@sha256:…`',
    breaches: ({ view }) => view.bases.filter(isLatest).map((base) => at(base, `the base ${quoted(base.text)} names no version`)),
  },
  {
    id: 'secret-in-env',
    severity: 'high',
    why: 'who has the image has the secret, for as long as the image is anywhere',
    fix: 'give it at launch, and make the value that was in the image worthless',
    breaches: ({ view }) =>
      view.variables.filter(isSecret).map(({ name, kind, path, line }) => ({
        key: `${kind} ${name}`,
        what: `the ${kind === 'arg' ? 'build argument' : kind === 'env' ? 'variable' : 'label'} ${name} has a value in the image`,
        path,
        ...(line === undefined ? {} : { line }),
      })),
  },
  {
    id: 'config-in-env',
    severity: 'low',
    why: 'an image that knows its environment cannot be promoted to the next one',
    fix: 'set it under run.env, or under environments',
    breaches: ({ image }) =>
      (image.config.config.Env ?? []).flatMap((text) => {
        const [name = '', ...value] = text.split('=');
        return CONFIGURATION.test(name) && !isLocal(value.join('=')) ? [{ key: name, what: `${name} is set in the image` }] : [];
      }),
  },
  {
    id: 'pipe-to-shell',
    severity: 'medium',
    why: 'what was fetched is run before anybody has compared it with anything',
    fix: 'keep the script beside the recipe, or check its sha256 before it runs',
    breaches: ({ view }) =>
      view.commands
        .filter(({ text }) => PIPE_TO_SHELL.test(text))
        .map((step) => at(step, `${quoted(step.text)} runs what it fetches`)),
  },
  {
    id: 'upgrade-in-run',
    severity: 'medium',
    why: 'what it installs depends on the day',
    fix: 'take a newer base: `kiln bake --update` moves the lock and shows what moved',
    breaches: ({ view }) =>
      view.commands
        .filter(({ text }) => /\b(?:apt|apt-get|yum|dnf|apk)\s(?:[^;&|]*\s)?(?:upgrade|dist-upgrade|full-upgrade)\b/.test(text))
        .map((step) => at(step, `${quoted(step.text)} upgrades packages`)),
  },
  {
    id: 'unlocked-packages',
    severity: 'low',
    why: 'the next bake may get other versions, and nobody will have asked for them',
    fix: 'list Debian packages under `packages:` (kiln.lock pins them), use `npm ci`, give pip `--require-hashes`',
    breaches: ({ view }) =>
      view.commands
        .filter(({ text }) => isLoose(text))
        .map((step) => at(step, `${quoted(step.text)} installs what no lock names`)),
  },
  {
    id: 'unchecked-download',
    severity: 'medium',
    why: 'what is behind the address can change without a trace',
    fix: 'use `ADD --checksum=sha256:…`, or keep the file beside the recipe',
    breaches: ({ view }) => view.downloads.map((step) => at(step, `ADD fetches ${quoted(step.text)} unchecked`)),
  },
  {
    id: 'volume-in-image',
    severity: 'low',
    why: 'an anonymous volume is state that nobody has named, and goes with its instance',
    fix: 'declare it under run.volumes, or under run.scratch where it may go',
    breaches: ({ view }) => view.volumes.map((step) => at(step, `VOLUME ${quoted(step.text)}`)),
  },
  {
    id: 'shell-start',
    severity: 'low',
    why: 'the shell gets the signal to stop, and the process does not: it is killed in the middle of its requests',
    fix: 'write it as a list: `ENTRYPOINT ["node", "server.js"]`',
    breaches: ({ view }) => view.shellStarts.map((step) => at(step, `${quoted(step.text)} starts through a shell`)),
  },
  {
    id: 'converges-at-runtime',
    severity: 'high',
    why: 'configuration management on instances makes each of them another',
    fix: 'run it while the image is baked, and leave its agent out',
    breaches: ({ view, image }) => {
      const start = [...(image.config.config.Entrypoint ?? []), ...(image.config.config.Cmd ?? [])].join(' ');
      const agents = view.packages.filter(({ text }) => /^(?:chef|puppet-agent|puppet|salt-minion|cfengine3)(?:=|$)/.test(text));
      return [
        ...agents.map((each) => at(each, `the package ${each.text} is an agent of configuration management`)),
        ...(CONVERGES.test(start) ? [{ key: 'start', what: `the image starts ${quoted(start)}` }] : []),
      ];
    },
  },
  {
    id: 'runtime-install',
    severity: 'high',
    why: 'an instance that installs something when it starts is another one each time, and none when the mirror is away',
    fix: 'install it while the image is baked: under `packages:`, or in a `run:` step',
    breaches: ({ image, contents }) => startInstalls(image.config.config, contents),
  },
];

type Settings = Parameters<Rule['breaches']>[0]['image']['config']['config'];

/** In what starts, or in the scripts that it names. */
function startInstalls(config: Settings, contents: Parameters<Rule['breaches']>[0]['contents']): readonly Breach[] {
  const start = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  const text = start.join(' ');
  const direct = installsSomething(text) ? [{ key: 'start', what: `the image starts ${quoted(text)}` }] : [];
  const base = (config.WorkingDir ?? '/').replace(/\/$/, '');
  const usesNpm = /(?:^|\/)(?:npm|yarn|pnpm)$/.test(start[0] ?? '');
  const named = [...start, ...(usesNpm ? ['package.json'] : [])]
    .filter((word) => !word.startsWith('-'))
    .map((word) => (word.startsWith('/') ? word : `${base}/${word.replace(/^\.\//, '')}`));
  return [
    ...direct,
    ...[...new Set(named)].flatMap((path) =>
      (contents.get(path.slice(1))?.installs ?? []).map((line) => ({
        key: path,
        what: `${path}, which starts the image, installs something`,
        path,
        line,
      })),
    ),
  ];
}
