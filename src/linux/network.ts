/**
 * The network of instances: a bridge named after the home, a veth pair for each instance, and rules in a table of our own.
 *
 * What an instance reaches: anything outside the machine (masqueraded), and answers to who called it. What it does not:
 * other instances (bridge ports are isolated, and nothing is forwarded from the bridge to itself), nor any service of the
 * machine (input from the bridge is dropped). What reaches an instance: the machine itself (the load balancer), nobody else.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { KilnError } from '../errors/error.ts';
import { exec, run } from '../platform/exec.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import type { Home } from '../platform/home.ts';
import {
  addressOf,
  chooseSubnet,
  gatewayHardwareOf,
  gatewayOf,
  hardwareOf,
  isFree,
  parseBlock,
  SUBNET_BITS,
  subnetText,
  type Block,
  type Subnet,
} from './subnet.ts';

export interface Bridge {
  readonly name: string;
  readonly subnet: Subnet;
  readonly homeId: string;
}

export const bridgeName = (homeId: string): string => `kiln-${homeId}`;

/** At most 15 characters; the index is the instance's in the subnet. */
const vethPrefix = (homeId: string): string => `k${homeId}-`;
const vethName = (bridge: Bridge, index: number): string => `${vethPrefix(bridge.homeId)}${index.toString(16)}`;

/** Makes or mends bridge, rules and forwarding. Idempotent; what is connected stays connected. */
export async function ensureBridge(home: Home): Promise<Bridge> {
  const name = bridgeName(home.id);
  const subnet = await ensureSubnet(home, name);
  const exists = (await exec('ip', ['link', 'show', name])).code === 0;
  const address = `${gatewayOf(subnet)}/${SUBNET_BITS}`;
  const commands = [
    ...(exists ? [] : [`link add ${name} type bridge`]),
    // Without one of its own, a bridge takes the lowest of its ports': it changes as instances come and go, and what they
    // send to the one that they know is lost until they ask again.
    `link set ${name} address ${gatewayHardwareOf(subnet)} addrgenmode none up`,
    `addr replace ${address} dev ${name}`,
  ];
  await run('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` });
  await run('nft', ['-f', '-'], { input: rules(home.id, subnet) });
  await enableForwarding(name);
  return { name, subnet, homeId: home.id };
}

/** Removes bridge and rules. Absent is success. */
export async function removeBridge(home: Home): Promise<void> {
  await exec('ip', ['link', 'delete', bridgeName(home.id)]);
  await exec('nft', ['delete', 'table', 'inet', tableName(home.id)]);
}

/** Connects the network namespace of a process that waits to be started. */
export async function connect(bridge: Bridge, index: number, pid: number): Promise<void> {
  const veth = vethName(bridge, index);
  const outside = [
    // The next one with this IP address has the same: what the machine knows of who has it stays true.
    `link add ${veth} type veth peer name eth0 address ${hardwareOf(bridge.subnet, index)} netns ${pid}`,
    `link set ${veth} addrgenmode none master ${bridge.name} up`,
    `link set ${veth} type bridge_slave isolated on`,
  ];
  const inside = [
    'link set lo up',
    'link set eth0 addrgenmode none up',
    `addr add ${addressOf(bridge.subnet, index)}/${SUBNET_BITS} dev eth0`,
    `route add default via ${gatewayOf(bridge.subnet)}`,
  ];
  await run('ip', ['-batch', '-'], { input: `${outside.join('\n')}\n` });
  await run('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', '-batch', '-'], { input: `${inside.join('\n')}\n` });
}

/** Absent is success: the pair goes with its namespace, only a little later. */
export async function disconnect(bridge: Bridge, index: number): Promise<void> {
  await exec('ip', ['link', 'delete', vethName(bridge, index)]);
}

/** Deletes veths of this home whose index nobody has. */
export async function sweepVeths(homeId: string, inUse: ReadonlySet<number>): Promise<void> {
  const listed = await run('ip', ['-json', 'link', 'show', 'type', 'veth']);
  for (const { ifname } of JSON.parse(listed || '[]') as readonly { readonly ifname: string }[]) {
    if (!ifname.startsWith(vethPrefix(homeId))) continue;
    if (!inUse.has(Number.parseInt(ifname.slice(vethPrefix(homeId).length), 16))) await exec('ip', ['link', 'delete', ifname]);
  }
}

/** The subnet is written down, so that instances keep their addresses when the daemon comes back. */
async function ensureSubnet(home: Home, bridge: string): Promise<Subnet> {
  const file = join(home.root, 'network.json');
  const used = await usedBlocks(bridge);
  const known = parseBlock((JSON.parse((await readIfThere(file)) ?? '{}') as { subnet?: string }).subnet ?? '');
  if (known !== null && isFree(known, used)) return { base: known.base };
  const subnet = chooseSubnet(home.id, used);
  if (subnet === null) {
    throw new KilnError('REQUIREMENT_MISSING', 'no part of 10.64.0.0/10 is free for the network of instances', {
      hint: 'see `ip route`: remove a route into 10.64.0.0/10 that is not needed',
    });
  }
  await writeFileAtomic(file, `${JSON.stringify({ subnet: subnetText(subnet) })}\n`);
  return subnet;
}

/** All networks that the machine has a route to, but our own bridge's and the default. */
async function usedBlocks(bridge: string): Promise<readonly Block[]> {
  const routes = JSON.parse((await run('ip', ['-json', '-4', 'route', 'show', 'table', 'all'])) || '[]') as readonly {
    readonly dst: string;
    readonly dev?: string;
  }[];
  return routes
    .filter(({ dev }) => dev !== bridge)
    .map(({ dst }) => parseBlock(dst))
    .filter((block) => block !== null)
    .filter(({ bits }) => bits > 0);
}

const tableName = (homeId: string): string => `kiln_${homeId}`;

/** One transaction: the table as it was is replaced whole. */
function rules(homeId: string, subnet: Subnet): string {
  const [bridge, table] = [bridgeName(homeId), tableName(homeId)];
  return `table inet ${table}
delete table inet ${table}
table inet ${table} {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "${bridge}" ct state established,related accept
    iifname "${bridge}" drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" oifname "${bridge}" drop
    oifname "${bridge}" ct state established,related accept
    oifname "${bridge}" drop
  }
  chain outbound {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${subnetText(subnet)} oifname != "${bridge}" masquerade
  }
}
`;
}

/**
 * Only where it is needed: for what comes from the bridge, and for the answers that come in by the default route. Machines
 * on which forwarding is on already are left as they are.
 */
async function enableForwarding(bridge: string): Promise<void> {
  const routes = JSON.parse((await run('ip', ['-json', '-4', 'route', 'show', 'default'])) || '[]') as readonly {
    readonly dev?: string;
  }[];
  const devices = new Set([bridge, ...routes.map(({ dev }) => dev).filter((dev) => dev !== undefined)]);
  for (const device of devices) {
    const file = `/proc/sys/net/ipv4/conf/${device}/forwarding`;
    if ((await readFile(file, 'utf8')).trim() === '0') await writeFile(file, '1');
  }
}
