import { fleetCommand } from '../fleet-command.ts';

export const run = fleetCommand(
  'abort',
  (fleet) => `${fleet}: the rollout is given up; the fleet goes back to where it was`,
  (args) => ({ pastNoReturn: args.flag('pastNoReturn') }),
);
