/** Addresses of instances: one private IPv4 network per home, out of 10.64.0.0/10, that nothing on the machine uses. */
import { createHash } from 'node:crypto';

/** A block of 4,096 addresses. The first is the bridge's; an instance has the block's base plus its index. */
export interface Subnet {
  /** As a number, big-endian. */
  readonly base: number;
}

export interface Block {
  readonly base: number;
  readonly bits: number;
}

export const SUBNET_BITS = 20;
const SUBNET_SIZE = 2 ** (32 - SUBNET_BITS);
const SPACE: Block = { base: 0x0a40_0000, bits: 10 };
const SUBNETS = 2 ** (SUBNET_BITS - SPACE.bits);
/** 0 names the network, 1 is the bridge, the last is for broadcasts. */
export const FIRST_INDEX = 2;
export const LAST_INDEX = SUBNET_SIZE - 2;

/** The first free block, from a place that differs by home, so that two homes seldom want the same. Null: all are taken. */
export function chooseSubnet(homeId: string, used: readonly Block[]): Subnet | null {
  const start = createHash('sha256').update(homeId).digest().readUInt32BE(0) % SUBNETS;
  for (let step = 0; step < SUBNETS; step++) {
    const base = SPACE.base + ((start + step) % SUBNETS) * SUBNET_SIZE;
    if (isFree({ base }, used)) return { base };
  }
  return null;
}

export const isFree = (subnet: Subnet, used: readonly Block[]): boolean =>
  !used.some((block) => overlaps({ base: subnet.base, bits: SUBNET_BITS }, block));

const startOf = (block: Block, bits: number): number => Math.floor(block.base / 2 ** (32 - bits));

function overlaps(a: Block, b: Block): boolean {
  const bits = Math.min(a.bits, b.bits);
  return startOf(a, bits) === startOf(b, bits);
}

/** `10.64.16.0/20`, or an address alone; null for anything else (`default`, IPv6). */
export function parseBlock(text: string): Block | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) return null;
  const bytes = match.slice(1, 5).map(Number);
  return { base: bytes.reduce((sum, byte) => sum * 256 + byte, 0), bits: Number(match[5] ?? 32) };
}

export const addressText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');

export const gatewayOf = (subnet: Subnet): string => addressText(subnet.base + 1);
export const addressOf = (subnet: Subnet, index: number): string => addressText(subnet.base + index);
export const subnetText = (subnet: Subnet): string => `${addressText(subnet.base)}/${SUBNET_BITS}`;

/** The hardware address of who has this address: locally administered, then its four bytes. */
const hardwareAddress = (address: number): string =>
  `02:6b${[24, 16, 8, 0].map((shift) => `:${(Math.floor(address / 2 ** shift) % 256).toString(16).padStart(2, '0')}`).join('')}`;
export const gatewayHardwareOf = (subnet: Subnet): string => hardwareAddress(subnet.base + 1);
export const hardwareOf = (subnet: Subnet, index: number): string => hardwareAddress(subnet.base + index);
