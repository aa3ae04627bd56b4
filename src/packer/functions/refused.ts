/** Functions of Packer that an import does not have: each by name, with what to do instead. */
import { fn, type FunctionTable } from './arguments.ts';

const SECRET = 'a secret has no place in an image; let the service read it when it starts (docs/reference/kiln-yaml.md, run)';
const RANDOM = 'it answers something else each time, and a recipe must not; give a fixed value with --var';
const PLAIN = 'it is not known here; compute the value beforehand and give it with --var';

const REFUSED: Readonly<Record<string, string>> = {
  aws_secretsmanager: SECRET,
  aws_secretsmanager_raw: SECRET,
  bcrypt: RANDOM,
  cidrhost: PLAIN,
  cidrnetmask: PLAIN,
  cidrsubnet: PLAIN,
  cidrsubnets: PLAIN,
  consul_key: SECRET,
  consul_keys: SECRET,
  env: "Packer allows it only as a variable's default; move it there",
  pathexpand: "it would read this machine's home folder; write the path out",
  rsadecrypt: SECRET,
  uuidv4: RANDOM,
  uuidv5: PLAIN,
  vault: SECRET,
};

export const REFUSALS: FunctionTable = Object.fromEntries(
  Object.entries(REFUSED).map(([name, why]) => [name, fn(0, (args) => args.refuse(why), Number.POSITIVE_INFINITY)]),
);
