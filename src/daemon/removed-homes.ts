/** What still runs of homes whose folders are gone: their daemons ended with the folders, instances and load balancers did not. */
import { instancesOfRemovedHomes } from '../engines/host/strays.ts';
import type { Problem } from '../engines/engine.ts';
import { balancersOfRemovedHomes } from '../traffic/stray.ts';

/** By home, each with the command that ends it: a daemon there takes away what nothing on disk explains. */
export async function removedHomes(): Promise<readonly Problem[]> {
  const [instances, balancers] = await Promise.all([instancesOfRemovedHomes(), balancersOfRemovedHomes()]);
  return [...new Set([...instances.keys(), ...balancers])].toSorted().map((home) => {
    const count = instances.get(home) ?? 0;
    const parts = [
      ...(count === 0 ? [] : [count === 1 ? '1 instance' : `${count} instances`]),
      ...(balancers.has(home) ? ['a load balancer'] : []),
    ];
    const command = `KILN_HOME=${quoted(home)} kiln`;
    return {
      what: `strays of a removed home: of ${home} still run ${parts.join(' and ')}`,
      hint: `end them: ${command} up && ${command} down`,
      fatal: false,
    };
  });
}

/** For a shell: the text is a process's own word. */
const quoted = (text: string): string => (/^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);
