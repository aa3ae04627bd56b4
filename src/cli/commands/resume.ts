import { fleetCommand } from '../fleet-command.ts';

export const run = fleetCommand('resume', (fleet) => `${fleet}: the rollout goes on`);
