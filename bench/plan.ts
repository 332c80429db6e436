/** How much of everything a run measures: enough for steady figures, or little enough for a quick look. */
export interface Plan {
  /** How often both sides are measured. */
  readonly rounds: number;
  /** Of one measurement of the runtime. */
  readonly runtimeMs: number;
  /** Processes whose memory is measured. */
  readonly processes: number;
  /** Of one measurement of a server, and before it. */
  readonly loadMs: number;
  readonly warmUpMs: number;
  /** Keys whose memory is measured. */
  readonly keys: number;
  readonly starts: number;
  /** How often rings are started and broken. */
  readonly ringRounds: number;
  /** How long an idle ring is listened to. */
  readonly idleMs: number;
  /** Overwrites and deletes that a node, and a ring, takes while its memory is watched. */
  readonly churnRequests: number;
  readonly ringChurnRequests: number;
}

/** Takes about twelve minutes. Many short rounds: what else the machine does spoils some of them, and the median passes those over. */
export const FULL: Plan = {
  rounds: 9,
  runtimeMs: 300,
  processes: 100_000,
  loadMs: 1000,
  warmUpMs: 250,
  keys: 200_000,
  starts: 7,
  ringRounds: 3,
  idleMs: 10_000,
  churnRequests: 5_000_000,
  ringChurnRequests: 500_000,
};

/** Takes about two minutes. */
export const QUICK: Plan = {
  rounds: 3,
  runtimeMs: 60,
  processes: 20_000,
  loadMs: 300,
  warmUpMs: 150,
  keys: 50_000,
  starts: 3,
  ringRounds: 1,
  idleMs: 3000,
  churnRequests: 200_000,
  ringChurnRequests: 50_000,
};

/** Says on stderr what is being done. */
export function progress(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}
