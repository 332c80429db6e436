/** Every experiment by its name, in the order in which they are run. */
import { churn, churnNoRetry } from './experiments/churn';
import { failures } from './experiments/failures';
import { keysPerNode, virtualNodes } from './experiments/keys';
import { lostKeys } from './experiments/lost-keys';
import { partition } from './experiments/partition';
import { distribution, pathLength } from './experiments/path-length';
import { replication } from './experiments/replication';
import { schedules } from './experiments/schedules';
import type { Options, Report } from './report';

/** A way to measure something, and to say whether it is what it should be. */
export type Experiment = (options: Options) => Report;

/** The experiments by their names. */
export const EXPERIMENTS: Readonly<Record<string, Experiment>> = {
  'path-length': pathLength,
  distribution,
  keys: keysPerNode,
  'virtual-nodes': virtualNodes,
  failures,
  'lost-keys': lostKeys,
  churn,
  'churn-no-retry': churnNoRetry,
  schedules,
  partition,
  replication,
};
